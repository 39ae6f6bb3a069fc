package histories

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// lanes are histories that are played at once: they wait more than they work.
const lanes = 4

// usually is how many histories are played where -rapid.checks does not say.
const usually = 72

// wide: further steps and twists are taken, too.
var wide bool

// TestHistories takes random steps in random order.
func TestHistories(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	n, told := usually, map[string]bool{}
	flag.Visit(func(f *flag.Flag) { told[f.Name] = true })
	if wide = told[checks.Name]; wide {
		n, _ = strconv.Atoi(checks.Value.String())
	} else if !told["rapid.seed"] { // what is new is found by `make histories`, not by chance in CI
		if err := flag.Set("rapid.seed", "8765"); err != nil {
			t.Fatal(err)
		}
	}
	if err := checks.Value.Set(itoa((n + lanes - 1) / lanes)); err != nil {
		t.Fatal(err)
	}
	for lane := range lanes {
		t.Run(itoa(lane), func(t *testing.T) {
			k := newKeyring(t)
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				for range lane { // each lane has histories of its own, from one seed too
					rapid.Uint64().Draw(t, "lane")
				}
				play(t, rapid.SliceOfN(steps(), 8, 18).Draw(t, "steps"), k)
			})
		})
	}
}

// TestReplay plays the steps in the file that KTTEST_REPLAY names, as a failure prints them.
func TestReplay(t *testing.T) {
	file := os.Getenv("KTTEST_REPLAY")
	if file == "" {
		t.Skip("KTTEST_REPLAY names no file")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var steps []step
	for _, words := range printed.FindAllStringSubmatch(string(text), -1) {
		steps = append(steps, step{words[1], words[2], person(words[3]), words[4]})
	}
	play(t, steps, newKeyring(t))
}

// printed is a step as it stands in a failure: with the fields' names or without.
var printed = regexp.MustCompile(
	`\{(?:where:)?"([a-z]+)", (?:what:)?"([^"]+)", (?:who:)?"([a-z]*)", (?:twist:)?"([^"]*)"\}`)

// play is a whole history.
func play(t reporter, steps []step, k *keyring) {
	t.Helper()
	w := newWorld(t)
	defer w.end()
	w.uses(k)
	w.play(steps)
}

func (w *world) play(steps []step) {
	w.Helper()
	h := w.history()
	defer h.mendAll()
	for _, s := range steps {
		h.do(s)
	}
	h.finish()
}

// weighed are the steps, the simple ones first, and each as often as it is to come. What
// fails is shrunk towards the first.
var weighed = []struct {
	what  string
	times int
}{
	{"nothing", 1}, {"login", 4}, {"refresh", 5}, {"client renews", 6}, {"switch", 5}, {"token", 2}, {"status", 1},
	{"import", 2}, {"import ended", 2},
	{"take over", 3}, {"mirror", 3}, {"undo", 2}, {"client signs in", 4}, {"client renews, sooner", 1},
	{"client renews, bare", 1},
	{"client renews, no ids", 1}, {"refresh if due", 1}, {"token long", 1}, {"login aside", 1}, {"import backup", 1},
	{"logout", 1},
	{"client signs out", 1}, {"both", 2}, {"trouble symlink", 1}, {"trouble hard link", 1}, {"trouble read-only", 1},
	{"trouble unreadable", 1}, {"trouble big", 1}, {"mended", 2},
	{"damage cut", 2}, {"damage mark", 1}, {"renewed and damaged", 3}, {"tokens swapped", 1},
	{"lend", 1}, {"lend back", 1}, {"rename", 1}, {"watch", 1}, {"doctor", 4}, {"doctor undo", 1},
}

// steps makes steps.
func steps() *rapid.Generator[step] {
	var names []string
	for _, w := range weighed {
		for range w.times {
			if without(w.what) {
				continue
			}
			names = append(names, w.what)
		}
	}
	twisted := twisted
	if wide {
		names = append(names, slices.DeleteFunc(slices.Clone(further), without)...)
		twisted = slices.Concat(twisted, twistedFurther)
	}
	return rapid.Custom(func(t *rapid.T) step {
		s := step{
			what:  rapid.SampledFrom(names).Draw(t, "what"),
			where: rapid.SampledFrom(slices.DeleteFunc([]string{"home", "home", "work"}, without)).Draw(t, "where"),
			who:   rapid.SampledFrom([]person{ann, bob, ann, bob, cat}).Draw(t, "who"),
		}
		if s.what == "client signs in" {
			s.who = rapid.SampledFrom([]person{xia, yan, ann}).Draw(t, "stranger")
		}
		s.twist = rapid.SampledFrom(twisted).Draw(t, "twist")
		if without(s.twist) {
			s.twist = ""
		}
		if timed, ok := strings.CutSuffix(s.twist, " at"); ok {
			s.twist = timed + " " + itoa(rapid.IntRange(0, 40).Draw(t, "after"))
		}
		return s
	})
}

// twisted are the twists, most of them none.
var twisted = append(make([]string, 28), "status 500", "status 429", "status 401", "cut", "reset", "profile 500",
	"profile 429", "unnamed",
	"HUP", "TERM", "INT", "QUIT", "kill at", "kill at", "TERM at", "HUP at", "lost", "agent", "agent", "stop at",
	"stays")

// without leaves out steps, directories and twists that begin with what KTTEST_WITHOUT lists.
func without(name string) bool {
	for _, prefix := range strings.Split(os.Getenv("KTTEST_WITHOUT"), ";") {
		if prefix != "" && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
