package tray

import (
	"bufio"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keytender/internal/session"
	"keytender/tray/menu"
	"keytender/tray/notify"
	"keytender/tray/reminder"
	"keytender/tray/toolkit"
	"keytender/tray/traytest"
)

func TestSignInWithACode(t *testing.T) {
	run(t, signedOutStatus, func(b *bench) {
		var got session.SignInOptions
		b.engine.signIn = func(ctx context.Context, o session.SignInOptions, tell func(session.Event)) (session.Status,
			error) {
			got = o
			tell(session.Event{Kind: session.EventPasteURL, Value: "https://example.com/paste"})
			tell(session.Event{Kind: session.EventWaiting, Left: 5 * time.Minute})
			for {
				select {
				case <-ctx.Done():
					return session.Status{}, ctx.Err()
				case line := <-o.Paste:
					if line != "CODE#STATE" {
						tell(session.Event{Kind: session.EventRefused, Value: "wrong"})
						continue
					}
					s := traytest.SignedIn(time.Now())
					b.engine.set(s)
					return s, nil
				}
			}
		}
		b.click(menu.ItemWithCode)
		b.wantMenu("# Waiting for the code… 5 min left", "  Use the code on the clipboard", "  Cancel sign-in",
			"  Copy link")
		if got.Method != "paste" || !slices.Equal(b.hasOpened(), []string{"https://example.com/paste"}) {
			b.Errorf("method %q, opened %q", got.Method, b.hasOpened())
		}
		b.click(menu.ItemPasteCode) // an empty clipboard
		b.put("something else")
		b.click(menu.ItemPasteCode)
		b.put("  CODE#STATE\n")
		b.click(menu.ItemPasteCode)
		b.wantMenu("# first_last@example.com · Max")
		b.wantTold("The page shows a code at the end", "That is not the code", "That is not the code",
			"Signed in as first_last@example.com")
		b.click(menu.ItemPasteCode) // nobody waits any more: nothing happens
	})
}

// TestShowStatus says all that the lines say which nobody can click.
func TestShowStatus(t *testing.T) {
	run(t, traytest.SignedIn, func(b *bench) {
		b.click(menu.ItemShowStatus)
		locked := traytest.SignedIn(time.Now())
		locked.State = session.TryLater
		locked.Problem = &session.Problem{Code: "locked", Message: "the keychain is locked", Hint: "unlock it"}
		b.engine.set(locked)
		synctest.Wait()
		b.click(menu.ItemShowStatus)
		want := []notify.Notice{
			{Title: "first_last@example.com · Max",
				Body: "Login ends in 24 days · token renews itself in 6 h. Claude Code: in step. Kept in the keychain."},
			{Title: "first_last@example.com · Max",
				Body: "Login ends in 24 days · token renews itself in 6 h. Claude Code: in step. Kept in the keychain. The keychain is locked. Unlock it."},
		}
		if !slices.Equal(b.notifier.told, want) {
			b.Errorf("told %+v", b.notifier.told)
		}
	})
}

func TestSignInThroughClaudeCode(t *testing.T) {
	run(t, signedOutStatus, func(b *bench) {
		go1, typed := make(chan struct{}), ""
		b.engine.claude = func(ctx context.Context, terminal session.Terminal) (session.Status, error) {
			select {
			case <-go1:
			case <-ctx.Done():
				return session.Status{}, ctx.Err()
			}
			if _, isFile := terminal.In.(*os.File); !isFile {
				b.Error("its stdin is no file, so its end would be waited for")
			}
			typed, _ = bufio.NewReader(terminal.In).ReadString('\n')
			return traytest.SignedIn(time.Now()), nil
		}
		b.click(menu.ItemWithClaude)
		b.wantMenu("# Claude Code signs in…", "  Use the code on the clipboard", "  Cancel sign-in")
		if menu := b.kit.menu(); strings.Contains(menu, "Copy link") {
			b.Error("there is no link to copy")
		}
		b.put("CODE#STATE")
		b.click(menu.ItemPasteCode)
		close(go1)
		synctest.Wait()
		if typed != "CODE#STATE\n" {
			b.Errorf("Claude Code was given %q", typed)
		}
		b.wantTold("Claude Code signs in", "Signed in as first_last@example.com")
		if slices.Contains(b.engine.calls, "SignIn") {
			b.Error("we signed in ourselves")
		}
	})
}

