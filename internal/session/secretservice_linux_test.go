package session

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keytender/internal/testbus"
	"keytender/internal/testguard"
	"keytender/keychain"
)

// keychainRig is an installation whose store is a Secret Service that does as it is
// told.
func keychainRig(t *testing.T) (*rig, *testbus.Service) {
	t.Helper()
	service := testbus.Serve(t, testbus.Start(t))
	return newRig(t, "KEYTENDER_STORE=keychain"), service
}

// at makes the service misbehave at one method.
func at(method string, step testbus.Step) func(string) testbus.Step {
	return func(called string) testbus.Step {
		if called != method {
			return testbus.Step{}
		}
		return step
	}
}

// The keychain fails at the moment at which the new pair comes: token is served within
// the time that a keychain may take, the pair is durable, and it gets where it belongs
// once the keychain works again.
func TestKeychainFailsAfterRenewal(t *testing.T) {
	testguard.Slow(t)
	const (
		prompt = 2 * time.Second
		slow   = 7500 * time.Millisecond // the limit of 5 s, and what is around it
	)
	for _, c := range []struct {
		name   string
		behave func(s *testbus.Service)
		limit  time.Duration
		spills bool // the pair ends in the spill file
	}{
		{"works", func(*testbus.Service) {}, prompt, false},
		{"answers after 300 ms", func(s *testbus.Service) {
			s.Behave(at("CreateItem", testbus.Step{Delay: 300 * time.Millisecond}))
		}, prompt, false},
		{"answers after 3 s", func(s *testbus.Service) {
			s.Behave(at("CreateItem",
				testbus.Step{Delay: 3 * time.Second}))
		}, slow, false},
		{"asks, and nobody answers", func(s *testbus.Service) { s.Behave(at("CreateItem", testbus.Step{Ask: true})) },
			slow, true},
		{"asks, and the person dismisses", func(s *testbus.Service) {
			s.Behave(at("CreateItem",
				testbus.Step{Dismiss: true}))
		}, prompt, true},
		{"is locked meanwhile", func(s *testbus.Service) {
			s.Behave(at("CreateItem", testbus.Step{Err: "org.freedesktop.Secret.Error.IsLocked"}))
		}, prompt, true},
		{"dies", func(s *testbus.Service) { s.Behave(at("CreateItem", testbus.Step{Die: true})) }, prompt, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, service := keychainRig(t)
			before := r.signIn(-time.Minute)
			c.behave(service)
			restore(t, &disk, disk)
			var synced time.Time
			start, begun := testguard.Start(), time.Now()
			disk.sync = func(f *os.File) error {
				synced = time.Now()
				start.Within(t, 1500*time.Millisecond, "the way to the spill file")
				return f.Sync()
			}
			token, err := r.start().Token(t.Context(), time.Minute)
			if err != nil {
				t.Fatalf("token: %v", err)
			}
			// A pair that the keychain takes at once never reaches the disk beside it (one that
			// works may be slow on a busy machine, too); any other is there for good before the
			// keychain is waited for.
			if c.name == "works" {
				if early := synced.Sub(begun); !synced.IsZero() && early < confirmWithin {
					t.Errorf("durable in the spill file after %v", early)
				}
			} else if synced.IsZero() {
				t.Error("not durable in the spill file")
			}
			start.Within(t, c.limit, "it")
			_, spillErr := os.Stat(r.state("spill-default.json"))
			if (spillErr == nil) != c.spills {
				t.Errorf("the spill file: %v", spillErr)
			}
			if !r.entry().Login.Access.Equal(token) {
				t.Error("Claude Code's entry has not got the new pair")
			}
			if c.name != "dies" {
				service.Behave(nil)
				if _, err := r.start().Renew(t.Context(), false); err != nil {
					t.Fatal(err)
				}
				e := r.start()
				if err := e.tending().catchUp(t.Context(), time.Second); err != nil {
					t.Fatal(err)
				}
				if c := storedBy(t, r.start()); !c.Access.Equal(token) {
					t.Error("the pair is not in the keychain")
				}
			} else if c := r.stored(); !c.Access.Equal(token) {
				t.Error("a new start does not find the pair")
			}
			if r.posts() != 1 || r.server.Spent(r.stored().Refresh.Reveal()) ||
				!r.server.Spent(before.Refresh.Reveal()) {
				t.Errorf("%d renewals were sent", r.posts())
			}
			if names := leftovers(t, r.home+"/state", "lock", "ledger.json", "places.json",
				"history.jsonl"); len(names) > 0 && c.name != "dies" {
				t.Errorf("left behind: %v", names)
			}
		})
	}
}

