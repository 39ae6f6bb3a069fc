package tray

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"keytender/internal/session"
	"keytender/tray/autostart"
	"keytender/tray/menu"
	"keytender/tray/reminder"
	"keytender/tray/toolkit"
	"keytender/tray/traytest"
)

// bench is an app on fakes, within a synctest bubble.
type bench struct {
	*testing.T
	app      *app
	engine   *fakeEngine
	kit      *fakeKit
	notifier *fakeNotifier
	mu       sync.Mutex
	copied   []string
	board    string // what is on the clipboard
	atLogin  *fakeAtLogin
	opened   []string      // links and files
	lived    chan struct{} // closed when the menu is gone
	returned chan struct{} // the bus is back
	replaced bool          // an update put another program in the place of this one
}

// fakeAtLogin is a start with the session in memory.
type fakeAtLogin struct {
	mu   sync.Mutex
	on   bool
	err  error
	mend int
}

func (f *fakeAtLogin) State() (autostart.State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return autostart.State{On: f.on}, nil
}

func (f *fakeAtLogin) Set(on bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.on = on
	}
	return f.err
}

func (f *fakeAtLogin) Mend() error { f.mend++; return nil }

func (f *fakeAtLogin) Changes(context.Context) <-chan struct{} { return nil }

// FAKE, and never shown: the app itself does not see it.
const fakeToken = "sk-ant-oat01-FAKE-a1"

func (b *bench) put(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.copied = append(b.copied, text)
	b.board = text
}

func (b *bench) onBoard() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.board
}

func (b *bench) hasOpened() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.opened)
}

// options are those of the program, with a clipboard in memory.
func (b *bench) options(dir string) Options {
	open := func(_ context.Context, what string) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.opened = append(b.opened, what)
		return nil
	}
	return Options{StateDir: dir, Log: slog.New(slog.DiscardHandler), now: time.Now, Version: "1.2.3",
		LogPath: filepath.Join(dir, "keytender.log"),
		Open:    open, OpenLog: open, atLogin: b.atLogin, kit: b.kit, notifier: b.notifier,
		returns: func(ctx context.Context) <-chan struct{} {
			if b.returned != nil {
				context.AfterFunc(ctx, func() { close(b.returned) })
			}
			return b.returned
		},
		replaced: func() bool { return b.replaced },
		copy:     func(_ context.Context, text string) error { b.put(text); return nil },
		paste:    func(context.Context) (string, error) { return b.onBoard(), nil },
		CopyToken: func(context.Context) (func(context.Context) error, error) {
			b.put(fakeToken)
			return func(context.Context) error {
				if b.onBoard() == fakeToken {
					b.put("")
				}
				return nil
			}, nil
		}}
}

// run starts an app over the status s, lets f play the person, and quits.
func run(t *testing.T, s func(now time.Time) session.Status, f func(b *bench)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t, engine: newFakeEngine(s(time.Now())), kit: newFakeKit(), notifier: &fakeNotifier{},
			atLogin: &fakeAtLogin{}, lived: make(chan struct{}), returned: make(chan struct{})}
		b.app = newApp(t.Context(), b.engine, b.options(dir))
		b.app.start()
		go func() { defer close(b.lived); b.app.live(toolkit.MenuBar) }()
		synctest.Wait()
		f(b)
		b.app.quit()
		<-b.lived
		if !b.app.wait() {
			t.Error("something went on after the end")
		}
	})
}

func signedOutStatus(time.Time) session.Status {
	return session.Status{State: session.SignedOut, Account: "default"}
}

func (b *bench) click(id menu.ID) {
	b.kit.click(id)
	synctest.Wait()
}

func (b *bench) wantMenu(lines ...string) {
	b.Helper()
	menu := b.kit.menu()
	for _, line := range lines {
		if !strings.Contains(menu, line+"\n") {
			b.Errorf("the menu lacks %q:\n%s", line, menu)
		}
	}
}

func (b *bench) wantTold(titles ...string) {
	b.Helper()
	if diff := cmp.Diff(titles, b.notifier.titles()); diff != "" {
		b.Errorf("notifications: %s", diff)
	}
}

