//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// runInPlace makes the program take our place: its exit code and signals, the terminal and
// job control are then its own, and nothing of ours is left beside the token. Core files
// stay off, since the token is in its memory too.
func runInPlace(_ *console, path string, args, environ []string) error {
	// What we ignore the program would ignore as well, and what was ignored when we began it
	// shall. Reset gives up SIGQUIT no more once it was ignored; a handler ends with the exec.
	signal.Reset()
	signal.Notify(make(chan os.Signal, 1), syscall.SIGQUIT)
	err := syscall.Exec(path, args, environ)
	return notRun(exitNotExecutable, path+" cannot be executed: "+err.Error(),
		"name the program that runs it, say sh "+path, err)
}
