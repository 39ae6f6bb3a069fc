package packaging

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"keytender/internal/testguard"
)

// script runs a script of this folder with the variables in env.
func script(t *testing.T, env []string, words ...string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the script needs a shell")
	}
	cmd := exec.Command("./"+words[0], words[1:]...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v: %s", words, err, out)
	}
	return string(out)
}

func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, f fs.DirEntry, err error) error {
		if err == nil && !f.IsDir() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestInstallAndUninstall(t *testing.T) {
	bin, dest := t.TempDir(), t.TempDir()
	for _, name := range []string{"keytender", "keytender-tray"} {
		testguard.Script(t, filepath.Join(bin, name), `echo "$@"`)
	}
	theirs := filepath.Join(dest, "opt", "share", "man", "man1", "other.1")
	if err := os.MkdirAll(filepath.Dir(theirs), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(theirs, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	env := []string{"DESTDIR=" + dest, "PREFIX=/opt"}
	script(t, env, "install.sh", "install", bin)

	got := filesIn(t, filepath.Join(dest, "opt"))
	want := []string{"share/man/man1/other.1"}
	for line := range strings.Lines(script(t, nil, "install.sh", "list", bin)) {
		want = append(want, strings.Fields(line)[2])
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("installed %q, the list is %q", got, want)
	}
	pages, _ := filepath.Glob("man/*.1")
	for _, name := range append(pages, "bin/keytender", "bin/keytender-tray", "lib/systemd/user/keytender.service",
		"share/applications/keytender.desktop",
		"share/icons/hicolor/256x256/apps/keytender.png", "share/doc/keytender/THIRD_PARTY.md") {
		if page, isPage := strings.CutPrefix(name, "man/"); isPage {
			name = "share/man/man1/" + page
		}
		if !slices.Contains(got, name) {
			t.Errorf("%s is not installed", name)
		}
	}
	for place, text := range map[string]string{"share/bash-completion/completions/keytender": "completion bash\n",
		"share/zsh/site-functions/_keytender": "completion zsh\n"} {
		if data, err := os.ReadFile(filepath.Join(dest, "opt", place)); err != nil || string(data) != text {
			t.Errorf("%s: %q (%v)", place, data, err)
		}
	}

	script(t, env, "install.sh", "uninstall", "/nowhere")
	if left := filesIn(t, dest); !slices.Equal(left, []string{"opt/share/man/man1/other.1"}) {
		t.Errorf("left: %q", left)
	}
}

// TestWhatStartsIt: the desktop entry and the unit start a program that is installed.
func TestWhatStartsIt(t *testing.T) {
	for file, want := range map[string]string{"keytender.desktop": `(?m)^Exec=keytender-tray$`,
		"keytender.service": `(?m)^ExecStart=keytender agent$`} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(want).Match(text) {
			t.Errorf("%s has no line %s", file, want)
		}
	}
}
