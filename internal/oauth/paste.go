package oauth

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"keytender/internal/address"
	"keytender/internal/pattern"
	"keytender/internal/secret"
)

// Why a pasted text is refused. None of them repeats any of it.
var (
	ErrNotACode = errors.New("this is not a sign-in code")
	ErrMailCode = fmt.Errorf("%w: these digits look like an e-mail's, which the page in the browser asks for",
		ErrNotACode)
	ErrWrongState    = errors.New("this code belongs to another sign-in: its state is missing or differs")
	ErrNotThisSignIn = errors.New("this link does not belong to this sign-in")
	ErrSignInLink    = errors.New("this is the link that begins the sign-in, not the code it ends with")
	ErrPastedToken   = errors.New("this is a token, not a sign-in code; it was not sent anywhere")
)

const (
	maxPaste = 64 << 10
	maxCode  = 4 << 10
)

// Pasted is what a person brought back by hand: a code, or the server's error.
type Pasted struct {
	Code           secret.String
	RedirectURI    string // the one that the code is bound to
	Err            string // OAuth error code, say access_denied; Code is empty then
	ErrDescription string // cleaned
}

// ParsePaste reads CODE#STATE, a bare CODE, or the whole URL that the browser ended
// at: loopbackRedirect (when not empty) or the paste page, or the query of one. It takes the text as
// terminals and web pages deliver it: wrapped, quoted, percent-encoded, between
// bracketed-paste marks. A bare code needs no state, since PKCE binds it.
func (a *Attempt) ParsePaste(text, loopbackRedirect string) (Pasted, error) {
	if len(text) > maxPaste {
		return Pasted{}, ErrNotACode
	}
	typed := text
	text = unwrap(text)
	plain := unwrap(decoded(text))
	if secret.Tokens().MatchString(text) || secret.Tokens().MatchString(plain) {
		return Pasted{}, ErrPastedToken
	}

	redirects := []string{a.config.PasteRedirect}
	if loopbackRedirect != "" {
		redirects = append(redirects, loopbackRedirect)
	}
	if isURL(text) {
		return a.parseURL(text, redirects)
	}
	if isURL(plain) {
		return a.parseURL(plain, redirects)
	}
	for _, redirect := range redirects {
		// Some browsers hide the scheme, and some copy it so.
		scheme, rest, _ := strings.Cut(redirect, "://")
		if len(text) > len(rest) && strings.EqualFold(text[:len(rest)], rest) && text[len(rest)] == '?' {
			return a.parseURL(scheme+"://"+text, redirects)
		}
	}

	for _, query := range []string{text, plain} {
		if isQuery(query) {
			// It does not say which page it comes from. Where the paste page's can be
			// copied, its code with the state stands there to be copied too.
			return a.parseURL(redirects[len(redirects)-1]+"?"+strings.TrimPrefix(query, "?"), redirects)
		}
	}

	code, state, withState := strings.Cut(text, "#")
	if !withState { // decoded only where its state then proves that it was encoded
		if c, s, found := strings.Cut(plain, "#"); found && a.isState(s) {
			code, state, withState = c, s, true
		}
	}
	if withState && !a.isState(state) {
		return Pasted{}, ErrWrongState
	}
	if !isCode(code) || !isCode(decoded(code)) || a.isState(code) || (!withState && isTalk(typed)) {
		return Pasted{}, ErrNotACode
	}
	if !withState && isMailCode(code) {
		return Pasted{}, ErrMailCode
	}
	return Pasted{Code: secret.New(code), RedirectURI: a.config.PasteRedirect}, nil
}

