package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"keytender/internal/secret"
)

const probeTimeout = 10 * time.Second

// ProbeOutcome says how the test call ended.
type ProbeOutcome int

// What the test call can tell. Only ProbeUnauthorized speaks against the token.
const (
	ProbeOK           ProbeOutcome = iota + 1
	ProbeRestricted                // refused for what it is used for, not for what it is
	ProbeUnauthorized              // 401: the access token is not accepted
)

// ProbeResult is the test call's outcome with a sentence for people.
type ProbeResult struct {
	Outcome  ProbeOutcome
	Status   int // HTTP status
	Sentence string
	// ClaudeCodeOnly: the server named Claude Code as the only program that may.
	ClaudeCodeOnly bool
}

// Probe makes the one test call, GET /v1/models?limit=10, within 10 s. An error
// means that nothing was learnt about the token.
func (c *Client) Probe(ctx context.Context, access secret.String) (ProbeResult, error) {
	_, err := c.call(ctx, http.MethodGet, "/v1/models?limit=10", access, probeTimeout)
	if err == nil {
		return ProbeResult{Outcome: ProbeOK, Status: http.StatusOK, Sentence: "the access token works"}, nil
	}
	var e *Error
	errors.As(err, &e)
	switch {
	case errors.Is(err, ErrClaudeCodeOnly):
		return ProbeResult{Outcome: ProbeRestricted, Status: e.Status, ClaudeCodeOnly: true,
			Sentence: "the server answers this call only to Claude Code itself; " +
				"that comes from the request's beta header or from Anthropic's terms, and the login is not broken"}, nil
	case !e.Answered || e.Kind == Throttled || e.Kind == Unavailable:
		return ProbeResult{}, err
	case e.Status == http.StatusUnauthorized:
		return ProbeResult{Outcome: ProbeUnauthorized, Status: e.Status,
			Sentence: "the server does not accept the access token"}, nil
	case e.Status == http.StatusForbidden:
		return ProbeResult{Outcome: ProbeRestricted, Status: e.Status,
			Sentence: "the server does not allow this call with this login, " +
				"which is to be expected: such a login is meant for Claude Code, and it is saved all the same"}, nil
	default:
		return ProbeResult{}, err
	}
}

// Profile asks whose login it is. It needs the scope user:profile.
func (c *Client) Profile(ctx context.Context, access secret.String) (Profile, error) {
	fields, err := c.call(ctx, http.MethodGet, "/api/oauth/profile", access, 0)
	if err != nil {
		return Profile{}, err
	}
	return readProfile(fields), nil
}

// CreateAPIKey makes a Console API key. It needs the scope org:create_api_key of a
// Console sign-in. Sent and not Answered: a key may exist that nobody has seen.
func (c *Client) CreateAPIKey(ctx context.Context, access secret.String) (secret.String, error) {
	fields, err := c.call(ctx, http.MethodPost, "/api/oauth/claude_cli/create_api_key", access, 0)
	if err != nil {
		return secret.String{}, err
	}
	key := stringOf(fields["raw_key"])
	if !isToken(key) {
		return secret.String{}, &Error{Kind: Malformed, Status: http.StatusOK, Sent: true, Answered: true,
			Err: errNoKey, subject: apiSubject}
	}
	return secret.New(key), nil
}

const apiSubject = "access token"

// call makes an API call and returns the object of its response. The token
// stands in the header and never in the URL (RFC 6750 §2.3).
func (c *Client) call(ctx context.Context, method, path string, access secret.String,
	timeout time.Duration) (map[string]json.RawMessage, error) {
	if !isToken(access.Reveal()) {
		return nil, &Error{Kind: Misconfigured, Err: errors.New("there is no usable access token"), subject: apiSubject}
	}
	header := http.Header{}
	header.Set("Authorization", "Bearer "+access.Reveal())
	header.Set("Anthropic-Beta", "oauth-2025-04-20")
	header.Set("Anthropic-Version", "2023-06-01")
	header.Set("Content-Type", "application/json")
	r := request{
		method: method, url: strings.TrimRight(c.APIURL, "/") + path, header: header,
		timeout: timeout, subject: apiSubject, secrets: []secret.String{access},
	}
	a, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := c.expectData(a, r); err != nil {
		return nil, err
	}
	fields, ok := object(a.body)
	if !ok {
		return nil, c.unusable(a, r, errNotJSON)
	}
	return fields, nil
}
