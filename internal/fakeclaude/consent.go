package fakeclaude

import (
	"crypto/rand"
	_ "embed"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"keytender/assets"
)

// The pages: a layout, and what is within it.
var (
	//go:embed page.html
	pageLayout string
	//go:embed consent.html
	consentPage string
	//go:embed code.html
	codePage string
	//go:embed problem.html
	problemPage string
)

// ticket is a consent page that was shown and not yet answered. Its name is the
// form's CSRF nonce.
type ticket struct {
	code code
	ends time.Time
}

// serveConsent checks an authorize request and shows the page with the two buttons.
// What is wrong with the client or the redirect is told here; the rest goes back to
// the client (RFC 6749 §4.1.2.1).
func (s *Server) serveConsent(w http.ResponseWriter, r *http.Request) {
	s.note("authorize", r, nil)
	if r.Method != "GET" {
		showProblem(w, http.StatusMethodNotAllowed, "This page can only be opened.")
		return
	}
	b := s.Behaviour()
	q := r.URL.Query()
	for name, values := range q {
		if len(values) > 1 {
			showProblem(w, http.StatusBadRequest, "The parameter "+name+" is repeated.")
			return
		}
	}
	redirect := q.Get("redirect_uri")
	switch {
	case q.Get("client_id") != b.ClientID:
		showProblem(w, http.StatusBadRequest, "The client is unknown.")
		return
	case redirect != s.PasteURL() && !loopbackRedirect(redirect):
		showProblem(w, http.StatusBadRequest,
			"The redirect_uri is neither http://localhost:PORT/callback nor the paste page.")
		return
	case q.Get("code") != "true":
		showProblem(w, http.StatusBadRequest, "The parameter code=true is missing.")
		return
	case len(q.Get("state")) < 43:
		// The real server is reported to refuse a short state without a word.
		showProblem(w, http.StatusBadRequest, "The state is shorter than 43 characters.")
		return
	}
	scopes := strings.Fields(q.Get("scope"))
	c := code{
		account: b.signedIn(), scopes: scopes, redirectURI: redirect,
		challenge: q.Get("code_challenge"), state: q.Get("state"),
	}
	bad := b.refusedScope(scopes)
	switch {
	case q.Get("response_type") != "code":
		s.goBack(w, r, c, "error", "unsupported_response_type", "error_description",
			"Only response_type=code is supported.")
	case q.Get("code_challenge_method") != "S256" || len(c.challenge) != 43:
		s.goBack(w, r, c, "error", "invalid_request", "error_description", "PKCE with S256 is required.")
	case len(scopes) == 0:
		s.goBack(w, r, c, "error", "invalid_scope", "error_description", "A scope is required.")
	case bad != "":
		s.goBack(w, r, c, "error", "invalid_scope", "error_description", "Unknown scope: "+bad)
	default:
		name := rand.Text()
		s.mu.Lock()
		s.tickets[name] = ticket{c, s.now().Add(codeLife)}
		s.mu.Unlock()
		where := "this computer (" + strings.TrimPrefix(redirect, "http://") + ")"
		if redirect == s.PasteURL() {
			where = "a page that shows a code to copy"
		}
		var list assets.HTML
		for _, scope := range scopes {
			list += "<li>" + assets.Escaped(scope) + "</li>"
		}
		show(w, http.StatusOK, "Sign in", consentPage, map[string]assets.HTML{
			"ticket": assets.Escaped(name), "email": assets.Escaped(c.account.email),
			"plan":  assets.Escaped(c.account.plan),
			"where": assets.Escaped(where), "scopes": list,
		})
	}
}

// serveDecision takes the answer of the consent page, once.
func (s *Server) serveDecision(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	origin := r.Header.Get("Origin")
	if r.Method != "POST" || origin != "" && origin != "http://"+r.Host {
		showProblem(w, http.StatusForbidden, "Only the buttons of the sign-in page lead here.")
		return
	}
	// Not PostFormValue: it brings a reader of uploads into the command line.
	_ = r.ParseForm() // a form that cannot be read has no ticket
	name, decision := r.PostForm.Get("ticket"), r.PostForm.Get("decision")
	s.mu.Lock()
	t, ok := s.tickets[name]
	delete(s.tickets, name)
	s.mu.Unlock()
	if !ok || !s.now().Before(t.ends) {
		showProblem(w, http.StatusBadRequest, "This page was answered already, or is too old. Start the sign-in again.")
		return
	}
	if decision != "allow" {
		s.note("decline", r, nil)
		s.goBack(w, r, t.code, "error", "access_denied", "error_description", "The person declined.")
		return
	}
	s.note("allow", r, nil)
	if oauthError := s.Behaviour().AllowError; oauthError != "" {
		s.goBack(w, r, t.code, "error", oauthError)
		return
	}
	s.mu.Lock()
	t.code.ends = s.now().Add(codeLife)
	code := s.ledger.addCode(t.code)
	s.mu.Unlock()
	s.goBack(w, r, t.code, "code", code)
}

// goBack redirects to the client with the given parameters, the state, and the iss
// when that is switched on.
func (s *Server) goBack(w http.ResponseWriter, r *http.Request, c code, parameters ...string) {
	q := url.Values{"state": {c.state}}
	for i := 0; i < len(parameters); i += 2 {
		q.Set(parameters[i], parameters[i+1])
	}
	if iss := s.Behaviour().Iss; iss != "" {
		q.Set("iss", iss)
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, c.redirectURI+"?"+q.Encode(), http.StatusFound)
}

// servePaste shows CODE#STATE for copying.
func (s *Server) servePaste(w http.ResponseWriter, r *http.Request) {
	s.note("paste", r, nil)
	q := r.URL.Query()
	if reason := q.Get("error"); reason != "" {
		showProblem(w, http.StatusOK, "The sign-in did not happen: "+reason+".")
		return
	}
	if q.Get("code") == "" {
		showProblem(w, http.StatusBadRequest, "There is no code in this address.")
		return
	}
	show(w, http.StatusOK, "Your code", codePage,
		map[string]assets.HTML{"paste": assets.Escaped(q.Get("code") + "#" + q.Get("state"))})
}

func showProblem(w http.ResponseWriter, status int, message string) {
	const title = "This does not work"
	show(w, status, title, problemPage, map[string]assets.HTML{"title": title, "problem": assets.Escaped(message)})
}

func show(w http.ResponseWriter, status int, title assets.HTML, body string, parts map[string]assets.HTML) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	// Not no-referrer: with it the form would be sent with "Origin: null".
	header.Set("Referrer-Policy", "same-origin")
	// form-action also governs where the response to the form may redirect to.
	header.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; form-action 'self' http://localhost:*; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	page := assets.Fill(assets.HTML(pageLayout), map[string]assets.HTML{
		"title": title, "body": assets.Fill(assets.HTML(body), parts),
	})
	_, _ = io.WriteString(w, string(page))
}
