package dirlock

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Prepare makes the directory under another name beside the lock's place: it keeps its birth
// when it is put there, so whose it is can be noted before anybody sees it. Where the system
// cannot put it in place without replacing what stands there, Take makes one as usual.
func (w *Wanted) Prepare() {
	if !notes {
		return
	}
	sweepPrepared(w.Path, w.Now().Add(-time.Minute))
	var random [4]byte
	_, _ = rand.Read(random[:])
	name := w.Path + "." + hex.EncodeToString(random[:])
	if os.Mkdir(name, 0o700) == nil {
		w.prepared = name
	}
}

// BirthMs is when the prepared directory was made, as an Owner tells it; 0 when not known.
func (w *Wanted) BirthMs() float64 {
	if w.prepared == "" {
		return 0
	}
	info, err := os.Lstat(w.prepared)
	if err != nil {
		return 0
	}
	if born := birthTime(w.prepared, info); !born.IsZero() {
		return milliseconds(born)
	}
	return 0
}

// Discard removes what was prepared. Take does so itself.
func (w *Wanted) Discard() {
	if w.prepared != "" {
		_ = removeDir(w.prepared)
		w.prepared = ""
	}
}

// place makes the lock's directory, or puts the prepared one there. It fails with
// fs.ErrExist where one stands.
func (w *Wanted) place() error {
	if w.prepared == "" {
		return os.Mkdir(w.Path, 0o700)
	}
	if _, err := os.Lstat(w.Path); err == nil {
		return &fs.PathError{Op: "rename", Path: w.Path, Err: fs.ErrExist}
	}
	if w.Note != nil {
		w.Note()
	}
	now := w.Now()
	err := os.Chtimes(w.prepared, now, now)
	if err == nil {
		err = renameNew(w.prepared, w.Path)
	}
	switch {
	case err == nil:
		w.prepared = ""
		return nil
	case errors.Is(err, fs.ErrExist):
		return err
	}
	w.Discard() // this file system cannot do it
	return os.Mkdir(w.Path, 0o700)
}

// sweepPrepared removes what a process that was killed had prepared before then. It is
// housekeeping: failures do not matter.
func sweepPrepared(path string, then time.Time) {
	names, _ := filepath.Glob(path + ".????????")
	for _, name := range names {
		random, err := hex.DecodeString(strings.TrimPrefix(name, path+"."))
		info, statErr := os.Lstat(name)
		if err == nil && len(random) == 4 && statErr == nil && info.IsDir() && info.ModTime().Before(then) {
			_ = removeDir(name)
		}
	}
}
