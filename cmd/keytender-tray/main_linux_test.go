package main

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"keytender/internal/fakeclaude"
	"keytender/internal/testguard"
	"keytender/tray/traytest"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

// desktop is the program on a small desktop of its own, over a fake authorization
// server, with a browser that only notes where it was sent.
type desktop struct {
	*testing.T
	env     []string
	home    string
	server  *fakeclaude.Server
	watcher *traytest.Watcher
	notes   *traytest.Notifications
	panel   *traytest.Panel
	ended   chan error
	stderr  said
	conn    *dbus.Conn
	program string
	process *os.Process
}

// said is what processes of the program wrote, two at once perhaps.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// start starts the program with more variables, NAME=VALUE.
func start(t *testing.T, env ...string) *desktop {
	t.Helper()
	return startFirst(t, append(env, "GREETED=true")...)
}

// startFirst is start where the program has never run.
func startFirst(t *testing.T, env ...string) *desktop {
	t.Helper()
	server, err := fakeclaude.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	dir := t.TempDir()
	address := traytest.StartBus(t)
	conn := traytest.Connect(t, address)
	d := &desktop{T: t, home: dir, server: server, ended: make(chan error, 1),
		watcher: traytest.ServeWatcher(t, conn, true),
		notes:   traytest.ServeNotifications(t, conn, "body", "body-markup", "actions")}
	testguard.Script(t, filepath.Join(dir, "xdg-open"),
		"echo \"$1\" > "+dir+"/url.part\nmv "+dir+"/url.part "+dir+"/url")
	d.env = append(os.Environ(), server.Env()...)
	d.env = append(d.env, "DBUS_SESSION_BUS_ADDRESS="+address, "KEYTENDER_HOME="+filepath.Join(dir, "kt"), "HOME="+dir,
		"KEYTENDER_PORT="+testguard.FreePort(t), "LC_ALL=C.UTF-8", "PATH="+dir+":"+os.Getenv("PATH"))
	d.env = append(d.env, env...)
	d.conn, d.program = conn, program(t, dir)
	if slices.Contains(env, "GREETED=true") {
		d.greet()
	}
	d.launch()
	return d
}

// greet has the program believe that its note of the first start was seen: it would open
// in the browser.
func (d *desktop) greet() {
	d.Helper()
	state := filepath.Join(d.home, "kt", "state")
	if err := os.MkdirAll(state, 0o700); err != nil {
		d.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, "notices.json"), []byte(`{"(welcome)":{"at":"2026-01-01T00:00:00Z"}}`),
		0o600); err != nil {
		d.Fatal(err)
	}
}

var built struct {
	sync.Mutex
	path string
}

