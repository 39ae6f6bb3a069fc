//go:build unix

package keychain

import "syscall"

// detached puts the child into a session of its own: Ctrl-C in the terminal must
// not end a write that has begun.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
