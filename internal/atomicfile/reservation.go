package atomicfile

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Reservation is space on a file's own file system that is kept for its next content: what was
// reserved can be written even when the disk filled up meanwhile.
//
// A file that cannot be replaced, since it is a mount point of its own as containers have
// them, is written in place. That is not atomic: whoever reads at that moment may see half
// of it.
type Reservation struct {
	path    string
	inPlace bool
	temp    *os.File // nil: used, or there is none
}

const (
	reservedInfix = ".room."
	// reservedLife is how long a reservation may be kept; what is older was left behind.
	reservedLife = 10 * time.Minute
	// maxInPlace is the most of an old content that is kept in memory to be put back.
	maxInPlace = 64 << 20
)

// Reserve shows that the file at path can be given a content of size bytes, and makes the
// room for it. It fails with *RefusedError or the system's error; nothing is changed then.
func Reserve(path string, size int64) (*Reservation, error) {
	inPlace, err := Fit(path)
	if err != nil {
		return nil, err
	}
	r := &Reservation{path: path, inPlace: inPlace}
	if r.inPlace {
		err = reserveInPlace(path, size)
	} else {
		r.temp, err = reserveBeside(path, size)
	}
	if err != nil {
		return nil, fmt.Errorf("making room for %s: %w", path, err)
	}
	return r, nil
}

// Fit is a *RefusedError where what stands at path cannot be replaced, whatever room there is. inPlace:
// it is written in place.
func Fit(path string) (inPlace bool, err error) {
	if _, err := replaceable(path); err != nil {
		return false, err
	}
	here := marksOf(path)
	for _, m := range []marks{here, marksOf(filepath.Dir(path))} {
		if m.fixed != "" {
			return false, &RefusedError{m.path, m.fixed}
		}
	}
	return here.mountPoint, nil
}

// DropReserved removes what a writer that was killed left of its reservations for path; the
// caller knows that nobody holds one. Such a file may have the whole new content.
func DropReserved(path string) { sweep(path, reservedInfix, time.Now()) }

// reserveBeside makes a file of that size next to path. Its filler is random: a file system
// that compresses would keep no room for zeros.
func reserveBeside(path string, size int64) (*os.File, error) {
	sweep(path, reservedInfix, time.Now().Add(-reservedLife))
	var random [4]byte
	_, _ = rand.Read(random[:])
	f, err := Disk.Create(path + reservedInfix + hex.EncodeToString(random[:]))
	if err != nil || size == 0 {
		return f, err
	}
	filler := make([]byte, size)
	_, _ = rand.Read(filler)
	if _, err = Disk.Write(f, filler); err == nil {
		err = Disk.Sync(f) // a disk without room may say so only now
	}
	if err != nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
		return nil, err
	}
	return f, nil
}

func reserveInPlace(path string, size int64) error {
	f, err := openToWrite(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := allocate(f, size); err != nil {
		return err
	}
	return os.Chtimes(path, time.Time{}, info.ModTime()) // nothing was changed
}

// Write puts data in the file's place, in the space that was reserved. It may be called again;
// then it makes its own.
func (r *Reservation) Write(data []byte, mode fs.FileMode) error {
	before, err := replaceable(r.path)
	if err != nil {
		return err
	}
	if r.inPlace {
		return writeInPlace(r.path, data, before)
	}
	if !r.stands() {
		r.Discard()
		if r.temp, err = reserveBeside(r.path, 0); err != nil {
			return fmt.Errorf("writing %s: %w", r.path, err)
		}
	}
	defer r.Discard()
	if err := refill(r.temp, data, mode, before); err != nil {
		return fmt.Errorf("writing %s: %w", r.path, err)
	}
	err = Disk.Rename(r.temp.Name(), r.path)
	if cannotBeReplaced(err) {
		return writeInPlace(r.path, data, before)
	}
	if err != nil {
		return fmt.Errorf("putting the new %s in its place: %w", r.path, err)
	}
	r.temp = nil // it is the file now
	if err := Disk.SyncDir(filepath.Dir(r.path)); err != nil {
		return fmt.Errorf("%s is written but may not survive a power cut: %w", r.path, err)
	}
	return nil
}

// stands reports whether the reservation is there under its name still.
func (r *Reservation) stands() bool {
	if r.temp == nil {
		return false
	}
	ours, err := r.temp.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(r.temp.Name())
	return err == nil && os.SameFile(ours, there)
}

// refill exchanges the filler for data, and closes the file: Windows renames no open one.
func refill(f *os.File, data []byte, mode fs.FileMode, before time.Time) error {
	_, err := f.Seek(0, io.SeekStart)
	if err == nil {
		err = f.Truncate(int64(len(data))) // the rest of the reservation is given back, this part is kept
	}
	if err == nil {
		err = fill(f, data, mode, Disk.Sync)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return moveTime(f.Name(), before)
}

// Discard gives back what was not used.
func (r *Reservation) Discard() {
	if r == nil || r.temp == nil {
		return
	}
	_ = r.temp.Close()
	_ = os.Remove(r.temp.Name())
	r.temp = nil
}

// Replace is Write for a file that may have to be written in place.
func Replace(path string, data []byte, mode fs.FileMode) error {
	r, err := Reserve(path, 0)
	if err != nil {
		return err
	}
	defer r.Discard()
	return r.Write(data, mode)
}

// writeInPlace overwrites the file. When that fails half way the old bytes are put back.
func writeInPlace(path string, data []byte, before time.Time) error {
	old, err := Read(path, maxInPlace)
	if err != nil {
		return err
	}
	f, err := openToWrite(path)
	if err != nil {
		return fmt.Errorf("writing %s in place: %w", path, err)
	}
	defer f.Close()
	if err := allocate(f, int64(len(data))); err != nil {
		return fmt.Errorf("writing %s in place: %w", path, err)
	}
	if err := overwrite(f, data); err != nil {
		if back := overwrite(f, old); back != nil {
			err = errors.Join(err, fmt.Errorf("putting the old content back: %w", back))
		}
		return fmt.Errorf("writing %s in place: %w", path, err)
	}
	return moveTime(path, before)
}

func overwrite(f *os.File, data []byte) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := Disk.Write(f, data); err != nil {
		return err
	}
	if err := f.Truncate(int64(len(data))); err != nil {
		return err
	}
	return Disk.Sync(f)
}

// replaceable tells when the file that stands at path was changed last, or why it is none
// that we replace.
func replaceable(path string) (changed time.Time, err error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("writing %s: %w", path, err)
	}
	return info.ModTime(), checkReplaceable(path, info)
}