// program puts the program into dir, compiled once for all tests.
func program(t *testing.T, dir string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if built.path == "" {
		home, err := os.MkdirTemp(os.Getenv("HOME"), "built-") // goes with the throw-away home
		if err != nil {
			t.Fatal(err)
		}
		built.path = traytest.Build(t, home, "build")
	}
	path := filepath.Join(dir, "program")
	if err := os.Link(built.path, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// launch starts the program, for a second time too.
func (d *desktop) launch() {
	d.Helper()
	cmd := exec.Command(d.program)
	cmd.Env, cmd.Stderr = d.env, &d.stderr
	if err := cmd.Start(); err != nil {
		d.Fatal(err)
	}
	d.process = cmd.Process
	d.Cleanup(func() { _ = cmd.Process.Kill() })
	ended := d.ended
	go func() { ended <- cmd.Wait() }()
	d.openPanel()
}

// openPanel finds the icon that registers next.
func (d *desktop) openPanel() {
	d.Helper()
	d.panel = traytest.OpenPanel(d.T, d.conn, traytest.Receive(d.T, d.watcher.Items, "the icon"))
}

// browsed is where the browser was sent.
func (d *desktop) browsed() string {
	d.Helper()
	path := filepath.Join(d.home, "url")
	for deadline := time.Now().Add(testguard.Patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if url, err := os.ReadFile(path); err == nil {
			os.Remove(path)
			return strings.TrimSpace(string(url))
		}
	}
	d.Fatal("no browser was opened")
	return ""
}

// come is the browser that follows the redirect and stays for the page behind it.
func (d *desktop) come(location string) (page string) {
	d.Helper()
	client := &http.Client{Timeout: testguard.Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(location)
	if err != nil {
		d.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		d.Fatal(err)
	}
	return string(text)
}

// TestSignInRenewSignOut is the way of a click, with everything real but the
// server and the browser.
func TestSignInRenewSignOut(t *testing.T) {
	d := start(t)
	d.panel.Want("# Signed out")
	d.panel.Click("  Sign in…")
	location, err := d.server.Approve(t.Context(), d.browsed())
	if err != nil {
		t.Fatal(err)
	}
	d.come(location)
	signedIn := traytest.Receive(t, d.notes.Notes, "the notification")
	email, ok := strings.CutPrefix(signedIn.Title, "Signed in as ")
	if !ok {
		t.Fatalf("told %q: %q", signedIn.Title, signedIn.Body)
	}
	d.panel.Want("# Claude Code: in step")
	menu, _ := d.panel.Rows()
	if !strings.Contains(menu, email) || !strings.Contains(menu, "Login ends in") {
		t.Errorf("the menu of a login:\n%s", menu)
	}
	entry, err := os.ReadFile(filepath.Join(d.home, ".claude", ".credentials.json"))
	if err != nil || !bytes.Contains(entry, []byte("claudeAiOauth")) {
		t.Errorf("Claude Code's entry: %v", err)
	}

	d.panel.Click("  Renew now")
	for deadline := time.Now().Add(testguard.Patience); d.server.Count("renew") == 0; time.Sleep(
		20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing was renewed")
		}
	}

	d.panel.Click("  Here and in Claude Code")
	if got := traytest.Receive(t, d.notes.Notes, "the notification"); got.Title != "Signed out" {
		t.Errorf("told %q: %q", got.Title, got.Body)
	}
	d.panel.Want("# Signed out")

	begin := testguard.Start()
	d.panel.Quit()
	if err := traytest.Receive(t, d.ended, "the end"); err != nil || d.stderr.String() != "" {
		t.Errorf("ended with %v: %s", err, &d.stderr)
	}
	begin.Within(t, 2*time.Second, "quitting")
}

func TestDeclinedAndCancelled(t *testing.T) {
	d := start(t)
	d.panel.Click("  Sign in…")
	location, err := d.server.Decline(t.Context(), d.browsed())
	if err != nil {
		t.Fatal(err)
	}
	d.come(location)
	if got := traytest.Receive(t, d.notes.Notes, "the notification"); got.Title != "Sign-in did not work" {
		t.Errorf("told %q: %q", got.Title, got.Body)
	}
	d.panel.Click("  Sign in…")
	late, err := d.server.Approve(t.Context(), d.browsed())
	if err != nil {
		t.Fatal(err)
	}
	d.panel.Click("  Cancel sign-in")
	d.panel.Want("  Sign in…")
	if page := d.come(late); !strings.Contains(page, "This sign-in was cancelled") {
		t.Errorf("a late Allow meets\n%s", page)
	}
	// The next attempt has the port again. And quitting in the middle of one.
	d.panel.Click("  Sign in…")
	link := d.browsed()
	if port := strings.SplitN(late, "/callback", 2)[0]; !strings.Contains(link, url.QueryEscape(port+"/callback")) {
		t.Errorf("the last attempt listened at %s, this one's link is %s", port, link)
	}
	if late, err = d.server.Approve(t.Context(), link); err != nil {
		t.Fatal(err)
	}
	d.panel.Want("  Cancel sign-in")
	begin := testguard.Start()
	d.panel.Quit()
	d.waitFor("the icon to go", func() bool { return !d.panel.Alive() })
	begin.Within(t, 2*time.Second, "quitting")
	// A browser that comes then meets our page, too, and who starts the app gets it.
	if page := d.come(late); !strings.Contains(page, "This sign-in was cancelled") {
		t.Errorf("after the end a late Allow meets\n%s", page)
	}
	first, former := d.process, d.ended
	d.ended = make(chan error, 1)
	d.launch()
	d.panel.Want("  Sign in…")
	begin = testguard.Start()
	if err := first.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := traytest.Receive(t, former, "the end"); err != nil {
		t.Errorf("ended with %v: %s", err, &d.stderr)
	}
	begin.Within(t, 2*time.Second, "the end")
	if n := d.server.Count("exchange"); n != 0 {
		t.Errorf("%d exchanges", n)
	}
}

func TestCommandLine(t *testing.T) {
	program := program(t, t.TempDir())
	for _, c := range []struct {
		args []string
		env  string
		exit int
		says string
	}{
		{[]string{"--version"}, "", 0, "keytender-tray "},
		{[]string{"anything"}, "", 2, "takes no argument"},
		{nil, "KEYTENDER_PORT=x", 2, "KEYTENDER_PORT"},
		{nil, "", 1, "keytender login"},
	} {
		cmd := exec.Command(program, c.args...)
		cmd.Env = append(os.Environ(), c.env)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.exit || !strings.Contains(string(out), c.says) {
			t.Errorf("%q %s: exit %d: %s", c.args, c.env, code, out)
		}
	}
}

// TestLogIsOpened: whatever characters its path holds, as macOS's holds a space.
func TestLogIsOpened(t *testing.T) {
	dir := t.TempDir()
	testguard.Script(t, filepath.Join(dir, "xdg-open"), "printf '%s' \"$1\" >"+dir+"/opened")
	t.Setenv("PATH", dir)
	path := filepath.Join(dir, "Application Support", "50%25 #1.log")
	if err := openFile(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "opened")); string(got) != path {
		t.Errorf("opened %q, want %q", got, path)
	}
}
