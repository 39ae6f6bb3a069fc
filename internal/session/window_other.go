//go:build !windows

package session

import "syscall"

func sameWindow() *syscall.SysProcAttr { return nil }
