package tray

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"keytender/internal/session"
	"keytender/internal/testguard"
	"keytender/tray/menu"
	"keytender/tray/toolkit"
	"keytender/tray/traytest"
)

// child is the app in a process of its own, built as people without cgo get it.
type child struct {
	*testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   chan string
	said  *lockedBuffer // stderr
	ended chan error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var pure struct {
	sync.Mutex
	path string
}

// pureBinary is this test program with the pure Go toolkit: itself if it has that.
func pureBinary(t *testing.T) string {
	t.Helper()
	pure.Lock()
	defer pure.Unlock()
	if pure.path != "" {
		return pure.path
	}
	if toolkit.Library == "fyne.io/systray" && !raceDetector() {
		pure.path, _ = os.Executable()
		return pure.path
	}
	dir, err := os.MkdirTemp(os.Getenv("HOME"), "pure-") // goes with the throw-away home
	if err != nil {
		t.Fatal(err)
	}
	pure.path = traytest.Build(t, dir, "test", "-c")
	return pure.path
}

func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func startChild(t *testing.T, state string, env ...string) *child {
	t.Helper()
	c := &child{T: t, cmd: exec.Command(pureBinary(t)), out: make(chan string, 64), said: &lockedBuffer{},
		ended: make(chan error, 1)}
	c.cmd.Env = append(os.Environ(), append([]string{"LC_ALL=C.UTF-8", "KTTEST_TRAY_STATE=" + state}, env...)...)
	c.cmd.Stderr = c.said
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			c.out <- lines.Text()
		}
		c.ended <- c.cmd.Wait()
	}()
	t.Cleanup(func() { _ = c.cmd.Process.Kill() })
	return c
}

func (c *child) send(line string) {
	c.Helper()
	if _, err := io.WriteString(c.stdin, line+"\n"); err != nil {
		c.Fatal(err)
	}
}

// TestWholeAppOnTheBus: click, waiting, allowed, notification, sign out, quit, as
// a panel and a notification service see it.
func TestWholeAppOnTheBus(t *testing.T) {
	address, state := traytest.StartBus(t), t.TempDir()
	conn := traytest.Connect(t, address)
	watcher := traytest.ServeWatcher(t, conn, true)
	service := traytest.ServeNotifications(t, conn, "actions", "body", "body-markup")
	c := startChild(t, state, "DBUS_SESSION_BUS_ADDRESS="+address)
	p := traytest.OpenPanel(t, conn, traytest.Receive(t, watcher.Items, "the icon"))

	p.Want("# Signed out")
	p.Click("  Sign in…")
	if got := traytest.Receive(t, c.out, "the sign-in"); got != "SignIn" {
		t.Fatalf("the engine heard %q", got)
	}
	p.Want("# Waiting for the browser… 5 min left")
	p.Click("  Cancel sign-in")
	p.Click("  Sign in…")
	if got := traytest.Receive(t, c.out, "the second sign-in"); got != "SignIn" {
		t.Fatalf("the engine heard %q", got)
	}
	p.Want("  Copy link")
	c.send("allow")
	if got := traytest.Receive(t, service.Notes,
		"the notification"); got.Title != "Signed in as first_last@example.com" {
		t.Errorf("told %q", got.Title)
	}
	p.Want("# first_last@example.com · Max")

	// A status from outside, one that needs the person.
	again := traytest.SignedIn(time.Now())
	again.State = session.SignInAgain
	again.Problem = &session.Problem{Code: "sign-in-again", Message: "the login was <revoked>", Hint: "sign in again"}
	data, err := json.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	c.send(string(data))
	got := traytest.Receive(t, service.Notes, "the warning")
	if got.Title != "You need to sign in again" || !strings.Contains(got.Body, "cannot be renewed") ||
		strings.Contains(got.Body, "revoked") {
		t.Errorf("told %q: %q", got.Title, got.Body)
	}
	service.Press(t, got.ID, "sign-in")
	if got := traytest.Receive(t, c.out, "the sign-in by the button"); got != "SignIn" {
		t.Fatalf("the engine heard %q", got)
	}
	c.send("allow")
	traytest.Receive(t, service.Notes, "the notification")

	p.Click("  Here and in Claude Code")
	if got := traytest.Receive(t, c.out,
		"the sign-out"); got != "SignOutOf default {Revoke:false KeepClaudeCode:false All:false}" {
		t.Fatalf("the engine heard %q", got)
	}
	p.Want("# Signed out")

	// A second one gives way.
	second := startChild(t, state, "DBUS_SESSION_BUS_ADDRESS="+address)
	if err := traytest.Receive(t, second.ended, "the second one's end"); err != nil ||
		!strings.Contains(second.said.String(), menu.In("en").AlreadyRunning) {
		t.Errorf("the second one: %v, %s", err, second.said)
	}

	begin := testguard.Start()
	p.Quit()
	if err := traytest.Receive(t, c.ended, "the end"); err != nil {
		t.Errorf("ended with %v: %s", err, c.said)
	}
	begin.Within(t, 2*time.Second, "quitting")
}

