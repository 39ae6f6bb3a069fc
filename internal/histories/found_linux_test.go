package histories

import "testing"

// found are histories that TestHistories came upon, as short as they became.
var found = map[string][]step{
	"without ids, while the state file names somebody of before": {
		{"home", "client signs in", ann, ""}, {"home", "login", bob, ""}, {"home", "client renews, no ids", bob, ""},
	},
	"switched to beside a renewal in the other directory": {
		{"work", "login", bob, ""}, {"work", "client renews", bob, ""}, {"home", "switch", bob, ""},
	},
	"mirrored beside a renewal in the other directory": {
		{"work", "login", bob, ""}, {"work", "client renews", bob, ""}, {"home", "mirror", bob, ""},
	},
	"killed while a renewal of the client's was taken over": {
		{"work", "login", ann, ""}, {"home", "refresh", ann, ""}, {"work", "client renews", ann, ""},
		{"home", "login", ann, "kill 10"}, {"work", "client renews", ann, ""}, {"home", "switch", ann, ""},
		{"home", "refresh", ann, ""},
	},
	"two that seem to follow one generation, and a sign-out of all": {
		{"home", "login", ann, ""}, {"work", "login", ann, ""}, {"home", "switch", ann, ""},
		{"work", "client signs in", ann, ""},
		{"home", "login aside", ann, ""}, {"home", "client renews", ann, ""}, {"home", "switch", ann, ""},
	},
	"a former login in two directories, taken over again": {
		{"home", "import", bob, ""}, {"work", "login", bob, ""}, {"home", "login", bob, ""},
		{"home", "import backup", bob, ""},
		{"home", "client renews", bob, ""}, {"work", "client renews", bob, ""},
	},
	"a former login renewed where the new one could not be written": {
		{"work", "login", ann, ""}, {"work", "trouble hard link", ann, ""}, {"home", "login", ann, ""},
	},
	"taken over with the ids of another login": {
		{"home", "login", bob, ""}, {"home", "tokens swapped", bob, ""}, {"home", "take over", bob, ""},
	},
	"taken over with the ids of a login that is another grant now": {
		{"home", "login", bob, ""}, {"home", "tokens swapped", cat, ""}, {"work", "doctor undo", cat, ""},
		{"work", "import", bob, ""}, {"home", "take over", ann, ""}, {"work", "switch", bob, ""},
	},
	"swapped under the ids of who signs in, and nobody to ask": {
		{"home", "login", ann, ""}, {"home", "tokens swapped", ann, ""}, {"home", "login", ann, "profile 500"},
	},
	"mended by hand after the other directory renewed": {
		{"home", "login", ann, ""}, {"work", "login", ann, ""}, {"home", "damage cut", ann, ""},
		{"work", "renewed and damaged", ann, ""}, {"home", "login", ann, ""}, {"home", "refresh", ann, ""},
		{"home", "mended", ann, ""},
	},
	"undone where it never was": {
		{"work", "login", bob, ""}, {"work", "client renews", bob, ""}, {"home", "import", bob, ""},
		{"home", "undo", bob, ""},
	},
}

func TestFound(t *testing.T) {
	for name, steps := range found {
		t.Run(name, func(t *testing.T) {
			holds(t, func(w *world) { w.play(steps) })
		})
	}
}
