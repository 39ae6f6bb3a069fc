package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"keytender/internal/fakeclaude"
	"keytender/internal/testguard"
)

// endingSignals with the exit code that follows them.
var endingSignals = map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129,
	syscall.SIGQUIT: 131}

// TestSignalsAfterTheSend: the server has renewed and its response is under way. The pair is
// stored, in Claude Code's entry too, before the program ends.
func TestSignalsAfterTheSend(t *testing.T) {
	for signal, want := range endingSignals {
		for _, verb := range []string{"token", "refresh"} {
			server := fakeServer(t)
			env := bareEnv(t, server)
			dir := strings.TrimPrefix(env[0], "HOME=")
			entry := filepath.Join(dir, ".claude", ".credentials.json")
			if err := os.Mkdir(filepath.Dir(entry), 0o700); err != nil {
				t.Fatal(err)
			}
			_, refresh := server.Issue("a@example.com")
			login := fmt.Sprintf(
				`{"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE-a","refreshToken":%q,"expiresAt":1000,"scopes":["user:profile","user:inference"]}}`,
				refresh)
			if err := os.WriteFile(entry, []byte(login), 0o600); err != nil {
				t.Fatal(err)
			}
			run := func(args ...string) *exec.Cmd {
				cmd := exec.Command(programPath("keytender"), args...)
				cmd.Env = env
				return cmd
			}
			if out, err := run("import", "claude-code").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			server.Set(func(b *fakeclaude.Behaviour) {
				b.Faults = []fakeclaude.Fault{{On: "renew", When: fakeclaude.Processed, Silent: true}}
			})
			var said bytes.Buffer
			cmd := run(verb)
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(testguard.Patience); server.Held() == 0; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("no call came")
				}
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			server.Release()
			exit := &exec.ExitError{}
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != want ||
				strings.Contains(said.String(), "goroutine ") {
				t.Errorf("%s after %v: %v, want exit code %d: %s", verb, signal, err, want, &said)
			}
			if out, err := run("refresh", "--force").CombinedOutput(); err != nil || server.FamilyRevoked(refresh) {
				t.Errorf("%s after %v: the new pair was lost: %v: %s", verb, signal, err, out)
			}
			if text, _ := os.ReadFile(entry); strings.Contains(string(text), refresh) {
				t.Errorf("%s after %v: the entry holds the spent token", verb, signal)
			}
		}
	}
}

// TestHangUpUnderNohup: a SIGHUP that is ignored from the start ends nothing.
func TestHangUpUnderNohup(t *testing.T) {
	nohup, err := exec.LookPath("nohup")
	if err != nil {
		t.Skip("there is no nohup")
	}
	server := fakeServer(t)
	cmd := exec.Command(nohup, programPath("keytender"), "login", "--no-browser", "--timeout", "30s")
	cmd.Env = bareEnv(t, server)
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(said); lines.Scan() && !strings.HasPrefix(lines.Text(), "Waiting"); {
	}
	_ = cmd.Process.Signal(syscall.SIGHUP)
	time.Sleep(300 * time.Millisecond)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	exit := &exec.ExitError{}
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 143 {
		t.Errorf("%v, want the exit code of SIGTERM", err)
	}
}

// TestSignalsWhileKeychainIsSilent: the verbs that only read listen for signals late, but soon
// enough for whoever waits for a keychain that is silent; a sign-in that was given up asks it no more. How soon is the machine's affair: who
// is ended by the signal itself, as before main, is given four times as long.
func TestSignalsWhileKeychainIsSilent(t *testing.T) {
	for _, verb := range []string{"token", "status", "login"} {
		for signal, want := range endingSignals {
			after := 10 * briefly
			ended := endedWhileSilent(t, verb, signal, after)
			for ended == -1 && after < testguard.Patience/4 {
				after *= 4
				ended = endedWhileSilent(t, verb, signal, after)
			}
			if ended != want {
				t.Errorf("%s, %v after it asked, after %v: exit code %d, want %d", verb, after, signal, ended, want)
			}
		}
	}
}

// TestSignalsInLine: one that waits while another process renews listens too, after longer.
func TestSignalsInLine(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) *exec.Cmd {
		cmd := exec.Command(programPath("keytender"), args...)
		cmd.Env = append(os.Environ(), "KEYTENDER_HOME="+dir, "KEYTENDER_STORE=file")
		return cmd
	}
	login := run("import", "-")
	login.Stdin = strings.NewReader(`{"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE-a",` +
		`"refreshToken":"sk-ant-ort01-FAKE-a","expiresAt":1000,"scopes":["user:profile","user:inference"]}}`)
	if out, err := login.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	another := flock.New(filepath.Join(dir, "state", "lock"))
	if err := another.Lock(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = another.Unlock() }()
	for after := 2 * queued; ; after *= 2 {
		cmd := run("token")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		switch ended := cmd.ProcessState.ExitCode(); {
		case ended == 143:
			return
		case ended != -1 || after > testguard.Patience/4:
			t.Fatalf("after %v: %v, want exit code 143", after, cmd.ProcessState)
		}
	}
}

// endedWhileSilent runs verb beside a bus that never answers, sends it signal and returns its
// exit code, -1 where the signal itself ended it.
func endedWhileSilent(t *testing.T, verb string, signal syscall.Signal, after time.Duration) int {
	t.Helper()
	dir, err := os.MkdirTemp("", "kt") // short: it holds a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	bus, err := net.Listen("unix", filepath.Join(dir, "bus")) // of its own: no earlier program's child calls there
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	var said bytes.Buffer
	cmd := exec.Command(programPath("keytender"), verb)
	cmd.Env = append(os.Environ(), "KEYTENDER_HOME="+filepath.Join(dir, "home"), "KEYTENDER_STORE=keychain",
		"DBUS_SESSION_BUS_ADDRESS=unix:path="+bus.Addr().String())
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	asked, err := bus.Accept() // it waits from now on
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close()
	time.Sleep(after)
	begin := testguard.Start()
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if exit := (&exec.ExitError{}); !errors.As(cmd.Wait(), &exit) {
		t.Errorf("%s after %v ends well", verb, signal)
	}
	if strings.Contains(said.String(), "goroutine ") {
		t.Errorf("%s after %v prints stacks", verb, signal)
	}
	begin.Within(t, 2*time.Second, verb)
	return cmd.ProcessState.ExitCode()
}
