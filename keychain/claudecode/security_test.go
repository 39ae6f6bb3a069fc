package claudecode

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"keytender/internal/testguard"
	"keytender/keychain"
)

func fakeItem(f *fakeSecurity) *item {
	return &item{service: "Claude Code-credentials", account: "tester", run: f.run, now: time.Now}
}

const itemKey = "tester\x00Claude Code-credentials"

func TestSecurityStatuses(t *testing.T) {
	for exit, want := range map[int]error{
		44: keychain.ErrNotFound, 36: keychain.ErrLocked, 29: keychain.ErrLocked, 51: keychain.ErrDenied,
		128: keychain.ErrDenied, 195: keychain.ErrDenied, 45: keychain.ErrDenied,
		37: keychain.ErrUnavailable, 50: keychain.ErrUnavailable, 100: keychain.ErrUnavailable,
		154: keychain.ErrUnavailable, 1: keychain.ErrUnavailable, 2: keychain.ErrUnavailable,
	} {
		f := newFakeSecurity()
		f.items[itemKey] = login("")
		f.findExit = exit
		if _, _, err := fakeItem(f).read(t.Context()); !errors.Is(err, want) {
			t.Errorf("read with status %d: %v, want %v", exit, err, want)
		}
		if exit == 44 {
			want = keychain.ErrUnavailable // an add that finds nothing is no "not found" of ours
		}
		f.findExit, f.addExit = 0, exit
		if err := fakeItem(f).write(t.Context(), []byte(`{"a":1}`)); !errors.Is(err, want) ||
			errors.Is(err, keychain.ErrNotFound) {
			t.Errorf("write with status %d: %v, want %v", exit, err, want)
		}
		if f.items[itemKey] != login("") {
			t.Errorf("status %d changed the item", exit)
		}
	}
}

func TestSecurityOutput(t *testing.T) {
	tests := []struct {
		out, want string
		unclean   bool
	}{
		{login("") + "\n", login(""), false},
		{"7b7d\n", "{}", true},
		{"7b0a7d\n", "{\n}", true},
		{"7b2zz\n", "7b2zz", false},
		{"1234\n", "\x124", true}, // hex or a number: neither is an entry
		{"[]\n", "[]", false},
		{"\n", "", false},
		{"", "", false},
		{"go-keyring-base64:e30=\n", "go-keyring-base64:e30=", false},
	}
	for _, tt := range tests {
		if got, unclean := decodeSecret([]byte(tt.out)); string(got) != tt.want || unclean != tt.unclean {
			t.Errorf("%q: %q %v", tt.out, got, unclean)
		}
	}
}

// At every length the item is stored whole or refused, and never stands in argv.
func TestSecurityWriteNeverCuts(t *testing.T) {
	ways := map[string]int{}
	for length := 20; length < 4200; length++ {
		if length > 100 && length < 1900 {
			continue
		}
		f := newFakeSecurity()
		f.items[itemKey] = "{}"
		text := `{"k":"FAKE` + strings.Repeat("'", length%3) + strings.Repeat(`\"`, length%2)
		text += strings.Repeat("x", length-len(text)-2) + `"}`
		err := fakeItem(f).write(t.Context(), []byte(text))
		way := "refused"
		switch {
		case err == nil && strings.Contains(f.stdins[0], " -X "):
			way = "hex"
		case err == nil:
			way = "text"
		case !errors.Is(err, keychain.ErrTooBig):
			t.Fatalf("%d bytes: %v", length, err)
		}
		ways[way]++
		if want := map[bool]string{true: text, false: "{}"}[err == nil]; f.items[itemKey] != want {
			t.Fatalf("%d bytes, %s: the item is %q", length, way, f.items[itemKey])
		}
		if err != nil && len(f.calls) != 0 {
			t.Errorf("%d bytes were refused after calling the tool", length)
		}
		for _, call := range f.calls {
			if strings.Contains(fmt.Sprint(call), "FAKE") || strings.Contains(fmt.Sprint(call), "46414b45") {
				t.Fatalf("a secret in the arguments: %q", call)
			}
		}
	}
	if ways["hex"] == 0 || ways["text"] < 1500 || ways["refused"] == 0 {
		t.Errorf("ways = %v", ways)
	}
	line, err := addLine("Claude Code-credentials", "tester", []byte(`{"a":1}`))
	if want := "add-generic-password -U -a \"tester\" -s \"Claude Code-credentials\" -X \"7b2261223a317d\"\n"; err != nil ||
		string(line) != want {
		t.Errorf("line = %q %v", line, err)
	}
}

