package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSurroundings: WSL, a container and SSH are recognised, and told what that means.
func TestSurroundings(t *testing.T) {
	release, marks := kernelRelease, containerMarks
	t.Cleanup(func() { kernelRelease, containerMarks = release, marks })
	folder := t.TempDir()
	kernelRelease = filepath.Join(folder, "osrelease")
	containerMarks = []string{filepath.Join(folder, "dockerenv")}
	find := func(variables map[string]string) string {
		c := &console{lookup: func(name string) (string, bool) { value, ok := variables[name]; return value, ok }}
		var said []string
		for _, check := range c.checkSurroundings(t.Context()) {
			said = append(said, check.Detail+" | "+check.Means)
		}
		return strings.Join(said, "\n")
	}
	if said := find(nil); !strings.HasPrefix(said, "neither WSL nor a container, and not over SSH") {
		t.Error(said)
	}
	if said := find(map[string]string{"SSH_TTY": "/dev/pts/1"}); !strings.HasPrefix(said,
		"you are connected over SSH | no browser") {
		t.Error(said)
	}
	if said := find(map[string]string{"container": "podman"}); !strings.HasPrefix(said,
		"this is a container | its files go with it") {
		t.Error(said)
	}
	for path, text := range map[string]string{kernelRelease: "5.15.90.1-microsoft-standard-WSL2\n",
		containerMarks[0]: ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if said := find(nil); !strings.Contains(said, "this is WSL") || !strings.Contains(said, "this is a container") {
		t.Error(said)
	}
}

func TestWrap(t *testing.T) {
	for text, want := range map[string]string{
		"":                  "",
		"a b  c":            "a b c",
		"aaaa bbbb cccc":    "aaaa bbbb\ncccc",
		"aaaabbbbccccdd ee": "aaaabbbbccccdd\nee",
	} {
		if got := wrap(text, 9); got != want {
			t.Errorf("wrap(%q) = %q, want %q", text, got, want)
		}
	}
}
