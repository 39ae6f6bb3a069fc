package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"keytender/internal/desktop"
	"keytender/internal/fakeclaude"
	"keytender/internal/testguard"
)

// signIn is a `keytender login` under way, in a process of its own.
type signIn struct {
	*testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan error

	mu    sync.Mutex
	lines []string
}

func beginSignIn(t *testing.T, env []string, args ...string) *signIn {
	t.Helper()
	return beginProgram(t, env, append([]string{"login"}, args...)...)
}

func beginProgram(t *testing.T, env []string, args ...string) *signIn {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The test binary is the command line when it is called by that name.
	program := filepath.Join(t.TempDir(), "keytender")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	s := &signIn{T: t, cmd: exec.Command(program, args...), ended: make(chan error, 1)}
	s.cmd.Env = env
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for scan := bufio.NewScanner(stderr); scan.Scan(); {
			s.mu.Lock()
			s.lines = append(s.lines, scan.Text())
			s.mu.Unlock()
		}
		s.ended <- s.cmd.Wait()
	}()
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	return s
}

// says waits for a line "Name: value" and returns the value.
func (s *signIn) says(name string) string {
	s.Helper()
	for deadline := time.Now().Add(testguard.Patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		for _, line := range s.lines {
			line = strings.TrimLeft(line, "✓⚠✗ ")
			if value, ok := strings.CutPrefix(line, name+": "); ok {
				s.mu.Unlock()
				return value
			}
		}
		s.mu.Unlock()
	}
	s.Fatalf("no line %q; there is:\n%s", name, s.all())
	return ""
}

func (s *signIn) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

func (s *signIn) exits(want int) {
	s.Helper()
	select {
	case <-s.ended:
		if got := s.cmd.ProcessState.ExitCode(); got != want {
			s.Errorf("exit code %d, want %d:\n%s", got, want, s.all())
		}
	case <-time.After(testguard.Patience):
		s.Fatalf("it goes on for too long:\n%s", s.all())
	}
}

// TestCommandLineInRealBrowser is the same journey from the command line: the
// real browser opens through xdg-open, the pointer clicks Allow, the OS keychain
// holds the tokens.
func TestCommandLineInRealBrowser(t *testing.T) {
	d := desktop.Start(t, desktop.Options{Without: []desktop.Part{desktop.Panel, desktop.Notify}})
	server := fakeServer(t)
	s := beginSignIn(t, append(d.Env(), server.Env()...))
	if callback := s.says("Callback"); callback != fmt.Sprintf("http://localhost:%d/callback", d.Port()) {
		t.Errorf("callback at %s", callback)
	}
	page := d.WaitPage(server.AuthorizeURL())
	page.WaitText("Allow")
	page.Click("Allow")
	page.WaitText("Signed in as a@example.com")
	if strings.Contains(page.URL(), "?") {
		t.Errorf("the code is still in the address bar: %s", page.URL())
	}
	s.exits(0)
	if saved := s.says("Saved in"); !strings.HasPrefix(saved, "keychain") {
		t.Errorf("saved in %s", saved)
	}
	if !strings.Contains(d.Secret("service", "keytender", "username", "a"), "sk-ant-ort01-FAKE") {
		t.Error("secret-tool does not find the login")
	}
	if _, err := os.Stat(filepath.Join(d.Home(), ".local/state/keytender/credentials.json")); err == nil {
		t.Error("there is a plain file beside the keychain")
	}

	// Once more, and this time the person says no.
	s = beginSignIn(t, append(d.Env(), server.Env()...))
	page = d.WaitPage(server.AuthorizeURL())
	page.WaitText("Decline")
	page.Click("Decline")
	page.WaitText("Nothing was stored")
	d.Screenshot("browser-declined")
	s.exits(7)
	if !strings.Contains(d.Secret("service", "keytender", "username", "a"), "sk-ant-ort01-FAKE") {
		t.Error("declining cost the login that was there")
	}
}