// The keychain is in trouble before anything was sent: nothing is sent, and the one who
// waits waits once.
func TestKeychainFailsBeforeRenewal(t *testing.T) {
	testguard.Slow(t)
	for _, c := range []struct {
		name   string
		behave func(s *testbus.Service)
		code   Code
		state  StoreCondition
		limit  time.Duration
	}{
		{"hangs", func(s *testbus.Service) { s.Behave(at("SearchItems", testbus.Step{Hang: true})) }, "timed-out",
			"locked", 6500 * time.Millisecond},
		{"hangs while it is unlocked", func(s *testbus.Service) {
			s.Lock(true)
			s.Behave(at("Unlock", testbus.Step{Hang: true}))
		}, "timed-out", "locked", 6500 * time.Millisecond},
		{"is locked", func(s *testbus.Service) { s.Lock(true) }, "locked", "locked", 2 * time.Second},
		{"asks, and the person dismisses", func(s *testbus.Service) {
			s.Lock(true)
			s.Behave(at("Unlock",
				testbus.Step{Dismiss: true}))
		}, "locked", "locked", 2 * time.Second},
		{"fails", func(s *testbus.Service) {
			s.Behave(at("SearchItems", testbus.Step{Err: "org.freedesktop.DBus.Error.Failed"}))
		}, "storage", "unavailable", 2 * time.Second},
		{"dies", func(s *testbus.Service) { s.Behave(at("SearchItems", testbus.Step{Die: true})) },
			"unavailable", "unavailable", 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, service := keychainRig(t)
			r.signIn(-time.Minute)
			c.behave(service)
			start := testguard.Start()
			_, err := r.start().Token(t.Context(), time.Minute)
			known := &Error{}
			if !errors.As(err, &known) || known.Code != c.code || known.Exit != ExitTryLater {
				t.Errorf("token: %+v", err)
			}
			start.Within(t, c.limit, "token")
			if r.posts() != 0 {
				t.Errorf("%d renewals were sent", r.posts())
			}
			if c.name == "dies" {
				return
			}
			start = testguard.Start()
			st := r.start().Status(t.Context())
			if st.State != TryLater || st.Stores[0].State != c.state || st.Problem == nil || st.Problem.Code != c.code {
				t.Errorf("status: %+v", st)
			}
			start.Within(t, c.limit, "status")
			// Never downgraded in silence.
			if _, err := os.Stat(r.home + "/credentials.json"); err == nil {
				t.Error("a file store was made")
			}
			service.Behave(nil)
			service.Lock(false)
			if _, err := r.start().Token(t.Context(), time.Minute); err != nil || r.posts() != 1 {
				t.Errorf("when it works again: %v, %d sent", err, r.posts())
			}
		})
	}
}

// A spilled pair is there, its token has ended, and the keychain hangs: the renewal
// goes on from the spill file, and all that is waited for is waited for once.
func TestHungKeychainIsWaitedForOnce(t *testing.T) {
	testguard.Slow(t)
	r, service := keychainRig(t)
	before := r.signIn(-time.Minute)
	r.put(r.state("spill-default.json"), func() keychain.Credential {
		c := r.renewElsewhere(before)
		c.Issued, c.AccessEnds = c.Issued.Add(time.Second), r.now().Add(-time.Minute)
		return c
	}())
	service.Behave(at("SearchItems", testbus.Step{Hang: true}))
	start := testguard.Start()
	token, err := r.start().Token(t.Context(), time.Minute)
	if err != nil {
		t.Fatalf("token: %v", err)
	}
	start.Within(t, 8*time.Second, "it")
	service.Behave(nil)
	if c := r.stored(); !c.Access.Equal(token) || r.server.Count("renew-reused") != 0 {
		t.Error("the new pair is not found, or a spent token was sent")
	}
}

