package keychain

import (
	"os"
	"syscall"
)

// detached puts the child into a process group of its own, without a console
// window: Ctrl-C must not end a write that has begun.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP | 0x08000000, HideWindow: true}
}

// endWithOthers ends the child; on Windows it starts nothing.
func endWithOthers(child *os.Process) error { return child.Kill() }

func endOthers() {}
