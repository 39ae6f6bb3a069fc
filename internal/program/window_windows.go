package program

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// SameWindow keeps a console from opening for a program that the menu-bar app starts.
// Where we have a console, the program gets it, and its Ctrl-C.
func SameWindow() *syscall.SysProcAttr {
	if _, err := windows.GetConsoleCP(); err == nil {
		return nil
	}
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NO_WINDOW}
}
