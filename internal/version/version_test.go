package version

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"keytender/internal/testguard"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

func TestWithoutAStamp(t *testing.T) {
	const commit = "3f2c1d9e8b7a60514233fedcba9876543210abcd"
	clone := func(version, modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: []debug.BuildSetting{
			{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: commit},
			{Key: "vcs.time", Value: "2026-11-21T11:31:04Z"}, {Key: "vcs.modified", Value: modified}}}
	}
	for _, c := range []struct {
		what string
		info *debug.BuildInfo
		want string
	}{
		{"nothing is known", nil, next + "-dev"},
		{"a folder without git", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, next + "-dev"},
		{"a module of a tag", &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "1.2.3"},
		{"a clone at a tag", clone("v1.2.3", "false"), "1.2.3 (3f2c1d9e8, 2026-11-21)"},
		{"a clone before any tag", clone("v0.0.0-20261121113104-3f2c1d9e8b7a", "false"),
			next + "-dev+3f2c1d9e8 (3f2c1d9e8, 2026-11-21)"},
		{"a clone after a tag", clone("v1.2.4-0.20261121113104-3f2c1d9e8b7a", "false"),
			next + "-dev+3f2c1d9e8 (3f2c1d9e8, 2026-11-21)"},
		{"a changed clone at a tag", clone("v1.2.3+dirty", "true"),
			next + "-dev+3f2c1d9e8.changed (3f2c1d9e8, 2026-11-21)"},
	} {
		if got := read(c.info).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

const root = "../.."

// TestNextStandsInTheChangelog: its first heading is the version that is worked on, or,
// in a release, the one that is released.
func TestNextStandsInTheChangelog(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	first := regexp.MustCompile(`(?m)^## (\d+\.\d+\.\d+) \((?:unreleased|\d{4}-\d\d-\d\d)\)$`).FindSubmatch(text)
	if first == nil || string(first[1]) != next {
		t.Errorf("CHANGELOG.md begins with %q, next is %s", first, next)
	}
}

// TestStamp: what packaging/version.sh makes of a repository, and that the names by which
// it stamps a program are those of this package.
func TestStamp(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed here")
	}
	dir := t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_DATE=2026-11-21T23:30:00-05:00", "GIT_COMMITTER_DATE=2026-11-21T23:30:00-05:00")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v: %s", name, args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	script, err := os.ReadFile(filepath.Join(root, "packaging", "version.sh"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"packaging/version.sh": string(script),
		"CHANGELOG.md": "# Changes\n\n## 1.2.3 (unreleased)\n\n## 1.2.2 (2026-01-01)\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(what string) string { t.Helper(); return run("sh", "packaging/version.sh", what) }
	want := func(state, number, date string) {
		t.Helper()
		if got := ask("number"); !regexp.MustCompile(`^`+number+`$`).MatchString(got) || ask("date") != date {
			t.Errorf("%s: %s of %q, want %s of %q", state, got, ask("date"), number, date)
		}
	}
	want("no repository", `1\.2\.3-dev`, "")
	run("git", "init", "-q")
	run("git", "add", ".")
	run("git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "one")
	want("no tag", `1\.2\.3-dev\+[0-9a-f]{9}`, "2026-11-22")
	run("git", "tag", "v1.2.3")
	want("a tag", `1\.2\.3`, "2026-11-22")
	if err := os.WriteFile(filepath.Join(dir, "CHANGELOG.md"), []byte("## 1.2.4 (unreleased)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want("changed after the tag", `1\.2\.4-dev\+[0-9a-f]{9}\.changed`, "2026-11-22")

	flags := ask("ldflags")
	for _, name := range []string{"number", "commit", "date"} {
		if !strings.Contains(flags, "-X keytender/internal/version."+name+"=") {
			t.Errorf("%s is not stamped: %s", name, flags)
		}
	}
	program := filepath.Join(t.TempDir(), "keytender")
	build := exec.Command("go", "build", "-ldflags", flags, "-o", program, "keytender/cmd/keytender")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command(program, "version").Output(); err != nil ||
		!strings.HasPrefix(string(out), "keytender "+ask("number")+" (") {
		t.Errorf("the program says %q (%v)", out, err)
	}
}