// A write that a renewal no longer waits for, although a person is there, never comes true after a
// newer one.
func TestGivenUpWriteStaysGivenUp(t *testing.T) {
	testguard.Slow(t)
	r, service := keychainRig(t)
	r.keep("default", r.issued("a@example.com", time.Hour))
	const late = storeWait + 3*time.Second
	var unlocked atomic.Bool
	service.Behave(func(method string) testbus.Step {
		if method == "Unlock" && unlocked.CompareAndSwap(false, true) {
			return testbus.Step{Delay: late}
		}
		return testbus.Step{}
	})
	begin := time.Now()
	for range 2 {
		if _, err := r.start().Renew(Patient(t.Context()), true); err != nil {
			t.Fatal(err)
		}
	}
	newest := r.stored()
	time.Sleep(time.Until(begin.Add(late + time.Second)))
	if now := r.stored(); !now.SamePair(newest) {
		t.Errorf("the store holds the older pair again (spent: %v)", r.server.Spent(now.Refresh.Reveal()))
	}
	r.reused()
}

// What a sign-in moves to another store and cannot take out of the former one is known from then on,
// and goes with a sign-out.
func TestMovedRecordThatStays(t *testing.T) {
	r, service := keychainRig(t)
	r.signIn(time.Hour)
	r.environ["KEYTENDER_STORE"] = "file"
	known := false
	service.Behave(func(method string) testbus.Step {
		if method != "Delete" {
			return testbus.Step{}
		}
		known = slices.Contains(r.ledger().Stayed, "default") // whoever is killed now has said so
		return testbus.Step{Dismiss: true}
	})
	r.keep("default", r.issued("a@example.com", time.Hour))
	service.Behave(nil)
	if stayed := r.ledger().Stayed; !known || !slices.Contains(stayed, "default") {
		t.Errorf("stayed: %v, known before it was deleted: %v", stayed, known)
	}
	_, err := r.start().SignOut(t.Context(), SignOutOptions{})
	if err != nil || strings.Contains(service.Text(), "FAKE") {
		t.Errorf("signed out: %v, the keychain holds: %s", err, service.Text())
	}
}

// A first sign-in chooses the file only where there certainly is no keychain.
func TestStoreIsChosenOnce(t *testing.T) {
	address := testbus.Start(t)
	try := func(t *testing.T) (*rig, error) {
		r := newRig(t, "KEYTENDER_STORE=auto")
		w := r.work()
		defer w.end()
		_, _, err := w.takingIn().takeIn(t.Context(),
			takenIn{account: "default", c: r.issued("a@example.com", time.Hour), what: "signed-in", activate: true})
		return r, err
	}
	t.Run("no Secret Service", func(t *testing.T) {
		r, err := try(t)
		if err != nil {
			t.Fatal(err)
		}
		if s := r.ledger(); s.Store != "file" {
			t.Errorf("chosen: %q", s.Store)
		}
	})
	for name, behave := range map[string]func(*testbus.Service){
		"it fails": func(s *testbus.Service) {
			s.Behave(at("CreateItem", testbus.Step{Err: "org.freedesktop.DBus.Error.Failed"}))
		},
		"it dies":   func(s *testbus.Service) { s.Behave(at("CreateItem", testbus.Step{Die: true})) },
		"locked":    func(s *testbus.Service) { s.Lock(true) },
		"dismissed": func(s *testbus.Service) { s.Behave(at("CreateItem", testbus.Step{Dismiss: true})) },
	} {
		t.Run(name, func(t *testing.T) {
			behave(testbus.Serve(t, address))
			r, err := try(t)
			if err != nil {
				t.Fatalf("a login that was granted is thrown away: %v", err)
			}
			if _, err := r.vault().loadSpill("default"); err != nil {
				t.Errorf("it is not in the spill file: %v", err)
			}
			if _, err := os.Stat(r.home + "/credentials.json"); err == nil {
				t.Error("a file store was made")
			}
		})
	}
	t.Run("a keychain, and then none", func(t *testing.T) {
		service := testbus.Serve(t, address)
		r, err := try(t)
		if err != nil {
			t.Fatal(err)
		}
		if s := r.ledger(); s.Store != "keychain" {
			t.Fatalf("chosen: %q", s.Store)
		}
		service.Remove()
		service.Lock(true)
		if _, err := r.start().Token(t.Context(), time.Minute); exitOf(err) != ExitTryLater {
			t.Errorf("token: %v", err)
		}
		if _, err := os.Stat(r.home + "/credentials.json"); err == nil {
			t.Error("a file store was made")
		}
	})
}

