package histories

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The state is lost, in part or whole, and Claude Code renews. Whoever makes room for another then is not written
// over with a pair that was spent, and sends none.
func TestStateLostAndRenewed(t *testing.T) {
	for name, lose := range map[string]func(w *world, state string, before []byte){
		"folder":         func(w *world, state string, _ []byte) { w.must(os.RemoveAll(state)) },
		"ledger":         func(w *world, state string, _ []byte) { w.must(os.Remove(state + "/ledger.json")) },
		"ledger emptied": func(w *world, state string, _ []byte) { w.write(state+"/ledger.json", nil, 0o600) },
		"ledger empty":   func(w *world, state string, _ []byte) { w.write(state+"/ledger.json", []byte("{}"), 0o600) },
		"ledger and places": func(w *world, state string, _ []byte) {
			w.must(os.Remove(state + "/ledger.json"))
			w.must(os.Remove(state + "/places.json"))
		},
		"ledger of before": func(w *world, state string, was []byte) { w.write(state+"/ledger.json", was, 0o600) },
		"folder of before": func(w *world, state string, was []byte) {
			w.must(os.RemoveAll(state))
			w.must(os.Mkdir(state, 0o700))
			w.own(state)
			w.write(state+"/ledger.json", was, 0o600)
		},
	} {
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
					state := filepath.Join(w.kt, "state")
					w.login(ann, "--account", "ann").want(0)
					before, err := os.ReadFile(state + "/ledger.json")
					w.must(err)
					w.login(bob, "--account", "bob").want(0)
					w.cc.goesOn(bob)
					w.run("refresh", "--force").want(0)
					lose(w, state, before)
					w.cc.life = 9 * time.Hour
					w.cc.goesOn(bob)
					w.cc.life = 0
					if then(w).code == 1 { // it is damaged
						w.run("doctor", "--fix", "--yes").want(0)
						then(w)
					}
					if w.run("switch", "bob").want(0, 5).code == 5 { // bob was heard of too late
						w.run("mirror", "--undo").want(0)
						w.run("switch", "bob").want(0)
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

// Whatever is asked for first after that, and however long the renewed pair lives: no clock says which is newer.
func TestStateGoneAndSwitched(t *testing.T) {
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
					w.run("switch", "ann").want(0, 5)
					if w.cc.who() == ann {
						w.cc.goesOn(ann)
					}
					w.run("switch", "bob").want(0, 5)
					if w.cc.who() != bob || !w.cc.alive() {
						w.Errorf("the entry has a pair of %s, alive: %v", w.cc.who(), w.cc.alive())
					}
					w.run("refresh", "--force").want(0, 5)
				})
			})
		}
	}
}
