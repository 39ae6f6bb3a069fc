//go:build !windows

package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
	"keytender/internal/testguard"
)

// screen is keytender in a real terminal.
type screen struct {
	t        *testing.T
	terminal *os.File
	cmd      *exec.Cmd
	mu       sync.Mutex
	screen   strings.Builder
	closed   chan struct{}
}

// inTerminal starts keytender in a terminal of its own, with more variables.
func inTerminal(t *testing.T, server *fakeclaude.Server, home string, env []string, args ...string) *screen {
	t.Helper()
	return programInTerminal(t, server, home, env, "keytender", args...)
}

// programInTerminal does it with a program that may start keytender.
func programInTerminal(t *testing.T, server *fakeclaude.Server, home string, env []string, name string,
	args ...string) *screen {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "KEYTENDER_HOME="+filepath.Join(home, "kt"),
		"KEYTENDER_STORE=file",
		"HOME="+home, "CLAUDE_CONFIG_DIR="+filepath.Join(home, "claude"))
	cmd.Env = append(append(cmd.Env, server.Env()...), env...)
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 60})
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, terminal: terminal, cmd: cmd, closed: make(chan struct{})}
	go func() {
		defer close(s.closed)
		buffer := make([]byte, 4096)
		for {
			n, err := terminal.Read(buffer)
			s.mu.Lock()
			s.screen.Write(buffer[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = terminal.Close() })
	return s
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.screen.String()
}

// wait returns what the pattern's group matched as soon as it is shown.
func (s *screen) wait(pattern string) string {
	s.t.Helper()
	want := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(testguard.Patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if found := want.FindStringSubmatch(s.text()); found != nil {
			return found[len(found)-1]
		}
	}
	s.t.Fatalf("%s was not shown:\n%s", pattern, s.text())
	return ""
}

// waitEchoOff waits until the terminal shows nothing of what is typed.
func (s *screen) waitEchoOff() {
	s.t.Helper()
	for deadline := time.Now().Add(testguard.Patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if s.echoIsOff() {
			return
		}
	}
	s.t.Fatal("the terminal still shows what is typed")
}

func (s *screen) echoIsOff() (off bool) {
	raw, err := s.terminal.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) {
		state, err := unix.IoctlGetTermios(int(fd), getTermios)
		off = err == nil && state.Lflag&unix.ECHO == 0
	})
	return off
}

func (s *screen) write(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.terminal, text); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the program's end and returns its exit code.
func (s *screen) end() int {
	s.t.Helper()
	ended := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(testguard.Patience):
		s.t.Fatalf("it does not end:\n%s", s.text())
	}
	<-s.closed
	return s.cmd.ProcessState.ExitCode()
}

