package tray

import (
	"os"
	"syscall"

	"keytender/tray/autostart"
)

// startAgain puts a new run of the program into this process. It returns only when
// that failed.
func startAgain(program string) error { return syscall.Exec(program, os.Args, os.Environ()) }

// replaced reports whether an update has put another program in the place of this one.
func replaced(program string) bool {
	_, err := os.Stat(program)
	return err == nil && !autostart.Same(program, "/proc/self/exe")
}
