package claudecode

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"keytender/internal/testguard"
)

func TestProveOnADiskInTrouble(t *testing.T) {
	if !testguard.Mounting(t) {
		return
	}
	c, home := homeEntry(t)
	dir := home + "/.claude"
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	testguard.Tmpfs(t, dir, "128k")
	path := dir + "/.credentials.json"
	mustWrite(t, path, login(""))
	reserved, err := c.Prove(t.Context(), fakeLogin("n"))
	if err != nil {
		t.Fatal(err)
	}
	filler, err := os.Create(dir + "/filler")
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	_ = filler.Close()
	if _, err := c.Prove(t.Context(), fakeLogin("n")); !errors.Is(err, syscall.ENOSPC) ||
		!strings.Contains(err.Error(), path) {
		t.Errorf("on a full disk: %v", err)
	}
	if _, err := c.UpdateIn(t.Context(), reserved, write(fakeLogin("n"), true)); err != nil ||
		mustRead(t, path) != fullLogin {
		t.Errorf("into the reservation, on a full disk: %v", err)
	}
	reserved.Discard()
	testguard.ReadOnly(t, dir)
	_, err = c.Prove(t.Context(), fakeLogin("n"))
	var unwritable *UnwritableError
	if !errors.As(err, &unwritable) || !errors.Is(err, syscall.EROFS) || !strings.Contains(unwritable.Hint, "mount") {
		t.Errorf("read-only: %v", err)
	}
}

// A container that was given the one file: what is renewed must be in it.
func TestUpdateWritesABindMountInPlace(t *testing.T) {
	if !testguard.Mounting(t) {
		return
	}
	c, home := homeEntry(t)
	dir := home + "/.claude"
	path, outside := dir+"/.credentials.json", home+"/outside"
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, path, "")
	mustWrite(t, outside, login(""))
	testguard.Bind(t, outside, path)
	reserved, err := c.Prove(t.Context(), fakeLogin("n"))
	if err != nil {
		t.Fatal(err)
	}
	defer reserved.Discard()
	before, _ := os.Stat(path)
	if _, err := c.UpdateIn(t.Context(), reserved, write(fakeLogin("n"), true)); err != nil ||
		mustRead(t, outside) != fullLogin {
		t.Errorf("in place: %v", err)
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) || !after.ModTime().After(before.ModTime()) {
		t.Error("the client would not notice")
	}
	if _, err := c.Update(t.Context(), write(fakeLogin("m"), true)); err != nil || mustRead(t, outside) == fullLogin {
		t.Errorf("without a reservation: %v", err)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}

func TestProveNamesTheMark(t *testing.T) {
	c, home := homeEntry(t)
	_ = os.Mkdir(home+"/.claude", 0o700)
	path := home + "/.claude/.credentials.json"
	mustWrite(t, path, login(""))
	if out, err := exec.Command("chattr", "+i", path).CombinedOutput(); err != nil {
		t.Skipf("chattr: %v %s", err, out)
	}
	defer func() {
		if out, err := exec.Command("chattr", "-i", path).CombinedOutput(); err != nil {
			t.Errorf("chattr: %v %s", err, out)
		}
	}()
	var unwritable *UnwritableError
	if _, err := c.Prove(t.Context(), fakeLogin("n")); !errors.As(err, &unwritable) ||
		!strings.Contains(unwritable.Reason, "immutable") {
		t.Errorf("err = %v", err)
	}
}

// A directory in which the person may not write is known before anything is sent.
func TestProveNeedsTheDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	c, home := homeEntry(t)
	_ = os.Mkdir(home+"/.claude", 0o700)
	mustWrite(t, home+"/.claude/.credentials.json", login(""))
	_ = os.Chmod(home+"/.claude", 0o500)
	defer func() { _ = os.Chmod(home+"/.claude", 0o700) }()
	if _, err := c.Prove(t.Context(), fakeLogin("n")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("err = %v", err)
	}
}