func startServer(t *testing.T) *fakeclaude.Server {
	t.Helper()
	server, err := fakeclaude.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// TestPasteInATerminal: what a person pastes into a real terminal arrives in
// pieces, between marks and with blanks, and is understood.
func TestPasteInATerminal(t *testing.T) {
	half := func(text string) int { return strings.Index(text, "#") / 2 }
	tests := []struct {
		name  string
		lines func(paste, redirect string) []string // each written with Enter behind it
	}{
		{"as it is", func(p, _ string) []string { return []string{p} }},
		{"bracketed paste", func(p, _ string) []string { return []string{"\x1b[200~" + p + "\x1b[201~"} }},
		{"blanks around and within", func(p, _ string) []string {
			return []string{"  " + p[:30] + " " + p[30:] +
				" \t"}
		}},
		{"the code alone", func(p, _ string) []string { return []string{p[:strings.Index(p, "#")]} }},
		{"two lines, cut in the code", func(p, _ string) []string { return []string{p[:half(p)], p[half(p):]} }},
		{"two lines, cut in the state", func(p, _ string) []string {
			return []string{p[:len(p)-9],
				"  " + p[len(p)-9:]}
		}},
		{"three lines, bracketed", func(p, _ string) []string {
			return []string{"\x1b[200~" + p[:20], p[20:40], p[40:] + "\x1b[201~"}
		}},
		{"the whole link, wrapped", func(_, r string) []string { return []string{r[:60], r[60:]} }},
		{"nonsense first", func(p, _ string) []string { return []string{"what is this?", "", p} }},
		{"another sign-in's code first", func(p, _ string) []string { return []string{"FAKE-code#FAKE-state", p} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := startServer(t)
			s := inTerminal(t, server, t.TempDir(), nil, "login", "--method", "paste", "--timeout", "20s")
			page := strings.TrimSpace(s.wait(`Paste URL: (http[^\r\n]+)\r?\n`))
			s.wait(`Waiting: `)
			redirect, err := fakeclaude.Approve(context.Background(), page)
			if err != nil {
				t.Fatal(err)
			}
			paste, err := faults.PasteText(redirect)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range test.lines(paste, redirect) {
				s.write(line + "\n")
				time.Sleep(20 * time.Millisecond) // as Enter behind the last line
			}
			s.wait(`Signed in as: a@example\.com`)
			if code := s.end(); code != 0 {
				t.Errorf("exit %d:\n%s", code, s.text())
			}
			if n := server.Count("exchange"); n != 1 {
				t.Errorf("%d exchanges, want 1", n)
			}
		})
	}
}

// TestMarksAndColours: colour only on a terminal without NO_COLOR, the marks
// always.
func TestMarksAndColours(t *testing.T) {
	server := startServer(t)
	tests := []struct {
		env    []string
		file   string
		colour bool
	}{
		{nil, "", true},
		{[]string{"NO_COLOR=1"}, "", false},
		{[]string{"TERM=dumb"}, "", false},
		{nil, "no_color = true", false},
		{nil, "no_color = false", true},
		{[]string{"NO_COLOR=1"}, "no_color = false", false},
	}
	for _, test := range tests {
		home, ours := t.TempDir(), t.TempDir()
		if err := os.WriteFile(filepath.Join(ours, "config.toml"), []byte(test.file), 0o600); err != nil {
			t.Fatal(err)
		}
		s := inTerminal(t, server, home, append(test.env, "KEYTENDER_HOME="+ours), "status")
		if code := s.end(); code != 3 {
			t.Errorf("%v: exit %d", test.env, code)
		}
		text := s.text()
		if !strings.Contains(text, "✗") || strings.Contains(text, "\x1b[31m") != test.colour {
			t.Errorf("%v: %q", test.env, text)
		}
	}
}

// TestConfirmInATerminal: logout asks, and only a yes counts.
func TestConfirmInATerminal(t *testing.T) {
	server := startServer(t)
	home := t.TempDir()
	s := inTerminal(t, server, home, nil, "login", "--method", "paste", "--timeout", "20s")
	redirect, err := fakeclaude.Approve(context.Background(),
		strings.TrimSpace(s.wait(`Paste URL: (http[^\r\n]+)\r?\n`)))
	if err != nil {
		t.Fatal(err)
	}
	paste, _ := faults.PasteText(redirect)
	s.wait(`Waiting: `)
	s.write(paste + "\n")
	if code := s.end(); code != 0 {
		t.Fatalf("exit %d:\n%s", code, s.text())
	}
	for _, answer := range []struct {
		text string
		code int
	}{{"n", 1}, {"", 1}, {"y", 0}} {
		s := inTerminal(t, server, home, nil, "logout")
		s.wait(`\[y/N\] `)
		s.write(answer.text + "\n")
		if code := s.end(); code != answer.code {
			t.Errorf("%q: exit %d, want %d:\n%s", answer.text, code, answer.code, s.text())
		}
	}
}

// TestTypedKeyIsNotShown: a terminal does not show the API key that is typed.
func TestTypedKeyIsNotShown(t *testing.T) {
	server := startServer(t)
	s := inTerminal(t, server, t.TempDir(), nil, "api-key", "set")
	s.wait(`API key: `)
	s.waitEchoOff()
	s.write("sk-ant-api03-FAKE-typed-by-hand\n")
	s.wait(`API key: sk-ant-api03-`)
	if code := s.end(); code != 0 || strings.Contains(s.text(), "FAKE") {
		t.Errorf("exit %d:\n%s", code, s.text())
	}
}
