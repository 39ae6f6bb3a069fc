//go:build !linux && !darwin

package dirlock

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

func removeDir(path string) error { return os.Remove(path) }

// birthTime is never known here. Windows gives a directory that is made anew within
// 15 s the old one's time of birth, which would prove the wrong thing.
func birthTime(string, fs.FileInfo) time.Time { return time.Time{} }

func processStart(int) string { return "" }

func processDomain() (domain, space string) { return "", "" }

func processGone(int) bool { return false }

// notes: nobody can be named as the holder, so nothing has to stand before a lock does.
const notes = false

func renameNew(string, string) error { return errors.ErrUnsupported }

// OwnerNote is nowhere: who lives cannot be told here.
func OwnerNote(string, string) string { return "" }