func fakeServer(t *testing.T) *fakeclaude.Server {
	t.Helper()
	server, err := fakeclaude.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// bareEnv is a machine without display, bus, browser or keychain.
func bareEnv(t *testing.T, server *fakeclaude.Server, more ...string) []string {
	home := t.TempDir()
	env := []string{"HOME=" + home, "PATH=" + home, "USER=tester", "XDG_RUNTIME_DIR=" + home,
		"GORACE=" + testguard.RaceOptions,
		"HTTPS_PROXY=http://127.0.0.1:9", "HTTP_PROXY=http://127.0.0.1:9"}
	env = append(env, "KEYTENDER_PORT="+testguard.FreePort(t)) // a machine without namespaces has 8765 once
	return append(append(env, server.Env()...), more...)
}

// TestNoDisplayNoBusNoBrowser signs in by a pasted URL on a machine that has
// nothing; the file store is chosen and said.
func TestNoDisplayNoBusNoBrowser(t *testing.T) {
	server := fakeServer(t)
	env := bareEnv(t, server)
	s := beginSignIn(t, env)
	s.says("Sign in")
	paste := s.says("Paste URL")
	if why := s.says("Browser"); !strings.Contains(why, "no display") {
		t.Errorf("it says of the browser: %s", why)
	}
	location, err := fakeclaude.Approve(context.Background(), paste)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(s.stdin, "not a code at all, sorry\n\n  "+location+"  \n"); err != nil {
		t.Fatal(err)
	}
	s.exits(0)
	if saved := s.says("Saved in"); !strings.HasPrefix(saved, "file ") {
		t.Errorf("saved in %s", saved)
	}
	s.says("Not taken")
	if n := server.Count("exchange"); n != 1 {
		t.Errorf("%d exchanges", n)
	}
}

// TestPasteForms takes each form in which a code is shown.
func TestPasteForms(t *testing.T) {
	for name, form := range map[string]func(code, state string) string{
		"CODE#STATE": func(code, state string) string { return code + "#" + state },
		"bare CODE":  func(code, _ string) string { return code },
		"blanks":     func(code, state string) string { return "  " + code + "#" + state + " \t" },
	} {
		t.Run(name, func(t *testing.T) {
			server := fakeServer(t)
			s := beginSignIn(t, bareEnv(t, server), "--method", "paste")
			location, err := fakeclaude.Approve(context.Background(), s.says("Paste URL"))
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(location)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(s.stdin, form(u.Query().Get("code"), u.Query().Get("state")))
			s.stdin.Close() // the end of stdin ends nothing
			s.exits(0)
			s.says("Signed in as")
		})
	}
}

// TestWholeLoopbackURLPasted: a person who copies the address of a page that could not
// be reached is signed in, with the redirect URI of that address.
func TestWholeLoopbackURLPasted(t *testing.T) {
	server := fakeServer(t)
	s := beginSignIn(t, bareEnv(t, server), "--no-browser")
	location, err := fakeclaude.Approve(context.Background(), s.says("Sign in"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(s.stdin, location)
	s.exits(0)
	s.says("Signed in as")
}

// TestPortTaken: on one stack or both, by --port an error, else another port
// that is said.
func TestPortTaken(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("this machine has no %s", address)
			continue
		}
		defer l.Close()
		port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
		server := fakeServer(t)
		s := beginSignIn(t, bareEnv(t, server), "--port", port)
		s.exits(1)
		if all := s.all(); !strings.Contains(all, port) || !strings.Contains(all, "hint: ") {
			t.Errorf("--port %s on %s: %s", port, address, all)
		}
		s = beginSignIn(t, bareEnv(t, server, "KEYTENDER_PORT="+port))
		if moved := s.says("Port"); !strings.Contains(moved, port) {
			t.Errorf("the line does not name the port that is taken: %s", moved)
		}
		location, err := fakeclaude.Approve(context.Background(), s.says("Sign in"))
		if err != nil {
			t.Fatal(err)
		}
		if code := fetch(location); code != 0 {
			t.Fatal("the callback did not answer")
		}
		s.exits(0)
	}
}

// TestSignalsWhileWaiting: each signal ends a sign-in within a second with its exit
// code, the port free and nothing stored.
func TestSignalsWhileWaiting(t *testing.T) {
	for signal, code := range endingSignals {
		server := fakeServer(t)
		s := beginSignIn(t, bareEnv(t, server), "--no-browser")
		callback, _ := url.Parse(s.says("Callback"))
		s.says("Waiting")
		begin := testguard.Start()
		if err := s.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		s.exits(code)
		begin.Within(t, time.Second, signal.String())
		if c, err := net.Dial("tcp", callback.Host); err == nil {
			c.Close()
			t.Errorf("the port is still open after %v", signal)
		}
	}
}

// TestCancelledAfterTheCode: the code had come, the person presses Ctrl-C while it is
// exchanged; nothing is stored.
func TestCancelledAfterTheCode(t *testing.T) {
	server := fakeServer(t)
	server.Set(func(b *fakeclaude.Behaviour) { b.Faults = []fakeclaude.Fault{{Silent: true}} })
	env := bareEnv(t, server)
	s := beginSignIn(t, env, "--no-browser")
	location, err := fakeclaude.Approve(context.Background(), s.says("Sign in"))
	if err != nil {
		t.Fatal(err)
	}
	go fetch(location)
	for deadline := time.Now().Add(testguard.Patience); server.Held() == 0 &&
		time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
	}
	begin := testguard.Start()
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	s.exits(130)
	begin.Within(t, 3*time.Second, "ending")
	home, _ := strings.CutPrefix(env[0], "HOME=")
	_ = filepath.WalkDir(home, func(path string, entry os.DirEntry, err error) error {
		if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), "FAKE") {
			t.Errorf("%s was stored", path)
		}
		return nil
	})
}

