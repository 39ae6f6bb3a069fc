// Package atomicfile reads and replaces files that are ours alone: durably, so that at
// every moment, also of a crash, the old or the new content stands there whole. It is the
// tree's one writer of that kind. It follows no link and never touches what belongs to
// somebody else.
package atomicfile

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// RefusedError says that a file is not one that we read or replace: a symlink, a
// pipe, somebody else's file. Nothing was changed.
type RefusedError struct {
	Path   string
	Reason string // "it is a symbolic link", ...
}

func (e *RefusedError) Error() string { return e.Path + " is left alone: " + e.Reason }

// Disk holds the steps at which a disk can fail. Tests replace single ones.
var Disk = Steps{
	Create:  func(name string) (*os.File, error) { return os.OpenFile(name, createFlags, 0o600) },
	Write:   (*os.File).Write,
	Chmod:   (*os.File).Chmod,
	Sync:    (*os.File).Sync,
	Rename:  Rename,
	SyncDir: syncDir,
}

// Steps are what a write does to the disk.
type Steps struct {
	Create  func(name string) (*os.File, error)
	Write   func(*os.File, []byte) (int, error)
	Chmod   func(*os.File, fs.FileMode) error
	Sync    func(*os.File) error
	Rename  func(from, to string) error
	SyncDir func(dir string) error
}

// Write puts data in the place of path, mode 0600, so that at every moment, also of a
// crash, either the old or the new content stands there whole. When it fails the old
// content is untouched and the temporary file is gone; only the last step, making the
// directory durable, fails with the new content in place.
//
// The modification time always moves forward: Claude Code notices a change by it.
func Write(path string, data []byte) error { return WriteWithin(context.Background(), path, data) }

// WriteWithin is Write that leaves the old content there when ctx ended meanwhile, however
// long the disk took: whoever gave up may have gone on with another one. It then fails with
// the context's error.
func WriteWithin(ctx context.Context, path string, data []byte) error {
	return WriteMode(ctx, path, data, 0o600)
}

// WriteMode is WriteWithin for a file that others may see.
func WriteMode(ctx context.Context, path string, data []byte, mode fs.FileMode) error {
	before, err := replaceable(path)
	if err != nil {
		return err
	}
	sweep(path, tempInfix, time.Now().Add(-time.Minute))
	temp, err := writeTemp(path, data, mode, before, Disk.Sync)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := inTime(ctx); err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := Disk.Rename(temp, path); err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("putting the new %s in its place: %w", path, err)
	}
	if err := Disk.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("%s is written but may not survive a power cut: %w", path, err)
	}
	return nil
}

// slowDisk says in our words that a deadline passed.
type slowDisk struct{}

func (slowDisk) Error() string { return "the disk did not take it in time" }

func (slowDisk) Unwrap() error { return context.DeadlineExceeded }

func inTime(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return slowDisk{}
	}
	return ctx.Err()
}

// WriteBriefly is Write for what nobody needs after a crash of the machine: nothing of it is
// synced.
func WriteBriefly(path string, data []byte) error {
	return replace(path, data, func(*os.File) error { return nil })
}

// WriteAhead is Write for what another file in the same directory is written after: that one
// makes both durable. Until then a power cut may bring back the old content, whole.
func WriteAhead(path string, data []byte) error { return replace(path, data, Disk.Sync) }

// replace puts data in the place of path, mode 0600, and leaves the directory unsynced.
func replace(path string, data []byte, sync func(*os.File) error) error {
	before, err := replaceable(path)
	if err != nil {
		return err
	}
	sweep(path, tempInfix, time.Now().Add(-time.Minute))
	temp, err := writeTemp(path, data, 0o600, before, sync)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := Disk.Rename(temp, path); err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("putting the new %s in its place: %w", path, err)
	}
	return nil
}

