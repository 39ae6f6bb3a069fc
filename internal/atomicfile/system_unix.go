//go:build unix

package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const createFlags = os.O_CREATE | os.O_EXCL | os.O_WRONLY | syscall.O_NOFOLLOW

// openNoFollow opens for reading; O_NONBLOCK keeps a pipe that took the file's place
// since it was looked at from holding us for ever.
func openNoFollow(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

func openToWrite(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

// cannotBeReplaced reports whether a rename failed since the file is a mount point, or is
// in the way of one.
func cannotBeReplaced(err error) bool {
	return errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EXDEV)
}

// foreign says why a regular file belongs to somebody else too, or "".
func foreign(_ string, info fs.FileInfo, _ *os.File) string {
	if reason := foreignOwner(info); reason != "" {
		return reason
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Nlink > 1 {
		return "it has another name (a hard link)"
	}
	return ""
}

// foreignOwner says whose a file or link is when it is not ours, or "".
func foreignOwner(info fs.FileInfo) string {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Sprintf("it belongs to another user (uid %d)", stat.Uid)
	}
	return ""
}

// syncDir makes a rename durable. File systems that cannot do it for a directory say
// EINVAL or ENOTSUP, and there is nothing more to be done on them.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// Writable reports whether files can be made in a folder, as far as its permissions tell.
func Writable(dir string) bool { return unix.Access(dir, unix.W_OK|unix.X_OK) == nil }