// TestWatchOnlySignsInThroughClaudeCode: from the menu and from a notification.
func TestWatchOnlySignsInThroughClaudeCode(t *testing.T) {
	watched := func(now time.Time) session.Status {
		s := traytest.SignedIn(now)
		traytest.Watched(&s)
		return s
	}
	run(t, watched, func(b *bench) {
		b.engine.claude = func(context.Context, session.Terminal) (session.Status, error) {
			return watched(time.Now()),
				nil
		}
		b.wantMenu("# Only watching: no copy is kept here", "  Sign in again…")
		for _, line := range []string{"Mirror", "Renew", "Sign out", "Sign in another way", "Accounts"} {
			if strings.Contains(b.kit.menu(), line) {
				b.Errorf("the menu offers %s", line)
			}
		}
		b.click(menu.ItemSignIn)
		b.app.queue.post(b.app.signIn)
		synctest.Wait()
		told := 0 // in no order: each notification is shown beside the loop
		for _, n := range b.notifier.told {
			if n.Title == "Signed in as first_last@example.com" && strings.Contains(n.Body, "no copy is kept") {
				told++
			}
		}
		if told != 2 {
			b.Errorf("told %+v", b.notifier.told)
		}
		if slices.Contains(b.engine.calls, "SignIn") {
			b.Error("we signed in ourselves")
		}
	})
}

// TestWatchOnlyIsChosenAndTakenBack: on the first page, and in the menu.
func TestWatchOnlyIsChosenAndTakenBack(t *testing.T) {
	run(t, signedOutStatus, func(b *bench) {
		b.app.queue.post(func() { b.app.memory, b.app.greeted = reminder.Memory{}, true })
		b.app.options.display = func() bool { return true }
		pages := b.sheets(true)
		b.app.queue.post(func() { b.app.greeted = false; b.app.welcome() })
		synctest.Wait()
		ways := (*pages)[0].Ways
		if ways[len(ways)-1].Name != "watch" {
			b.Fatalf("the ways are %+v", ways)
		}
		ways[len(ways)-1].Do()
		synctest.Wait()
		b.wantMenu("# Signed out", "# Only watching: no copy is kept here", "  [x] Only watch")
		b.click(menu.ItemWatch)
		if menu := b.kit.menu(); strings.Contains(menu, "Only watch") ||
			!strings.Contains(menu, "Sign in another way") {
			b.Errorf("the menu after the way back:\n%s", menu)
		}
		b.engine.setWatch = &session.Error{Code: "role-is-set"}
		b.app.queue.post(func() { b.app.setWatch(true) })
		synctest.Wait()
		b.wantMenu("# ⚠ A setting decides whether this only watches")
	})
}

func TestSwitchAndAddAccounts(t *testing.T) {
	run(t, func(now time.Time) session.Status {
		s := traytest.SignedIn(now)
		s.Accounts = traytest.Named("account-2", "default")
		return s
	}, func(b *bench) {
		b.wantMenu("  [x] first_last@example.com · Max", "  account-2", "  Add an account…")
		b.click(menu.ItemAccount + 1)
		b.wantTold("Account: account-2")
		b.wantMenu("  [x] account-2@example.com · Max", "  default")
		account := "nobody asked"
		b.engine.signIn = func(_ context.Context, o session.SignInOptions, _ func(session.Event)) (session.Status,
			error) {
			account = o.Account
			return session.Status{}, &session.Error{Code: "declined"}
		}
		b.click(menu.ItemAddAccount)
		if account != "" { // it is that of the person who signs in
			b.Errorf("added as %q", account)
		}
		if !slices.Contains(b.engine.calls, "Switch account-2") {
			b.Errorf("the engine heard %q", b.engine.calls)
		}
	})
}

