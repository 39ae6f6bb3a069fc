package testguard

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// Mounting runs the calling test once more, in a child whose mounts nobody else sees, and
// is true there. In the parent it waits for the child and is false: the caller returns.
// Without root's permissions the test is skipped.
func Mounting(t *testing.T) bool {
	t.Helper()
	if os.Getenv("KTTEST_MOUNTING") == t.Name() {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("only root may mount")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self, "-test.v", "-test.run", "^"+regexp.QuoteMeta(t.Name())+"$")
	child.Env = append(os.Environ(), "KTTEST_MOUNTING="+t.Name())
	child.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := child.CombinedOutput()
	switch text := string(out); {
	case err != nil && child.ProcessState == nil:
		t.Skipf("no mounts of our own here: %v", err)
	case err != nil:
		t.Errorf("%v\n%s", err, text)
	case strings.Contains(text, "--- SKIP: "+t.Name()):
		t.Skip(text)
	case !strings.Contains(text, "--- PASS: "+t.Name()):
		t.Errorf("the test did not run:\n%s", text)
	}
	return false
}

// Tmpfs lays an empty file system of so many bytes over dir, for a Mounting test.
func Tmpfs(t *testing.T, dir, size string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=700"); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// Bind lays what is at from over to.
func Bind(t *testing.T, from, to string) {
	t.Helper()
	if err := syscall.Mount(from, to, "", syscall.MS_BIND, ""); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(to, syscall.MNT_DETACH) })
}

// ReadOnly makes the mount at path one that takes nothing.
func ReadOnly(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mount("", path, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""); err != nil {
		t.Skip(err)
	}
}
