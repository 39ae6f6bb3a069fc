//go:build !windows

package program

import "syscall"

// SameWindow is for Windows, where a program may open a console.
func SameWindow() *syscall.SysProcAttr { return nil }
