//go:build linux

package session

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/secret"
	"keytender/internal/testbus"
	"keytender/keychain"
)

// A keychain that fails at each of its calls in turn, in the middle of each piece of work.

type sweptWorld struct {
	*rig
	service       *testbus.Service
	ann, bob, xia keychain.Credential
	fresh         *keychain.Credential // granted by the work itself
}

func (w *sweptWorld) everywhere() string {
	all := w.service.Text()
	for _, pattern := range []string{w.state("*"), w.home + "/*", w.claude + "/.credentials.json"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			if data, err := os.ReadFile(path); err == nil {
				all += path + " " + string(data) + "\n"
			}
		}
	}
	return all
}

func newSweptWorld(t *testing.T, big bool) *sweptWorld {
	r, service := keychainRig(t)
	r.account = "ann"
	w := &sweptWorld{rig: r, service: service}
	w.xia = r.issued("xia@example.com", time.Hour)
	r.writeEntry(w.xia)
	w.ann, w.bob = r.issued("a@example.com", time.Hour), r.issued("b@example.com", time.Hour)
	if big {
		for _, c := range []*keychain.Credential{&w.ann, &w.bob} {
			c.Unknown = map[string]secret.String{"x": secret.New(`"` + strings.Repeat("FAKE", 900) + `"`)}
		}
	}
	r.keep("bob", w.bob)
	r.keep("ann", w.ann)
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

type sweptWork struct {
	name string
	do   func(w *sweptWorld) error
	done func(w *sweptWorld) string // what is missing where it said that it is done
}

func sweptWorks() []sweptWork {
	holds := func(w *sweptWorld, c keychain.Credential) string {
		if w.entry().Login.Refresh.Reveal() != w.server.Newest(c.Refresh.Reveal()) {
			return "the entry holds another login"
		}
		return ""
	}
	return []sweptWork{
		{"switch", func(w *sweptWorld) error { _, err := w.start().Switch(w.t.Context(), "bob"); return err },
			func(w *sweptWorld) string { return holds(w, w.bob) }},
		{"undo", func(w *sweptWorld) error { _, err := w.start().Undo(w.t.Context()); return err },
			func(w *sweptWorld) string { return holds(w, w.xia) }},
		{"renew", func(w *sweptWorld) error { _, err := w.start().Renew(w.t.Context(), true); return err },
			func(w *sweptWorld) string { return holds(w, w.ann) }},
		{"rename", func(w *sweptWorld) error { return w.start().RenameAccount(w.t.Context(), "ann", "zoe") },
			func(w *sweptWorld) string { return "" }},
		{"logout", func(w *sweptWorld) error {
			_, err := w.start().On("ann").SignOut(w.t.Context(), SignOutOptions{})
			return err
		}, func(w *sweptWorld) string {
			if strings.Contains(w.everywhere(), w.ann.Refresh.Reveal()) {
				return "the login is still there"
			}
			return ""
		}},
		{"import", func(w *sweptWorld) error {
			c := w.issued("cat@example.com", time.Hour)
			work := w.work()
			defer work.end()
			_, err := work.takingIn().takeOver(w.t.Context(), ImportOptions{}, c, origin{name: "the input"})
			if err == nil {
				w.fresh = &c
			}
			return err
		}, func(w *sweptWorld) string { return "" }},
		{"login", func(w *sweptWorld) error {
			c := w.issued("a@example.com", time.Hour)
			w.fresh = &c
			work := w.work()
			defer work.end()
			_, _, err := work.takingIn().takeIn(w.t.Context(),
				takenIn{account: "ann", c: c, what: "signed-in", activate: true, carries: true})
			return err
		}, func(w *sweptWorld) string { return "" }},
		{"login as another", func(w *sweptWorld) error {
			c := w.issued("cat@example.com", time.Hour)
			w.fresh = &c
			work := w.work()
			defer work.end()
			_, _, err := work.takingIn().takeIn(w.t.Context(),
				takenIn{account: "cat", c: c, what: "signed-in", activate: true, carries: true})
			return err
		}, func(w *sweptWorld) string { return "" }},
	}
}

// TestSoakKeychainFails takes a quarter of an hour: `make soak` runs it.
func TestSoakKeychainFails(t *testing.T) {
	if os.Getenv("KTTEST_SOAK") == "" {
		t.Skip("`make soak` runs it")
	}
	for _, big := range []bool{false, true} {
		for _, work := range sweptWorks() {
			for _, method := range []string{"CreateItem", "Delete", "GetSecret", "SearchItems", "Unlock"} {
				for fault, step := range map[string]testbus.Step{
					"locked":  {Err: "org.freedesktop.Secret.Error.IsLocked"},
					"dismiss": {Dismiss: true},
				} {
					if fault == "dismiss" && method != "CreateItem" && method != "Delete" {
						continue
					}
					for _, on := range []bool{false, true} { // from then on
						for n := 1; n < 12; n++ {
							name := fmt.Sprintf("%v/%s/%s/%s/%v/%d", big, work.name, method, fault, on, n)
							reached := false
							t.Run(name, func(t *testing.T) { reached = sweepOnce(t, big, work, method, step, on, n) })
							if !reached {
								break
							}
						}
					}
				}
			}
		}
	}
}

func sweepOnce(t *testing.T, big bool, work sweptWork, method string, step testbus.Step, on bool,
	n int) (reached bool) {
	w := newSweptWorld(t, big)
	calls := 0
	w.service.Behave(func(called string) testbus.Step {
		if called != method {
			return testbus.Step{}
		}
		if calls++; calls == n || on && calls > n {
			reached = true
			return step
		}
		return testbus.Step{}
	})
	err := work.do(w)
	w.service.Behave(nil)
	if err == nil {
		if missing := work.done(w); missing != "" {
			t.Errorf("nil error, and %s", missing)
		}
	}
	for range 2 { // the next commands
		if _, err := w.start().Renew(t.Context(), false); err != nil && work.name != "logout" {
			t.Logf("next: %v", err)
		}
	}
	if n := w.server.Count("renew-reused"); n > 0 {
		t.Errorf("a spent token was sent")
	}
	all := w.everywhere()
	logins := map[string]keychain.Credential{"bob": w.bob, "xia": w.xia, "ann": w.ann}
	if work.name == "logout" || work.name == "login" {
		delete(logins, "ann")
	}
	if w.fresh != nil {
		logins["fresh"] = *w.fresh
	}
	for who, c := range logins {
		if newest := w.server.Newest(c.Refresh.Reveal()); newest == "" || !strings.Contains(all, newest) {
			t.Errorf("the login of %s is nowhere (%v)", who, err)
		}
	}
	if _, err := os.Stat(w.home + "/credentials.json"); err == nil {
		t.Error("a file store was made")
	}
	if work.name != "logout" {
		names := w.ledger().Names()
		for _, name := range names {
			if _, err := w.start().Switch(t.Context(), name); err != nil {
				t.Errorf("switch to %s: %v", name, err)
			} else if _, err := w.start().Renew(t.Context(), true); err != nil {
				t.Errorf("renew %s: %v", name, err)
			}
		}
		if w.fresh != nil {
			found := false
			for _, name := range names {
				if c, err := w.vault().load(t.Context(), name); err == nil &&
					w.server.Newest(w.fresh.Refresh.Reveal()) == c.Refresh.Reveal() {
					found = true
				}
			}
			if !found {
				t.Errorf("the granted login belongs to no account: %v", names)
			}
		}
		for _, name := range names {
			if _, err := w.start().On(name).SignOut(t.Context(), SignOutOptions{}); err != nil {
				t.Errorf("sign-out of %s: %v", name, err)
			}
		}
	} else if _, err := w.start().On("ann").SignOut(t.Context(), SignOutOptions{}); err != nil &&
		exitOf(err) != ExitFailed {
		t.Errorf("once more: %v", err)
	}
	all = w.everywhere()
	for who, c := range map[string]keychain.Credential{"ann": w.ann, "bob": w.bob} {
		if work.name == "logout" && who == "bob" {
			continue
		}
		if newest := w.server.Newest(c.Refresh.Reveal()); newest != "" && strings.Contains(all, newest) {
			t.Errorf("after the sign-out a living login of %s is left", who)
		}
	}
	return reached
}
