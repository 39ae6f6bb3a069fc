package callback

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"keytender/internal/secret"
	"keytender/internal/shown"
)

// A route is a path of ours.
type route int

const (
	nowhere route = iota
	atCallback
	atFinishing
	atDone
	atOver // after an attempt alone
	atInstead
)

// A refusal is a response that changes nothing. Its page says the reason, and nothing of
// the request.
type refusal struct {
	status int
	reason string // which of assets.Words.Reasons
}

var (
	refuseMalformed  = &refusal{http.StatusBadRequest, "malformed"}
	refuseRepeated   = &refusal{http.StatusBadRequest, "repeated"}
	refuseState      = &refusal{http.StatusBadRequest, "state"}
	refuseIssuer     = &refusal{http.StatusBadRequest, "issuer"}
	refuseNoCode     = &refusal{http.StatusBadRequest, "no-code"}
	refuseCode       = &refusal{http.StatusBadRequest, "code"}
	refuseBoth       = &refusal{http.StatusBadRequest, "both"}
	refuseHost       = &refusal{http.StatusForbidden, "host"}
	refuseNavigation = &refusal{http.StatusForbidden, "navigation"}
	refusePath       = &refusal{http.StatusNotFound, "path"}
	refuseMethod     = &refusal{http.StatusMethodNotAllowed, "method"}
	refuseTooBig     = &refusal{http.StatusRequestHeaderFieldsTooLarge, "too-big"}

	refusals = []*refusal{
		refuseMalformed, refuseRepeated, refuseState, refuseIssuer, refuseNoCode, refuseCode, refuseBoth,
		refuseHost, refuseNavigation, refusePath, refuseMethod, refuseTooBig,
	}
)

// gate decides which request belongs to the attempt. It holds no moving part: the
// same request always gets the same judgement.
type gate struct {
	hosts   map[string]bool // authorities of ours, lower case
	origins map[string]bool
	routes  map[string]route
	state   [sha256.Size]byte
	issuer  string
}

func newGate(c Config, port int, routes map[string]route) *gate {
	g := &gate{
		hosts: map[string]bool{}, origins: map[string]bool{}, routes: routes,
		state: sha256.Sum256([]byte(c.State)), issuer: c.Issuer,
	}
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
		names := []string{host + ":" + strconv.Itoa(port)}
		if port == 80 { // browsers leave out the scheme's own port
			names = append(names, host)
		}
		for _, name := range names {
			g.hosts[name], g.origins["http://"+name] = true, true
		}
	}
	return g
}

// admit says where a request leads, or why it leads nowhere. Host comes first, so
// that a page which reached us by a rebound name learns nothing at all.
func (g *gate) admit(r request) (route, *refusal) {
	hosts := r.fields["host"]
	if len(hosts) != 1 { // RFC 9112 §3.2
		return nowhere, refuseMalformed
	}
	if !g.hosts[strings.ToLower(hosts[0])] {
		return nowhere, refuseHost
	}
	where := g.routes[r.path]
	switch {
	case where == nowhere || r.absolute:
		return nowhere, refusePath
	case r.method != http.MethodGet: // HEAD too: link checkers must not spend a code
		return nowhere, refuseMethod
	case !g.navigates(r):
		return nowhere, refuseNavigation
	case hasBody(r):
		return nowhere, refuseMalformed
	}
	return where, nil
}

// navigates reports whether a person's browser opens the address as a page of its
// own, rather than fetching it ahead of time or on behalf of another page.
func (g *gate) navigates(r request) bool {
	for _, name := range []string{"sec-purpose", "purpose", "x-moz", "x-purpose"} {
		for _, value := range r.fields[name] {
			value = strings.ToLower(value)
			for _, ahead := range []string{"prefetch", "prerender", "preview"} {
				if strings.Contains(value, ahead) {
					return false
				}
			}
		}
	}
	for _, dest := range r.fields["sec-fetch-dest"] {
		if dest != "document" {
			return false
		}
	}
	for _, origin := range r.fields["origin"] { // "null" is nobody's and so foreign
		if !g.origins[strings.ToLower(origin)] {
			return false
		}
	}
	return true
}

func hasBody(r request) bool {
	for _, length := range r.fields["content-length"] {
		if length != "0" {
			return true
		}
	}
	return len(r.fields["transfer-encoding"]) > 0
}

// read takes the redirect apart by its query (RFC 6749 §4.1.2). The state
// is judged before anything else, so that the rest is only said to who knows it.
func (g *gate) read(query string) (Redirect, *refusal) {
	values, err := url.ParseQuery(query)
	if err != nil { // bad escapes, and ";"
		return Redirect{}, refuseMalformed
	}
	state := sha256.Sum256([]byte(values.Get("state")))
	if subtle.ConstantTimeCompare(state[:], g.state[:]) != 1 {
		return Redirect{}, refuseState
	}
	for _, name := range []string{"state", "code", "error", "error_description", "iss"} {
		if len(values[name]) > 1 { // RFC 6749 §3.1
			return Redirect{}, refuseRepeated
		}
	}
	if g.issuer != "" && values.Has("iss") && values.Get("iss") != g.issuer {
		return Redirect{}, refuseIssuer
	}
	code, failure := values.Get("code"), values.Get("error")
	switch {
	case code != "" && failure != "":
		return Redirect{}, refuseBoth
	case failure != "":
		a := Redirect{Err: shown.Cut(shown.Line(failure), 64),
			ErrDescription: shown.Cut(shown.Line(values.Get("error_description")), 300)}
		if a.Err == "" {
			return Redirect{}, refuseMalformed
		}
		return a, nil
	case code == "":
		return Redirect{}, refuseNoCode
	case !isCode(code):
		return Redirect{}, refuseCode
	}
	return Redirect{Code: secret.New(code)}, nil
}

// isCode reports whether s can be an authorization code: 1 to 4096 bytes of
// printable ASCII without the space.
func isCode(s string) bool {
	for _, c := range []byte(s) {
		if c < 0x21 || c > 0x7e {
			return false
		}
	}
	return s != "" && len(s) <= 4096
}