// person is a sign-in that opens, waits, and is allowed after a while.
func person(e *fakeEngine, after time.Duration, err error) {
	e.signIn = func(ctx context.Context, o session.SignInOptions, tell func(session.Event)) (session.Status, error) {
		if e.first {
			tell(session.Event{Kind: session.EventTerms})
		}
		tell(session.Event{Kind: session.EventSignInURL, Value: "https://example.com/authorize"})
		tell(session.Event{Kind: session.EventWaiting, Left: 5 * time.Minute})
		select {
		case <-ctx.Done():
			return session.Status{}, ctx.Err()
		case <-time.After(after):
		}
		if err != nil {
			return session.Status{}, err
		}
		tell(session.Event{Kind: session.EventFinishing})
		tell(session.Event{Kind: session.EventClaudeCode, Err: errors.New("it is damaged"), Warn: true})
		s := traytest.SignedIn(time.Now())
		e.set(s)
		return s, nil
	}
}

func TestSignInFromTheMenu(t *testing.T) {
	run(t, signedOutStatus, func(b *bench) {
		b.engine.first = true
		person(b.engine, 90*time.Second, nil)
		for range 10 {
			b.kit.click(menu.ItemSignIn)
		}
		synctest.Wait()
		b.wantMenu("# Waiting for the browser… 5 min left", "  Cancel sign-in", "  Copy link")
		if b.kit.icon != menu.IconWorking {
			b.Errorf("the icon is %s", b.kit.icon)
		}
		time.Sleep(2*tickWaiting + time.Second)
		synctest.Wait()
		b.wantMenu("# Waiting for the browser… 4 min left")
		time.Sleep(time.Minute)
		synctest.Wait()
		b.wantMenu("# first_last@example.com · Max", "  Sign in again…")
		if n := b.engine.count("SignIn"); n != 1 {
			b.Errorf("ten clicks made %d sign-ins", n)
		}
		if b.kit.icon != menu.IconFine {
			b.Errorf("the icon is %s", b.kit.icon)
		}
		b.wantTold("Before you sign in", "Signed in as first_last@example.com")
		if got, want := b.notifier.told[1].Body,
			"Plan: Max. Your login is kept in the keychain and renewed by itself. Could not write to Claude Code."; got != want {
			b.Errorf("body %q, want %q", got, want)
		}
	})
}

func TestCancelledSignInTellsNothing(t *testing.T) {
	run(t, signedOutStatus, func(b *bench) {
		person(b.engine, time.Hour, nil)
		b.click(menu.ItemSignIn)
		b.click(menu.ItemCopyLink)
		b.click(menu.ItemCancel)
		b.wantMenu("# Signed out", "  Sign in…")
		b.wantTold("Link copied")
		if !slices.Equal(b.copied, []string{"https://example.com/authorize"}) {
			b.Errorf("copied %q", b.copied)
		}
		// And another one can follow.
		person(b.engine, time.Second, nil)
		b.click(menu.ItemSignIn)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		b.wantMenu("# first_last@example.com · Max")
	})
}

func TestFailedSignInSaysWhatToDo(t *testing.T) {
	run(t, signedOutStatus, func(b *bench) {
		person(b.engine, time.Second, &session.Error{Code: "declined", Exit: 7})
		b.click(menu.ItemSignIn)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		b.wantMenu("# ⚠ The sign-in was declined in the browser", "# Sign in again and allow it there", "  Sign in…")
		b.wantTold("Sign-in did not work")
		if got, want := b.notifier.told[0].Body,
			"The sign-in was declined in the browser. Sign in again and allow it there."; got != want {
			b.Errorf("body %q, want %q", got, want)
		}
		// It is history once something else happened.
		b.engine.set(traytest.SignedIn(time.Now()))
		synctest.Wait()
		if menu := b.kit.menu(); strings.Contains(menu, "⚠") {
			b.Errorf("the failure still stands:\n%s", menu)
		}
	})
}

// TestStrangeErrorsKeepTheirText: an error that was not written for people may hold
// anything, a token too.
func TestStrangeErrorsKeepTheirText(t *testing.T) {
	run(t, signedOutStatus, func(b *bench) {
		person(b.engine, time.Second, errors.New("body: sk-ant-ort01-FAKE-r1"))
		b.click(menu.ItemSignIn)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if text := b.kit.menu() + b.notifier.told[0].Title + b.notifier.told[0].Body; strings.Contains(text, "FAKE") {
			b.Errorf("shown: %s", text)
		}
	})
}

