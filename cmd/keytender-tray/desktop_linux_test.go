package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	realdesktop "keytender/internal/desktop"
	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
	"keytender/internal/testguard"
)

// commandLine runs keytender on the desktop, beside the app.
func commandLine(t *testing.T, d *realdesktop.Desktop, server *fakeclaude.Server, programs string, args ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(programs, "keytender"), args...)
	cmd.Env = append(d.Env(), server.Env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("keytender %s: %v\n%s", args[0], err, out)
	}
}

// TestEveryStateOnTheDesktop goes through the states of the icon and the menu with
// the program as it is shipped: pictures of each, the keyboard, what a screen reader
// is told, and a panel and a bus that go away.
func TestEveryStateOnTheDesktop(t *testing.T) {
	d := realdesktop.Start(t, realdesktop.Options{Without: []realdesktop.Part{realdesktop.Browser}})
	server, err := fakeclaude.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	programs := buildBoth(t)
	login := func() {
		t.Helper()
		commandLine(t, d, server, programs, "login", "--browser-command", approver(t))
	}
	app := launch(t, d, server, filepath.Join(programs, "keytender-tray"))

	picture := func(state, row string) {
		t.Helper()
		d.WaitMenu("Quit")
		for end := time.Now().Add(testguard.Patience); !strings.Contains(labels(t, d),
			row); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: the menu lacks %q: %s", state, row, labels(t, d))
			}
		}
		d.OpenMenu()
		d.Screenshot("state-" + state)
		d.CloseMenu()
	}
	icon := func() string {
		t.Helper()
		i, err := d.TrayIcon()
		if err != nil {
			t.Fatal(err)
		}
		return i.IconName + string(i.Pixels)
	}
	var icons []string
	seen := func(state, row string) {
		t.Helper()
		picture(state, row)
		now := icon()
		if slices.Contains(icons, now) {
			t.Errorf("%s has the icon of another state", state)
		}
		icons = append(icons, now)
	}

	seen("signed-out", "Signed out")
	d.ClickMenuDBus("Sign in…")
	seen("working", "Waiting for the browser…")
	d.WaitNotification("Copy link") // no browser opens here
	d.ClickMenuDBus("Cancel sign-in")
	login()
	begin := testguard.Start()
	seen("fine", "a@example.com · Max")
	begin.Within(t, 5*time.Second, "the command line's sign-in on its way to the menu")

	// By keyboard alone: from the first line down to Help, into it, and to its end.
	d.OpenMenu()
	d.Keys("Up", "Up", "Right", "Up", "Return") // from the end: Quit, Help, its last line
	d.WaitNotification("not made by Anthropic")
	for _, item := range items(t, d) {
		if item.Visible && !item.Separator && strings.TrimSpace(item.Label) == "" {
			t.Errorf("item %d has no name", item.ID)
		}
	}
	// One library has a tooltip of its own, of the other the title serves as that.
	if i, err := d.TrayIcon(); err != nil || !strings.HasPrefix(i.Title, "Keytender") ||
		!strings.Contains(i.Title+i.Tooltip, "Keytender: signed in (a@example.com)") {
		t.Errorf("the icon is called %q, its tooltip is %q (%v)", i.Title, i.Tooltip, err)
	} else if i.Label != "" {
		t.Errorf("%q stands beside the icon", i.Label)
	}

	// A panel that crashes takes the icon with it, and brings it back.
	d.RestartPanel()
	d.WaitMenu("Renew now")
	picture("after-restart", "a@example.com · Max")
	d.ClickMenu("Help/Show status") // submenus are there again too
	d.WaitNotification("Login ends in 30 days")

	server.Set(func(b *fakeclaude.Behaviour) { b.LoginLife = 5*24*time.Hour + time.Hour })
	commandLine(t, d, server, programs, "logout", "--yes")
	login()
	seen("soon", "Login ends in 5 days")
	d.WaitNotification("Login ends in 5 days")

	server.Set(func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{faults.Refusal(400, "invalid_grant",
			"FAKE revoked").Repeat(fakeclaude.Forever)}
	})
	d.ClickMenuDBus("Renew now")
	d.WaitNotification("You need to sign in again")
	seen("trouble", "⚠")
	// Its button starts the sign-in.
	d.ClickNotificationAction("Sign in again…")
	d.WaitMenu("Cancel sign-in")
	d.ClickMenuDBus("Cancel sign-in")

	idle(t, app.Process.Pid, 3*time.Second)

	// Without the bus it goes on, and with a new one it has its icon again.
	d.EndBus()
	time.Sleep(time.Second)
	if err := app.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("it ended with the bus: %v", err)
	}
	d.RestartBus()
	picture("after-bus", "⚠")
	d.ClickMenu("Help/Show status")
	d.WaitNotification("cannot be renewed any more")
	d.ClickMenuDBus("Sign in again…")
	d.WaitMenu("Cancel sign-in")
}

func items(t *testing.T, d *realdesktop.Desktop) []realdesktop.MenuItem {
	t.Helper()
	all, err := d.TrayMenu()
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range slices.Clone(all) {
		all = append(all, item.Items...)
	}
	return all
}
