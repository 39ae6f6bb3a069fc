package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"keytender/internal/pattern"
	"keytender/internal/secret"
)

const (
	assumedLifetime = time.Hour
	maxLifetime     = 20 * 365 * 24 * time.Hour
	maxRetryAfter   = time.Hour

	// maxToken is far more than any token has. A longer one fits neither a header that
	// servers take nor the keychains that it would have to go into.
	maxToken = 16 << 10
)

// What makes a 200 unusable.
var (
	errNotJSON   = errors.New("it is not JSON")
	errNoToken   = errors.New("it holds no usable access token")
	errTokenType = errors.New("its token is not a bearer token")
	errLongToken = errors.New("it holds a token of more than 16 KiB")
	errNoKey     = errors.New("it holds no usable API key")
	errPage      = errors.New("a web page came instead of data; a network that asks to sign in first does that")
	errRedirect  = errors.New("it points to another address, and tokens are not sent on")
)

// readGrant reads a token response (RFC 6749 §5.1). Nothing but a missing access
// token, another token type or a token too long to be one makes it unusable, and then
// too the refresh token is returned: the one that was sent for it is gone.
func readGrant(body []byte) (Grant, error) {
	fields, ok := object(body)
	if !ok {
		return Grant{Refresh: salvage(body)}, errNotJSON
	}
	refresh := secret.New(stringOf(fields["refresh_token"]))
	if len(refresh.Reveal()) > maxToken {
		return Grant{}, errLongToken
	}
	access := stringOf(fields["access_token"])
	if !isToken(access) {
		return Grant{Refresh: refresh}, errNoToken
	}
	if len(access) > maxToken {
		return Grant{Refresh: refresh}, errLongToken
	}
	if !isBearer(fields["token_type"]) {
		return Grant{Refresh: refresh}, errTokenType
	}
	grant := Grant{
		Access:  secret.New(access),
		Refresh: refresh,
		Scopes:  scopes(fields["scope"]),
		Account: readProfile(fields),
	}
	grant.ExpiresIn, grant.ExpiresInKnown = lifetime(fields["expires_in"])
	if !grant.ExpiresInKnown {
		grant.ExpiresIn = assumedLifetime
	}
	grant.LoginExpiresIn, _ = lifetime(fields["refresh_token_expires_in"])
	return grant, nil
}

// isBearer takes a missing or empty token type for RFC 6750's.
func isBearer(raw json.RawMessage) bool {
	var kind string
	if raw != nil && json.Unmarshal(raw, &kind) != nil {
		return false
	}
	kind = strings.TrimSpace(kind)
	return kind == "" || strings.EqualFold(kind, "bearer")
}

var refreshShape = pattern.New(`"refresh_token"\s*:\s*("(?:[^"\\]|\\.)*")`)

// salvage finds a whole refresh token in a response that was cut off or is not quite
// JSON. Without it such a response would end the login.
func salvage(body []byte) secret.String {
	if looksLikePage(nil, body) {
		return secret.String{}
	}
	found := refreshShape().FindSubmatch(body)
	if found == nil || len(found[1]) > maxToken {
		return secret.String{}
	}
	return secret.New(stringOf(found[1]))
}

// isCut reports whether the body of a response ends in the midst of its object, or before
// it. A body that only the connection's end delimits looks the same whole and cut (RFC
// 9112 §6.3); what it should hold tells.
func isCut(status int, body []byte) bool {
	var fields map[string]json.RawMessage
	err := json.NewDecoder(bytes.NewReader(body)).Decode(&fields)
	return err == io.ErrUnexpectedEOF || err == io.EOF && status == http.StatusOK
}

// readProfile reads account and organization, as the profile call and some token
// responses have them. What has not the expected shape is left out.
func readProfile(fields map[string]json.RawMessage) Profile {
	account, _ := object(fields["account"])
	organization, _ := object(fields["organization"])
	cleaned := func(raw json.RawMessage) string { return clean(stringOf(raw)) }
	p := Profile{
		Email:          cleaned(account["email"]),
		AccountID:      cleaned(account["uuid"]),
		OrganizationID: cleaned(organization["uuid"]),
		Organization:   cleaned(organization["name"]),
		RateLimitTier:  cleaned(organization["rate_limit_tier"]),
	}
	if p.Email == "" {
		p.Email = cleaned(account["email_address"])
	}
	switch stringOf(organization["organization_type"]) {
	case "claude_max":
		p.Plan = "max"
	case "claude_pro":
		p.Plan = "pro"
	case "claude_team":
		p.Plan = "team"
	case "claude_enterprise":
		p.Plan = "enterprise"
	default:
		if string(account["has_claude_max"]) == "true" {
			p.Plan = "max"
		} else if string(account["has_claude_pro"]) == "true" {
			p.Plan = "pro"
		}
	}
	return p
}

