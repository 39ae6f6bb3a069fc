package oauth

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"keytender/internal/secret"
)

// Client calls the token endpoint and the API. It keeps nothing between calls; its
// fields may be read by several at once. Every error it returns is an *Error.
type Client struct {
	TokenURL  string
	RevokeURL string
	APIURL    string // base, say https://api.anthropic.com
	ClientID  string
	UserAgent string // begins with "keytender/"

	Form    bool           // send forms (RFC 6749) instead of JSON, which the server is said to want
	timeout time.Duration  // of each call in all; 0 means 30 s
	rootCAs *x509.CertPool // nil: the system's

	Now func() time.Time // nil: time.Now; for Retry-After dates
	// Dated is called with the date of each response, by the server's clock, and with when the
	// request was sent, by ours. nil: nobody asks.
	Dated func(server, sent time.Time)
	Log   *slog.Logger // nil: nothing is logged. Each call is a line of level debug
}

// ExchangeRequest is what turns a code into tokens.
type ExchangeRequest struct {
	Code        secret.String
	Verifier    secret.String
	State       string
	RedirectURI string        // the one that produced the code
	ExpiresIn   time.Duration // wished validity; 0: the server's own. Refused with any scope beside user:inference
}

// Exchange turns a code into tokens (RFC 6749 §4.1.3, RFC 7636 §4.5). It sends the
// code once. After Throttled the code is still good.
func (c *Client) Exchange(ctx context.Context, e ExchangeRequest) (Grant, error) {
	if e.Code.IsZero() || e.Verifier.IsZero() {
		return Grant{}, &Error{Kind: Misconfigured, Err: errors.New("there is no code to send"), subject: "code"}
	}
	fields := map[string]any{
		"grant_type":    "authorization_code",
		"code":          e.Code.Reveal(),
		"redirect_uri":  e.RedirectURI,
		"client_id":     c.ClientID,
		"code_verifier": e.Verifier.Reveal(),
		"state":         e.State,
	}
	if e.ExpiresIn > 0 {
		fields["expires_in"] = int64(e.ExpiresIn / time.Second)
	}
	return c.grant(ctx, "code", fields, e.Code, e.Verifier)
}

// Renew spends the refresh token for a new pair (RFC 6749 §6). It sends the token
// once. Without scopes the server grants those of before. The Grant may hold a
// refresh token although there is an error, see Grant.
func (c *Client) Renew(ctx context.Context, refresh secret.String, scopes []string) (Grant, error) {
	if refresh.IsZero() {
		return Grant{}, &Error{Kind: Misconfigured, Err: errors.New("there is no refresh token to send"),
			subject: "login"}
	}
	fields := map[string]any{
		"grant_type":    "refresh_token",
		"refresh_token": refresh.Reveal(),
		"client_id":     c.ClientID,
	}
	if len(scopes) > 0 {
		fields["scope"] = strings.Join(scopes, " ")
	}
	return c.grant(ctx, "login", fields, refresh)
}

func (c *Client) grant(ctx context.Context, subject string, fields map[string]any, secrets ...secret.String) (Grant,
	error) {
	r := c.post(c.TokenURL, fields)
	r.subject, r.secrets = subject, secrets
	a, err := c.send(ctx, r)
	if err != nil {
		return Grant{}, err
	}
	if err := c.expectData(a, r); err != nil {
		return Grant{}, err
	}
	grant, err := readGrant(a.body)
	if err == nil {
		return grant, nil
	}
	for _, sent := range secrets {
		if grant.Refresh.Equal(sent) { // an echo, no new token
			grant.Refresh = secret.String{}
		}
	}
	e := c.unusable(a, r, err)
	if e.Code == "invalid_grant" && grant.Refresh.IsZero() {
		e.Kind, e.Answered, e.Err = Spent, true, nil // some gateways put every response into a 200
	}
	return grant, e
}

// Revoke tells the server to forget the token and the login behind it (RFC 7009).
// The body of the response says nothing (§2.2).
func (c *Client) Revoke(ctx context.Context, token secret.String) error {
	if token.IsZero() {
		return &Error{Kind: Misconfigured, Err: errors.New("there is no token to send"), subject: "token"}
	}
	r := c.post(c.RevokeURL, map[string]any{"token": token.Reveal(), "client_id": c.ClientID})
	r.subject, r.secrets = "token", []secret.String{token}
	a, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	return c.expectData(a, r)
}

// post makes the request of a token call.
func (c *Client) post(url string, fields map[string]any) request {
	r := request{method: http.MethodPost, url: url, header: http.Header{}}
	if c.Form {
		r.header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.body = form(fields)
		return r
	}
	r.header.Set("Content-Type", "application/json")
	r.body, _ = json.Marshal(fields) // strings and numbers always marshal
	return r
}

func form(fields map[string]any) []byte {
	values := url.Values{}
	for name, value := range fields {
		values.Set(name, fmt.Sprint(value))
	}
	return []byte(values.Encode())
}

// expectData returns nil for a 2xx that is no web page.
func (c *Client) expectData(a response, r request) error {
	if a.status < 200 || a.status > 299 {
		return c.refusal(a, r)
	}
	if looksLikePage(a.header, a.body) {
		return &Error{Kind: Unavailable, Status: a.status, Sent: a.sent, Answered: true, Err: errPage,
			subject: r.subject}
	}
	return nil
}

// unusable is the error of a 2xx that did not hold what it should. One that was cut
// off on the way is no response at all.
func (c *Client) unusable(a response, r request, why error) *Error {
	e := &Error{Kind: Malformed, Status: a.status, Sent: a.sent, Answered: true, Err: why, subject: r.subject}
	e.Code, e.Description = readRefusal(a.body, r.secrets)
	switch {
	case a.cut == errTooBig:
		e.Err = a.cut
	case a.cut != nil:
		e.Kind, e.Answered, e.Err = Unavailable, false, a.cut
	}
	return e
}

func (c *Client) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// agent is our own name and never another program's.
func (c *Client) agent() string {
	if !strings.HasPrefix(c.UserAgent, "keytender/") {
		return "keytender"
	}
	return c.UserAgent
}
