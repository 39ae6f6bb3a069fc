// Package callback receives the redirect of a browser sign-in: it listens on both
// loopback stacks, lets through the one that belongs to this attempt, shows the person
// a page, and opens the browser. It never sees a token, never reads or writes a file of
// ours, and never lets a wrong request end, delay or reveal an attempt.
package callback

import (
	"errors"
	"fmt"
	"time"

	"keytender/internal/secret"
)

// Config is one attempt to sign in.
type Config struct {
	// Port is the first choice, 1 to 65535; 0 takes any free port.
	Port int
	// Exact makes Listen fail with a *PortError instead of taking another port.
	Exact bool
	// State is what the redirect must carry. It cannot be empty.
	State string
	// Issuer, when set, must equal the redirect's iss if there is one (RFC 9207).
	Issuer string
	// Hold is how long the response to the redirect waits for the outcome before the
	// finishing page is shown; 0 means 500 ms.
	Hold time.Duration
	// Linger is how long the port goes on answering after the attempt, with the page that
	// says how it ended, or until this process listens again: who clicks Allow too late
	// then meets a page of ours. Another process gets another port meanwhile. 0: not at
	// all, as a program has to that ends with its attempt.
	Linger time.Duration
	// Instead is called, once, when the person follows the link to Claude Code's own
	// sign-in that stands on the page of a refusal. nil: the page has no such link.
	Instead func()
}

// Redirect is what came back from the browser: either a code or an error.
type Redirect struct {
	Code           secret.String
	Err            string // OAuth error code (RFC 6749 §4.1.2.1), cleaned, at most 64 characters
	ErrDescription string // cleaned: one line, no control characters, at most 300 characters
}

// OutcomeKind says how a sign-in ended.
type OutcomeKind int

// How a sign-in can end. Any other value is shown as Failed.
const (
	SignedIn OutcomeKind = iota + 1
	Declined
	TimedOut
	Failed
	ElsewhereDone // signed in by paste, so this browser is no longer needed
	Cancelled
)

// Outcome is what the browser is told in the end, in its person's language. Every text
// is cleaned and escaped before it is shown; none may hold a secret.
type Outcome struct {
	_ [0]func() // nobody compares two

	Kind  OutcomeKind
	Email string // SignedIn, ElsewhereDone; may be empty
	Plan  string // likewise
	Kept  string // likewise: where, see assets.Words.Kept
	// Problem is the engine's word for what went wrong when Kind is Failed, see failureOf.
	Problem string
	Said    string // Failed, Declined: the reason that the sign-in service gave, if any

	instead string // path of the link to the other way, for who may see it
}

// ErrPortTaken is wrapped by every *PortError.
var ErrPortTaken = errors.New("the port is taken")

// PortError says that the one port asked for cannot be had.
type PortError struct {
	Port   int
	Holder string // program and process id, where the system tells; else empty
}

func (e *PortError) Error() string {
	holder := e.Holder
	if holder == "" {
		holder = "another program"
	}
	return fmt.Sprintf("port %d is taken by %s", e.Port, holder)
}

func (e *PortError) Unwrap() error { return ErrPortTaken }
