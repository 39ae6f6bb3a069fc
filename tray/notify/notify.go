// Package notify shows notifications in each system's own way: with a button where the
// system has one, and under our name where it lets us. It decides nothing about what is
// told, and opens no network connection.
package notify

import "context"

// Notifier shows notifications. Every call returns within its context's limit, and
// an error means that the person has seen nothing.
type Notifier interface {
	Notify(ctx context.Context, n Notice) error
	Close() error
}

// Deed is what the person can ask for from a notification.
type Deed int

// The deeds.
const (
	SignIn Deed = iota
	SignInWithClaude
)

// Notice is one notification. It holds no secret: it is made of session.Status and
// of errors that are written for people.
type Notice struct {
	Title  string
	Body   string
	Action string // label of the button; empty: no button
	Deed   Deed   // what the button, and a click on the text, ask for
	Urgent bool   // stays until the person has seen it, where the desktop can
}
