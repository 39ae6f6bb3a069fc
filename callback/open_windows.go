package callback

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// detached keeps Ctrl-C in our console from a child.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}