// writeTemp writes data into a new file beside path, durably where sync makes it so, and
// returns its name.
func writeTemp(path string, data []byte, mode fs.FileMode, before time.Time, sync func(*os.File) error) (string,
	error) {
	var random [4]byte
	_, _ = rand.Read(random[:])
	name := path + tempInfix + hex.EncodeToString(random[:])
	f, err := Disk.Create(name)
	if err != nil {
		return "", err
	}
	err = fill(f, data, mode, sync)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = moveTime(name, before)
	}
	if err != nil {
		_ = os.Remove(name)
	}
	return name, err
}

func fill(f *os.File, data []byte, mode fs.FileMode, sync func(*os.File) error) error {
	if _, err := Disk.Write(f, data); err != nil {
		return err
	}
	if err := Disk.Chmod(f, mode); err != nil { // the umask may have taken our own permissions
		return err
	}
	return sync(f)
}

// moveTime gives name a modification time later than before: two writes within one
// tick of the file system's clock, or a clock set back, would hide the change. Some
// file systems count in steps of 2 s.
func moveTime(name string, before time.Time) error {
	for _, step := range []time.Duration{10 * time.Millisecond, 2 * time.Second} {
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		if info.ModTime().Truncate(time.Millisecond).After(before) {
			return nil
		}
		later := before.Add(step)
		if err := os.Chtimes(name, later, later); err != nil {
			return err
		}
	}
	return nil
}

const tempInfix = ".tmp."

// sweep removes what a writer that was killed left beside path before then: it has no
// writer any more. It is housekeeping: failures do not matter.
func sweep(path, infix string, then time.Time) {
	dir, prefix := filepath.Dir(path), filepath.Base(path)+infix
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		random, ok := strings.CutPrefix(entry.Name(), prefix)
		if _, err := hex.DecodeString(random); !ok || err != nil || len(random) != 8 {
			continue
		}
		name := filepath.Join(dir, entry.Name())
		info, err := entry.Info()
		if err != nil || info.ModTime().After(then) || checkOwned(name, info, nil) != nil {
			continue
		}
		_ = os.Remove(name)
	}
}

// Read reads a regular file of ours of at most limit bytes. It follows no link, opens no
// pipe, and answers fs.ErrNotExist, *RefusedError or the system's error. The file's permissions
// do not matter to it.
func Read(path string, limit int64) ([]byte, error) { return read(path, limit, checkOwned) }

func read(path string, limit int64, check func(string, fs.FileInfo, *os.File) error) ([]byte, error) {
	before, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if err := check(path, before, nil); err != nil {
		return nil, err
	}
	f, err := openNoFollow(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if err := check(path, info, f); err != nil {
		return nil, err
	}
	// One byte more than allowed shows a file that grew since.
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if int64(len(data)) > limit {
		return nil, &RefusedError{path, fmt.Sprintf("it is larger than %d KiB", limit/1024)}
	}
	return data, nil
}

// checkOwned is a *RefusedError that says why a file is none that we touch. The open file
// f, when there is one, spares Windows to open it to count its hard links.
func checkOwned(path string, info fs.FileInfo, f *os.File) error {
	if err := checkKind(path, info); err != nil {
		return err
	}
	if reason := foreign(path, info, f); reason != "" {
		return &RefusedError{path, reason}
	}
	return nil
}

func checkKind(path string, info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		return &RefusedError{path, "it is a symbolic link"}
	case mode.IsDir():
		return &RefusedError{path, "it is a directory"}
	case mode&fs.ModeNamedPipe != 0:
		return &RefusedError{path, "it is a pipe"}
	case !mode.IsRegular():
		return &RefusedError{path, "it is not a regular file"}
	}
	return nil
}

func checkReplaceable(path string, info fs.FileInfo) error {
	if err := checkOwned(path, info, nil); err != nil {
		return err
	}
	if runtime.GOOS == "windows" && info.Mode().Perm()&0o200 == 0 {
		return &RefusedError{path, "it is marked read-only"} // Windows refuses too, and does not say why
	}
	return nil
}
