// Package logfile is keytender.log, which both programs write. It never holds a secret:
// whoever logs hands it what may be read by others.
package logfile

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"gopkg.in/natefinch/lumberjack.v2"
)

// New returns a logger into the file at path, which is opened at the first line: at most
// two files of 1 MiB, 0600. level is debug, info, warn or error.
func New(path, level string) *slog.Logger {
	var least slog.Level
	_ = least.UnmarshalText([]byte(strings.ToUpper(level)))
	return slog.New(slog.NewTextHandler(&private{path: path, to: &lumberjack.Logger{Filename: path, MaxSize: 1, MaxBackups: 1}},
		&slog.HandlerOptions{Level: least}))
}

// private sees to it before the first line that nobody else can read the file:
// lumberjack would make its folder 0755, and keeps the rights that a file has.
//
// It closes the file after each line. Another process may rotate the file meanwhile, and
// would be written behind its back; and Windows renames no file that somebody has open.
type private struct {
	path string
	to   *lumberjack.Logger
	once sync.Once
}

func (p *private) Write(line []byte) (int, error) {
	p.once.Do(func() {
		_ = os.MkdirAll(filepath.Dir(p.path), 0o700)
		if info, err := os.Lstat(p.path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
			_ = os.Chmod(p.path, 0o600)
		}
	})
	n, err := p.to.Write(line)
	if closed := p.to.Close(); err == nil {
		err = closed
	}
	return n, err
}