func TestClicksReachTheEngine(t *testing.T) {
	for _, c := range []struct {
		id    menu.ID
		calls []string
		told  []string
	}{
		{menu.ItemRenew, []string{"Renew force=true"}, nil},
		{menu.ItemMirror, []string{"SetMirror false"}, nil},
		{menu.ItemSignOutHere, []string{"SignOutOf default {Revoke:false KeepClaudeCode:true All:false}"},
			[]string{"Signed out"}},
		{menu.ItemSignOutBoth, []string{"SignOutOf default {Revoke:false KeepClaudeCode:false All:false}"},
			[]string{"Signed out"}},
		{menu.ItemSignOutRevoke, []string{"SignOutOf default {Revoke:true KeepClaudeCode:false All:false}"},
			[]string{"Signed out"}},
		{menu.ItemAbout, nil, []string{"Keytender 1.2.3"}},
		{menu.ItemAccount, nil, nil}, // the active one already
		{menu.ItemHelp, nil, nil},
		{menu.ItemMirrorNow, nil, nil}, // hidden: what is not offered is not done
		{menu.ItemCancel, nil, nil},
		{menu.ItemWho, nil, nil},
	} {
		run(t, traytest.SignedIn, func(b *bench) {
			b.click(c.id)
			if diff := cmp.Diff(c.calls, b.engine.calls); diff != "" {
				b.Errorf("line %d: %s", c.id, diff)
			}
			b.wantTold(c.told...)
		})
	}
}

func TestMirrorTurnedOnWritesAtOnce(t *testing.T) {
	run(t, traytest.SignedIn, func(b *bench) {
		b.click(menu.ItemMirror)
		b.wantMenu("  Mirror to Claude Code")
		b.click(menu.ItemMirror)
		b.wantMenu("  [x] Mirror to Claude Code")
		if diff := cmp.Diff([]string{"SetMirror false", "SetMirror true", "Mirror"}, b.engine.calls); diff != "" {
			b.Error(diff)
		}
		b.wantTold("Claude Code now has this login")
	})
}

// TestCheckMarkFollowsTheTruth: the toolkit flips the mark on a click, and the
// engine refuses.
func TestCheckMarkFollowsTheTruth(t *testing.T) {
	run(t, func(now time.Time) session.Status {
		s := traytest.SignedIn(now)
		s.State = session.SignInAgain
		return s
	}, func(b *bench) {
		b.engine.mirror = func(context.Context) (session.Said, error) {
			return session.Said{}, &session.Error{Code: "busy"}
		}
		b.click(menu.ItemMirror) // off
		b.click(menu.ItemMirror) // on, and the write fails
		b.wantMenu("  [x] Mirror to Claude Code", "# ⚠ Another program holds the lock")
		// A click that is not obeyed at all leaves the mark as it was.
		person(b.engine, time.Hour, nil)
		b.click(menu.ItemSignIn)
		b.click(menu.ItemMirror)
		b.wantMenu("# [x] Mirror to Claude Code")
	})
}

func TestMenuLivesWhileTheEngineHangs(t *testing.T) {
	run(t, traytest.SignedIn, func(b *bench) {
		b.engine.renew = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		b.click(menu.ItemRenew)
		b.wantMenu("# Renewing…", "  Quit")
		b.engine.mu.Lock()
		b.engine.hangs = true
		b.engine.mu.Unlock()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		b.wantMenu("# Login ends in 24 days · token renews itself in 5 h 50 min")
		b.click(menu.ItemQuit)
		select {
		case <-b.lived:
		default:
			b.Error("the menu is still there")
		}
	})
}