// TestManyClicksAreKept: a burst faster than any handler.
func TestManyClicksAreKept(t *testing.T) {
	address := traytest.StartBus(t)
	conn := traytest.Connect(t, address)
	watcher := traytest.ServeWatcher(t, conn, true)
	c := startChild(t, t.TempDir(), "DBUS_SESSION_BUS_ADDRESS="+address)
	p := traytest.OpenPanel(t, conn, traytest.Receive(t, watcher.Items, "the icon"))
	type event struct {
		ID   int32
		Kind string
		Data dbus.Variant
		Time uint32
	}
	// All in one message; if the last click is not dropped, none was.
	signIn, quit := p.Want("  Sign in…"), p.Want("  Quit")
	var burst []event
	for range 10 {
		burst = append(burst, event{signIn, "clicked", dbus.MakeVariant(int32(0)), 0})
	}
	burst = append(burst, event{quit, "clicked", dbus.MakeVariant(int32(0)), 0})
	p.Menu.Go("com.canonical.dbusmenu.EventGroup", dbus.FlagNoReplyExpected, nil, burst)
	if err := traytest.Receive(t, c.ended, "the end"); err != nil {
		t.Errorf("ended with %v: %s", err, c.said)
	}
	close(c.out)
	calls := 0
	for range c.out {
		calls++
	}
	if calls > 1 {
		t.Errorf("ten clicks made %d sign-ins", calls)
	}
}

func TestWithoutAnySession(t *testing.T) {
	begin := testguard.Start()
	c := startChild(t, t.TempDir())
	traytest.Receive(t, c.ended, "the end")
	if c.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(c.said.String(), "keytender login") {
		t.Errorf("exit %d, said %q", c.cmd.ProcessState.ExitCode(), c.said)
	}
	begin.Within(t, 3*time.Second, "it")
}

// TestAgentGetsItsIconLater: no panel at first; SIGTERM ends it in the end.
func TestAgentGetsItsIconLater(t *testing.T) {
	address := traytest.StartBus(t)
	conn := traytest.Connect(t, address)
	c := startChild(t, t.TempDir(), "DBUS_SESSION_BUS_ADDRESS="+address)
	for deadline := time.Now().Add(testguard.Patience); !strings.Contains(c.said.String(),
		"AppIndicator"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("said %q", c.said)
		}
	}
	watcher := traytest.ServeWatcher(t, conn, true)
	p := traytest.OpenPanel(t, conn, traytest.Receive(t, watcher.Items, "the icon"))
	p.Want("# Signed out")
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := traytest.Receive(t, c.ended, "the end"); err != nil {
		t.Errorf("ended with %v: %s", err, c.said)
	}
}

// TestEndsWhenAsked: by each signal, in order and without Go's stacks.
func TestEndsWhenAsked(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		address := traytest.StartBus(t)
		watcher := traytest.ServeWatcher(t, traytest.Connect(t, address), true)
		c := startChild(t, t.TempDir(), "DBUS_SESSION_BUS_ADDRESS="+address)
		traytest.Receive(t, watcher.Items, "the icon")
		if err := c.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := traytest.Receive(t, c.ended, "the end"); err != nil ||
			strings.Contains(c.said.String(), "goroutine ") {
			t.Errorf("%v: ended with %v: %s", signal, err, c.said)
		}
	}
}

// TestBusDies: the app goes on tending without one, and ends when asked to.
func TestBusDies(t *testing.T) {
	bus := traytest.StartMortalBus(t)
	watcher := traytest.ServeWatcher(t, traytest.Connect(t, bus.Address), true)
	c := startChild(t, t.TempDir(), "DBUS_SESSION_BUS_ADDRESS="+bus.Address)
	traytest.Receive(t, watcher.Items, "the icon")
	bus.Kill()
	c.send(`{"state":"signed-in","account":"default"}`)
	c.send(`{"state":"sign-in-again","account":"default"}`)
	select {
	case err := <-c.ended:
		t.Fatalf("it ended with %v: %s", err, c.said)
	case <-time.After(500 * time.Millisecond):
	}
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := traytest.Receive(t, c.ended, "the end"); err != nil {
		t.Errorf("ended with %v: %s", err, c.said)
	}
}

// TestBusComesBackToTheIcon: a new bus at the old address gets the icon, with the menu
// as it is by then, and its clicks arrive. Twice.
func TestBusComesBackToTheIcon(t *testing.T) {
	bus := traytest.StartMortalBus(t)
	watcher := traytest.ServeWatcher(t, traytest.Connect(t, bus.Address), true)
	c := startChild(t, t.TempDir(), "DBUS_SESSION_BUS_ADDRESS="+bus.Address)
	traytest.Receive(t, watcher.Items, "the icon")
	for round, account := range []string{"a@example.com", "b@example.com"} {
		bus.Kill()
		c.send(`{"state":"signed-in","account":"default","email":"` + account + `"}`)
		time.Sleep(200 * time.Millisecond) // it draws without a bus
		bus.Start()
		conn := traytest.Connect(t, bus.Address)
		watcher := traytest.ServeWatcher(t, conn, round > 0)
		if round == 0 { // the panel comes later than the bus
			time.Sleep(1500 * time.Millisecond)
			if _, err := conn.ReleaseName(traytest.WatcherName); err != nil {
				t.Fatal(err)
			}
			conn = traytest.Connect(t, bus.Address)
			watcher = traytest.ServeWatcher(t, conn, true)
		}
		p := traytest.OpenPanel(t, conn, traytest.Receive(t, watcher.Items, "the icon"))
		p.Want("# " + account)
		p.Click("  Sign in again…")
		if got := traytest.Receive(t, c.out, "the sign-in"); got != "SignIn" {
			t.Fatalf("the engine heard %q", got)
		}
		p.Click("  Cancel sign-in")
		p.Want("  Sign in again…")
	}
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := traytest.Receive(t, c.ended, "the end"); err != nil {
		t.Errorf("ended with %v: %s", err, c.said)
	}
}
