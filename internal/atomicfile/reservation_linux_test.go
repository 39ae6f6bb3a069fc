package atomicfile

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/testguard"
)

// fillDisk leaves no room on the file system of dir.
func fillDisk(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size >= 1; size /= 2 {
		for err == nil {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
}

func TestRoomOnAFullDisk(t *testing.T) {
	if !testguard.Mounting(t) {
		return
	}
	dir := t.TempDir()
	testguard.Tmpfs(t, dir, "256k")
	path := filepath.Join(dir, "entry")
	mustWrite(t, path, "old")

	if _, err := Reserve(path, 1<<20); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("more than there is: %v", err)
	}
	reserved, err := Reserve(path, 20<<10)
	if err != nil {
		t.Fatal(err)
	}
	fillDisk(t, dir)
	if _, err := Reserve(path, 20<<10); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("on the full disk: %v", err)
	}
	long := strings.Repeat("x", 20<<10)
	if err := reserved.Write([]byte(long), 0o600); err != nil || mustRead(t, path) != long {
		t.Errorf("into the reservation: %v", err)
	}
	reserved.Discard()
	if err := Replace(path, []byte(strings.Repeat("y", 40<<10)), 0o600); !errors.Is(err, syscall.ENOSPC) ||
		mustRead(t, path) != long {
		t.Errorf("without room: %v", err)
	}
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("left behind: %v", got)
	}
}

// A container is often given one file, which no rename can replace.
func TestBindMountedFile(t *testing.T) {
	if !testguard.Mounting(t) {
		return
	}
	dir, disk := t.TempDir(), t.TempDir()
	testguard.Tmpfs(t, disk, "256k")
	outside, path := filepath.Join(disk, "outside"), filepath.Join(dir, "entry")
	mustWrite(t, outside, "the old content")
	mustWrite(t, path, "")
	testguard.Bind(t, outside, path)
	past := time.Now().Add(-time.Hour)
	_ = os.Chtimes(path, past, past)

	reserved, err := Reserve(path, 20<<10)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Size() != 15 || !info.ModTime().Equal(past.Truncate(0)) &&
		info.ModTime().Sub(past).Abs() > time.Second {
		t.Errorf("a reservation changed it: %v, %v", info.Size(), info.ModTime())
	}
	fillDisk(t, disk)
	long := strings.Repeat("x", 20<<10)
	before, _ := os.Stat(path)
	if err := reserved.Write([]byte(long), 0o600); err != nil || mustRead(t, outside) != long {
		t.Errorf("in place: %v", err)
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) || !after.ModTime().After(past) {
		t.Errorf("it is another file, or its time did not move: %v", after.ModTime())
	}
	if err := reserved.Write([]byte("short"), 0o600); err != nil || mustRead(t, outside) != "short" {
		t.Errorf("shorter: %v %q", err, mustRead(t, outside))
	}
	fillDisk(t, disk)
	if err := Replace(path, []byte(strings.Repeat("y", 40<<10)), 0o600); !errors.Is(err, syscall.ENOSPC) ||
		mustRead(t, outside) != "short" {
		t.Errorf("without room: %v", err)
	}
	whole := Disk
	defer func() { Disk = whole }()
	failed := false
	Disk.Write = func(f *os.File, b []byte) (int, error) {
		if failed {
			return whole.Write(f, b)
		}
		failed = true
		n, _ := f.Write(b[:len(b)/2])
		return n, syscall.EIO
	}
	if err := Replace(path, []byte("a new content"), 0o600); !errors.Is(err, syscall.EIO) ||
		mustRead(t, outside) != "short" {
		t.Errorf("half way: %v, then %q", err, mustRead(t, outside))
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
	Disk = whole
	testguard.ReadOnly(t, path)
	if _, err := Reserve(path, 1); !errors.Is(err, syscall.EROFS) {
		t.Errorf("read-only: %v", err)
	}
}

func TestReadOnlyFileSystem(t *testing.T) {
	if !testguard.Mounting(t) {
		return
	}
	dir := t.TempDir()
	testguard.Tmpfs(t, dir, "64k")
	mustWrite(t, filepath.Join(dir, "entry"), "old")
	testguard.ReadOnly(t, dir)
	if _, err := Reserve(filepath.Join(dir, "entry"), 10); !errors.Is(err, syscall.EROFS) {
		t.Errorf("err = %v", err)
	}
}

func TestMarkedFilesAreRefused(t *testing.T) {
	for mark, says := range map[string]string{"i": "immutable", "a": "append-only"} {
		for _, which := range []string{"file", "directory"} {
			dir := filepath.Join(t.TempDir(), "d")
			path := filepath.Join(dir, "entry")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			mustWrite(t, path, "old")
			marked := map[string]string{"file": path, "directory": dir}[which]
			if out, err := exec.Command("chattr", "+"+mark, marked).CombinedOutput(); err != nil {
				t.Skipf("chattr: %v %s", err, out)
			}
			_, err := Reserve(path, 10)
			if out, err := exec.Command("chattr", "-"+mark, marked).CombinedOutput(); err != nil {
				t.Fatalf("chattr: %v %s", err, out)
			}
			var refused *RefusedError
			if !errors.As(err, &refused) || refused.Path != marked || !strings.Contains(err.Error(), says) {
				t.Errorf("%s %s: %v", says, which, err)
			}
			if got := names(t, dir); len(got) != 1 {
				t.Errorf("%s %s left behind: %v", says, which, got)
			}
		}
	}
}