// object reads the JSON object that body begins with. A map, since names of struct
// fields would match in any case; what follows the object is ignored.
func object(body []byte) (map[string]json.RawMessage, bool) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	var fields map[string]json.RawMessage
	err := json.NewDecoder(bytes.NewReader(body)).Decode(&fields)
	return fields, err == nil && fields != nil
}

// stringOf returns a JSON string's text, or "" for anything else.
func stringOf(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

var numberShape = pattern.New(`^[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?$`)

// lifetime reads seconds as a number or as a string with one, clamped to 0 to 20
// years.
func lifetime(raw json.RawMessage) (d time.Duration, known bool) {
	number := string(raw)
	if strings.HasPrefix(number, `"`) {
		number = strings.TrimSpace(stringOf(raw))
	}
	return seconds(number, maxLifetime)
}

func seconds(number string, most time.Duration) (d time.Duration, known bool) {
	if !numberShape().MatchString(number) {
		return 0, false
	}
	// A number out of range comes back as an infinity, which clamps like any other.
	n, _ := strconv.ParseFloat(number, 64)
	n = math.Min(math.Max(n, 0), most.Seconds())
	return time.Duration(n * float64(time.Second)), true
}

// scopes reads RFC 6749 §3.3's list, or an array of such.
func scopes(raw json.RawMessage) []string {
	said := []string{stringOf(raw)}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		said = nil
		for _, one := range list {
			said = append(said, stringOf(one))
		}
	}
	var scopes []string
	for _, scope := range strings.Fields(strings.Join(said, " ")) {
		if isToken(scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

// looksLikePage reports whether a web page came where data should have.
func looksLikePage(header http.Header, body []byte) bool {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if bytes.HasPrefix(body, []byte("<")) {
		return true
	}
	return strings.Contains(strings.ToLower(header.Get("Content-Type")), "html") && !bytes.HasPrefix(body, []byte("{"))
}

// refusal says what a response other than 2xx means.
func (c *Client) refusal(a response, r request) *Error {
	e := &Error{
		Status: a.status, Sent: a.sent, Answered: true, subject: r.subject,
		RetryAfter: retryAfter(a.header.Get("Retry-After"), c.now()),
	}
	e.Code, e.Description = readRefusal(a.body, r.secrets)
	switch {
	case a.status == http.StatusTooManyRequests:
		e.Kind = Throttled
	case a.status >= 500:
		e.Kind = Unavailable
	case a.status < 400:
		e.Kind, e.Err = Unavailable, errRedirect
	case e.Code != "":
		e.Kind = kindOf(e.Code, a.status)
	case a.cut != nil && a.cut != errTooBig:
		e.Kind, e.Err, e.Answered = Unavailable, a.cut, false
	case a.status == http.StatusForbidden && looksLikePage(a.header, a.body):
		e.Kind, e.Err = Unavailable, errPage
	case a.status == http.StatusRequestTimeout:
		e.Kind = Unavailable
	default:
		e.Kind = Malformed
	}
	if (e.Kind == Misconfigured || e.Kind == Malformed) && isClaudeCodeOnly(a.body) {
		e.Kind, e.Err = Misconfigured, ErrClaudeCodeOnly
	}
	return e
}

func kindOf(code string, status int) Kind {
	switch code {
	case "invalid_grant":
		switch status {
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
			return Spent
		}
	case "access_denied":
		return Declined
	case "rate_limit_error":
		return Throttled
	case "server_error", "temporarily_unavailable", "api_error", "overloaded_error", "timeout_error":
		return Unavailable
	}
	return Misconfigured
}

// readRefusal reads the error of RFC 6749 §5.2, {"error":CODE,"error_description":…},
// or the API's own, {"type":"error","error":{"type":CODE,"message":…}}.
func readRefusal(body []byte, secrets []secret.String) (code, description string) {
	fields, _ := object(body)
	code, description = stringOf(fields["error"]), stringOf(fields["error_description"])
	if inner, ok := object(fields["error"]); ok {
		code = stringOf(inner["type"])
		for _, other := range []string{"code", "error"} {
			// A dead grant must be seen wherever it is named.
			if named := stringOf(inner[other]); code == "" || named == "invalid_grant" {
				code = named
			}
		}
		if description == "" {
			description = stringOf(inner["message"])
		}
	}
	if description == "" {
		description = stringOf(fields["message"])
	}
	return cleanCode(code, secrets...), clean(description, secrets...)
}

func isClaudeCodeOnly(body []byte) bool {
	return bytes.Contains(bytes.ToLower(body), []byte("only authorized for use with claude code"))
}

// retryAfter reads RFC 9110 §10.2.3's seconds or date, at most an hour; 0 when it
// says nothing usable.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if d, ok := seconds(value, maxRetryAfter); ok {
		return d
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
