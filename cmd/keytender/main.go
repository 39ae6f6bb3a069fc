// Command keytender tends the key to a person's own Claude account: it signs in,
// keeps and renews the tokens, and mirrors them into the entry that Claude Code
// reads. Results go to stdout, everything for people to stderr; it links no
// graphical toolkit and runs on a server.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"keytender/internal/config"
	"keytender/internal/coredump"
	"keytender/internal/session"
	"keytender/keychain"
)

func main() {
	coredump.Off()
	keychain.RunChild()
	os.Exit(run(os.Args[1:], newConsole(os.Stdin, os.Stdout, os.Stderr)))
}

// run executes one command line and returns its exit code.
func run(args []string, c *console) int {
	ctx, caught, stop := withSignals(context.Background())
	defer stop()
	root := newRoot(c)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if code := caught(); code != 0 && (err == nil || ctx.Err() != nil) {
		if err != nil {
			c.line(cross, "interrupted; nothing more was changed")
		}
		return code
	}
	return c.fail(err)
}

// withSignals cancels the context at SIGINT and SIGTERM. caught returns 130 or 143
// after one of them, else 0. Whatever must not be cut short, such as storing a
// renewal that was sent, does not listen to the context.
func withSignals(parent context.Context) (ctx context.Context, caught func() int, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case s := <-signals:
			cancel(&signalError{s})
		case <-done:
		}
	}()
	caught = func() int {
		got := &signalError{}
		if !errors.As(context.Cause(ctx), &got) {
			return 0
		}
		if got.signal == syscall.SIGTERM {
			return 143
		}
		return 130
	}
	return ctx, caught, func() { signal.Stop(signals); close(done); cancel(nil) }
}

type signalError struct{ signal os.Signal }

func (e *signalError) Error() string { return "interrupted by " + e.signal.String() }

// exitError ends a command with a code although everything for people was said.
type exitError int

func (e exitError) Error() string { return "" }

// usageError is a command line that cannot be used.
type usageError struct{ message, hint string }

func (e *usageError) Error() string { return e.message }

// fail shows an error as people need it, and returns its exit code.
func (c *console) fail(err error) int {
	var (
		code    exitError
		usage   *usageError
		setting *config.Error
		known   *session.Error
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		c.problem(usage.message, usage.hint)
		return session.ExitUsage
	case errors.As(err, &setting):
		c.problem(setting.Error(), setting.Hint)
		return session.ExitUsage
	case errors.As(err, &known):
		c.problem(known.Message, known.Hint)
		return known.Exit
	}
	c.problem(err.Error(), "`keytender doctor` looks for what is wrong")
	return session.ExitFailed
}
