package histories

import (
	"path/filepath"
	"strings"
	"testing"
)

// A directory that was lent to: the person signs in there as somebody else, and the login is taken back.
func TestLentThenSignedInThere(t *testing.T) {
	for _, verb := range [][]string{{"lend", "--back", "--all"}, {"refresh", "--force"}, {"logout", "--all", "--yes"},
		{"switch", "ann"}, {"doctor", "--fix", "--yes"}} {
		for _, who := range []person{xia, ann} {
			t.Run(verb[0]+" "+string(who), func(t *testing.T) {
				holds(t, func(w *world) {
					dir := filepath.Join(w.home, "lent")
					w.login(ann, "--account", "ann").want(0)
					w.run("lend", dir).want(0)
					c := w.client(dir, filepath.Join(dir, ".claude.json"))
					c.signIn(who)
					mine := c.refresh()
					w.run(verb...)
					if c.refresh() != mine {
						t.Errorf("the login of %s that was made there is gone from it, kept in %v", who, w.kept(mine))
					}
					if !c.alive() {
						t.Errorf("it is dead")
					}
				})
			})
		}
	}
}

// A configuration directory was copied, and a command was run in the copy.
func TestCopiedDirectory(t *testing.T) {
	for _, verb := range []string{"status", "token", "refresh", "refresh --force", "places", "doctor",
		"doctor --fix --yes",
		"accounts", "mirror", "import claude-code"} {
		t.Run(verb, func(t *testing.T) {
			holds(t, func(w *world) {
				w.login(ann, "--account", "ann").want(0)
				whole, _ := w.cc.read()
				w.work.make()
				w.work.put(whole)
				r := w.work.shell().run(strings.Fields(verb)...)
				w.run("refresh", "--force").want(0)
				if !w.work.alive() {
					w.Errorf("the copy in the other directory was left behind with a spent pair, after: %v\n%v", r,
						w.work.shell().run("status"))
				}
			})
		})
	}
}
