package histories

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	build := exec.Command("go", "build", "-o", path, "./cmd/keytender")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the command line: %w\n%s", err, out)
	}
	return path, nil
})