func TestStartAtLogin(t *testing.T) {
	run(t, traytest.SignedIn, func(b *bench) {
		if b.atLogin.mend != 1 {
			b.Error("a stale entry is not mended")
		}
		b.wantMenu("  Start at login")
		b.click(menu.ItemStartAtLogin)
		b.wantMenu("  [x] Start at login")
		b.wantTold()
		// What the command line turned off shows at the next reading.
		b.atLogin.mu.Lock()
		b.atLogin.on = false
		b.atLogin.mu.Unlock()
		time.Sleep(readAnyway + tickEvery)
		synctest.Wait()
		b.wantMenu("  Start at login")
		b.atLogin.mu.Lock()
		b.atLogin.err = &os.PathError{Op: "open", Path: "/x", Err: errors.New("permission denied")}
		b.atLogin.mu.Unlock()
		b.click(menu.ItemStartAtLogin)
		b.wantMenu("  Start at login")
		b.wantTold("Start at login could not be changed")
	})
}

func TestDiagnosisAndLog(t *testing.T) {
	run(t, traytest.SignedIn, func(b *bench) {
		b.click(menu.ItemCopyDiagnosis)
		if got := b.onBoard(); got != "ok login: FAKE diagnosis" {
			b.Errorf("copied %q", got)
		}
		b.click(menu.ItemShowLog)
		b.wantTold("Diagnosis copied", "Nothing was logged yet")
		if err := os.WriteFile(b.app.options.LogPath, nil, 0o600); err != nil {
			b.Fatal(err)
		}
		b.click(menu.ItemShowLog)
		if !slices.Equal(b.hasOpened(), []string{b.app.options.LogPath}) {
			b.Errorf("opened %q", b.hasOpened())
		}
	})
}

// TestTokenLeavesTheClipboard: after a minute, or when the app ends, and only when it
// is still what was copied.
func TestTokenLeavesTheClipboard(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(b *bench)
		want string
	}{
		{"before the minute", func(*bench) { time.Sleep(59 * time.Second) }, fakeToken},
		{"after a minute", func(*bench) { time.Sleep(61 * time.Second) }, ""},
		{"something else was copied", func(b *bench) {
			b.put("mine")
			time.Sleep(61 * time.Second)
		}, "mine"},
		{"the app ends", func(b *bench) { b.click(menu.ItemQuit) }, ""},
	} {
		run(t, traytest.SignedIn, func(b *bench) {
			b.click(menu.ItemCopyToken)
			if b.onBoard() != fakeToken {
				b.Fatal("it was not copied")
			}
			c.do(b)
			synctest.Wait()
			if got := b.onBoard(); got != c.want {
				b.Errorf("%s: the clipboard holds %q", c.name, got)
			}
			for _, n := range b.notifier.told {
				if strings.Contains(n.Title+n.Body, fakeToken) {
					b.Errorf("shown: %+v", n)
				}
			}
		})
	}
}

// TestTokenIsNotOffered without the person's setting.
func TestTokenIsNotOffered(t *testing.T) {
	run(t, traytest.SignedIn, func(b *bench) {
		b.app.queue.post(func() { b.app.around.CopyToken = false })
		synctest.Wait()
		b.click(menu.ItemCopyToken)
		if b.onBoard() != "" || strings.Contains(b.kit.menu(), "Copy token") {
			b.Error("it was offered, or copied")
		}
	})
}

// TestWithoutWatching: the menu says that it looks once a minute, and does.
func TestWithoutWatching(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t, engine: newFakeEngine(traytest.SignedIn(time.Now())), kit: newFakeKit(),
			notifier: &fakeNotifier{}, atLogin: &fakeAtLogin{}}
		b.engine.watch = errors.New("too many open files")
		b.app = newApp(t.Context(), b.engine, b.options(dir))
		b.app.start()
		go b.app.live(toolkit.MenuBar)
		synctest.Wait()
		b.wantMenu("# Changes show within a minute: files cannot be watched here")
		b.engine.mu.Lock()
		b.engine.status = signedOutStatus(time.Now())
		b.engine.mu.Unlock()
		time.Sleep(readEvery + tickEvery)
		synctest.Wait()
		b.wantMenu("# Signed out")
		if b.engine.looks == 0 {
			t.Error("what Claude Code may have renewed was not looked at")
		}
		b.app.wait()
	})
}

