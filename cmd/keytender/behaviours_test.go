package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"keytender/internal/config"
)

var (
	behaviourRow = regexp.MustCompile(`(?m)^\| (S[0-4]|C)-([0-9]+) \| [^|\n]+ \| ([^|\n]+) \|$`)
	namedTest    = regexp.MustCompile("`([A-Za-z0-9_.-]+)`")
	numbered     = regexp.MustCompile(`(?i)(^test|^fuzz|^|_|-)(s[0-4]|c)[_-]?[0-9]+[_-]`)
	goTest       = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]*)\(`)
)

// testNames are the names of all tests and test scripts of the project.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir(projectRoot, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "build"):
			return fs.SkipDir
		case strings.HasSuffix(path, ".txtar"):
			names[d.Name()] = true
		case strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, found := range goTest.FindAllStringSubmatch(string(text), -1) {
				names[found[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestBehavioursAreTested holds docs/behaviours.md: no row of a system is left out, and every
// test that a row names exists. The numbers mean nothing elsewhere, so they stand there alone.
func TestBehavioursAreTested(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(projectRoot, "docs", "behaviours.md"))
	if err != nil {
		t.Fatal(err)
	}
	exist := testNames(t)
	for name := range exist {
		if numbered.MatchString(name) {
			t.Errorf("%s has a number of docs/behaviours.md for a name", name)
		}
	}
	rows := map[string]int{}
	for _, found := range behaviourRow.FindAllStringSubmatch(string(text), -1) {
		system, number := found[1], found[2]
		if rows[system]++; number != strconv.Itoa(rows[system]) {
			t.Errorf("%s-%s stands where %d was to come", system, number, rows[system])
		}
		tests := namedTest.FindAllStringSubmatch(found[3], -1)
		if len(tests) == 0 {
			t.Errorf("%s-%s names no test", system, number)
		}
		for _, test := range tests {
			if !exist[test[1]] {
				t.Errorf("%s-%s names %s, which does not exist", system, number, test[1])
			}
		}
	}
	if len(rows) != 6 {
		t.Errorf("rows of %d systems, want those of 6", len(rows))
	}
}

// TestDefaults: client, endpoints and redirect without any setting; the
// token endpoint of old can still be set.
func TestDefaults(t *testing.T) {
	env := map[string]string{"KEYTENDER_HOME": t.TempDir()}
	load := func() config.Config {
		c, err := config.Load(func(name string) (string, bool) { value, ok := env[name]; return value, ok }, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := load()
	for _, pair := range [][2]string{
		{c.ClientID, "9d1c250a-e61b-44d9-88ed-5944d1962f5e"},
		{c.AuthURL, "https://claude.com/cai/oauth/authorize"},
		{c.ConsoleAuthURL, "https://platform.claude.com/oauth/authorize"},
		{c.TokenURL, "https://platform.claude.com/v1/oauth/token"},
		{c.RedirectURI, "https://platform.claude.com/oauth/code/callback"},
		{c.APIURL, "https://api.anthropic.com"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("got %s, want %s", pair[0], pair[1])
		}
	}
	env["ANTHROPIC_TOKEN_URL"] = "https://console.anthropic.com/v1/oauth/token"
	if c := load(); c.TokenURL != env["ANTHROPIC_TOKEN_URL"] || c.RevokeURL != c.TokenURL+"/revoke" {
		t.Errorf("the endpoint of old cannot be set: %s", c.TokenURL)
	}
}

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(projectRoot, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTroubleshootingPage: each heading of docs/troubleshooting.md is what
// the program says (a … stands for what differs), and says why and what to do.
func TestTroubleshootingPage(t *testing.T) {
	var said []string
	for path, source := range sources(t) {
		if !strings.HasSuffix(path, "_test.go") && !strings.HasPrefix(path, "internal/fakeclaude/") {
			said = append(said, source.literals...)
		}
	}
	sections := strings.Split(document(t, "docs/troubleshooting.md"), "\n### ")[1:]
	if len(sections) < 30 {
		t.Errorf("only %d messages", len(sections))
	}
	for _, section := range sections {
		message, body, _ := strings.Cut(section, "\n")
		message = strings.Trim(message, "` ")
		for _, part := range strings.Split(message, "…") {
			part = strings.TrimSpace(part)
			if part != "" && !slices.ContainsFunc(said,
				func(text string) bool { return strings.Contains(text, part) }) {
				t.Errorf("the program nowhere says %q (%s)", part, message)
			}
		}
		if !strings.Contains(body, "**Why:**") || !strings.Contains(body, "**Do:**") {
			t.Errorf("%s: it lacks Why or Do", message)
		}
	}
}

// TestSourcesAreNamed: the page about CI names what it rests on.
func TestSourcesAreNamed(t *testing.T) {
	page := document(t, "docs/ci.md")
	for _, source := range []string{"anthropics/claude-code-action", "anthropics/claude-code/issues/6536"} {
		if !strings.Contains(page, source) {
			t.Errorf("docs/ci.md does not name %s", source)
		}
	}
}

// TestPackagesAndFolders: built on the libraries and laid out in the folders
// that were asked for.
func TestPackagesAndFolders(t *testing.T) {
	module := document(t, "go.mod")
	for _, library := range []string{"github.com/pkg/browser", "github.com/zalando/go-keyring",
		"github.com/getlantern/systray"} {
		if !strings.Contains(module, library+" v") {
			t.Errorf("go.mod lacks %s", library)
		}
	}
	for file, library := range map[string]string{"callback/*.go": "github.com/pkg/browser",
		"keychain/*.go": "github.com/zalando/go-keyring", "tray/toolkit/*.go": "github.com/getlantern/systray"} {
		paths, err := filepath.Glob(filepath.Join(projectRoot, filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(paths, func(path string) bool {
			text, _ := os.ReadFile(path)
			return strings.Contains(string(text), `"`+library+`"`)
		}) {
			t.Errorf("no file of %s imports %s", file, library)
		}
	}
	for _, folder := range []string{"cmd", "callback", "keychain", "tray", "assets"} {
		if info, err := os.Stat(filepath.Join(projectRoot, folder)); err != nil || !info.IsDir() {
			t.Errorf("there is no folder %s", folder)
		}
	}
}
