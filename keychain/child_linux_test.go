package keychain

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"keytender/internal/secret"
	"keytender/internal/testbus"
	"keytender/internal/testguard"
)

func osKeychain(t *testing.T) *OSKeychain {
	return &OSKeychain{Service: "keytender-test"}
}

func TestKeychainRoundTrip(t *testing.T) {
	testbus.StartKeyring(t, testbus.Start(t))
	roundTrip(t, osKeychain(t))
}

// TestInstallationsDoNotShareItems: what one writes or deletes is nothing to another.
func TestInstallationsDoNotShareItems(t *testing.T) {
	testbus.StartKeyring(t, testbus.Start(t))
	ours, theirs := &OSKeychain{Service: "keytender-test"}, &OSKeychain{Service: "keytender-test",
		Suffix: "..home-01234567"}
	for i, k := range []*OSKeychain{ours, theirs} {
		if _, err := k.Load(t.Context(), "default"); !errors.Is(err, ErrNotFound) {
			t.Fatalf("before installation %d wrote: %v", i, err)
		}
		if err := k.Save(t.Context(), "default", secret.New("FAKE-"+k.Suffix)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := ours.Load(t.Context(), "default"); err != nil || got.Reveal() != "FAKE-" {
		t.Errorf("the first installation's item: %v", err)
	}
	if err := errors.Join(theirs.Delete(t.Context(), "default"), ours.Delete(t.Context(), "default")); err != nil {
		t.Fatal(err)
	}
}

// TestAnotherProgramsItemOfTheSameName is neither read as ours, nor written over, nor deleted.
func TestAnotherProgramsItemOfTheSameName(t *testing.T) {
	address := testbus.Start(t)
	keyring := testbus.StartKeyring(t, address)
	k := osKeychain(t)
	if err := k.Save(t.Context(), "default", secret.New("FAKE-ours")); err != nil {
		t.Fatal(err)
	}
	remove := keyring.Put(t, map[string]string{"service": k.Service, "username": "default", "made-by": "another"},
		"FAKE-theirs")
	_, readErr := k.Load(t.Context(), "default")
	for what, err := range map[string]error{
		"reading": readErr, "writing": k.Save(t.Context(), "default", secret.New("FAKE-new")),
		"deleting": k.Delete(t.Context(), "default"),
	} {
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "two items") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := remove(); got != "FAKE-theirs" {
		t.Errorf("the other program's item holds %q", got)
	}
	if got, err := k.Load(t.Context(), "default"); err != nil || got.Reveal() != "FAKE-ours" {
		t.Errorf("when theirs is gone: %v", err)
	}
	if err := k.Delete(t.Context(), "default"); err != nil {
		t.Error(err)
	}
}

func roundTrip(t testing.TB, k *OSKeychain) {
	for _, name := range []string{"default", "work", "big..part", "long"} {
		if err := k.Delete(t.Context(), name); err != nil {
			t.Fatalf("deleting nothing: %v", err)
		}
	}
	if k.Kind() != "keychain" {
		t.Error(k.Kind())
	}
	if _, err := k.Load(t.Context(), "default"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("nothing there: %v", err)
	}
	for name, text := range map[string]string{
		"default": `{"type":"oauth","access":"sk-ant-oat01-FAKE"}`, "work": "ä\n\"quoted\" \\ and 'single'",
		"big..part": strings.Repeat("x", maxRecord),
		"long":      strings.Repeat("ä", 3*maxRecord),
	} {
		for _, text := range []string{"x", text} { // written, and overwritten
			if err := k.Save(t.Context(), name, secret.New(text)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got, err := k.Load(t.Context(), name)
			if err != nil || got.Reveal() != text {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	if err := k.Delete(t.Context(), "work"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Load(t.Context(), "work"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after deleting: %v", err)
	}
	if _, err := k.Load(t.Context(), "default"); err != nil {
		t.Errorf("deleting one took another: %v", err)
	}
}

// What each state of a desktop means. Only a keychain that is certainly not there is
// unavailable: then, and only then, a first sign-in may use the file.
func TestSecretServiceFaults(t *testing.T) {
	testguard.Slow(t)
	address := testbus.Start(t)
	record := secret.New(`{"FAKE":2}`)
	k := osKeychain(t)
	k.Limit = testguard.Patience
	if _, err := k.Load(t.Context(), "default"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a bus without a Secret Service: %v", err)
	}
	// Short where it is to be met, and else what a busy machine may need.
	limit := func(want error) time.Duration {
		if errors.Is(want, ErrTimedOut) {
			return time.Second
		}
		return testguard.Patience
	}
	on := func(method string, step testbus.Step) func(string) testbus.Step {
		return func(called string) testbus.Step {
			if called != method {
				return testbus.Step{}
			}
			return step
		}
	}
	for _, c := range []struct {
		name       string
		behave     func(*testbus.Service)
		load, save error // nil: it succeeds
	}{
		{"well-behaved", func(*testbus.Service) {}, nil, nil},
		{"locked, and nobody to ask", func(s *testbus.Service) { s.Lock(true) }, ErrLocked, ErrLocked},
		{"no keyring yet", func(s *testbus.Service) { s.Lock(true); s.Remove() }, ErrUnavailable, ErrUnavailable},
		{"the person dismisses the unlocking", func(s *testbus.Service) {
			s.Lock(true)
			s.Behave(on("Unlock",
				testbus.Step{Dismiss: true}))
		}, ErrLocked, ErrLocked},
		{"the person dismisses the saving", func(s *testbus.Service) {
			s.Behave(on("CreateItem",
				testbus.Step{Dismiss: true}))
		}, nil, ErrDenied},
		{"nobody answers the dialog", func(s *testbus.Service) {
			s.Lock(true)
			s.Behave(on("Unlock", testbus.Step{Ask: true}))
		}, ErrTimedOut, ErrTimedOut},
		{"it hangs at unlocking", func(s *testbus.Service) {
			s.Lock(true)
			s.Behave(on("Unlock", testbus.Step{Hang: true}))
		}, ErrTimedOut, ErrTimedOut},
		{"it hangs at the first call", func(s *testbus.Service) {
			s.Behave(on("SearchItems", testbus.Step{Hang: true}))
		}, ErrTimedOut, ErrTimedOut},
		{"it hangs at opening a session", func(s *testbus.Service) {
			s.Behave(on("OpenSession", testbus.Step{Hang: true}))
		}, ErrTimedOut, ErrTimedOut},
		{"it hangs at saving", func(s *testbus.Service) { s.Behave(on("CreateItem", testbus.Step{Hang: true})) }, nil,
			ErrTimedOut},
		{"it hangs at reading", func(s *testbus.Service) { s.Behave(on("GetSecret", testbus.Step{Hang: true})) },
			ErrTimedOut, ErrTimedOut},
		{"it is slow", func(s *testbus.Service) {
			s.Behave(on("GetSecret",
				testbus.Step{Delay: 300 * time.Millisecond}))
		}, nil, nil},
		{"it says locked", func(s *testbus.Service) {
			s.Behave(on("GetSecret", testbus.Step{Err: "org.freedesktop.Secret.Error.IsLocked"}))
		}, ErrLocked, ErrLocked},
		{"it refuses", func(s *testbus.Service) {
			s.Behave(on("CreateItem", testbus.Step{Err: "org.freedesktop.DBus.Error.AccessDenied"}))
		}, nil, ErrDenied},
		{"it fails", func(s *testbus.Service) {
			s.Behave(on("SearchItems", testbus.Step{Err: "org.freedesktop.DBus.Error.Failed"}))
		}, errFailed, errFailed},
		// Nobody is there any more when it is asked once more.
		{"it dies at reading", func(s *testbus.Service) { s.Behave(on("GetSecret", testbus.Step{Die: true})) },
			ErrUnavailable, ErrUnavailable},
		{"it dies at saving", func(s *testbus.Service) { s.Behave(on("CreateItem", testbus.Step{Die: true})) }, nil,
			errFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := testbus.Serve(t, address)
			s.Put("default", "FAKE-old")
			c.behave(s)
			k := osKeychain(t) // one that nobody refused before
			k.Limit = limit(c.load)
			got, err := k.Load(t.Context(), "default")
			if !errors.Is(err, c.load) || (c.load == nil) != (err == nil) {
				t.Errorf("load: %v, want %v", err, c.load)
			}
			if err == nil && got.Reveal() != "FAKE-old" {
				t.Error("load: another record")
			}
			k.Limit = limit(c.save)
			start := testguard.Start()
			err = k.Save(t.Context(), "default", record)
			if !errors.Is(err, c.save) || (c.save == nil) != (err == nil) {
				t.Errorf("save: %v, want %v", err, c.save)
			}
			if k.Limit == time.Second {
				start.Within(t, 4*time.Second, "a call with a limit of 1 s")
			}
			if text, _ := s.Record("default"); err == nil && text != record.Reveal() {
				t.Error("save: nil, and the record is not there")
			}
		})
	}
}

func TestNoBus(t *testing.T) {
	k := osKeychain(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	if _, err := k.Load(t.Context(), "default"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("an address that nobody serves: %v", err)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if _, err := k.Load(t.Context(), "default"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("no address: %v", err)
	}
}

// A save that waits for a dialog ends with its limit although its parent is dead: it
// must not come true after a newer one.
func TestOrphanEndsByItself(t *testing.T) {
	address := testbus.Start(t)
	s := testbus.Serve(t, address)
	asked := make(chan struct{}, 1)
	s.Behave(func(method string) testbus.Step {
		if method == "CreateItem" {
			asked <- struct{}{}
		}
		return testbus.Step{Hang: method == "CreateItem"}
	})
	program, err := thisProgram()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(order{Op: "save", Service: "keytender-test", Name: "default", Record: "FAKE", Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, childArgument)
	cmd.Stdin = strings.NewReader(string(text))
	cmd.Env = append(os.Environ(), "DBUS_SESSION_BUS_ADDRESS="+address)
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitTimedOut || time.Since(start) > 5*time.Second {
		t.Errorf("it ended with %d after %v (%v)", code, time.Since(start), err)
	}
}

// A parent that dies before it said what to do leaves a child that does nothing.
func TestOrphanWithoutARequest(t *testing.T) {
	program, err := thisProgram()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", `{"op":"save","service":"keytender-te`} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		cmd := exec.CommandContext(ctx, program, childArgument)
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.Output()
		cancel()
		if cmd.ProcessState.ExitCode() != 2 || len(out) != 0 {
			t.Errorf("%q: %v, %q", text, err, out)
		}
	}
}

// A locked keychain asks the person once; background work then looks without asking,
// until somebody clicks or the keychain was unlocked elsewhere.
func TestLockedKeychainIsNotAskedEachMinute(t *testing.T) {
	s := testbus.Serve(t, testbus.Start(t))
	s.Put("default", "FAKE-old")
	s.Lock(true)
	k := osKeychain(t)
	load := func(ctx context.Context, asked int) {
		t.Helper()
		if _, err := k.Load(ctx, "default"); !errors.Is(err, ErrLocked) {
			t.Errorf("load: %v", err)
		}
		if got := s.Calls("Unlock"); got != asked {
			t.Errorf("the person was asked %d times, want %d", got, asked)
		}
	}
	load(t.Context(), 1)
	load(t.Context(), 1)
	load(Interactive(t.Context()), 2)
	load(t.Context(), 2)
	s.Lock(false)
	if _, err := k.Load(t.Context(), "default"); err != nil {
		t.Errorf("unlocked elsewhere: %v", err)
	}
}

// The real service tells without asking whether its keyring is locked.
func TestKeyringTellsThatItIsLocked(t *testing.T) {
	address := testbus.Start(t)
	testbus.StartKeyring(t, address)
	k := osKeychain(t)
	if k.wouldAsk(t.Context(), "default") {
		t.Error("an open keyring counts as locked")
	}
	bus, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	if err := bus.Object("org.freedesktop.secrets",
		"/org/freedesktop/secrets").Call("org.freedesktop.Secret.Service.Lock", 0,
		[]dbus.ObjectPath{"/org/freedesktop/secrets/collection/login"}).Store(&locked, &prompt); err != nil ||
		len(locked) != 1 {
		t.Fatalf("%v, %v", locked, err)
	}
	if !k.wouldAsk(t.Context(), "default") {
		t.Error("a locked keyring counts as open")
	}
}

// A keychain that most likely holds nothing is not worth a dialog, unless a person asked.
func TestALockedKeychainIsLeftAloneForNothing(t *testing.T) {
	s := testbus.Serve(t, testbus.Start(t))
	s.Put("default", "FAKE-old")
	s.Lock(true)
	k := osKeychain(t)
	for _, c := range []struct {
		name  string
		ctx   context.Context
		asked int
	}{{"nobody asked", Unasked(t.Context()), 0}, {"a person asked", Interactive(Unasked(t.Context())), 1}} {
		if _, err := k.Load(c.ctx, "default"); !errors.Is(err, ErrLocked) || s.Calls("Unlock") != c.asked {
			t.Errorf("%s: %v, %d dialogs", c.name, err, s.Calls("Unlock"))
		}
	}
	s.Lock(false)
	if _, err := k.Load(Unasked(t.Context()), "default"); err != nil {
		t.Errorf("an open one: %v", err)
	}
}

// Two reads at once put one dialog before the person: who waited for the first learns how
// it ended.
func TestTwoReadsAskOnce(t *testing.T) {
	s := testbus.Serve(t, testbus.Start(t))
	s.Put("default", "FAKE-old")
	s.Lock(true)
	k := osKeychain(t)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if _, err := k.Load(t.Context(), "default"); !errors.Is(err, ErrLocked) {
				t.Errorf("load: %v", err)
			}
		})
	}
	both.Wait()
	if got := s.Calls("Unlock"); got != 1 {
		t.Errorf("the person was asked %d times", got)
	}
}
