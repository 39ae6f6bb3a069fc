package autostart

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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

// write replaces the file as a whole, so that the session never reads half of it.
func (f file) write(program string) error {
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	part, err := os.CreateTemp(dir, ".keytender-*")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())
	_, err = part.WriteString(f.render(program))
	// As others expect of files there: it holds no secret.
	if err = errors.Join(err, part.Chmod(0o644), part.Sync(), part.Close()); err != nil {
		return err
	}
	return os.Rename(part.Name(), f.path)
}

func (f file) remove() error {
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
