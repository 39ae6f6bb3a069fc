package testguard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"
)

// Write puts text into a 0600 file.
func Write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Read returns a file's text.
func Read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Names lists a directory.
func Names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Exists reports whether anything stands at path.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Symlink makes a link and looks whether it is one: Windows asks for a right that most
// people lack, and Wine 8 says yes and makes nothing.
func Symlink(target, path string) error {
	if err := os.Symlink(target, path); err != nil {
		return err
	}
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return fmt.Errorf("%w: this system makes no links", errors.ErrUnsupported)
	}
	return nil
}
