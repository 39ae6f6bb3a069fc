package histories

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The state is lost, in part or whole, while Claude Code goes on: no login may be lost to that.
func TestStateLost(t *testing.T) {
	lose := map[string]func(w *world, saved string){
		"folder": func(w *world, _ string) { w.must(os.RemoveAll(filepath.Join(w.kt, "state"))) },
		"ledger": func(w *world, _ string) { w.must(os.Remove(filepath.Join(w.kt, "state", "ledger.json"))) },
		"ledger and places": func(w *world, _ string) {
			w.must(os.Remove(filepath.Join(w.kt, "state", "ledger.json")))
			w.must(os.Remove(filepath.Join(w.kt, "state", "places.json")))
		},
		"ledger emptied": func(w *world, _ string) {
			w.must(os.WriteFile(filepath.Join(w.kt, "state", "ledger.json"), nil, 0o600))
		},
		"ledger {}": func(w *world, _ string) {
			w.must(os.WriteFile(filepath.Join(w.kt, "state", "ledger.json"), []byte("{}"), 0o600))
		},
	}
	for name, lost := range lose {
		for verb, then := range map[string]func(w *world) result{
			"login":  func(w *world) result { return w.login(cat, "--account", "cat") },
			"switch": func(w *world) result { return w.run("switch", "ann") },
			"import": func(w *world) result {
				w.imports(w.pair(cat, time.Hour), "--account", "cat")
				return w.run("switch", "cat")
			},
		} {
			t.Run(name+", "+verb, func(t *testing.T) {
				holds(t, func(w *world) {
					w.login(ann, "--account", "ann").want(0)
					saved := filepath.Join(w.root, "saved-ledger")
					data, err := os.ReadFile(filepath.Join(w.kt, "state", "ledger.json"))
					w.must(err)
					w.must(os.WriteFile(saved, data, 0o600))
					w.login(bob, "--account", "bob").want(0)
					w.cc.goesOn(bob)
					w.run("refresh", "--force").want(0)
					lost(w, saved)
					w.cc.life = 9 * time.Hour
					w.cc.goesOn(bob)
					w.cc.life = 0
					r := then(w)
					if r.code == 1 { // damaged: doctor
						w.run("doctor", "--fix", "--yes")
						r = then(w)
					}
					if s := w.run("switch", "bob"); s.code != 0 {
						w.Errorf("%v\n%v", r, s)
						return
					}
					if !w.cc.alive() {
						w.Errorf("a spent pair of %s was written into the entry", w.cc.who())
					}
					w.run("refresh", "--force").want(0)
				})
			})
		}
	}
}

// With the logins in the OS keychain, the whole folder of the installation's is gone: a person who
// means to begin anew, or a home that was made anew beside the keychain. KTTEST_KEYCHAIN=1.
func TestInstallationGoneBesideTheKeychain(t *testing.T) {
	k := newKeyring(t)
	if k == nil {
		t.Skip("KTTEST_KEYCHAIN is not set")
	}
	for _, verb := range []string{"switch", "login", "login again"} {
		t.Run(verb, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			w.uses(k)
			w.login(ann, "--account", "ann").want(0)
			w.login(bob, "--account", "bob").want(0)
			w.must(os.RemoveAll(w.kt))
			w.cc.goesOn(bob)
			bobs := w.cc.refresh()
			switch verb {
			case "switch":
				w.run("switch", "ann").want(0)
			case "login":
				w.login(cat, "--account", "cat").want(0)
			case "login again":
				w.login(ann, "--account", "ann").want(0)
			}
			r := w.run("switch", "bob")
			if r.code == 0 && !w.cc.alive() {
				t.Errorf("a spent pair of %s was written into the entry: %v", w.cc.who(), r)
			}
			r = w.run("refresh", "--force", "--account", "bob")
			t.Logf("%v", r)
			if w.server.Newest(bobs) == "" {
				t.Errorf("bob's login was ended")
			}
		})
	}
}

// The state folder was cleaned away, Claude Code renewed, and another account is switched to: what
// Claude Code renewed belongs to the account whose it is.
func TestStateGoneAndRenewed(t *testing.T) {
	for name, life := range map[string]time.Duration{"ends later": 9 * time.Hour, "ends sooner": time.Hour,
		"the same": 0} {
		for _, verb := range []string{"", "status", "refresh", "token", "doctor --fix --yes"} {
			t.Run(name+", "+verb, func(t *testing.T) {
				holds(t, func(w *world) {
					w.login(ann, "--account", "ann").want(0)
					w.login(bob, "--account", "bob").want(0)
					w.must(os.RemoveAll(filepath.Join(w.kt, "state")))
					w.cc.life = life
					w.cc.goesOn(bob)
					if verb != "" {
						w.run(strings.Fields(verb)...)
					}
					w.run("switch", "ann").want(0, 1, 5)
					if w.cc.who() == ann {
						w.cc.goesOn(ann)
					}
					w.run("switch", "bob").want(0, 1, 5)
					if w.cc.who() != bob || !w.cc.alive() {
						w.Errorf("the entry has a pair of %s, alive: %v", w.cc.who(), w.cc.alive())
					}
					w.run("refresh", "--force").want(0, 1, 5)
				})
			})
		}
	}
}
