package tray

import (
	"os"
	"syscall"
)

// startAgain puts a new run of the program into this process. It returns only when
// that failed.
func startAgain(program string) error { return syscall.Exec(program, os.Args, os.Environ()) }
