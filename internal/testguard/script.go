package testguard

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// Script makes an executable shell script of text at path.
func Script(t testing.TB, path, text string) {
	t.Helper()
	Program(t, path, []byte("#!/bin/sh\n"+text+"\n"))
}

// Program writes a file that is going to be started.
func Program(t testing.TB, path string, content []byte) {
	t.Helper()
	err := os.WriteFile(path, content, 0o700)
	if err == nil {
		err = Startable(path)
	}
	if err != nil {
		t.Fatalf("writing a program: %v", err)
	}
}

// Startable makes these files, which we wrote, ones that can be started. A file that we hold open
// for writing is held by every child that is forked at that moment too, and until those are gone
// the system refuses to run it (https://go.dev/issue/22315). So another process makes a copy of it,
// which it alone ever had open, and puts that in its place.
func Startable(paths ...string) error {
	if runtime.GOOS == "windows" || len(paths) == 0 {
		return nil
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c",
		`for f; do cp -p "$f" "$f.new" && mv "$f.new" "$f" || exit; done`, "sh"}, paths...)...)
	cmd.Env = []string{"PATH=/usr/bin:/bin"} // the test may have set another
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