func TestQuitWithinTwoSeconds(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		engine := newFakeEngine(signedOutStatus(time.Now()))
		stuck := make(chan struct{})
		// This one does not keep its promise to end with its context.
		engine.signIn = func(context.Context, session.SignInOptions, func(session.Event)) (session.Status, error) {
			<-stuck
			return session.Status{}, context.Canceled
		}
		kit := newFakeKit()
		a := newApp(t.Context(), engine, Options{StateDir: dir, Log: slog.New(slog.DiscardHandler), now: time.Now,
			kit: kit, notifier: &fakeNotifier{block: true},
			returns: func(context.Context) <-chan struct{} { return nil }})
		a.start()
		lived := make(chan struct{})
		go func() { defer close(lived); a.live(toolkit.MenuBar) }()
		synctest.Wait()
		kit.click(menu.ItemSignIn)
		synctest.Wait()
		kit.click(menu.ItemQuit)
		begin := time.Now()
		<-lived
		if a.wait() {
			t.Error("nothing was said about what did not end")
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		close(stuck)
	})
}

// TestQuitWaitsForASentRenewal: the response to a renewal is the login itself, also where
// the library ends the process.
func TestQuitWaitsForASentRenewal(t *testing.T) {
	run(t, traytest.SignedIn, func(b *bench) {
		stored := false
		b.kit.exited = func() {
			if !stored {
				b.Error("the process may end before the new tokens are stored")
			}
		}
		b.engine.renew = func(context.Context) error {
			time.Sleep(8 * time.Second)
			stored = true
			return nil
		}
		b.click(menu.ItemRenew)
		b.click(menu.ItemQuit)
		<-b.lived
		if !b.app.wait() || !stored {
			b.Error("the renewal was left behind")
		}
	})
}

func TestChangesFromOutsideShow(t *testing.T) {
	run(t, traytest.SignedIn, func(b *bench) {
		b.engine.set(signedOutStatus(time.Now()))
		synctest.Wait()
		b.wantMenu("# Signed out")
		if b.engine.looks != 1 {
			b.Errorf("the one change reached Tend %d times", b.engine.looks)
		}
		// Without a report, in the end.
		b.engine.mu.Lock()
		b.engine.status = traytest.SignedIn(time.Now())
		b.engine.mu.Unlock()
		time.Sleep(readAnyway + tickEvery)
		synctest.Wait()
		b.wantMenu("# first_last@example.com · Max")
	})
}

func TestLoginEndIsToldOnce(t *testing.T) {
	run(t, func(now time.Time) session.Status {
		s := traytest.SignedIn(now)
		end := now.Add(7*24*time.Hour + time.Hour)
		s.Login.ExpiresAt = &end
		return s
	}, func(b *bench) {
		b.wantTold()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		b.wantTold("Login ends in 7 days")
		if b.kit.icon != menu.IconSoon {
			b.Errorf("the icon is %s", b.kit.icon)
		}
		if got := reminder.Load(b.app.options.StateDir)["default"].Step; got != reminder.SevenDays {
			b.Errorf("remembered step %d", got)
		}
		time.Sleep(3 * 24 * time.Hour)
		synctest.Wait()
		b.wantTold("Login ends in 7 days")
		time.Sleep(30 * 24 * time.Hour)
		synctest.Wait()
		b.wantTold("Login ends in 7 days", "Login ends in 3 days", "Login ends in 1 day", "Your login has ended")
	})
}

func TestNoticeThatCannotBeShownIsNotTold(t *testing.T) {
	run(t, func(now time.Time) session.Status {
		s := traytest.SignedIn(now)
		s.State = session.SignInAgain
		return s
	}, func(b *bench) {
		b.notifier.mu.Lock()
		b.notifier.err = errors.New("no service")
		before := b.notifier.tries
		b.notifier.told = nil
		b.notifier.mu.Unlock()
		b.app.queue.post(func() { b.app.remember(reminder.Memory{}) })
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if n := b.notifier.tries - before; n < 2 || n > 9 {
			b.Errorf("tried %d times in two hours", n)
		}
		b.notifier.mu.Lock()
		b.notifier.err = nil
		b.notifier.mu.Unlock()
		time.Sleep(time.Hour)
		synctest.Wait()
		b.wantTold("You need to sign in again")
	})
}

