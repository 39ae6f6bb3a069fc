package keychain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zalando/go-keyring"

	"keytender/internal/secret"
	"keytender/internal/testguard"
)

// exitError is what a program that ended with code leaves behind.
func exitError(t *testing.T, code string) error {
	t.Helper()
	err := exec.Command(script(t, "exit "+code)).Run()
	if err == nil {
		t.Fatal("no error")
	}
	return err
}

func TestRefusal(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{keyring.ErrNotFound, "not-found"},
		{keyring.ErrSetDataTooBig, "too-big"},
		{exitError(t, "44"), "not-found"},
		{exitError(t, "36"), "locked"},
		{exitError(t, "51"), "denied"},
		{exitError(t, "128"), "denied"},
		{exitError(t, "37"), "unavailable"},
		{exitError(t, "45"), "failed"},
		{exitError(t, "1"), "failed"},
		{errors.New("anything else"), "failed"},
	} {
		if got := refusal(c.err); got.Error != c.want {
			t.Errorf("%v: %+v, want %s", c.err, got, c.want)
		}
	}
}

func TestReadReply(t *testing.T) {
	for text, want := range map[string]error{
		`{"record":"FAKE"}`:                 nil,
		`{}`:                                nil,
		`{"error":"not-found"}`:             ErrNotFound,
		`{"error":"locked","detail":"why"}`: ErrLocked,
		`{"error":"denied"}`:                ErrDenied,
		`{"error":"unavailable","detail":"no bus"}`:       ErrUnavailable,
		`{"error":"too-big"}`:                             ErrTooBig,
		`{"error":"failed"}`:                              errFailed,
		`{"error":"of a version to come","detail":"why"}`: errFailed,
		``: errFailed, `x`: errFailed, `[]`: errFailed, `{"record":"FAKE"`: errFailed,
	} {
		a, err := readReply([]byte(text))
		if !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
		if err != nil && a.Error+a.Detail+a.Record != "" {
			t.Errorf("%s: an answer with an error: %+v", text, a)
		}
		if errors.Is(err, ErrUnavailable) && want != ErrUnavailable {
			t.Errorf("%s: a failure counts as a keychain that is not there", text)
		}
	}
}

