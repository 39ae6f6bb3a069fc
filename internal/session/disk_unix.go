//go:build !windows

package session

import "golang.org/x/sys/unix"

// freeSpace is how much this person may still write there, in bytes.
func freeSpace(dir string) (free uint64, known bool) {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0, false
	}
	return uint64(s.Bavail) * uint64(s.Bsize), true
}