// TestAgentWithoutAMenu: the notifications and their button work without an icon.
func TestAgentWithoutAMenu(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		status := traytest.SignedIn(time.Now())
		status.State = session.SignInAgain
		engine, said := newFakeEngine(status), &strings.Builder{}
		notifier, kit, appears := &fakeNotifier{}, newFakeKit(), make(chan struct{})
		person(engine, time.Second, nil)
		a := newApp(t.Context(), engine, Options{StateDir: dir, Log: slog.New(slog.DiscardHandler), now: time.Now,
			Stderr: said, notifier: notifier, kit: kit,
			appears: func(context.Context) <-chan struct{} { return appears },
			returns: func(context.Context) <-chan struct{} { return nil }})
		a.start()
		go a.live(toolkit.NoSurface)
		synctest.Wait()
		a.queue.post(a.signIn) // what the button does
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"You need to sign in again", "Signed in as first_last@example.com"},
			notifier.titles()); diff != "" {
			t.Error(diff)
		}
		if !strings.Contains(said.String(), "AppIndicator") || !strings.Contains(said.String(), "keytender login") {
			t.Errorf("said %q", said)
		}
		if kit.menu() != "" {
			t.Error("there is a menu")
		}
		// Whoever does not see stderr is told as well, but not before a panel had its time.
		time.Sleep(panelWait)
		synctest.Wait()
		if last := notifier.titles(); last[len(last)-1] != "Keytender runs without an icon" || len(last) != 3 {
			t.Errorf("told %q", last)
		}
		again := newApp(t.Context(), engine, Options{StateDir: dir, Log: slog.New(slog.DiscardHandler), now: time.Now,
			notifier: notifier})
		again.tellNoIcon()
		synctest.Wait()
		if n := len(notifier.titles()); n != 3 {
			t.Error("it is said at each start")
		}
		close(appears) // a panel starts
		synctest.Wait()
		if !strings.Contains(kit.menu(), "first_last@example.com") {
			t.Errorf("the menu that came late: %q", kit.menu())
		}
		if !a.wait() {
			t.Error("it did not end")
		}
	})
}

// TestCanvasChangesOnlyWhatDiffers: each change is a message to the panel.
// TestBusComesBack: a library that can shows the icon again; for one that cannot the
// program starts again, but never in the middle of what the person does.
func TestBusComesBack(t *testing.T) {
	run(t, signedOutStatus, func(b *bench) {
		b.kit.rejoins = true
		b.returned <- struct{}{}
		synctest.Wait()
		if b.kit.rejoined != 1 || b.app.ctx.Err() != nil {
			t.Errorf("rejoined %d times, ended: %v", b.kit.rejoined, b.app.ctx.Err())
		}
		b.kit.rejoins = false
		b.engine.signIn = func(ctx context.Context, _ session.SignInOptions, tell func(session.Event)) (session.Status,
			error) {
			tell(session.Event{Kind: session.EventWaiting, Left: 5 * time.Minute})
			<-ctx.Done()
			return session.Status{}, ctx.Err()
		}
		b.click(menu.ItemSignIn)
		b.returned <- struct{}{}
		synctest.Wait()
		if b.app.ctx.Err() != nil {
			t.Error("it cut the sign-in off")
		}
		b.click(menu.ItemCancel)
		if b.app.ctx.Err() == nil || !b.app.again.Load() {
			t.Error("it goes on without an icon")
		}
	})
}

// TestLaterVersionWasAtWork: that is told once where the new program has to be started by
// the person; one that an update put in the place of this one is started.
func TestLaterVersionWasAtWork(t *testing.T) {
	run(t, traytest.SignedIn, func(b *bench) {
		later := session.Status{State: session.TryLater, Account: "default",
			Problem: &session.Problem{Code: session.CodeLaterVersion}}
		b.engine.set(later)
		synctest.Wait()
		b.wantMenu("# ⚠ A later version of Keytender has been at work here", "# Quit, and start that one")
		time.Sleep(49 * time.Hour)
		synctest.Wait()
		b.wantTold("Your login needs you")
		if b.app.ctx.Err() != nil {
			t.Error("it ended by itself")
		}
		b.replaced = true
		b.engine.set(later)
		synctest.Wait()
		if b.app.ctx.Err() == nil || !b.app.again.Load() {
			t.Error("the new program is not started")
		}
	})
}