// TestReadOnlyDisk: tokens could not be stored, so nobody is sent to a browser for them.
// /proc takes no folder, not even from root.
func TestReadOnlyDisk(t *testing.T) {
	server := fakeServer(t)
	s := beginSignIn(t, bareEnv(t, server, "KEYTENDER_HOME=/proc/keytender"), "--no-browser")
	s.exits(5)
	if all := s.all(); strings.Contains(all, "Sign in: ") || !strings.Contains(all, "the login could not be kept") ||
		!strings.Contains(all, "hint: ") {
		t.Errorf("it says:\n%s", all)
	}
	if n := server.Count("exchange"); n != 0 {
		t.Errorf("%d codes were spent", n)
	}
}

// reads waits until the program waits for its standard input: until one of its threads
// is in read(2) of it, which proc_pid_syscall(5) tells by numbers.
func (s *signIn) reads() {
	s.Helper()
	call := fmt.Sprintf("%d 0x0 ", syscall.SYS_READ)
	for deadline := time.Now().Add(testguard.Patience); ; time.Sleep(10 * time.Millisecond) {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", s.cmd.Process.Pid))
		for _, thread := range threads {
			text, err := os.ReadFile(thread)
			if errors.Is(err, fs.ErrPermission) { // in some containers
				time.Sleep(time.Second)
				return
			}
			if strings.HasPrefix(string(text), call) {
				return
			}
		}
		if time.Now().After(deadline) {
			s.Fatalf("it does not read:\n%s", s.all())
		}
	}
}

// TestSignalsWhileReading: a signal ends a command that waits for its input, and what
// comes later is not acted on.
func TestSignalsWhileReading(t *testing.T) {
	server := fakeServer(t)
	env := bareEnv(t, server)
	for _, args := range [][]string{{"import", "-"}, {"api-key", "set"}} {
		s := beginProgram(t, env, args...)
		s.reads()
		begin := testguard.Start()
		if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		s.exits(143)
		begin.Within(t, time.Second, args[0])
	}
}
