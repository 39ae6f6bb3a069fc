package histories

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/testbus"
)

// keyring is the Secret Service of a lane: KTTEST_KEYCHAIN=1 plays the histories over it.
type keyring struct {
	service *testbus.Service
	address string
}

func newKeyring(t *testing.T) *keyring {
	t.Helper()
	if os.Getenv("KTTEST_KEYCHAIN") == "" {
		return nil
	}
	address := testbus.Start(t)
	path := strings.TrimPrefix(address, "unix:path=")
	for _, p := range []string{filepath.Dir(path), filepath.Dir(filepath.Dir(path)), path} {
		_ = os.Chmod(p, 0o777)
	}
	return &keyring{testbus.Serve(t, address), address}
}

// uses makes a world keep its logins in the keyring.
func (w *world) uses(k *keyring) {
	if k == nil {
		return
	}
	w.keyring = k
	k.service.Forget("")
	k.service.Lock(false)
	k.service.Behave(nil)
	w.environ["KEYTENDER_STORE"], w.environ["DBUS_SESSION_BUS_ADDRESS"] = "keychain", k.address
}

// dumpKeyring shows what is in it to whoever looks for tokens in files.
func (w *world) dumpKeyring() {
	if w.keyring != nil && exists(w.kt) {
		_ = os.WriteFile(filepath.Join(w.kt, "zz-keyring"), []byte(w.keyring.service.Text()), 0o600)
		w.own(filepath.Join(w.kt, "zz-keyring"))
	}
}

func init() {
	for name, trouble := range map[string]func(*testbus.Service) (mend func()){
		"kc locked": func(s *testbus.Service) func() {
			s.Lock(true)
			return func() { s.Lock(false) }
		},
		"kc error": func(s *testbus.Service) func() {
			s.Behave(func(method string) testbus.Step {
				return testbus.Step{Err: "org.freedesktop.DBus.Error.AccessDenied"}
			})
			return func() { s.Behave(nil) }
		},
		"kc writes": func(s *testbus.Service) func() {
			s.Behave(func(method string) testbus.Step {
				if method == "CreateItem" {
					return testbus.Step{Err: "org.freedesktop.DBus.Error.Failed"}
				}
				return testbus.Step{}
			})
			return func() { s.Behave(nil) }
		},
		"kc dialog": func(s *testbus.Service) func() {
			s.Behave(func(method string) testbus.Step {
				if method == "CreateItem" || method == "Delete" || method == "Unlock" {
					return testbus.Step{Dismiss: true}
				}
				return testbus.Step{}
			})
			return func() { s.Behave(nil) }
		},
		"kc second": func(s *testbus.Service) func() {
			n := 0
			s.Behave(func(method string) testbus.Step {
				if method == "CreateItem" {
					n++
					if n > 1 {
						return testbus.Step{Err: "org.freedesktop.DBus.Error.NoReply"}
					}
				}
				return testbus.Step{}
			})
			return func() { s.Behave(nil) }
		},
		"kc slow": func(s *testbus.Service) func() {
			s.Behave(func(method string) testbus.Step { return testbus.Step{Delay: 150 * time.Millisecond} })
			return func() { s.Behave(nil) }
		},
	} {
		twists[strings.ReplaceAll(name, " ", "-")] = func(h *history, begin func() *process, _ string) result {
			if h.keyring == nil {
				return begin().wait()
			}
			mend := trouble(h.keyring.service)
			defer mend()
			h.faulty = true
			r := begin().wait()
			mend()
			h.dumpKeyring()
			return r
		}
		if os.Getenv("KTTEST_KEYCHAIN") != "" {
			twist := strings.ReplaceAll(name, " ", "-")
			twistedFurther = append(twistedFurther, twist, twist)
		}
	}
	if os.Getenv("KTTEST_KEYCHAIN") != "" {
		acts["keyring lacks"] = (*history).keyringLacks
	}
}

// keyringLacks is a new keyring: what does not lie in an entry of Claude Code's is gone.
func (h *history) keyringLacks(s step) {
	h.Helper()
	if h.keyring == nil || len(h.names) == 0 {
		return
	}
	h.keyring.service.Forget("")
	h.dumpKeyring()
	h.faulty = true
	for n, newest := range h.alive() {
		if newest != "" && !h.found(newest) {
			h.excused[n] = "the keyring was made anew"
		}
	}
}
