package atomicfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/testguard"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

var mustWrite, mustRead, names, symlink = testguard.Write, testguard.Read, testguard.Names, testguard.Symlink

func TestWriteFileAtomicSurvivesEveryFault(t *testing.T) {
	whole := Disk
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EROFS} {
		faults := map[string]func(){
			"create": func() { Disk.Create = func(string) (*os.File, error) { return nil, errno } },
			"write": func() {
				Disk.Write = func(f *os.File, b []byte) (int, error) { n, _ := f.Write(b[:len(b)/2]); return n, errno }
			},
			"chmod":  func() { Disk.Chmod = func(*os.File, fs.FileMode) error { return errno } },
			"sync":   func() { Disk.Sync = func(*os.File) error { return errno } },
			"rename": func() { Disk.Rename = func(string, string) error { return errno } },
			"syncDir": func() {
				Disk.SyncDir = func(string) error { return errno }
			},
		}
		for step, fault := range faults {
			t.Run(step+" "+errno.Error(), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "record")
				mustWrite(t, path, "old")
				fault()
				defer func() { Disk = whole }()
				err := Write(path, []byte("new content"))
				if !errors.Is(err, errno) || !strings.Contains(err.Error(), path) {
					t.Errorf("error = %v, want one that names the file and the cause", err)
				}
				want := "old"
				if step == "syncDir" {
					want = "new content" // only its durability is in doubt
				}
				if got := mustRead(t, path); got != want {
					t.Errorf("content = %q, want %q", got, want)
				}
				if got := names(t, filepath.Dir(path)); len(got) != 1 {
					t.Errorf("left behind: %v", got)
				}
			})
		}
	}
}

func TestWriteFileAtomicSetsRights(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes there")
	}
	path := filepath.Join(t.TempDir(), "record")
	mustWrite(t, path, "old")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, _ := os.Stat(path)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v", info.Mode())
	}
}

func TestWriteFileAtomicMovesTheTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	mustWrite(t, path, "old")
	ahead := time.Now().Add(time.Hour).Truncate(time.Second)
	if err := os.Chtimes(path, ahead, ahead); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	info, _ := os.Stat(path)
	if !info.ModTime().After(ahead) {
		t.Errorf("time %v is not after %v", info.ModTime(), ahead)
	}
}

func TestWriteFileAtomicSweepsOnlyOldTemps(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "record")
	old := time.Now().Add(-2 * time.Minute)
	for name, aged := range map[string]bool{
		"record.tmp.0123abcd": true, "record.tmp.89abcdef": false,
		"record.tmp.notours0": true, "record.tmp.0123abcd99": true, "other.tmp.0123abcd": true,
	} {
		mustWrite(t, filepath.Join(dir, name), "x")
		if aged {
			if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := Write(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	want := "other.tmp.0123abcd record record.tmp.0123abcd99 record.tmp.89abcdef record.tmp.notours0"
	if got := strings.Join(names(t, dir), " "); got != want {
		t.Errorf("left: %s\nwant: %s", got, want)
	}
}

func TestFilesOfOthersAreRefused(t *testing.T) {
	tests := map[string]struct {
		make   func(path string) error
		reason string
	}{
		"symlink": {func(p string) error {
			_ = os.WriteFile(p+".target", []byte("{}"), 0o600)
			return symlink(p+".target", p)
		}, "symbolic link"},
		"dangling symlink": {func(p string) error { return symlink(p+".nowhere", p) }, "symbolic link"},
		"hard link": {func(p string) error {
			_ = os.WriteFile(p+".other", []byte("{}"), 0o600)
			return os.Link(p+".other", p)
		}, "hard link"},
		"pipe":      {func(p string) error { return mkfifo(p) }, "pipe"},
		"directory": {func(p string) error { return os.Mkdir(p, 0o700) }, "directory"},
	}
	if os.Geteuid() == 0 {
		tests["foreign owner"] = struct {
			make   func(path string) error
			reason string
		}{func(p string) error {
			_ = os.WriteFile(p, []byte("{}"), 0o644)
			return os.Chown(p, 4711, 4711)
		}, "another user"}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "record")
			if err := tt.make(path); errors.Is(err, errors.ErrUnsupported) {
				t.Skip(err)
			} else if err != nil {
				t.Fatal(err)
			}
			before, _ := os.Lstat(path)
			var refused *RefusedError
			if _, err := Read(path, 100); !errors.As(err, &refused) || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("read: %v", err)
			}
			refused = nil
			if err := Write(path, []byte("new")); !errors.As(err, &refused) ||
				!strings.Contains(err.Error(), tt.reason) {
				t.Errorf("write: %v", err)
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("it was replaced: %v", err)
			}
		})
	}
}

func TestReadFileOwnedLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	if _, err := Read(path, 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	mustWrite(t, path, strings.Repeat("x", 1024))
	if data, err := Read(path, 1024); err != nil || !bytes.Equal(data, bytes.Repeat([]byte("x"), 1024)) {
		t.Errorf("at the limit: %d bytes, %v", len(data), err)
	}
	var refused *RefusedError
	if _, err := Read(path, 1023); !errors.As(err, &refused) {
		t.Errorf("above the limit: %v", err)
	}
}
