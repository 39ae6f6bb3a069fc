package oauth

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what an error means for the login.
type Kind int

// The kinds. Only Spent and Declined are final; after every other one the tokens
// are as good as before, unless Sent and Answered say that it is unknown.
const (
	Declined      Kind = iota + 1 // the person said no
	Spent                         // invalid_grant: that code or refresh token will never work again
	Throttled                     // asked to wait
	Unavailable                   // network, proxy, captive portal or server in trouble
	Misconfigured                 // client id, scope, URL or encoding are not what the server wants
	Malformed                     // a response that cannot be used
)

// String names the kind in one lower-case word, for logs.
func (k Kind) String() string {
	names := [...]string{"", "declined", "spent", "throttled", "unavailable", "misconfigured", "malformed"}
	if k < Declined || k > Malformed {
		return "unknown"
	}
	return names[k]
}

// Error is why a call did not do what was asked. Its text is for people: no body,
// no URL, no secret.
type Error struct {
	_ [0]func() // nobody compares two

	Kind        Kind
	Status      int           // HTTP status; 0 without a response
	Code        string        // OAuth error code from the response, cleaned; may be empty
	Description string        // the server's own words, cleaned, at most 300 characters
	RetryAfter  time.Duration // 0: not said; at most an hour

	// Sent is false when certainly no byte of the request's body (for a call
	// without a body: of its headers) left this program: what it holds is unspent.
	Sent bool
	// Answered is false when no whole response came. Sent and not Answered: whether
	// the server acted is unknown.
	Answered bool

	Err error // what lies beneath; nil when the server refused as RFC 6749 has it

	subject string // what was refused: login, code, access token
}

// ErrClaudeCodeOnly lies beneath an Error whose response says that the credential
// may only be used with Claude Code. The login is not broken.
var ErrClaudeCodeOnly = errors.New("the server accepts this login only from Claude Code itself")

func (e *Error) Unwrap() error { return e.Err }

func (e *Error) Error() string {
	message := "the server's response cannot be used"
	switch e.Kind {
	case Declined:
		message = "the sign-in was declined"
	case Spent:
		message = "the server refused the " + e.subject
	case Throttled:
		message = "the server asks to wait"
	case Unavailable:
		switch {
		case e.Err == errPage, e.Err == errRedirect:
			message = "something else than the server answered"
		case e.Answered:
			message = "the server is in trouble"
		case e.Sent:
			message = "no whole response came"
		default:
			message = "the server could not be reached"
		}
	case Misconfigured:
		message = "the server refused the request"
		if e.Status == 0 {
			message = "the request was not sent"
		}
	case Malformed: // said above
	}
	switch {
	case e.Code != "" && e.Status != 0:
		message += fmt.Sprintf(" (%s, HTTP %d)", e.Code, e.Status)
	case e.Status != 0:
		message += fmt.Sprintf(" (HTTP %d)", e.Status)
	}
	if e.Err != nil {
		message += ": " + e.Err.Error()
	}
	if e.Description != "" {
		message += ": " + e.Description
	}
	return message
}
