package histories

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"keytender/internal/testguard"
)

// scratch holds the built program and every world. Another user than ours can look into it:
// where tests run as root, the program runs as somebody else. It is made when it is first
// asked for, since the guard may run the whole binary anew.
var scratch = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "keytender-histories-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	return dir, err
})

func TestMain(m *testing.M) {
	code := testguard.Run(m)
	if dir, err := scratch(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// program is the command line under test: built once, or the one that KTTEST_KEYTENDER names.
var program = sync.OnceValues(func() (string, error) {
	if named := os.Getenv("KTTEST_KEYTENDER"); named != "" {
		return filepath.Abs(named)
	}
	dir, err := scratch()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "keytender")
	overlay, err := hooked(dir)
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-overlay", overlay, "-o", path, "./cmd/keytender")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the command line: %w\n%s", err, out)
	}
	return path, nil
})

// hooked is an overlay with which the program dies where KTTEST_DIE says, on a clock that
// KTTEST_CLOCK sets.
func hooked(dir string) (overlay string, err error) {
	file, err := filepath.Abs("../session/session.go")
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	changed := string(text)
	for from, to := range map[string]string{"now: time.Now,": "now: nowForTests,",
		"crash:   func(string) {},": "crash:   dieForTests,"} {
		if strings.Count(changed, from) != 1 {
			return "", fmt.Errorf("session.go has no %q", from)
		}
		changed = strings.Replace(changed, from, to, 1)
	}
	hooks := `package session

import (
	"os"
	"syscall"
	"time"
)

func nowForTests() time.Time {
	by, _ := time.ParseDuration(os.Getenv("KTTEST_CLOCK"))
	return time.Now().Add(by)
}

func dieForTests(step string) {
	if os.Getenv("KTTEST_DIE") == step {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
`
	replace := map[string]string{}
	for name, content := range map[string]string{file: changed,
		filepath.Join(filepath.Dir(file), "histories_hooks.go"): hooks} {
		at := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
			return "", err
		}
		replace[name] = at
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, data, 0o600)
}
