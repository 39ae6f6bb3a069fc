package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func mkfifo(string) error { return errors.ErrUnsupported }

// A reader of the file keeps Windows from replacing it: a virus scanner, or Claude Code.
func TestAReaderIsWaitedOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	mustWrite(t, path, "old")
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".away"); err == nil {
		t.Fatal("an open file could be moved, so this test shows nothing")
	}
	closed := time.AfterFunc(300*time.Millisecond, func() { _ = reader.Close() })
	defer closed.Stop()
	if err := Write(path, []byte("new")); err != nil || mustRead(t, path) != "new" {
		t.Errorf("after the reader went away: %v, %q", err, mustRead(t, path))
	}
}

// What is moved waits as well as what is written: both names may be looked at.
func TestARenameWaitsOutReaders(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	mustWrite(t, from, "new")
	mustWrite(t, to, "old")
	for _, path := range []string{from, to} {
		reader, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		closed := time.AfterFunc(300*time.Millisecond, func() { _ = reader.Close() })
		defer closed.Stop()
	}
	if err := os.Rename(from, to); err == nil {
		t.Fatal("an open file could be moved, so this test shows nothing")
	}
	if err := Rename(from, to); err != nil || mustRead(t, to) != "new" {
		t.Errorf("after the readers went away: %v, %q", err, mustRead(t, to))
	}
}

func TestAReaderThatStaysIsSaid(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "record")
	mustWrite(t, path, "old")
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := Write(path, []byte("new")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("err = %v", err)
	}
	if mustRead(t, path) != "old" || len(names(t, dir)) != 1 {
		t.Errorf("left %v, %q", names(t, dir), mustRead(t, path))
	}
}

// Somebody made the file read-only: that is respected, not worked around.
func TestReadOnlyAttribute(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "record")
	mustWrite(t, path, "old")
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	var refused *RefusedError
	if err := Write(path, []byte("new")); !errors.As(err, &refused) {
		t.Errorf("err = %v", err)
	}
	if mustRead(t, path) != "old" || len(names(t, dir)) != 1 {
		t.Errorf("left %v, %q", names(t, dir), mustRead(t, path))
	}
}
