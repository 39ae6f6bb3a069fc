package logfile

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"keytender/internal/testguard"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

func TestLevels(t *testing.T) {
	for level, want := range map[string]string{"debug": "debug info warn error", "info": "info warn error",
		"warn": "warn error", "error": "error"} {
		path := filepath.Join(t.TempDir(), "x.log")
		log := New(path, level)
		log.Debug("debug")
		log.Info("info")
		log.Warn("warn")
		log.Error("error")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(text)) {
			_, message, _ := strings.Cut(strings.TrimSpace(line), "msg=")
			got = append(got, message)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v", level, got)
		}
	}
}

// Nothing is opened before there is something to write, and then nobody else may read it.
func TestIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	path := filepath.Join(dir, "x.log")
	log := New(path, "info")
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder is made before there is a line")
	}
	log.Info("a")
	permissions := func(path string, want os.FileMode) {
		t.Helper()
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want && runtime.GOOS != "windows" {
			t.Errorf("%s: %v (%v), want %v", path, info.Mode(), err, want)
		}
	}
	permissions(dir, 0o700)
	permissions(path, 0o600)

	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	New(path, "info").Info("b")
	permissions(path, 0o600)
	if text, _ := os.ReadFile(path); strings.Count(string(text), "\n") != 2 {
		t.Errorf("the log is %q", text)
	}
}

// However much is written, there are two files at most, of 1 MiB each.
func TestIsBounded(t *testing.T) {
	dir := t.TempDir()
	log := New(filepath.Join(dir, "x.log"), "info")
	for range 60 {
		log.Info(strings.Repeat("x", 100<<10))
	}
	var all int64
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		info, err := file.Info()
		if err != nil {
			continue
		}
		all += info.Size()
		if info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
			t.Errorf("%s has the permissions %v", file.Name(), info.Mode())
		}
	}
	if len(files) != 2 || all > 2<<20 || all < 1<<20 {
		t.Errorf("%d files with %d bytes", len(files), all)
	}
}

// The menu-bar app and the command line write one log: when one of them rotates it, the
// other goes on in the new file.
func TestTwoPrograms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	tray, command := New(path, "info"), New(path, "info")
	command.Info("first")
	for range 11 {
		tray.Info(strings.Repeat("x", 100<<10))
	}
	command.Info("last")
	tray.Info("after it")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(text); strings.Contains(got, "first") || !strings.Contains(got, "last") ||
		!strings.HasSuffix(strings.TrimSpace(got), `msg="after it"`) {
		t.Errorf("the new log ends with %q", got[max(0, len(got)-200):])
	}
}
