// Package keychain keeps credentials where they belong: in the keychain of the
// operating system, and in a 0600 file where there is none. It never opens a network
// connection, never decides whether a login should be replaced, and never calls written
// what it cannot read back. Claude Code's own entry is the business of claudecode.
package keychain

import (
	"cmp"
	"context"
	"errors"
	"time"

	"keytender/internal/secret"
)

// Credential is one person's login: the pair of tokens and what is known of them.
// Times are UTC; the zero time means unknown.
type Credential struct {
	Access  secret.String
	Refresh secret.String // empty: nothing can be renewed

	AccessEnds         time.Time // end of the access token, hours away
	LoginEnds          time.Time // end of the login itself, weeks away; no renewal moves it
	LoginEndsEstimated bool      // the server did not say; 30 days were assumed

	Scopes  []string
	Account Account
	Issued  time.Time // when this pair was obtained; orders two pairs of one chain
	// Lifetime is what the server granted the access token; 0 when another program
	// got it.
	Lifetime time.Duration
	Method   Method

	// Unknown holds keys of the stored object that this version does not know, their
	// values as JSON. They are written back as they came.
	Unknown map[string]secret.String
}

// Method is how a login came.
type Method string

// The methods.
const (
	Browser    Method = "browser"
	Paste      Method = "paste"
	ClaudeCode Method = "claude-code" // the official client signed in
	Import     Method = "import"
	Adopted    Method = "adopted" // in memory alone: another program got the pair
)

// Account says whose login it is. Every field may be empty.
type Account struct {
	Email          string
	ID             string // account UUID
	OrganizationID string // organization UUID
	Organization   string // its name
	Plan           string // pro, max, team, enterprise
	RateLimitTier  string
}

// Or fills what a does not know from known, which was said of the same account.
func (a Account) Or(known Account) Account {
	return Account{
		Email: cmp.Or(a.Email, known.Email), ID: cmp.Or(a.ID, known.ID),
		OrganizationID: cmp.Or(a.OrganizationID, known.OrganizationID),
		Organization:   cmp.Or(a.Organization, known.Organization),
		Plan:           cmp.Or(a.Plan, known.Plan), RateLimitTier: cmp.Or(a.RateLimitTier, known.RateLimitTier),
	}
}

// Store keeps named records. Names are made of [A-Za-z0-9._-]. Every call obeys its
// context's deadline and has a limit of its own behind it.
type Store interface {
	// Kind is "keychain" or "file".
	Kind() string
	// Load returns the record or one of the errors below.
	Load(ctx context.Context, name string) (secret.String, error)
	// Save returns nil only when the record was read back and is equal.
	Save(ctx context.Context, name string, record secret.String) error
	// Delete returns nil only when the record is verified to be gone, also when
	// there was none.
	Delete(ctx context.Context, name string) error
}

// What a store can answer. Callers test with errors.Is.
var (
	ErrNotFound    = errors.New("there is no such record")
	ErrLocked      = errors.New("the keychain is locked")
	ErrDenied      = errors.New("access was denied")
	ErrUnavailable = errors.New("the keychain is not available")
	ErrTimedOut    = errors.New("the keychain did not answer in time")
	ErrTooBig      = errors.New("the record is too big for the store")
	ErrDamaged     = errors.New("the stored data is damaged")
	ErrUnreadable  = errors.New("the file store cannot be read")
)

type interactiveKey struct{}

// Interactive marks a call that a person asked for just now: it goes to the keychain
// even shortly after a refusal. Other calls then get the same refusal without asking.
func Interactive(ctx context.Context) context.Context {
	return context.WithValue(ctx, interactiveKey{}, true)
}

type unaskedKey struct{}

// Unasked marks a read that is not worth a dialog: a keychain that is known to be locked
// is not asked. Where that cannot be known, it is.
func Unasked(ctx context.Context) context.Context { return context.WithValue(ctx, unaskedKey{}, true) }

// IsInteractive reports whether Interactive marked the call.
func IsInteractive(ctx context.Context) bool { return ctx.Value(interactiveKey{}) != nil }
