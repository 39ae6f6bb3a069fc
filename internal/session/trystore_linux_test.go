package session

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/testbus"
	"keytender/internal/testguard"
	"keytender/keychain"
)

// TestStoreIsTriedFirst: where the login will be kept, or why nowhere, is known before
// there is a link to open.
func TestStoreIsTriedFirst(t *testing.T) {
	testguard.Slow(t)
	socket := func(t *testing.T, serve func(net.Conn)) string {
		dir, err := os.MkdirTemp("", "kt") // short: it holds a socket
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		l, err := net.Listen("unix", filepath.Join(dir, "bus"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go serve(conn)
			}
		}()
		return "unix:path=" + l.Addr().String()
	}
	bus := func(address string) func(*testing.T) {
		return func(t *testing.T) { t.Setenv("DBUS_SESSION_BUS_ADDRESS", address) }
	}
	service := func(behave func(*testbus.Service)) func(*testing.T) {
		return func(t *testing.T) { behave(testbus.Serve(t, testbus.Start(t))) }
	}
	tests := []struct {
		name   string
		store  string
		begin  func(*testing.T)
		want   string // how the store's line begins; empty: an error
		detail string
		err    error
	}{
		{"a keychain", "auto", service(func(*testbus.Service) {}), "keychain", "", nil},
		{"a keychain that was never used", "auto", service(func(s *testbus.Service) { s.Lock(true); s.Remove() }),
			"file ", "has no keyring yet", nil},
		{"a locked one", "auto", service(func(s *testbus.Service) { s.Lock(true) }), "", "", keychain.ErrLocked},
		{"a dialog that the person dismisses", "auto", service(func(s *testbus.Service) {
			s.Behave(at("CreateItem", testbus.Step{Dismiss: true}))
		}), "", "", keychain.ErrDenied},
		{"a dialog for the deletion that the person dismisses", "auto", service(func(s *testbus.Service) {
			s.Behave(at("Delete", testbus.Step{Dismiss: true}))
		}), "keychain", "", nil},
		{"disabled", "auto", bus("disabled:"), "file ", "leads nowhere", nil},
		{"a transport that nobody speaks", "auto", bus("carrier-pigeon:coop=1;nonsense"), "file ", "leads nowhere",
			nil},
		{"a socket that is not there", "auto", bus("unix:path=/nowhere/bus"), "file ", "cannot be reached", nil},
		{"the second address", "auto", bus("disabled:;unix:path=/nowhere/bus"), "file ", "cannot be reached", nil},
		{"a bus that refuses", "auto", func(t *testing.T) {
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", socket(t, func(c net.Conn) { c.Close() }))
		}, "file ", "refuses this program", nil},
		{"a bus that says no", "auto", func(t *testing.T) {
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", socket(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 100))
				_, _ = c.Write([]byte("REJECTED\r\n"))
				c.Close()
			}))
		}, "file ", "refuses this program", nil},
		{"a silent bus", "auto", func(t *testing.T) {
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", socket(t, func(net.Conn) {}))
		}, "", "", keychain.ErrTimedOut},
		{"disabled, and the keychain is asked for", "keychain", bus("disabled:"), "", "", keychain.ErrUnavailable},
		{"the file is asked for", "file", bus("disabled:"), "file ", "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.begin(t)
			r := newRig(t, "KEYTENDER_STORE="+test.store)
			var told []Event
			begin := testguard.Start()
			_, err := r.start().SignIn(t.Context(), SignInOptions{Timeout: 100 * time.Millisecond, Port: anyPort(t)},
				func(e Event) { told = append(told, e) })
			if test.want == "" {
				known := &Error{}
				if !errors.Is(err, test.err) || !errors.As(err, &known) || known.Exit != ExitTryLater ||
					known.Fault == "" || len(told) > 0 {
					t.Errorf("%v, told %v", err, told)
				}
				begin.Within(t, storeWait+3*time.Second, "it")
				if test.err != keychain.ErrTimedOut {
					return
				}
				begin = testguard.Start()
				if _, err := r.start().ImportJSON(t.Context(), ImportOptions{},
					asJSON(r.issued("a@example.com", time.Hour))); !errors.Is(err, test.err) {
					t.Errorf("import: %v", err)
				}
				begin.Within(t, storeWait+3*time.Second, "import")
				return
			}
			if exitOf(err) != ExitTimedOut || len(told) == 0 || told[0].Kind != EventStore ||
				!strings.HasPrefix(told[0].Value, test.want) {
				t.Fatalf("%v, told %v", err, told)
			}
			if !strings.Contains(told[0].Detail, test.detail) || told[0].Warn != (test.detail != "") ||
				(test.detail == "") != (told[0].Detail == "") {
				t.Errorf("told %+v", told[0])
			}
			if left, _ := filepath.Glob(filepath.Join(r.home, "credentials.json*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// Two sign-ins that try the same keychain do not take each other's record for theirs: here the second
// comes between the first one's writing and its reading back.
func TestTwoTryAKeychainAtOnce(t *testing.T) {
	r, service := keychainRig(t)
	try := func() {
		if err := (signIn{Engine: r.start()}).tryKeychain(Patient(t.Context())); err != nil {
			t.Error(err)
		}
	}
	var written, second atomic.Bool
	service.Behave(func(method string) testbus.Step {
		written.CompareAndSwap(false, method == "CreateItem")
		if method == "SearchItems" && written.Load() && second.CompareAndSwap(false, true) {
			try()
		}
		return testbus.Step{}
	})
	try()
	if !second.Load() || strings.Contains(service.Text(), "probe") {
		t.Errorf("tried twice: %v, left: %s", second.Load(), service.Text())
	}
}

// TestFileStoreIsTriedFirst: also what is wrong with the file shows before the browser.
func TestFileStoreIsTriedFirst(t *testing.T) {
	r := newRig(t)
	if err := os.MkdirAll(r.home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.home, "credentials.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	told := 0
	if _, err := r.start().SignIn(t.Context(), SignInOptions{Port: anyPort(t)},
		func(Event) { told++ }); exitOf(err) != ExitFailed || told > 0 {
		t.Errorf("%v, told %d", err, told)
	}
}

// TestGrantedLoginThatNoStoreTakes waits in the spill file, which is said, and gets into
// the store as soon as that works again.
func TestGrantedLoginThatNoStoreTakes(t *testing.T) {
	r, service := keychainRig(t)
	created := 0
	service.Behave(func(method string) testbus.Step {
		if method == "CreateItem" {
			if created++; created > 1 { // the first one tried the store
				return testbus.Step{Err: "org.freedesktop.DBus.Error.Failed"}
			}
		}
		return testbus.Step{}
	})
	var saved Event
	_, err := r.start().SignIn(t.Context(), SignInOptions{Timeout: 30 * time.Second, Port: anyPort(t)}, func(e Event) {
		switch e.Kind {
		case EventSignInURL:
			go func() {
				location, err := fakeclaude.Approve(t.Context(), e.Value)
				if err != nil {
					t.Error(err)
					return
				}
				if res, err := http.Get(location); err == nil {
					res.Body.Close()
				}
			}()
		case EventSaved:
			saved = e
		default: // not of interest here
		}
	})
	if err != nil || !saved.Warn || saved.Said.Remark != RemarkInSpillFile {
		t.Fatalf("%v, %+v", err, saved)
	}
	account := "a"
	spill := r.state("spill-" + account + ".json")
	if info, err := os.Stat(spill); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the spill file: %v, %v", info, err)
	}
	if token, err := r.start().Token(t.Context(), time.Minute); err != nil || token.IsZero() {
		t.Errorf("token meanwhile: %v", err)
	}
	service.Behave(nil)
	if _, err := r.start().Renew(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(spill); err == nil {
		t.Error("the spill file stays")
	}
	if record, ok := service.Record(account + r.start().config.Paths.ItemSuffix); !ok ||
		!strings.Contains(record, "FAKE") {
		t.Error("the keychain does not hold the login")
	}
}