// TestQuitIsTheLastWord: whoever quits while a new start is due gets none.
func TestQuitIsTheLastWord(t *testing.T) {
	run(t, signedOutStatus, func(b *bench) {
		b.engine.signIn = func(ctx context.Context, _ session.SignInOptions, tell func(session.Event)) (session.Status,
			error) {
			<-ctx.Done()
			return session.Status{}, ctx.Err()
		}
		b.click(menu.ItemSignIn)
		b.returned <- struct{}{}
		synctest.Wait()
		b.click(menu.ItemQuit)
		if b.app.again.Load() {
			t.Error("it starts again")
		}
	})
}

func TestCanvasChangesOnlyWhatDiffers(t *testing.T) {
	kit := newFakeKit()
	items := menu.Menu(menu.In("en"), traytest.SignedIn(traytest.Noon), menu.Activity{}, menu.Around{}, traytest.Noon)
	c := toolkit.NewCanvas(kit, items, menu.IconFine, "")
	before := kit.changes
	c.Draw(items, menu.IconFine, "")
	if n := kit.changes - before; n != 0 {
		t.Errorf("drawing the same took %d changes", n)
	}
	for _, s := range []session.Status{{}, {State: session.SignedOut},
		traytest.Changed(func(s *session.Status) { s.ClaudeCode.State = "older" }), traytest.SignedIn(traytest.Noon)} {
		for phase := menu.NoSignIn; phase <= menu.Cancelling; phase++ {
			items := menu.Menu(menu.In("en"), s, menu.Activity{SignIn: phase}, menu.Around{}, traytest.Noon)
			c.Draw(items, menu.IconFine, "")
			var want strings.Builder
			for _, item := range items {
				want.WriteString(render(item) + "\n")
			}
			if diff := cmp.Diff(want.String(), kit.menu()); diff != "" {
				t.Errorf("%s, phase %d: %s", s.State, phase, diff)
			}
		}
	}
	if kit.separators != 3 {
		t.Errorf("%d separators", kit.separators)
	}
}

// TestARefusalLeadsToClaudeCode: one sentence, no code, and a button, a line and a link on
// the page that each begin Claude Code's own sign-in.
func TestARefusalLeadsToClaudeCode(t *testing.T) {
	run(t, signedOutStatus, func(b *bench) {
		var page func()
		b.engine.signIn = func(_ context.Context, o session.SignInOptions, _ func(session.Event)) (session.Status,
			error) {
			page = o.Instead
			return session.Status{}, &session.Error{Code: session.CodeNotPermitted,
				Fault: session.FaultExchangeDeclined, Values: session.Values{Reason: "HTTP 403"}}
		}
		began := 0
		b.engine.claude = func(context.Context, session.Terminal) (session.Status, error) {
			began++
			return session.Status{}, context.Canceled
		}
		for way, begin := range map[string]func(){
			"the button": func() { b.app.queue.post(func() { b.app.obey(b.notifier.told[0].Deed) }) },
			"the line":   func() { b.kit.click(menu.ItemInstead) },
			"the page":   func() { page() },
		} {
			b.notifier.told, began = nil, 0
			b.click(menu.ItemSignIn)
			b.wantMenu("# ⚠ The server does not let Keytender sign you in", "  Sign in through Claude Code")
			n := b.notifier.told[0]
			if n.Action != "Sign in through Claude Code" ||
				n.Body != "The server does not let Keytender sign you in. Sign in through Claude Code instead." {
				b.Errorf("told %+v", n)
			}
			begin()
			synctest.Wait()
			if began != 1 {
				b.Errorf("%s: %d sign-ins through Claude Code", way, began)
			}
		}
	})
}

// TestOneMomentAMinute: left alone, the app has something to do on each full minute of the
// clock, together with whatever else looks then, and at no other time.
func TestOneMomentAMinute(t *testing.T) {
	run(t, traytest.SignedIn, func(b *bench) {
		time.Sleep(7 * time.Second)
		synctest.Wait()
		var moments []time.Time
		b.engine.mu.Lock()
		b.engine.read = func() { moments = append(moments, time.Now()) }
		b.engine.mu.Unlock()
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(moments) < 12 || len(moments) > 60 {
			b.Errorf("the status was read %d times in an hour", len(moments))
		}
		for _, at := range moments {
			if at.Truncate(time.Minute) != at {
				b.Errorf("it was read at %s", at.Format(time.TimeOnly))
			}
		}
	})
}
