package claudecode

import "os"

// Installed reports whether the directory of Claude Code's credentials and locks is
// there. Without it there is neither an entry in a file nor anybody to lock against.
func (d *Directory) Installed() bool {
	info, err := os.Stat(d.dir)
	return err == nil && info.IsDir()
}
