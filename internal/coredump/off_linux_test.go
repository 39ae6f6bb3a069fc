package coredump

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"keytender/internal/testguard"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("KTTEST_CRASH"); dir != "" {
		_ = os.Chdir(dir)
		Off()
		panic("a crash for the test")
	}
	os.Exit(testguard.Run(m))
}

// A program that crashes as hard as it can leaves no file, whatever its limit was.
func TestACrashLeavesNoCore(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("/bin/sh", "-c", `ulimit -c unlimited; exec "$0"`, os.Args[0])
	cmd.Env = append(os.Environ(), "KTTEST_CRASH="+dir, "GOTRACEBACK=crash")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "a crash for the test") {
		t.Fatalf("it did not crash: %v\n%s", err, out)
	}
	// The shell's words for a core that was written.
	if strings.Contains(string(out), "core dumped") || strings.Contains(err.Error(), "core dumped") {
		t.Errorf("a core was dumped: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("the crash left %v", left)
	}
}
