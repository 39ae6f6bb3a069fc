package oauth

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"keytender/internal/address"
	"keytender/internal/secret"
)

// AttemptConfig is what an attempt needs to know of the authorization server.
type AttemptConfig struct {
	AuthorizeURL  string
	ClientID      string
	PasteRedirect string // page that shows the code to a person
	Scopes        []string
	Issuer        string // RFC 9207: compared when set and a pasted URL has an iss
	Hints         Hints
}

// Hints are what the sign-in page is told beforehand. None of them binds it: what was
// granted is looked at afterwards.
type Hints struct {
	Email        string // OpenID Connect Core §3.1.2.1, login_hint
	SSO          bool
	Organization string // id
}

// Attempt is one sign-in on its way: a state and a PKCE verifier (RFC 7636), each
// 32 random bytes in 43 characters and independent of the other, since the state
// stands in URLs and histories and the verifier must not.
type Attempt struct {
	config    AttemptConfig
	authorize *url.URL
	state     string
	verifier  secret.String
}

// NewAttempt makes a fresh attempt. It errs only on URLs that cannot be used.
func NewAttempt(c AttemptConfig) (*Attempt, error) {
	var random [32]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	return ResumeAttempt(c, base64.RawURLEncoding.EncodeToString(random[:]), secret.New(oauth2.GenerateVerifier()))
}

// ResumeAttempt goes on with an attempt that another process began, by what it had made.
func ResumeAttempt(c AttemptConfig, state string, verifier secret.String) (*Attempt, error) {
	authorize, err := address.Parse(c.AuthorizeURL)
	if err != nil {
		return nil, fmt.Errorf("reading the authorize URL: %w", err)
	}
	if _, err := address.Parse(c.PasteRedirect); err != nil {
		return nil, fmt.Errorf("reading the URL of the paste page: %w", err)
	}
	if c.ClientID == "" {
		return nil, errors.New("there is no client id")
	}
	if len(state) < 43 || len(verifier.Reveal()) < 43 { // RFC 7636 §4.1
		return nil, errors.New("its state or verifier is too short")
	}
	c.Scopes = slices.Clone(c.Scopes)
	return &Attempt{config: c, authorize: authorize, state: state, verifier: verifier}, nil
}

// State is what the redirect must carry.
func (a *Attempt) State() string { return a.state }

// Verifier is the secret behind the URL's challenge; it goes into the exchange alone.
func (a *Attempt) Verifier() secret.String { return a.verifier }

// URL is where the person signs in, for answers that go to redirectURI. The code
// that comes back is bound to that redirect URI. Every URL of an attempt has the
// same challenge and state, so that whichever comes back first can be used.
func (a *Attempt) URL(redirectURI string) string {
	parameters := []parameter{
		{"code", "true"},
		{"client_id", a.config.ClientID},
		{"response_type", "code"},
		{"redirect_uri", redirectURI},
		{"scope", strings.Join(a.config.Scopes, " ")},
		{"code_challenge", oauth2.S256ChallengeFromVerifier(a.verifier.Reveal())},
		{"code_challenge_method", "S256"},
		{"state", a.state},
	}
	parameters = append(parameters, a.config.Hints.parameters()...)
	// RFC 6749 §3.1: the endpoint's own query is kept, no parameter is repeated,
	// and there is no fragment.
	own := a.authorize.Query()
	var query strings.Builder
	for i, p := range parameters {
		if i > 0 {
			query.WriteByte('&')
		}
		query.WriteString(p.name + "=" + url.QueryEscape(p.value))
		own.Del(p.name)
	}
	if len(own) > 0 {
		query.WriteString("&" + own.Encode())
	}
	u := *a.authorize
	u.RawQuery, u.Fragment, u.RawFragment = query.String(), "", ""
	return u.String()
}

type parameter struct{ name, value string }

// parameters name the hints as Claude Code's own sign-in does.
func (h Hints) parameters() (all []parameter) {
	if h.Organization != "" {
		all = append(all, parameter{"orgUUID", h.Organization})
	}
	if h.Email != "" {
		all = append(all, parameter{"login_hint", h.Email})
	}
	if h.SSO {
		all = append(all, parameter{"login_method", "sso"})
	}
	return all
}

// PasteURL is the URL whose page shows a code to copy.
func (a *Attempt) PasteURL() string { return a.URL(a.config.PasteRedirect) }
