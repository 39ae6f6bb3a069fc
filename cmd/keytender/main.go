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
	"slices"
	"sync"
	"syscall"
	"time"

	"keytender/cmd/internal/words"
	"keytender/internal/config"
	"keytender/internal/coredump"
	"keytender/internal/ending"
	"keytender/internal/session"
	"keytender/keychain"
)

func main() {
	coredump.Off()
	keychain.RunChild()
	growStack()
	os.Exit(run(os.Args[1:], newConsole(os.Stdin, os.Stdout, os.Stderr)))
}

// growStack gives the main goroutine the stack that a command comes to need, while
// there is next to nothing on it to copy. Left to itself it grows four times, each time
// from deeper down, which costs 2 to 3 % of the time that `token` takes. The room is asked
// for by the call alone and never touched.
//
//go:noinline
func growStack() byte {
	if len(os.Args) > 0 {
		return 0
	}
	var room [24 << 10]byte
	return room[len(os.Args)]
}

// run executes one command line and returns its exit code.
func run(args []string, c *console) int {
	ctx, listen, caught, stop := withSignals(context.Background())
	defer stop()
	c.listen = listen
	if onlyReads(args) {
		signal.Ignore(syscall.SIGQUIT) // until then: Go would print every stack
		later := time.AfterFunc(briefly, listen)
		c.queued = func() { later.Reset(queued) }
	} else {
		listen()
	}
	if wantsJSON(args) {
		c.reportInJSON()
	}
	root := newRoot(c, args)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if code := caught(); code != 0 && !c.complete && (err == nil || ctx.Err() != nil) {
		if err != nil {
			c.line(cross, "interrupted; nothing more was changed")
			err = &words.Error{Code: "interrupted", Message: "interrupted; nothing more was changed",
				Hint: "run it again"}
		}
		_ = c.closeJSON(err)
		return code
	}
	return c.fail(errors.Join(err, c.closeJSON(err)))
}

// briefly is how long a verb that only reads does not listen for signals: that costs
// three threads. Until then a signal ends the process as it does before main.
const briefly = 20 * time.Millisecond

// queued is the same for one that waits while another process renews: of a thousand that do, each
// would spend more on its threads than on all the rest.
const queued = 2 * time.Second

// onlyReads is true of the verbs that are asked for again and again, and that write
// nothing but what the engine announces.
func onlyReads(args []string) bool {
	return len(args) > 0 && slices.Contains([]string{"token", "status", "exec", "statusline"}, args[0])
}

// withSignals cancels the context at SIGINT, SIGTERM, SIGHUP and SIGQUIT, from the first
// call of listen on. caught returns 128 and the signal's number after one, else 0. Whatever must not be cut
// short, such as storing a renewal that was sent, does not listen to the context.
func withSignals(parent context.Context) (ctx context.Context, listen func(), caught func() int, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	listen = sync.OnceFunc(func() {
		ending.Notify(signals)
		go func() {
			select {
			case s := <-signals:
				cancel(&signalError{s})
			case <-ctx.Done():
			}
		}()
	})
	caught = func() int {
		got := &signalError{}
		if !errors.As(context.Cause(ctx), &got) {
			return 0
		}
		number, _ := got.signal.(syscall.Signal)
		return 128 + int(number)
	}
	return ctx, listen, caught, func() { signal.Stop(signals); cancel(nil) }
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
	)
	if p := problemOf(err); p != nil {
		c.problem(p.Message, p.Hint)
	}
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage), errors.As(err, &setting):
		return session.ExitUsage
	}
	if known := words.Known(err); known != nil {
		return known.Exit
	}
	return session.ExitFailed
}
