package atomicfile

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// marksOf asks statx(2), which tells chattr's marks without opening the file. A system that
// does not know says nothing; the write then meets the error.
func marksOf(path string) marks {
	m := marks{path: path}
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS, &st) != nil {
		return m
	}
	switch told := st.Attributes & st.Attributes_mask; {
	case told&unix.STATX_ATTR_IMMUTABLE != 0:
		m.fixed = "it is marked immutable (chattr -i takes the mark away)"
	case told&unix.STATX_ATTR_APPEND != 0:
		m.fixed = "it is marked append-only (chattr -a takes the mark away)"
	default:
		m.mountPoint = told&unix.STATX_ATTR_MOUNT_ROOT != 0 && st.Mode&unix.S_IFMT == unix.S_IFREG
	}
	return m
}

// allocate keeps size bytes on the disk for the file, whose length stays as it is. Where
// the file system cannot do that it must at least have them free.
func allocate(f *os.File, size int64) error {
	if size == 0 {
		return nil
	}
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return nil // it does not tell
	}
	if free := int64(st.Bavail) * st.Bsize; free < size {
		return fmt.Errorf("%w: %d bytes are free", unix.ENOSPC, free)
	}
	return nil
}