// script is a program that runs a shell script. Windows has no shell for it: there it
// is the test binary under another name, with the script beside it.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "child")
	if runtime.GOOS != "windows" {
		testguard.Script(t, path, text)
		return path
	}
	path += ".exe"
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self) // a second name of it could not be removed while we run
	if err := errors.Join(err, os.WriteFile(path, program, 0o700), os.WriteFile(path+".script", []byte(text), 0o600),
		os.WriteFile(path+".whole", []byte(self), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// runScript is the shell of script: the few commands that its callers use.
func runScript() {
	if os.Getenv("KTTEST_SLEEP") != "" {
		time.Sleep(5 * time.Second)
		os.Exit(0)
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	text, err := os.ReadFile(self + ".script")
	if err != nil {
		return
	}
	for _, line := range strings.Split(string(text), "; ") {
		command, to, redirected := strings.Cut(line, ">")
		out := io.Writer(os.Stdout)
		if to == "/dev/null" {
			out = io.Discard
		} else if redirected {
			if out, err = os.Create(strings.Trim(to, `"`)); err != nil {
				os.Exit(99)
			}
		}
		words := strings.Fields(command)
		switch words[0] {
		case "exit":
			code, _ := strconv.Atoi(words[1])
			os.Exit(code)
		case "kill":
			p, _ := os.FindProcess(os.Getpid())
			_ = p.Kill()
			select {}
		case "exec":
			time.Sleep(time.Minute)
		case "sleep": // in a child that holds our pipe; not from here, so that this folder can go
			whole, _ := os.ReadFile(self + ".whole")
			child := exec.Command(string(whole))
			child.Env, child.Stdout = append(os.Environ(), "KTTEST_SLEEP=1"), os.Stdout
			_ = child.Run()
		case "cat":
			_, _ = io.Copy(out, os.Stdin)
		case "echo":
			fmt.Fprintln(out, strings.Trim(strings.TrimPrefix(command, "echo "), "'"))
		case "env":
			fmt.Fprintln(out, strings.Join(os.Environ(), "\n"))
		case "printf":
			fmt.Fprintln(out, strings.Join(os.Args[1:], "\n"))
		default:
			os.Exit(98)
		}
	}
	os.Exit(0)
}

// program is a keychain whose child is a shell script.
func program(t *testing.T, text string) *OSKeychain {
	t.Helper()
	return &OSKeychain{Service: "keytender-test", program: script(t, text)}
}

func TestChildTrouble(t *testing.T) {
	record := secret.New(`{"FAKE":1}`)
	for _, c := range []struct {
		name, script string
		want         error
	}{
		{"it ends early", "exit 1", errFailed},
		{"it dies", "kill -9 $$", errFailed},
		{"it says nothing", "cat >/dev/null", errFailed},
		{"it says nonsense", "cat >/dev/null; echo nonsense", errFailed},
		{"it reads nothing and answers", `echo '{"error":"locked"}'`, ErrLocked},
		{"it came to its own limit", "exit 3", ErrTimedOut},
		{"it hangs", "exec sleep 60", ErrTimedOut},
		{"it hangs and holds the pipe", "sleep 60", ErrTimedOut},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := program(t, c.script)
			k.Limit = 20 * time.Second // on a busy machine a program takes long to start
			if strings.Contains(c.name, "hangs") {
				k.Limit = 3 * time.Second
				if runtime.GOOS != "windows" {
					k.Limit = 300 * time.Millisecond
				}
			}
			start := testguard.Start()
			if err := k.Save(t.Context(), "default", record); !errors.Is(err, c.want) {
				t.Errorf("save: %v, want %v", err, c.want)
			} else if strings.Contains(err.Error(), "FAKE") {
				t.Errorf("the error shows the record: %v", err)
			}
			if _, err := k.Load(t.Context(), "default"); !errors.Is(err, c.want) {
				t.Errorf("load: %v, want %v", err, c.want)
			}
			if err := k.Delete(t.Context(), "default"); !errors.Is(err, c.want) {
				t.Errorf("delete: %v, want %v", err, c.want)
			}
			start.Within(t, 3*k.Limit+9*time.Second, "three calls")
		})
	}
	k := &OSKeychain{Service: "keytender-test", program: filepath.Join(t.TempDir(), "none")}
	if _, err := k.Load(t.Context(), "default"); !errors.Is(err, errFailed) || errors.Is(err, ErrUnavailable) {
		t.Errorf("no program: %v", err)
	}
}

func TestChildCancelled(t *testing.T) {
	k := program(t, "exec sleep 60")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := k.Load(ctx, "default"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := k.Load(ctx, "default"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before it began: %v", err)
	}
	late, cancelLate := context.WithTimeout(t.Context(), -time.Second)
	defer cancelLate()
	if _, err := k.Load(late, "default"); !errors.Is(err, ErrTimedOut) {
		t.Errorf("too late before it began: %v", err)
	}
}

// What a child has started ends with it: on macOS that is the program that writes.
func TestChildEndsWithWhatItStarted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there the child starts nothing")
	}
	late := filepath.Join(t.TempDir(), "late")
	k := program(t, `(sleep 1; echo >"`+late+`") & wait`)
	k.Limit = 300 * time.Millisecond
	if err := k.Save(t.Context(), "default", secret.New("FAKE")); !errors.Is(err, ErrTimedOut) {
		t.Error(err)
	}
	time.Sleep(1200 * time.Millisecond)
	if _, err := os.Stat(late); err == nil {
		t.Error("the write came true after its child was killed")
	}
}

// The child sees neither our environment nor the record in its arguments.
func TestChildEnvironment(t *testing.T) {
	dir := t.TempDir()
	k := program(t, `env >"`+dir+`/env"; printf '%s\n' "$@" >"`+dir+`/args"; cat >"`+dir+`/in"; echo '{}'`)
	t.Setenv("ANTHROPIC_API_KEY", "sk-ant-api03-FAKE")
	t.Setenv("LD_PRELOAD", "")
	if err := k.Save(t.Context(), "default", secret.New("FAKE-record")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"env": false, "args": false, "in": true} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(data), "FAKE"); got != want {
			t.Errorf("%s holds a secret: %v", name, got)
		}
	}
}