// parseURL reads the redirect of RFC 6749 §4.1.2 and §4.1.2.1.
func (a *Attempt) parseURL(text string, redirects []string) (Pasted, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Pasted{}, ErrNotACode
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Pasted{}, fmt.Errorf("the link is damaged: %w", ErrNotACode)
	}
	if query.Has("code_challenge") || query.Has("response_type") {
		return Pasted{}, ErrSignInLink
	}
	pasted := Pasted{}
	for _, redirect := range redirects {
		if leadsTo(u, redirect) {
			pasted.RedirectURI = redirect
		}
	}
	if pasted.RedirectURI == "" {
		return Pasted{}, ErrNotThisSignIn
	}
	for _, name := range []string{"code", "state", "error", "error_description", "iss"} {
		if len(query[name]) > 1 { // RFC 6749 §3.1
			return Pasted{}, fmt.Errorf("the link says %s twice: %w", name, ErrNotACode)
		}
	}
	// First of all, so that nobody's link can end the attempt with an error.
	if !a.isState(query.Get("state")) {
		return Pasted{}, ErrWrongState
	}
	if iss := query.Get("iss"); a.config.Issuer != "" && iss != "" && iss != a.config.Issuer {
		return Pasted{}, ErrNotThisSignIn // RFC 9207 §2.4
	}
	code := query.Get("code")
	if query.Get("error") != "" { // RFC 6749 §3.1: an empty parameter is as good as none
		if code != "" {
			return Pasted{}, fmt.Errorf("the link has a code and an error: %w", ErrNotACode)
		}
		pasted.Err = cleanCode(query.Get("error"))
		if pasted.Err == "" {
			pasted.Err = "unknown_error"
		}
		pasted.ErrDescription = clean(query.Get("error_description"))
		return pasted, nil
	}
	if !isCode(code) {
		return Pasted{}, ErrNotACode
	}
	pasted.Code = secret.New(code)
	return pasted, nil
}

func (a *Attempt) isState(text string) bool {
	return subtle.ConstantTimeCompare([]byte(text), []byte(a.state)) == 1
}

// isTalk tells what a person says at the prompt, such as "yes" or "I have no code",
// from a bare code, which has no state to prove itself by: sending it would end the
// sign-in.
func isTalk(typed string) bool {
	words := strings.Fields(strings.Trim(typed, "\"'`<>“”‘’«» \t\r\n"))
	return len(words) != 1 || len(words[0]) < 4
}

var mailCodeShape = pattern.New(`^[0-9]{3,4}-?[0-9]{1,4}$`)

// isMailCode tells the few digits that prove an e-mail address, which people paste here
// since it is a code too. A sign-in code has many times as many characters.
func isMailCode(text string) bool { return mailCodeShape().MatchString(text) }

func isCode(text string) bool { return isToken(text) && len(text) <= maxCode }

// unwrap takes off what surrounds a copied text, and the blanks that a narrow
// terminal or a web page put into it: neither code nor state holds any.
func unwrap(text string) string {
	text = strings.NewReplacer("\x1b[200~", "", "\x1b[201~", "").Replace(text)
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text)
	return strings.Trim(text, "\"'`<>“”‘’«»")
}

// decoded takes percent-encoding off a text that is encoded rightly, and leaves any other.
func decoded(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

func isURL(text string) bool {
	scheme, _, found := strings.Cut(text, "://")
	return found && scheme != "" && !strings.ContainsAny(scheme, "#?%/&=")
}

// isQuery reports whether text is the query of a redirect (RFC 6749 §4.1.2): people copy
// it where the browser's address bar hides the rest.
func isQuery(text string) bool {
	for _, name := range []string{"code", "state", "error"} {
		if strings.HasPrefix(strings.TrimPrefix(text, "?"), name+"=") {
			return true
		}
	}
	return false
}

// leadsTo compares scheme, host, port and path, which are all that says whose
// redirect it is.
func leadsTo(u *url.URL, redirect string) bool {
	r, err := url.Parse(redirect)
	return err == nil && u.User == nil && u.Opaque == "" &&
		strings.EqualFold(u.Scheme, r.Scheme) &&
		sameHost(u.Hostname(), r.Hostname()) && port(u) == port(r) &&
		u.EscapedPath() == r.EscapedPath()
}

// sameHost takes the names of this machine for one another: some browsers show
// localhost as a number.
func sameHost(a, b string) bool {
	return strings.EqualFold(a, b) || address.Loopback(a) && address.Loopback(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	default:
		return "80"
	}
}
