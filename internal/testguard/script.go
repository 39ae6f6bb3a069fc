package testguard

import (
	"os/exec"
	"strings"
	"testing"
)

// Script makes an executable shell script of text at path. Another process writes it:
// a file that we hold open for writing is held by every child that is forked at that
// moment too, and until those are gone the system refuses to run it.
func Script(t testing.TB, path, text string) {
	t.Helper()
	write := exec.Command("/bin/sh", "-c", `cat >"$1" && chmod 700 "$1"`, "sh", path)
	write.Env = []string{"PATH=/usr/bin:/bin"} // the test may have set another
	write.Stdin = strings.NewReader("#!/bin/sh\n" + text + "\n")
	if out, err := write.CombinedOutput(); err != nil {
		t.Fatalf("writing a script: %v: %s", err, out)
	}
}
