//go:build linux || darwin

package dirlock

import (
	"io/fs"
	"syscall"
)

func removeDir(path string) error {
	if err := syscall.Rmdir(path); err != nil {
		return &fs.PathError{Op: "rmdir", Path: path, Err: err}
	}
	return nil
}
