package packaging

import (
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// systems of docs/platforms.md, in the order of its columns.
var systems = []struct{ name, goos string }{{"Linux", "linux"}, {"macOS", "darwin"}, {"Windows", "windows"}}

var named = regexp.MustCompile("`([A-Za-z0-9_/.-]+_test\\.go):(Test\\w+)`")

// TestPlatforms holds the table of docs/platforms.md: a cell says what is shown, and what shows
// it can run there. A test for Linux alone shows nothing of Windows.
func TestPlatforms(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\| ([^|]+) \| (\S+) \| (\S+) \| (\S+) \|(.*)\|$`).FindAllStringSubmatch(read(t,
		"docs", "platforms.md"), -1)
	if len(rows) < 15 {
		t.Fatalf("only %d rows", len(rows))
	}
	for _, row := range rows[1:] { // below the line of dashes
		shownBy := map[string]string{}
		for _, part := range regexp.MustCompile(`(Linux|macOS|Windows): `).Split(row[5], -1)[1:] {
			at := strings.Index(row[5], part)
			words := strings.Fields(row[5][:at])
			shownBy[strings.TrimSuffix(words[len(words)-1], ":")] = part
		}
		for i, system := range systems {
			cell, proof := row[2+i], shownBy[system.name]
			switch cell {
			case "real", "stand-in":
				if proof == "" {
					t.Errorf("%s: %s on %s, and nothing shows it", row[1], cell, system.name)
				}
				if cell == "real" && system.goos != "linux" {
					t.Errorf("%s: no test has run on a real %s yet", row[1], system.name)
				}
			case "compiled", "–":
				if proof != "" {
					t.Errorf("%s: %s on %s, but something is named: %s", row[1], cell, system.name, proof)
				}
			default:
				t.Errorf("%s: %q is none of the page's words", row[1], cell)
			}
			for _, test := range named.FindAllStringSubmatch(proof, -1) {
				runs(t, system.goos, test[1], test[2])
			}
		}
	}
}

// TestWinePage: each package with tests that Windows can run stands in the page's second table,
// but those that packaging/wine.sh leaves out, and none that is not there.
func TestWinePage(t *testing.T) {
	context := build.Default
	context.GOOS, context.CgoEnabled = "windows", false
	var want []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" ||
			path == filepath.Join(root, "build") || path == filepath.Join(root, "dist")) {
			return filepath.SkipDir
		}
		p, err := context.ImportDir(path, 0)
		if err == nil && len(p.TestGoFiles)+len(p.XTestGoFiles) > 0 && d.Name() != "testguard" &&
			d.Name() != "officialtest" {
			name, _ := filepath.Rel(root, path)
			want = append(want, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range regexp.MustCompile(
		"(?m)^\\| `([a-z/-]+)` \\| (?:passes|nothing runs) \\|.*\\|$").FindAllStringSubmatch(read(t, "docs",
		"platforms.md"), -1) {
		got = append(got, row[1])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/platforms.md's table of Wine has other packages (-want +got):\n%s", diff)
	}
}

// runs holds that a test is there and runs where it is said to show something: on Linux, which
// plays macOS too, or under Wine.
func runs(t *testing.T, goos, file, test string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil || !strings.Contains(string(text), "func "+test+"(") {
		t.Errorf("there is no %s in %s (%v)", test, file, err)
		return
	}
	if goos == "darwin" {
		goos = "linux"
	}
	context := build.Default
	context.GOOS, context.CgoEnabled = goos, false
	if ok, err := context.MatchFile(filepath.Join(root, filepath.Dir(file)), filepath.Base(file)); err != nil || !ok {
		t.Errorf("%s does not run on %s (%v)", file, goos, err)
	}
}
