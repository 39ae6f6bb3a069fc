package keychain

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

	"github.com/rogpeppe/go-internal/robustio"
)

// RefusedError says that a file is not one that we read or replace: a symlink, a
// pipe, somebody else's file. Nothing was changed.
type RefusedError struct {
	Path   string
	Reason string // "it is a symbolic link", ...
}

func (e *RefusedError) Error() string { return e.Path + " is left alone: " + e.Reason }

// disk holds the steps at which a disk can fail. Tests replace single ones.
var disk = diskSteps{
	create:  func(name string) (*os.File, error) { return os.OpenFile(name, createFlags, 0o600) },
	write:   (*os.File).Write,
	chmod:   (*os.File).Chmod,
	sync:    (*os.File).Sync,
	rename:  robustio.Rename, // on Windows it waits out a reader or a virus scanner
	syncDir: syncDir,
}

type diskSteps struct {
	create  func(name string) (*os.File, error)
	write   func(*os.File, []byte) (int, error)
	chmod   func(*os.File, fs.FileMode) error
	sync    func(*os.File) error
	rename  func(from, to string) error
	syncDir func(dir string) error
}

// WriteFile replaces a 0600 file of ours durably: at every moment, also of a crash,
// the old or the new content stands there whole.
func WriteFile(path string, data []byte) error { return writeFileAtomic(path, data) }

// writeFileAtomic puts data in the place of path, mode 0600, so that at every
// moment, also of a crash, either the old or the new content stands there whole.
// When it fails the old content is untouched and the temporary file is gone; only
// the last step, making the directory durable, fails with the new content in place.
//
// The modification time always moves forward: Claude Code notices a change by it.
func writeFileAtomic(path string, data []byte) error {
	return writeFileWithin(context.Background(), path, data)
}

// writeFileWithin is writeFileAtomic that leaves the old content there when ctx ended
// meanwhile, however long the disk took: whoever gave up may have gone on with another one.
func writeFileWithin(ctx context.Context, path string, data []byte) error {
	var before time.Time
	switch info, err := os.Lstat(path); {
	case err == nil:
		if err := checkOwned(path, info, nil); err != nil {
			return err
		}
		if runtime.GOOS == "windows" && info.Mode().Perm()&0o200 == 0 {
			return &RefusedError{path, "it is marked read-only"} // Windows refuses too, and does not say why
		}
		before = info.ModTime()
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("writing %s: %w", path, err)
	}

	sweepTemps(path, time.Now())
	temp, err := writeTemp(path, data, before)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := inTime(ctx); err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := disk.rename(temp, path); err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("putting the new %s in its place: %w", path, err)
	}
	if err := disk.syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("%s is written but may not survive a power cut: %w", path, err)
	}
	return nil
}

// slowDiskError is the ErrTimedOut of a file.
type slowDiskError struct{}

func (slowDiskError) Error() string { return "the disk did not take it in time" }

func (slowDiskError) Is(target error) bool { return target == ErrTimedOut }

func inTime(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return slowDiskError{}
	}
	return ctx.Err()
}

// writeTemp writes data durably into a new file beside path and returns its name.
func writeTemp(path string, data []byte, before time.Time) (string, error) {
	var random [4]byte
	_, _ = rand.Read(random[:])
	name := path + tempInfix + hex.EncodeToString(random[:])
	f, err := disk.create(name)
	if err != nil {
		return "", err
	}
	err = fill(f, data)
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

func fill(f *os.File, data []byte) error {
	if _, err := disk.write(f, data); err != nil {
		return err
	}
	if err := disk.chmod(f, 0o600); err != nil { // the umask may have taken our own rights
		return err
	}
	return disk.sync(f)
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

// sweepTemps removes what a writer that was killed left beside path. Whatever is
// older than a minute has no writer any more. It is housekeeping: failures do not
// matter.
func sweepTemps(path string, now time.Time) {
	dir, prefix := filepath.Dir(path), filepath.Base(path)+tempInfix
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
		if err != nil || now.Sub(info.ModTime()) < time.Minute || checkOwned(name, info, nil) != nil {
			continue
		}
		_ = os.Remove(name)
	}
}

// ReadFile reads a regular file of ours of at most limit bytes. It follows no link
// and opens no pipe; its errors are fs.ErrNotExist, *RefusedError or the system's.
func ReadFile(path string, limit int64) ([]byte, error) { return readFileOwned(path, limit) }

// readFileOwned reads a regular file of ours of at most limit bytes. It follows no
// link, opens no pipe, and answers fs.ErrNotExist, *RefusedError or the system's
// error. The file's rights do not matter to it.
func readFileOwned(path string, limit int64) ([]byte, error) {
	before, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if err := checkOwned(path, before, nil); err != nil {
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
	if err := checkOwned(path, info, f); err != nil {
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

// checkOwned answers why a file is none that we touch. The open file f, when there
// is one, spares Windows to open it to count its hard links.
func checkOwned(path string, info fs.FileInfo, f *os.File) error {
	reason := ""
	switch mode := info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		reason = "it is a symbolic link"
	case mode.IsDir():
		reason = "it is a directory"
	case mode&fs.ModeNamedPipe != 0:
		reason = "it is a pipe"
	case !mode.IsRegular():
		reason = "it is not a regular file"
	default:
		reason = foreign(path, info, f)
	}
	if reason == "" {
		return nil
	}
	return &RefusedError{path, reason}
}
