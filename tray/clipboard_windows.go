package tray

import (
	"os/exec"
	"syscall"
)

// hideWindow keeps a console from flashing up for a command without a window.
func hideWindow(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true} }
