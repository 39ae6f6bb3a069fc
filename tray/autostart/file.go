package autostart

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"keytender/internal/atomicfile"
)

// file is an entry that is a file of its own.
type file struct {
	path   string
	render func(program string) string
	parse  func(text string) (program string, on bool)
}

// maxFile is more than any such file holds.
const maxFile = 64 << 10

func (f file) String() string { return f.path }

func (f file) read() (string, bool, error) {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return "", false, &fs.PathError{Op: "read", Path: f.path, Err: errors.New("it is no small file")}
	}
	data, err := os.ReadFile(f.path)
	if err != nil {
		return "", false, err
	}
	program, on := f.parse(string(data))
	return program, on, nil
}

// write replaces the file as a whole, so that the session never reads half of it. A link
// of the person's own, as keepers of dotfiles make them, stays one.
func (f file) write(program string) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	path := f.path
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	// 0644 as others expect of files there: it holds no secret.
	return atomicfile.WriteMode(context.Background(), path, []byte(f.render(program)), 0o644)
}

func (f file) remove() error {
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