// TestOtherLanguage: the whole app speaks it, the engine's errors too.
func TestOtherLanguage(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t, engine: newFakeEngine(signedOutStatus(time.Now())), kit: newFakeKit(),
			notifier: &fakeNotifier{}, atLogin: &fakeAtLogin{}}
		person(b.engine, time.Second, &session.Error{Code: "declined", Exit: 7})
		o := b.options(dir)
		o.languages = []string{"ja_JP.UTF-8"}
		b.app = newApp(t.Context(), b.engine, o)
		b.app.start()
		go b.app.live(toolkit.MenuBar)
		synctest.Wait()
		b.wantMenu("# 未ログイン", "  ログイン…", "  終了")
		b.click(menu.ItemSignIn)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		b.wantMenu("# ⚠ ブラウザーでログインが拒否されました", "# もう一度ログインし、許可してください")
		b.wantTold("ログインできませんでした")
		b.app.wait()
	})
}

// TestLoginsAreMovedFromTheMenu: put back, taken over, and an account taken away.
func TestLoginsAreMovedFromTheMenu(t *testing.T) {
	for _, c := range []struct {
		id         menu.ID
		line       string
		call, told string
		status     session.Status
	}{
		{menu.ItemPutBack, "  Put back the login of b@example.com", "Undo", "Claude Code has its former login again",
			traytest.Changed(func(s *session.Status) { s.PutBack = &session.PutBack{Email: "b@example.com"} })},
		{menu.ItemTakeOver, "  Take over Claude Code's login", "ImportClaudeCode {Account: Replace:false}",
			"Claude Code's login is taken over",
			session.Status{State: session.SignedOut, ClaudeCode: session.EntryStatus{State: session.OtherLogin}}},
		{menu.ItemRemoveAccount + 1, "  Remove an account",
			"SignOutOf work {Revoke:false KeepClaudeCode:false All:false}", "Removed: w@example.com · Pro",
			traytest.Changed(func(s *session.Status) {
				s.Accounts = []session.AccountStatus{{Name: "default", Email: s.Email, Plan: "max"},
					{Name: "work", Email: "w@example.com", Plan: "pro"}}
			})},
	} {
		run(t, func(time.Time) session.Status { return c.status }, func(b *bench) {
			b.wantMenu(c.line)
			b.notifier.told = nil
			b.click(c.id)
			if b.engine.count(c.call) != 1 {
				b.Errorf("%s: calls %q", c.line, b.engine.calls)
			}
			if told := b.notifier.titles(); !slices.Contains(told, c.told) {
				b.Errorf("%s: told %q", c.line, told)
			}
		})
	}
}

// TestAClickMeansWhatIsOnTheScreen: the command line may switch or remove an account in the moment
// of a click. Nobody is signed out whom the person did not see there.
func TestAClickMeansWhatIsOnTheScreen(t *testing.T) {
	named := func(now time.Time, active string, names ...string) session.Status {
		s := traytest.SignedIn(now)
		s.Account, s.Email, s.Accounts = active, active+"@example.com", nil
		for _, name := range names {
			s.Accounts = append(s.Accounts, session.AccountStatus{Name: name, Email: name + "@example.com"})
		}
		return s
	}
	for _, c := range []struct {
		name  string
		id    menu.ID
		read  bool // the app has read the change, and not drawn it yet
		now   []string
		calls []string
	}{
		{"signed out, unread", menu.ItemSignOutBoth, false, []string{"b", "a", "c"},
			[]string{"SignOutOf a {Revoke:false KeepClaudeCode:false All:false}"}},
		{"signed out, read", menu.ItemSignOutBoth, true, []string{"b", "a", "c"},
			[]string{"SignOutOf a {Revoke:false KeepClaudeCode:false All:false}"}},
		{"removed, read", menu.ItemRemoveAccount + 1, true, []string{"c", "a", "b"},
			[]string{"SignOutOf b {Revoke:false KeepClaudeCode:false All:false}"}},
		{"switched to, read", menu.ItemAccount + 1, true, []string{"a", "aa", "b", "c"}, []string{"Switch b"}},
		{"no longer offered", menu.ItemRemoveAccount + 2, true, []string{"a", "b"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(now time.Time) session.Status { return named(now, "a", "a", "b", "c") }, func(b *bench) {
				changed := named(time.Now(), c.now[0], slices.Sorted(slices.Values(c.now))...)
				clicked := func() { b.app.click(c.id) }
				b.engine.mu.Lock()
				b.engine.status = changed
				b.engine.mu.Unlock()
				if c.read {
					clicked = func() { b.app.status = changed; b.app.click(c.id) }
				}
				b.app.queue.post(clicked)
				synctest.Wait()
				if !slices.Equal(b.engine.calls, c.calls) {
					b.Errorf("the engine was asked %q, want %q", b.engine.calls, c.calls)
				}
			})
		})
	}
}

