package testguard

import (
	"os"
	"testing"
)

// shortest leaves room for the names below it: a socket's path has 108 bytes at most on
// Linux and 104 on macOS.
const shortest = 40

// ShortTemp is the folder for temporary files, or /tmp where its path is too long for
// sockets.
func ShortTemp() string {
	if dir := os.TempDir(); len(dir) <= shortest {
		return dir
	}
	return "/tmp"
}

// ShortDir makes a folder for sockets that goes with the test.
func ShortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(ShortTemp(), "kt-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
