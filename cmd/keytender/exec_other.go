//go:build !unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
)

// runInPlace runs the program beside us, since Windows has no way to replace one: it gets
// the console's Ctrl-C as we do, and how it ends is how we end.
func runInPlace(c *console, path string, args, environ []string) error {
	signal.Ignore(os.Interrupt)
	if c.object != nil {
		c.object.printed = true // stdout is the program's
	}
	child := exec.Command(path, args[1:]...)
	child.Env = environ
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := child.Run()
	exit := &exec.ExitError{}
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		return exitError(exit.ExitCode())
	}
	return notRun(exitNotExecutable, path+" cannot be executed: "+err.Error(), "name the program that runs it", err)
}