func TestSecurityQuoting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ -~]{0,40}`).Draw(t, "text")
		quote := rapid.SampledFrom([]byte{'"', '\''}).Draw(t, "quote")
		words := securityWords("add " + securityQuote(text, quote) + " end")
		if len(words) != 3 || words[1] != text || words[2] != "end" {
			t.Fatalf("%q became %q", text, words)
		}
	})
}

func TestSecurityWriteIsReadBack(t *testing.T) {
	f := newFakeSecurity()
	f.stored = func(s string) string { return s[:len(s)-1] }
	if err := fakeItem(f).write(t.Context(), []byte(`{"a":1}`)); err == nil || strings.Contains(err.Error(), `{"a"`) {
		t.Errorf("err = %v", err)
	}
}

func TestSecurityHoldsBackAfterARefusal(t *testing.T) {
	for _, exit := range []int{36, 51, 128} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeSecurity()
			f.items[itemKey] = login("")
			f.findExit = exit
			i := fakeItem(f)
			read := func(ctx context.Context, calls int) error {
				t.Helper()
				_, _, err := i.read(ctx)
				if len(f.calls) != calls {
					t.Fatalf("status %d: %d calls, want %d", exit, len(f.calls), calls)
				}
				return err
			}
			first := read(t.Context(), 1)
			time.Sleep(29 * time.Second)
			if again := read(t.Context(), 1); again == nil || again.Error() != first.Error() {
				t.Errorf("held back with %v, want %v", again, first)
			}
			f.findExit = 0
			if err := read(keychain.Interactive(t.Context()), 2); err != nil { // the person asked
				t.Error(err)
			}
			if err := read(t.Context(), 3); err != nil { // and so it is answered again
				t.Error(err)
			}
			f.findExit = exit
			_ = read(t.Context(), 4)
			time.Sleep(31 * time.Second)
			_ = read(t.Context(), 5)
		})
	}
}

func TestSecurityNotFoundIsNotHeldBack(t *testing.T) {
	f := newFakeSecurity()
	i := fakeItem(f)
	for range 3 {
		if _, _, err := i.read(t.Context()); !errors.Is(err, keychain.ErrNotFound) {
			t.Error(err)
		}
	}
	if len(f.calls) != 3 {
		t.Errorf("%d calls", len(f.calls))
	}
}

func TestSecurityTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := oneAtATime
		oneAtATime = make(chan struct{}, 1) // a channel of this bubble
		defer func() { oneAtATime = old }()
		f := newFakeSecurity()
		f.hang = true
		i := fakeItem(f)
		start := time.Now()
		if _, _, err := i.read(context.Background()); !errors.Is(err, keychain.ErrTimedOut) ||
			time.Since(start) != securityLimit {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		time.Sleep(securityPause)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		first := make(chan struct{})
		go func() { defer close(first); _, _, _ = i.read(keychain.Interactive(context.Background())) }()
		synctest.Wait()
		start = time.Now()
		if _, _, err := i.read(keychain.Interactive(ctx)); !errors.Is(err, keychain.ErrTimedOut) ||
			time.Since(start) != 5*time.Second {
			t.Errorf("waiting for another's dialog: %v after %v", err, time.Since(start))
		}
		if f.together != 1 {
			t.Errorf("%d dialogs at once", f.together)
		}
		<-first
	})
}

func TestRunSecurity(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "security")
	testguard.Script(t, program, "cat > "+dir+"/stdin\nenv > "+dir+"/env\necho \"$@\" > "+dir+"/args\n"+
		"case $1 in hang) sleep 600; exit;; leave) (sleep 1; echo late > "+dir+
		"/late) & wait;; signal) kill -9 $$;; esac\necho said; echo noise >&2; exit 36")
	old := securityProgram
	securityProgram = program
	defer func() { securityProgram = old }()
	t.Setenv("KTTEST_SECRET", "FAKE")

	out, exit, err := runSecurity(t.Context(), []byte("line FAKE\n"), "-i")
	if string(out) != "said\n" || exit != 36 || err != nil {
		t.Errorf("%q %d %v", out, exit, err)
	}
	if mustRead(t, dir+"/stdin") != "line FAKE\n" || mustRead(t, dir+"/args") != "-i\n" {
		t.Error("stdin or arguments did not arrive")
	}
	if env := mustRead(t, dir+"/env"); strings.Contains(env, "KTTEST_SECRET") || !strings.Contains(env, "HOME=") {
		t.Errorf("environment:\n%s", env)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := testguard.Start()
	if _, _, err := runSecurity(ctx, nil, "hang"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	start.Within(t, 10*time.Second, "a tool that hangs")
	// What it started ends with it: a dialog, or a write that would come true late.
	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, _, err := runSecurity(ctx, nil, "leave"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("leave: %v", err)
	}
	time.Sleep(1200 * time.Millisecond)
	if exists(dir + "/late") {
		t.Error("what the tool started went on")
	}
	if _, _, err := runSecurity(t.Context(), nil, "signal"); err == nil {
		t.Error("a killed tool is no error")
	}
	securityProgram = filepath.Join(dir, "nowhere")
	if _, _, err := (&item{run: runSecurity, now: time.Now}).read(t.Context()); !errors.Is(err,
		keychain.ErrUnavailable) {
		t.Errorf("no tool: %v", err)
	}
}
