//go:build !windows

package callback

import "syscall"

// detached puts a child into a session of its own, out of reach of Ctrl-C.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
