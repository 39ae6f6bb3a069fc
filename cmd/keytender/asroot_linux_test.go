package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"keytender/internal/testguard"
)

// TestVerbsAsRootOverAnothersHome: under sudo HOME is often still the person's. Whatever
// would write there is refused; what only looks still works.
func TestVerbsAsRootOverAnothersHome(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can")
	}
	const person = 12345
	server := fakeServer(t)
	home := t.TempDir()
	if err := os.Chown(home, person, person); err != nil {
		t.Fatal(err)
	}
	run := func(more []string, stdin string, verb ...string) (int, string) {
		cmd := exec.Command(programPath("keytender"), verb...)
		cmd.Env = append(append([]string{"HOME=" + home, "PATH=" + home, "USER=tester", "KEYTENDER_STORE=file",
			"GORACE=" + testguard.RaceOptions}, server.Env()...), more...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		exit := &exec.ExitError{}
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	login := `{"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE-a","refreshToken":"sk-ant-ort01-FAKE-r","expiresAt":4102444800000}}`
	for _, verb := range [][]string{
		{"login", "--no-browser"}, {"login", "--method", "paste"}, {"login", "--method", "claude-code"},
		{"import", "-"},
		{"login", "--begin"}, {"login", "--finish"},
		{"api-key", "set"}, {"api-key", "create", "--no-browser"}, {"autostart", "on"}, {"autostart", "off"},
	} {
		stdin := login
		if verb[0] == "api-key" {
			stdin = "sk-ant-api03-FAKE-key"
		}
		code, out := run(nil, stdin, verb...)
		if code != 1 || !strings.Contains(out, "this runs as root over the home") || !strings.Contains(out, "hint: ") {
			t.Errorf("%v: exit code %d: %s", verb, code, out)
		}
	}
	for verb, want := range map[string]int{"status": 3, "accounts": 0, "history": 0, "token": 3, "version": 0} {
		if code, out := run(nil, "", verb); code != want {
			t.Errorf("%s: exit code %d: %s", verb, code, out)
		}
	}
	if left, _ := os.ReadDir(home); len(left) > 0 {
		t.Errorf("made in the home of another user: %v", left)
	}

	own := t.TempDir()
	elsewhere := []string{"KEYTENDER_HOME=" + filepath.Join(own, "kt"),
		"CLAUDE_CONFIG_DIR=" + filepath.Join(own, "claude")}
	if code, out := run(elsewhere, login, "import", "-"); code != 0 {
		t.Errorf("nothing lies in that home: exit code %d: %s", code, out)
	}
	err := filepath.WalkDir(filepath.Join(own, "kt"), func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, person, person))
	})
	if err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(own, "report.txt")
	for _, verb := range [][]string{
		{"import", "-"}, {"login", "--finish"}, {"login", "--no-browser"}, {"refresh", "--force"}, {"token"},
		{"mirror"}, {"logout", "--yes"}, {"lend", filepath.Join(own, "lent")}, {"api-key", "set"},
		{"export", "github", "--repo", "a/b"}, {"doctor", "--report", report},
	} {
		code, out := run(elsewhere, login, verb...)
		if code != 1 || !strings.Contains(out, "belongs to another user (uid") {
			t.Errorf("%v, a state folder of another user: exit code %d: %s", verb, code, out)
		}
	}
	if _, err := os.Lstat(report); err == nil {
		t.Error("a report of root's was written")
	}
}
