package autostart

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"keytender/internal/testguard"
)

// TestSystemdReadsTheUnit: whatever the program's path holds, systemd finds it.
func TestSystemdReadsTheUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	for _, name := range []string{"plain", "a b", "100%", "$HOME", "日本", "semi;colon", "#hash"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		program := filepath.Join(dir, "keytender")
		testguard.Script(t, program, "exit 0")
		u := userUnit(t.TempDir())
		if err := u.write(program); err != nil {
			t.Fatal(err)
		}
		verify := func(path string) string {
			cmd := exec.Command(analyze, "--user", "verify", "--man=no", path)
			cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir())
			out, err := cmd.CombinedOutput()
			if err != nil {
				return err.Error() + ": " + string(out)
			}
			return string(out)
		}
		if said := verify(u.path); strings.Contains(said, "initialize manager") {
			t.Skip(said)
		} else if said != "" {
			t.Errorf("%s: %s", program, said)
		}
		if err := os.Remove(program); err != nil {
			t.Fatal(err)
		}
		if said := verify(u.path); !strings.Contains(said, "keytender is not executable") {
			t.Errorf("%s: a program that is not there is not missed: %s", program, said)
		}
	}
}
