package autostart

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Program is this program's path as an update leaves it: the link by which it was called, as
// Homebrew, Nix and update-alternatives make them, where that leads to it, else its own.
func Program() (string, error) {
	self, err := os.Executable()
	if err != nil || runtime.GOOS == "windows" {
		return self, err
	}
	return lasting(self, os.Args[0], filepath.SplitList(os.Getenv("PATH"))), nil
}

func lasting(self, called string, path []string) string {
	if strings.ContainsRune(called, filepath.Separator) {
		path = []string{""}
	}
	for _, dir := range path {
		if link, err := filepath.Abs(filepath.Join(dir, called)); err == nil && Same(link, self) {
			return link
		}
	}
	return self
}

// Same reports whether two paths lead to one file.
func Same(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}
