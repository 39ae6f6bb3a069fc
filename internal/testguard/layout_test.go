package testguard

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(Run(m)) }

// listed is what `go list` tells of a package.
type listed struct {
	ImportPath   string
	Dir          string
	Imports      []string
	Deps         []string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
}

// packages lists the whole project, as it is built for one system.
func packages(t *testing.T, goos string) map[string]listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json", "./...")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	found := map[string]listed{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		found[p.ImportPath] = p
	}
}

var toolkits = []string{"github.com/getlantern/systray", "fyne.io/systray"}

// entry is the one package that knows the names of Claude Code's entry and of its locks.
const entry = "keytender/keychain/claudecode"

// TestImportRules holds who may import whom: cmd → tray → session → {oauth, keychain,
// callback}. A secret cannot leak from where it cannot get to.
func TestImportRules(t *testing.T) {
	// What a package must not reach at all, and what it must not import itself.
	far := map[string][]string{
		"keytender/callback": {"keytender/internal/oauth", "keytender/keychain", entry,
			"keytender/internal/session", "keytender/tray"},
		"keytender/keychain": {"net/http", "keytender/internal/oauth", "keytender/internal/session",
			"keytender/callback", entry, "keytender/internal/dirlock"},
		entry: {"net/http", "keytender/internal/oauth", "keytender/internal/session",
			"keytender/callback"},
		"keytender/internal/oauth": {"keytender/keychain", entry, "keytender/internal/session", "keytender/callback",
			"keytender/internal/atomicfile"},
		"keytender/internal/session": append([]string{"keytender/tray", "keytender/internal/fakeclaude"}, toolkits...),
		"keytender/cmd/keytender":    append([]string{"keytender/tray"}, toolkits...),
		"keytender/tray/autostart":   {"keytender/keychain", entry, "keytender/internal/session", "net/http"},
	}
	deep := []string{"keytender/internal/oauth", "keytender/keychain", entry, "keytender/internal/dirlock", "net/http"}
	near := map[string][]string{
		"keytender/internal/oauth":  {"os", "os/exec"},
		"keytender/internal/ledger": {"os", "os/exec", "net", "net/http"},
		"keytender/tray":            append([]string{"os/exec", "net"}, deep...),
		"keytender/tray/menu":       append([]string{"os", "os/exec", "net", "keytender/callback"}, deep...),
		"keytender/tray/toolkit": append([]string{"os/exec", "keytender/internal/session", "keytender/callback"},
			deep...),
		"keytender/tray/notify":     append([]string{"os/exec", "net", "keytender/callback"}, deep...),
		"keytender/internal/secret": {"os", "net", "net/http"},
	}
	// What a package may reach of ours, and nothing else.
	only := map[string][]string{
		"keytender/internal/secret":     {"keytender/internal/pattern"},
		"keytender/internal/atomicfile": {},
		"keytender/internal/dirlock":    {"keytender/internal/atomicfile", "keytender/internal/shown"},
		"keytender/internal/ledger": {"keytender/internal/rawjson", "keytender/internal/secret",
			"keytender/internal/pattern"},
	}
	// Only these import the package that knows Claude Code's entry.
	residents := map[string]bool{"keytender/internal/session": true}
	// Only these may start programs.
	starters := map[string]bool{"keytender/callback": true, "keytender/keychain": true, entry: true,
		"keytender/tray/clipboard": true, "keytender/tray/locale": true,
		"keytender/cmd/keytender": true, "keytender/internal/session": true,
		"keytender/internal/desktop": true, "keytender/internal/bench": true,
		"keytender/internal/fakeclaude/oidctest": true, "keytender/internal/fakeclaude/officialtest": true,
		"keytender/internal/program": true,
		"keytender/internal/testbus": true, "keytender/internal/testguard": true, "keytender/tray/traytest": true}
	for _, goos := range []string{"linux", "windows", "darwin"} {
		all := packages(t, goos)
		for path, forbidden := range far {
			p, ok := all[path]
			if !ok {
				t.Fatalf("there is no package %s", path)
			}
			for _, other := range forbidden {
				if slices.Contains(p.Deps, other) {
					t.Errorf("%s: %s reaches %s", goos, path, other)
				}
			}
		}
		for path, forbidden := range near {
			for _, other := range forbidden {
				if slices.Contains(all[path].Imports, other) {
					t.Errorf("%s: %s imports %s", goos, path, other)
				}
			}
		}
		for path, allowed := range only {
			p, ok := all[path]
			if !ok {
				t.Fatalf("there is no package %s", path)
			}
			for _, other := range p.Deps {
				if strings.HasPrefix(other, "keytender/") && !slices.Contains(allowed, other) {
					t.Errorf("%s: %s reaches %s", goos, path, other)
				}
			}
		}
		for path, p := range all {
			if slices.Contains(p.Imports, entry) && !residents[path] {
				t.Errorf("%s: %s imports %s", goos, path, entry)
			}
			if slices.Contains(p.Imports, "os/exec") && !starters[path] {
				t.Errorf("%s: %s starts programs", goos, path)
			}
			for _, other := range []string{"keytender/internal/desktop", "keytender/tray/traytest",
				"keytender/internal/fakeclaude/oidctest", "keytender/internal/fakeclaude/officialtest",
				"keytender/internal/fakeclaude/faults",
				"keytender/internal/testbus", "keytender/internal/testguard"} {
				if strings.HasPrefix(path, "keytender/cmd/") && slices.Contains(p.Deps, other) {
					t.Errorf("%s: %s ships %s, which is for tests", goos, path, other)
				}
			}
		}
	}
}

// TestOnlySessionRenews: no other package calls the token endpoint.
func TestOnlySessionRenews(t *testing.T) {
	for path, p := range packages(t, "linux") {
		if path == "keytender/internal/session" || path == "keytender/internal/oauth" {
			continue
		}
		if slices.Contains(p.Imports, "keytender/internal/oauth") {
			t.Errorf("%s imports the wire", path)
		}
	}
}

// TestEveryTestPackageIsGuarded: no test package forgets the guard.
func TestEveryTestPackageIsGuarded(t *testing.T) {
	for path, p := range packages(t, "linux") {
		files := append(slices.Clone(p.TestGoFiles), p.XTestGoFiles...)
		guarded := len(files) == 0 || path == "keytender/internal/testguard"
		for _, name := range files {
			data, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(data), "testguard.Run(") {
				guarded = true
			}
		}
		if !guarded {
			t.Errorf("the tests of %s run without the guard", path)
		}
	}
}

// TestGuard: nothing of the person's environment is left.
func TestGuard(t *testing.T) {
	home, err := os.UserHomeDir()
	if err != nil || !strings.Contains(home, "keytender-test-") {
		t.Errorf("the home is %s (%v)", home, err)
	}
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "ANTHROPIC_API_KEY", "CLAUDE_CONFIG_DIR",
		"SSH_CONNECTION"} {
		if value, set := os.LookupEnv(name); set {
			t.Errorf("%s is still %q", name, value)
		}
	}
}
