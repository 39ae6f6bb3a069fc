//go:build unix

package keychain

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// detached puts the child into a session of its own: Ctrl-C in the terminal must
// not end a write that has begun.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// endWithOthers ends a detached child and what it started: on macOS go-keyring runs
// security(1), whose dialog would stand on, and whose write could come true late.
func endWithOthers(child *os.Process) error {
	if err := syscall.Kill(-child.Pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return os.ErrProcessDone
}

// endOthers ends what this detached child started.
func endOthers() {
	if syscall.Getpgrp() != os.Getpid() {
		return
	}
	signal.Ignore(syscall.SIGTERM)
	_ = syscall.Kill(0, syscall.SIGTERM)
}
