package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// Mending is what a person can do where the system does not let us get at a path: about the last thing on
// the way there that stands. It is "" for another error.
func Mending(err error) string {
	named := &fs.PathError{}
	if !errors.As(err, &named) {
		return ""
	}
	at := named.Path
	info, missing := os.Lstat(at)
	for missing != nil && at != filepath.Dir(at) {
		at = filepath.Dir(at)
		info, missing = os.Lstat(at)
	}
	closed := errors.Is(err, fs.ErrPermission)
	inTheWay := errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) || errors.Is(err, fs.ErrExist)
	switch {
	case missing != nil:
	case closed && runtime.GOOS == "windows":
		return fmt.Sprintf("give yourself back the permission to read and write '%s'", at)
	case closed && info.Mode().IsRegular():
		return fmt.Sprintf("give yourself back the permission: chmod u+rw '%s'", at)
	case closed:
		return fmt.Sprintf("give yourself back the permission: chmod u+rwx '%s'", at)
	case inTheWay && (info.Mode().IsRegular() || info.Mode().Type() == fs.ModeSymlink):
		return fmt.Sprintf("move '%s' away, or name another folder", at)
	case inTheWay && !info.IsDir():
		return fmt.Sprintf("name a folder instead of '%s'", at)
	}
	return ""
}
