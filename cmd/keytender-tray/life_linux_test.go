package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/testguard"
	"keytender/internal/version"
	"keytender/tray/traytest"
)

// signInCalmly signs in by the menu and takes the notifications away.
func (d *desktop) signInCalmly() {
	d.Helper()
	d.signIn()
	traytest.Receive(d.T, d.notes.Notes, "the notification")
	d.panel.Want("# Claude Code: in step")
}

func (d *desktop) entryPath() string { return filepath.Join(d.home, ".claude", ".credentials.json") }

// waitFor polls for what has no event.
func (d *desktop) waitFor(what string, done func() bool) {
	d.Helper()
	for deadline := time.Now().Add(testguard.Patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.Fatalf("%s: not within %v", what, testguard.Patience)
		}
	}
}

// TestFollowsTheWorld: what Claude Code, or a hand on its file, does is on the menu
// within 5 s.
func TestFollowsTheWorld(t *testing.T) {
	d := start(t)
	d.signInCalmly()
	rewrite := func(change func(login map[string]any) map[string]any) {
		t.Helper()
		data, err := os.ReadFile(d.entryPath())
		if err != nil {
			t.Fatal(err)
		}
		var entry map[string]any
		if err := json.Unmarshal(data, &entry); err != nil {
			t.Fatal(err)
		}
		delete(entry, "organizationUuid")
		entry["claudeAiOauth"] = change(entry["claudeAiOauth"].(map[string]any))
		if data, err = json.Marshal(entry); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.entryPath()+".new", data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(d.entryPath()+".new", d.entryPath()); err != nil {
			t.Fatal(err)
		}
	}
	within := func(row string) {
		t.Helper()
		begin := testguard.Start()
		d.panel.Want(row)
		begin.Within(t, 5*time.Second, row)
	}

	if err := os.WriteFile(filepath.Join(d.home, ".claude", "settings.json"), []byte(`{"apiKeyHelper":"x"}`),
		0o600); err != nil {
		t.Fatal(err)
	}
	within("# Claude Code uses apiKeyHelper (settings.json) instead of this login")
	if err := os.Remove(filepath.Join(d.home, ".claude", "settings.json")); err != nil {
		t.Fatal(err)
	}
	within("# Claude Code: in step")

	access, refresh := d.server.Issue("b@example.com")
	rewrite(func(login map[string]any) map[string]any {
		return map[string]any{"accessToken": access, "refreshToken": refresh, "expiresAt": login["expiresAt"],
			"scopes":      login["scopes"],
			"accountUuid": "FAKE-somebody-else"}
	})
	within("# Claude Code has another login")
	d.panel.Want("  Put this login into Claude Code")
	if err := os.WriteFile(d.entryPath(), []byte(`{"mcpOAuth":{}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	within("# Claude Code is signed out")
	if err := os.WriteFile(d.entryPath(), []byte(`{"mcpOAuth":`), 0o600); err != nil {
		t.Fatal(err)
	}
	within("# Claude Code's entry cannot be read")
	if err := os.Remove(d.entryPath()); err != nil {
		t.Fatal(err)
	}
	within("# Claude Code has no login here")
	d.panel.Click("  Put this login into Claude Code")
	within("# Claude Code: in step")
}

// TestKilledAndPanelRestarted: what a killed one left behind never keeps the next one
// from starting, and the icon comes back with the panel.
func TestKilledAndPanelRestarted(t *testing.T) {
	d := start(t)
	d.panel.Want("# Signed out")
	if err := d.process.Kill(); err != nil {
		t.Fatal(err)
	}
	traytest.Receive(t, d.ended, "the end")
	if _, err := os.Stat(filepath.Join(d.home, "kt", "state", "tray.lock")); err != nil {
		t.Fatalf("there is no lock to be stale: %v", err)
	}
	d.launch()
	d.panel.Want("# Signed out")

	if _, err := d.conn.ReleaseName("org.kde.StatusNotifierWatcher"); err != nil {
		t.Fatal(err)
	}
	panel := traytest.Connect(t, d.variable("DBUS_SESSION_BUS_ADDRESS"))
	d.watcher, d.conn = traytest.ServeWatcher(t, panel, true), panel
	d.openPanel()
	d.panel.Want("# Signed out")
	d.panel.Click("  Sign in…")
	d.browsed()
	d.panel.Click("  Cancel sign-in")
	d.panel.Want("  Sign in…")
}

// TestSleepOverAnExpiry: stopped while its token ends, it renews once, soon after it
// goes on, and tells the person nothing.
func TestSleepOverAnExpiry(t *testing.T) {
	testguard.Slow(t)
	d := start(t)
	d.server.Set(func(b *fakeclaude.Behaviour) { b.AccessLife = 6 * time.Second })
	d.signInCalmly()
	if err := d.process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	d.server.Set(func(b *fakeclaude.Behaviour) { b.AccessLife = 8 * time.Hour })
	before := d.server.Count("renew")
	time.Sleep(7 * time.Second)
	if err := d.process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	awake := testguard.Start()
	d.waitFor("the renewal", func() bool { return d.server.Count("renew") > before })
	awake.Within(t, 5*time.Second, "the renewal")
	d.panel.Want("# Login ends in 30 days · token renews itself in 8 h")
	if n := d.server.Count("renew") - before; n != 1 {
		t.Errorf("%d renewals", n)
	}
	select {
	case n := <-d.notes.Notes:
		t.Errorf("told %q: %q", n.Title, n.Body)
	default:
	}
}

// TestQuitStoresASentRenewal: the icon goes at once, and the process when the response,
// which is the login, is stored.
func TestQuitStoresASentRenewal(t *testing.T) {
	d := start(t)
	d.signInCalmly()
	before, err := os.ReadFile(d.entryPath())
	if err != nil {
		t.Fatal(err)
	}
	d.server.Set(func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{{On: "renew", Silent: true}}
	})
	d.panel.Click("  Renew now")
	d.panel.Want("# Renewing…")
	d.waitFor("the renewal to be on its way", func() bool { return d.server.Held() == 1 })
	begin := testguard.Start()
	d.panel.Quit()
	d.waitFor("the icon to go", func() bool { return !d.panel.Alive() })
	begin.Within(t, 2*time.Second, "the icon's going")
	// Who starts it again meanwhile gets an icon at once.
	first := d.ended
	d.ended = make(chan error, 1)
	d.launch()
	d.panel.Want("# Claude Code: in step")
	d.ended = first
	select {
	case err := <-d.ended:
		t.Errorf("it ended before the response came: %v", err)
	case <-time.After(2 * time.Second): // longer than anything else is waited for
	}
	d.server.Release()
	if err := traytest.Receive(t, d.ended, "the end"); err != nil {
		t.Errorf("ended with %v: %s", err, &d.stderr)
	}
	after, err := os.ReadFile(d.entryPath())
	if err != nil || string(after) == string(before) {
		t.Errorf("the new pair is not in Claude Code's entry (%v)", err)
	}
	if n := d.server.Count("renew"); n != 1 {
		t.Errorf("%d renewals", n)
	}
}

// TestSpeaksTheSessionsLanguage from LC_ALL, in menu and notification.
func TestSpeaksTheSessionsLanguage(t *testing.T) {
	d := start(t, "LC_ALL=de_DE.UTF-8")
	d.panel.Want("# Abgemeldet")
	d.panel.Click("  Über Keytender " + version.Of().Number)
	if got := traytest.Receive(t, d.notes.Notes, "the notification"); !strings.Contains(got.Body,
		"nicht von Anthropic") {
		t.Errorf("told %q: %q", got.Title, got.Body)
	}
}

// TestStartAtLoginFromTheMenu writes the desktop file that names this program.
func TestStartAtLoginFromTheMenu(t *testing.T) {
	config := t.TempDir()
	d := start(t, "XDG_CONFIG_HOME="+config)
	path := filepath.Join(config, "autostart", "keytender.desktop")
	d.panel.Click("  Start at login")
	d.panel.Want("  [x] Start at login")
	data, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(data), `Exec="`+d.program+`"`) {
		t.Errorf("%v\n%s", err, data)
	}
	// The command line, or the desktop's own settings, turn it off and on.
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	begin := testguard.Start()
	d.panel.Want("  Start at login")
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	d.panel.Want("  [x] Start at login")
	begin.Within(t, 5*time.Second, "the way to the menu")
	d.panel.Click("  [x] Start at login")
	d.panel.Want("  Start at login")
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}

// A clipboard of two scripts stands in for the desktop's.
func (d *desktop) clipboard() (path string) {
	d.Helper()
	path = filepath.Join(d.home, "clipboard")
	testguard.Script(d, filepath.Join(d.home, "xclip"),
		"case \"$*\" in *-out*) cat "+path+";; *) cat >"+path+".part; mv "+path+".part "+path+";; esac")
	return path
}

// TestDiagnosisAndToken: what the menu copies, with a setting and without.
func TestDiagnosisAndToken(t *testing.T) {
	d := start(t, "KEYTENDER_COPY_TOKEN=true", "DISPLAY=:97", "USER=jdoe-the-tester")
	board := d.clipboard()
	d.signInCalmly()
	d.panel.Click("  Copy diagnosis")
	if got := traytest.Receive(t, d.notes.Notes, "the notification"); got.Title != "Diagnosis copied" {
		t.Fatalf("told %q: %q", got.Title, got.Body)
	}
	text, err := os.ReadFile(board)
	if err != nil || !strings.Contains(string(text), "ok   login: ") {
		t.Errorf("the diagnosis: %v\n%s", err, text)
	}
	for _, secret := range []string{"sk-ant", "a@example.com", d.home, "jdoe"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the diagnosis holds %s:\n%s", secret, text)
		}
	}
	d.panel.Click("  Copy token")
	if got := traytest.Receive(t, d.notes.Notes, "the notification"); got.Title != "Token copied" {
		t.Fatalf("told %q: %q", got.Title, got.Body)
	}
	token, _ := os.ReadFile(board)
	if !d.server.Alive(string(token)) {
		t.Error("what was copied is no token that works")
	}
	begin := testguard.Start()
	d.panel.Quit()
	if err := traytest.Receive(t, d.ended, "the end"); err != nil {
		t.Errorf("ended with %v: %s", err, &d.stderr)
	}
	begin.Within(t, 2*time.Second, "quitting")
	if left, _ := os.ReadFile(board); len(left) != 0 {
		t.Error("the token is still on the clipboard")
	}
}

// TestSignInWithACodeFromTheMenu pastes what the page shows.
func TestSignInWithACodeFromTheMenu(t *testing.T) {
	d := start(t, "DISPLAY=:97")
	board := d.clipboard()
	d.panel.Click("  With a code from the browser…")
	page := d.browsed()
	location, err := d.server.Approve(t.Context(), page)
	if err != nil {
		t.Fatal(err)
	}
	d.panel.Want("  Use the code on the clipboard")
	traytest.Receive(t, d.notes.Notes, "what to do with the code")
	for _, text := range []string{"nothing of the kind", location} {
		if err := os.WriteFile(board, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d.panel.Click("  Use the code on the clipboard")
		got := traytest.Receive(t, d.notes.Notes, "the answer")
		want := "Signed in as a@example.com"
		if text != location {
			want = "That is not the code"
		}
		if got.Title != want {
			t.Errorf("told %q: %q", got.Title, got.Body)
		}
	}
}

// cost is what a process has used so far.
type cost struct {
	cpu      time.Duration
	switches int // times it was woken, all threads
}

func costOf(t *testing.T, pid int) (c cost) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("no threads of %d: %v", pid, err)
	}
	for _, task := range tasks {
		run, _ := os.ReadFile(filepath.Join(task, "schedstat"))
		if fields := strings.Fields(string(run)); len(fields) > 0 {
			ns, _ := strconv.ParseInt(fields[0], 10, 64)
			c.cpu += time.Duration(ns)
		}
		status, _ := os.ReadFile(filepath.Join(task, "status"))
		for line := range strings.Lines(string(status)) {
			if value, ok := strings.CutPrefix(line, "voluntary_ctxt_switches:"); ok {
				n, _ := strconv.Atoi(strings.TrimSpace(value))
				c.switches += n
			}
		}
	}
	return c
}

// TestIdle: signed in and left alone, it sleeps. A few seconds find a loop that spins;
// KTTEST_IDLE=1m measures for real.
func TestIdle(t *testing.T) {
	testguard.Slow(t)
	d := start(t)
	d.signInCalmly()
	idle(t, d.process.Pid, 3*time.Second)
}

// settle waits until a process has done what it still had to do: until it slept for a
// second.
func settle(t *testing.T, pid int) {
	t.Helper()
	last, since := costOf(t, pid), time.Now()
	for end := time.Now().Add(testguard.Patience); time.Since(since) < time.Second; time.Sleep(50 * time.Millisecond) {
		if now := costOf(t, pid); now != last {
			last, since = now, time.Now()
		}
		if time.Now().After(end) {
			t.Fatalf("it has something to do for %v", testguard.Patience)
		}
	}
}

// idle wants a process to do next to nothing for a while.
func idle(t *testing.T, pid int, span time.Duration) {
	t.Helper()
	if text := os.Getenv("KTTEST_IDLE"); text != "" {
		var err error
		if span, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, pid)
	// Each thread that is woken counts as a switch, and one look at the files or the
	// keychain wakes several: a moment is a twentieth of a second with any of them.
	before, begin := costOf(t, pid), time.Now()
	last, moments := before, 0
	for time.Since(begin) < span {
		time.Sleep(50 * time.Millisecond)
		now := costOf(t, pid)
		if now.switches != last.switches {
			moments++
		}
		last = now
	}
	took := time.Since(begin)
	cpu := last.cpu - before.cpu
	t.Logf("idle for %v: %v of CPU, awake in %d moments, %d switches", took.Round(time.Second), cpu, moments,
		last.switches-before.switches)
	// A minute's look may fall into a short span, hence the allowance. Of the moments of a
	// minute each may be seen twice, and a desktop asks for the menu that changed.
	if limit := 5 + int(15*took.Minutes()); moments > limit {
		t.Errorf("awake in %d moments of %v, more than %d", moments, took, limit)
	}
	if limit := 50*time.Millisecond + took/200; cpu > limit {
		t.Errorf("%v of CPU in %v, more than %v", cpu, took, limit)
	}
}
