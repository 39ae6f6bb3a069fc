package atomicfile

import (
	"os"
	"runtime"

	"github.com/rogpeppe/go-internal/robustio"
)

// Rename is os.Rename that on Windows waits, two seconds at most, for whoever has one of the
// files open: a virus scanner, a backup, another process of ours that reads it. Windows moves
// no file that somebody reads, and nobody reads these for long. A file that is not there is
// told at once: robustio waits for that too, and on macOS for nothing else.
func Rename(from, to string) error {
	if runtime.GOOS != "windows" {
		return os.Rename(from, to)
	}
	if _, err := os.Lstat(from); err != nil {
		return os.Rename(from, to)
	}
	return robustio.Rename(from, to)
}