// A person who asks for another store gets all records there at the next sign-in; one
// that fails leaves each where it was, still working.
func TestAnotherStoreIsAskedFor(t *testing.T) {
	for _, others := range [][]string{nil, {"second"}} {
		t.Run(fmt.Sprint(others), func(t *testing.T) { askForAnotherStore(t, others) })
	}
}

func askForAnotherStore(t *testing.T, others []string) {
	address := testbus.Start(t)
	r := newRig(t)
	logins := map[string]keychain.Credential{}
	for _, name := range append(others, "default") {
		logins[name] = r.issued(name+"@example.com", time.Hour)
		r.keep(name, logins[name])
	}
	here := func(store string) {
		t.Helper()
		l := r.ledger()
		if l.Store != store {
			t.Fatalf("the store is %q, want %q", l.Store, store)
		}
		for name, login := range logins {
			if c, err := r.vault().load(t.Context(), name); err != nil || !c.Refresh.Equal(login.Refresh) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	fails := func(how string) {
		t.Helper()
		w := r.work()
		again := r.issued("default@example.com", time.Hour)
		if _, _, err := w.takingIn().takeIn(t.Context(),
			takenIn{account: "default", c: again, what: "signed-in"}); err == nil {
			logins["default"] = again // it waits in the spill file
		} else if exitOf(err) != ExitTryLater {
			t.Errorf("%s: %v", how, err)
		}
		w.end()
		here("file")
	}
	r.environ["KEYTENDER_STORE"] = "keychain"
	fails("without a keychain")
	service := testbus.Serve(t, address)
	for n := range len(logins) {
		service.Behave(atCall("CreateItem", n+1, testbus.Step{Err: "org.freedesktop.Secret.Error.IsLocked"}))
		fails(fmt.Sprintf("locked at record %d", n+1))
	}
	service.Behave(nil)
	for _, store := range []string{"keychain", "file"} {
		r.environ["KEYTENDER_STORE"] = store
		logins["default"] = r.issued("default@example.com", time.Hour)
		r.keep("default", logins["default"])
		here(store)
		for name := range logins {
			if _, found := service.Record(name + r.start().config.Paths.ItemSuffix); found != (store == "keychain") {
				t.Errorf("with the %s as the store, the keychain holds %s: %v", store, name, found)
			}
		}
	}
}

// A person may leave a keychain that nobody can open.
func TestLockedKeychainCanBeLeft(t *testing.T) {
	r, service := keychainRig(t)
	r.signIn(time.Hour)
	service.Lock(true)
	r.environ["KEYTENDER_STORE"] = "file"
	again := r.issued("a@example.com", time.Hour)
	r.keep("default", again)
	if got := r.stored(); !got.SamePair(again) {
		t.Error("the new login is not found")
	}
}

// atCall makes the service misbehave at the nth call of a method.
func atCall(method string, n int, step testbus.Step) func(string) testbus.Step {
	calls := 0
	return func(called string) testbus.Step {
		if called != method {
			return testbus.Step{}
		}
		if calls++; calls != n {
			return testbus.Step{}
		}
		return step
	}
}
