// Package logfile is keytender.log, which both programs write. It never holds a secret:
// whoever logs hands it what may be read by others.
package logfile

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// most is the size of a file that gets no further line; there are two files at most.
const most = 1 << 20

// New returns a logger into the file at path, which is opened at the first line: at most
// two files of 1 MiB, 0600. level is debug, info, warn or error.
func New(path, level string) *slog.Logger {
	var least slog.Level
	_ = least.UnmarshalText([]byte(strings.ToUpper(level)))
	return slog.New(slog.NewTextHandler(&file{path: path}, &slog.HandlerOptions{Level: least}))
}

// file is opened for each line and closed after it. Another process may move it aside
// meanwhile, and would be written behind its back; and Windows renames no file that somebody
// has open. The libraries that rotate keep theirs open, and bring a compressor.
type file struct {
	path string
	once sync.Once
}

func (f *file) Write(line []byte) (int, error) {
	f.once.Do(f.shut)
	if info, err := os.Stat(f.path); err == nil && info.Size()+int64(len(line)) > most {
		// Where it cannot be moved, better a longer log than none: nobody waits here for whoever reads it.
		_ = os.Rename(f.path, f.path+".old")
	}
	to, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	n, err := to.Write(line)
	if closed := to.Close(); err == nil {
		err = closed
	}
	return n, err
}

// shut makes the folder, and sees to it that nobody else can read what is there already.
func (f *file) shut() {
	_ = os.MkdirAll(filepath.Dir(f.path), 0o700)
	if info, err := os.Lstat(f.path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		_ = os.Chmod(f.path, 0o600)
	}
}
