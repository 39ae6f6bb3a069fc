package tray

import (
	"os"
	"syscall"
)

// startAgain puts a new run of the program into this process. It returns only when
// that failed.
func startAgain() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(self, os.Args, os.Environ())
}
