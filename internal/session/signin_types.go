package session

import (
	"context"
	"time"

	"keytender/keychain"
)

// Method is how a person signs in, and how a login came.
type Method = keychain.Method

// The methods that a person can choose.
const (
	ByBrowser    = keychain.Browser
	ByPaste      = keychain.Paste
	ByClaudeCode = keychain.ClaudeCode
)

// SignInOptions is what a person can choose about a sign-in.
type SignInOptions struct {
	Method    Method   // ByBrowser (default), ByPaste
	Account   string   // default: the account of the person who signs in
	Replace   bool     // another person's login under Account makes room, and is kept
	Expect    string   // e-mail; any other account is refused before anything is written
	Org       string   // id; any other organization is refused before anything is written
	Email     string   // for the sign-in page to fill in; empty: Expect
	SSO       bool     // the sign-in page leads to single sign-on
	Scopes    []string // nil: the configured ones
	Console   bool
	LongLived time.Duration // >0: ask for this validity

	Port      int  // 0: the configured first choice
	PortExact bool // Port or an error
	Timeout   time.Duration
	Linger    time.Duration // how long the port says afterwards how it ended, see callback.Config
	NoMirror  bool
	// Instead is what the page of a refusal offers; nil: nothing, see callback.Config.
	Instead func()
	// TermsSeen reports whether the person has seen what EventTerms asked to tell; nil: a
	// terminal has shown it.
	TermsSeen func() bool

	// Open opens the browser; nil opens nothing. Its error is shown and the
	// sign-in goes on: the link works as well.
	Open func(ctx context.Context, url string) error
	// Paste delivers what the person pastes, a line at a time; nil: no paste way.
	Paste <-chan string
}

// EventKind names a step of a sign-in, in the order in which they happen.
type EventKind string

// The steps. Each event's Value is what the line on the terminal names.
const (
	EventAlready    EventKind = "already"     // who is signed in before we begin
	EventStore      EventKind = "store"       // Value: where the login will be kept; Warn: there is no keychain, Detail: why
	EventTerms      EventKind = "terms"       // the notice about Anthropic's terms is due, once
	EventPortMoved  EventKind = "port-moved"  // Value: the port, which was taken; Detail: the one that is used
	EventCallback   EventKind = "callback"    // Value: URL we listen on
	EventSignInURL  EventKind = "sign-in-url" // Value: URL opened or to open
	EventPasteURL   EventKind = "paste-url"   // Value: URL whose page shows a code
	EventOpenFailed EventKind = "open-failed" // Value: why no browser opened
	EventWaiting    EventKind = "waiting"     // Left: time left
	EventRefused    EventKind = "refused"     // Err: why a pasted line was refused; the attempt goes on
	EventFinishing  EventKind = "finishing"   // the code came; exchanging and storing
	EventSignedIn   EventKind = "signed-in"   // Value: e-mail; Detail: plan
	EventSaved      EventKind = "saved"       // Said: in which store
	EventClaudeCode EventKind = "claude-code" // Said: what became of its entry; Err: why nothing did
	EventExpires    EventKind = "expires"     // At: access token's end
	EventLoginEnds  EventKind = "login-ends"  // At: the login's own end; Detail "estimated"
	EventNote       EventKind = "note"        // Note or Said: anything else the person should know
)

// Event is one step of a sign-in. It never holds a token, code or verifier; the
// URLs hold state and challenge, which are useless without the verifier.
type Event struct {
	_ [0]func() // nobody compares two

	Kind   EventKind
	Value  string
	Detail string
	At     time.Time
	Left   time.Duration
	Err    error
	Warn   bool // the step did not go as wished, and the sign-in went on
	Keep   Keep // EventStore, EventSaved: where, as a fact
	Note   Note // EventNote, EventClaudeCode
	Said   Said // of those without a note, and beside NoteUnusable
}
