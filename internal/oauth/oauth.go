// Package oauth is the wire: it makes the URLs of one sign-in, reads what a person
// pastes, calls the token endpoint and the few API paths that belong to a login,
// and says what each response means. It sends every request exactly once, follows no
// redirect, and never retries: whether to send again is for the caller, who knows
// the token chain. It never touches a disk, a keychain or a browser, and nothing
// it returns or says shows a token, a code or the raw text of a server.
package oauth

import (
	"time"

	"keytender/internal/secret"
)

// Grant is what the token endpoint gave (RFC 6749 §5.1).
//
// A Grant with a non-empty Refresh may come together with an error: the response
// could not be used, but the chain has moved on. Only Refresh is set then, it
// differs from the token that was sent, and it must be stored in its place.
type Grant struct {
	Access  secret.String
	Refresh secret.String // empty: none came, the one at hand stays good

	ExpiresIn      time.Duration // of Access, 0 to 20 years
	ExpiresInKnown bool          // false: the server did not say in a usable way, an hour is assumed
	LoginExpiresIn time.Duration // of the login itself; 0: unknown

	Scopes  []string // nil: the server did not say
	Account Profile  // what came along with the response; may be empty
}

// Profile says whose login it is. Every field may be empty; all are cleaned for
// showing (one line, no control characters, at most 300 characters).
type Profile struct {
	Email          string
	AccountID      string // account UUID
	OrganizationID string // organization UUID
	Organization   string // its name
	Plan           string // pro, max, team, enterprise
	RateLimitTier  string
}
