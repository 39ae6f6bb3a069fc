package atomicfile

import (
	"io/fs"
	"os"
	"syscall"
)

const createFlags = os.O_CREATE | os.O_EXCL | os.O_WRONLY

// openNoFollow opens for reading. That path is no link was looked at before, and a
// person's profile directory admits nobody who could exchange it since.
func openNoFollow(path string) (*os.File, error) { return os.Open(path) }

func openToWrite(path string) (*os.File, error) { return os.OpenFile(path, os.O_WRONLY, 0) }

// cannotBeReplaced is never so: Windows mounts no single files.
func cannotBeReplaced(error) bool { return false }

// foreignOwner is not asked on Windows, see foreign.
func foreignOwner(fs.FileInfo) string { return "" }

// foreign says why a regular file belongs to something else too, or "". Owners are
// the profile directory's business on Windows.
func foreign(path string, _ fs.FileInfo, f *os.File) string {
	if f == nil {
		opened, err := openNoFollow(path)
		if err != nil {
			return "" // whoever reads or replaces it meets the same error
		}
		defer opened.Close()
		f = opened
	}
	var info syscall.ByHandleFileInformation
	if err := syscall.GetFileInformationByHandle(syscall.Handle(f.Fd()), &info); err == nil && info.NumberOfLinks > 1 {
		return "it has another name (a hard link)"
	}
	return ""
}

// syncDir does nothing: Windows has no handle of a directory to flush, and NTFS
// journals the rename.
func syncDir(string) error { return nil }

// Writable reports whether files can be made in a folder; Windows tells only who tries.
func Writable(string) bool { return true }
