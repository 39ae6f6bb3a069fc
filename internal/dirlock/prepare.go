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
func (r *Request) Prepare() {
	if !notes {
		return
	}
	sweepPrepared(r.Path, r.Now().Add(-time.Minute))
	var random [4]byte
	_, _ = rand.Read(random[:])
	name := r.Path + "." + hex.EncodeToString(random[:])
	if os.Mkdir(name, 0o700) == nil {
		r.prepared = name
	}
}

// BirthMs is when the prepared directory was made, as an Owner tells it; 0 when not known.
func (r *Request) BirthMs() float64 {
	if r.prepared == "" {
		return 0
	}
	info, err := os.Lstat(r.prepared)
	if err != nil {
		return 0
	}
	if born := birthTime(r.prepared, info); !born.IsZero() {
		return milliseconds(born)
	}
	return 0
}

// Discard removes what was prepared. Take does so itself.
func (r *Request) Discard() {
	if r.prepared != "" {
		_ = removeDir(r.prepared)
		r.prepared = ""
	}
}

// place makes the lock's directory, or puts the prepared one there. It fails with
// fs.ErrExist where one stands.
func (r *Request) place() error {
	if r.prepared == "" {
		return os.Mkdir(r.Path, 0o700)
	}
	if _, err := os.Lstat(r.Path); err == nil {
		return &fs.PathError{Op: "rename", Path: r.Path, Err: fs.ErrExist}
	}
	if r.Note != nil {
		r.Note()
	}
	now := r.Now()
	err := os.Chtimes(r.prepared, now, now)
	if err == nil {
		err = renameNew(r.prepared, r.Path)
	}
	switch {
	case err == nil:
		r.prepared = ""
		return nil
	case errors.Is(err, fs.ErrExist):
		return err
	}
	r.Discard() // this file system cannot do it
	return os.Mkdir(r.Path, 0o700)
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