// TestTheWaitingPageIsOpenedAgain in the browser way, where no code is pasted.
func TestTheWaitingPageIsOpenedAgain(t *testing.T) {
	run(t, signedOutStatus, func(b *bench) {
		person(b.engine, time.Hour, nil)
		b.click(menu.ItemSignIn)
		b.click(menu.ItemOpenAgain)
		if got := b.hasOpened(); !slices.Equal(got, []string{"https://example.com/authorize"}) {
			b.Errorf("opened %q", got)
		}
		if rows := b.kit.menu(); strings.Contains(rows, "clipboard") {
			b.Errorf("it offers a code:\n%s", rows)
		}
		b.click(menu.ItemCancel)
	})
}

// TestUnlockAsksTheKeychainAsAPersonDoes who is there to type a password.
func TestUnlockAsksTheKeychainAsAPersonDoes(t *testing.T) {
	locked := session.Status{State: session.TryLater, Problem: &session.Problem{Code: "locked", Message: "m"}}
	run(t, func(time.Time) session.Status { return locked }, func(b *bench) {
		b.wantMenu("# ⚠ The keychain is locked", "  Unlock…")
		b.engine.mu.Lock()
		b.engine.status = traytest.SignedIn(time.Now()) // the password was right
		b.engine.mu.Unlock()
		b.click(menu.ItemUnlock)
		b.wantMenu("# first_last@example.com · Max")
	})
}

// TestAFailedRevokeIsTold as that: the sign-out itself is done.
func TestAFailedRevokeIsTold(t *testing.T) {
	for _, c := range []struct {
		id    menu.ID
		steps []session.Step
		body  string
	}{
		{menu.ItemSignOutRevoke, []session.Step{{Said: session.Said{Remark: session.RemarkServerUnreached},
			Undone: true}}, "The server could not be told, so the login may live on there."},
		{menu.ItemSignOutRevoke, nil, ""},
		{menu.ItemSignOutBoth, nil, ""},
	} {
		run(t, traytest.SignedIn, func(b *bench) {
			b.engine.steps = c.steps
			b.notifier.told = nil
			b.click(c.id)
			b.wantTold("Signed out")
			if got := b.notifier.told[0].Body; got != c.body {
				b.Errorf("told %q, want %q", got, c.body)
			}
		})
	}
}

// TestWhoHasNoIconSignsInFromTheNotification, since there is no menu.
func TestWhoHasNoIconSignsInFromTheNotification(t *testing.T) {
	for state, action := range map[session.State]string{session.SignedOut: "Sign in…", session.SignedIn: ""} {
		run(t, func(time.Time) session.Status { return session.Status{State: state} }, func(b *bench) {
			b.notifier.told = nil
			b.app.queue.post(func() { b.app.canvas = nil; b.app.tellNoIcon() })
			synctest.Wait()
			b.wantTold("Keytender runs without an icon")
			if n := b.notifier.told[0]; n.Action != action || n.Deed != notify.SignIn {
				b.Errorf("%s: the button is %q", state, n.Action)
			}
		})
	}
}
