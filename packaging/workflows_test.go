package packaging

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	uses   = regexp.MustCompile(`uses: *(.*)`)
	pinned = regexp.MustCompile(`^[a-z/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	run    = regexp.MustCompile(`run: *(.*)`)
	target = regexp.MustCompile(`(?:make|mingw32-make) ([a-z-]+)`)
	// what may stand in a step beside a target: it only lends the person's permissions back
	plain = regexp.MustCompile(`^sudo chown `)
)

// TestWorkflows: whatever a workflow runs can be run by hand, by make; an action is the one that
// was looked at; nothing has more permissions than a step needs.
func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.yml"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d workflows (%v)", len(files), err)
	}
	targets := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^([a-z-]+):(?:[^=]|$)`).FindAllStringSubmatch(read(t, "Makefile"),
		-1) {
		targets[found[1]] = true
	}
	versions := map[string]string{}
	for _, path := range files {
		name := filepath.Base(path)
		text := read(t, ".github", "workflows", name)
		if !strings.Contains(text, "\npermissions:\n  contents: read\n") {
			t.Errorf("%s does not begin with the least permissions", name)
		}
		for _, found := range uses.FindAllStringSubmatch(text, -1) {
			if !pinned.MatchString(found[1]) {
				t.Errorf("%s: %q is not pinned by hash, with the version behind it", name, found[1])
			}
			action, _, _ := strings.Cut(found[1], "@")
			if other := versions[action]; other != "" && other != found[1] {
				t.Errorf("%s: %s, elsewhere %s", name, found[1], other)
			}
			versions[action] = found[1]
		}
		for _, found := range run.FindAllStringSubmatch(text, -1) {
			if found[1] == "" { // defaults.run
				continue
			}
			named := target.FindStringSubmatch(found[1])
			if plain.MatchString(found[1]) {
				continue
			}
			if named == nil || !targets[named[1]] {
				t.Errorf("%s: %q is no target of the Makefile", name, found[1])
			}
		}
		if checkouts := strings.Count(text, "actions/checkout@"); checkouts != strings.Count(text,
			"persist-credentials: false") {
			t.Errorf("%s: a checkout keeps its credentials", name)
		}
	}
}

// TestReleaseBuildsAsMake: goreleaser is told the flags that the Makefile has.
func TestReleaseBuildsAsMake(t *testing.T) {
	makefile, release := read(t, "Makefile"), read(t, "packaging", "goreleaser.yaml")
	small := regexp.MustCompile(`SMALL = -gcflags=(\S+) -gcflags=(\S+) -tags (\S+)`).FindStringSubmatch(makefile)
	quick := regexp.MustCompile(`&& echo (GOEXPERIMENT=\S+)\)`).FindStringSubmatch(makefile)
	if small == nil || quick == nil {
		t.Fatal("the Makefile's flags were not found")
	}
	for _, want := range []string{
		"gcflags: [" + small[1] + ", " + small[2] + "]", `env: ["` + quick[1] + `"]`,
		"tags: [" + strings.ReplaceAll(small[3], ",", ", ") + "]", "CGO_ENABLED=0"} {
		if !strings.Contains(release, want) {
			t.Errorf("packaging/goreleaser.yaml has no %q", want)
		}
	}
	flags := regexp.MustCompile(`BUILD = \$\(GO\) build (.*) -ldflags`).FindStringSubmatch(makefile)
	if flags == nil || strings.Count(release, "flags: ["+strings.Join(strings.Fields(flags[1]), ", ")+"]") != 2 {
		t.Errorf("packaging/goreleaser.yaml does not build both programs with %v", flags)
	}
}
