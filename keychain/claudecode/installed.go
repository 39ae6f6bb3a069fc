package claudecode

import (
	"os"
	"path/filepath"
)

// Installed reports whether the directory of Claude Code's credentials and locks is
// there. Without it there is neither an entry in a file nor anybody to lock against. An
// entry that lies outside it is there without it, and the directory is made to lock it.
func (d *Directory) Installed() bool {
	if isDir(d.dir) {
		return true
	}
	_, err := os.Stat(d.file)
	outside := d.item != nil || d.pathOverridden && err == nil
	return outside && isDir(filepath.Dir(d.dir))
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
