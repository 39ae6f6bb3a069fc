package oauth

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

const claudeCodeOnly = `{"type":"error","error":{"type":"invalid_request_error","message":"This credential is only authorized for use with Claude Code and cannot be used for other API requests."}}`

func TestAPIHeaders(t *testing.T) {
	f := serve(t, says(200, `{"data":[],"raw_key":"sk-ant-api03-FAKE"}`))
	c := f.client()
	c.APIURL += "/"
	if _, err := c.Probe(t.Context(), fakeAccess); err != nil {
		t.Error(err)
	}
	if _, err := c.Profile(t.Context(), fakeAccess); err != nil {
		t.Error(err)
	}
	key, err := c.CreateAPIKey(t.Context(), fakeAccess)
	if err != nil || key.Reveal() != "sk-ant-api03-FAKE" {
		t.Errorf("%q, %v", key.Reveal(), err)
	}
	want := []string{"GET /v1/models?limit=10", "GET /api/oauth/profile", "POST /api/oauth/claude_cli/create_api_key"}
	for i, r := range f.requests() {
		if got := r.method + " " + r.path; got != want[i] {
			t.Errorf("got %s, want %s", got, want[i])
		}
		for name, value := range map[string]string{
			"Authorization": "Bearer sk-ant-oat01-FAKE-a1", "Anthropic-Beta": "oauth-2025-04-20",
			"Anthropic-Version": "2023-06-01", "Content-Type": "application/json",
		} {
			if got := r.header.Get(name); got != value {
				t.Errorf("%s: %s = %q", want[i], name, got)
			}
		}
		if r.header.Get("X-Api-Key") != "" || r.body != "" {
			t.Errorf("%s: %+v", want[i], r)
		}
	}
}

func TestProbe(t *testing.T) {
	tests := []struct {
		name    string
		respond http.HandlerFunc
		outcome ProbeOutcome // 0: an error
		words   string
	}{
		{"works", says(200, `{"data":[{"id":"m"}]}`), ProbeOK, "works"},
		{"403 is a warning",
			says(403, `{"type":"error","error":{"type":"permission_error","message":"no sk-ant-oat01-FAKE-a1"}}`),
			ProbeRestricted, "to be expected"},
		{"403 without a word", says(403, ``), ProbeRestricted, "to be expected"},
		{"restricted, as 400", says(400, claudeCodeOnly), ProbeRestricted, "the login is not broken"},
		{"restricted, as 403", says(403, claudeCodeOnly), ProbeRestricted, "the login is not broken"},
		{"restricted, as 401", says(401, claudeCodeOnly), ProbeRestricted, "the login is not broken"},
		{"restricted, as text", says(403, "This credential is only authorized for use with Claude Code", "Content-Type",
			"text/plain"), ProbeRestricted, "the login is not broken"},
		{"401", says(401, `{"type":"error","error":{"type":"authentication_error","message":"expired"}}`),
			ProbeUnauthorized, "does not accept"},
		{"401 without a word", says(401, ``), ProbeUnauthorized, "does not accept"},
		{"403 by a portal", says(403, `<html>`), 0, "a web page came"},
		{"200 by a portal", says(200, `<html>`), 0, "a web page came"},
		{"200 with nothing", says(200, ``), 0, "not JSON"},
		{"429", says(429, ``), 0, "to wait"},
		{"500", says(500, ``), 0, "in trouble"},
		{"404", says(404, `{"type":"error","error":{"type":"not_found_error"}}`), 0, "not_found_error"},
		{"redirect", says(302, ``, "Location", "/"), 0, "another address"},
	}
	for _, test := range tests {
		f := serve(t, test.respond)
		got, err := f.client().Probe(t.Context(), fakeAccess)
		text := got.Sentence
		if err != nil {
			text = err.Error()
		}
		if (err == nil) != (test.outcome != 0) || got.Outcome != test.outcome || !strings.Contains(text, test.words) ||
			strings.Contains(text, "FAKE") {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
		if len(f.requests()) != 1 {
			t.Errorf("%s: %d requests", test.name, len(f.requests()))
		}
	}
}

func TestExplainedOnOtherCallsToo(t *testing.T) {
	f := serve(t, says(403, claudeCodeOnly))
	_, err := f.client().Profile(t.Context(), fakeAccess)
	if !errors.Is(err, ErrClaudeCodeOnly) || !strings.Contains(err.Error(), ErrClaudeCodeOnly.Error()) {
		t.Errorf("%v", err)
	}
}

func TestProfile(t *testing.T) {
	tests := []struct {
		name, body string
		want       Profile
	}{
		{"whole",
			`{"account":{"uuid":"acc-1","email":"a@example.com","has_claude_max":true},"organization":{"uuid":"org-1","name":"Ann's","organization_type":"claude_team","rate_limit_tier":"tier_5x"}}`,
			Profile{"a@example.com", "acc-1", "org-1", "Ann's", "team", "tier_5x"}},
		{"other name of the e-mail", `{"account":{"email_address":"a@example.com"}}`, Profile{Email: "a@example.com"}},
		{"max", `{"organization":{"organization_type":"claude_max"}}`, Profile{Plan: "max"}},
		{"pro", `{"organization":{"organization_type":"claude_pro"}}`, Profile{Plan: "pro"}},
		{"enterprise", `{"organization":{"organization_type":"claude_enterprise"}}`, Profile{Plan: "enterprise"}},
		{"max by flag",
			`{"account":{"has_claude_max":true,"has_claude_pro":true},"organization":{"organization_type":"new"}}`,
			Profile{Plan: "max"}},
		{"pro by flag", `{"account":{"has_claude_max":false,"has_claude_pro":true}}`, Profile{Plan: "pro"}},
		{"flag that is none", `{"account":{"has_claude_max":"true"}}`, Profile{}},
		{"empty", `{}`, Profile{}},
		{"other shapes", `{"account":[],"organization":"x"}`, Profile{}},
		{"for a terminal to obey",
			`{"account":{"email":"a\u001b[2J@example.com\nx"},"organization":{"name":"sk-ant-oat01-FAKE"}}`,
			Profile{Email: "a[2J@example.com x", Organization: "sk-ant-…"}},
	}
	for _, test := range tests {
		got, err := serve(t, says(200, test.body)).client().Profile(t.Context(), fakeAccess)
		if err != nil || got != test.want {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
	}
}

func TestProfileErrors(t *testing.T) {
	tests := []struct {
		status int
		body   string
		kind   Kind
	}{
		{200, `[]`, Malformed}, {200, ``, Malformed}, {200, `<p>`, Unavailable},
		{401, `{"error":{"type":"authentication_error"}}`, Misconfigured},
		{403, `{"error":{"type":"permission_error","message":"needs user:profile"}}`, Misconfigured},
		{429, ``, Throttled}, {502, ``, Unavailable},
	}
	for _, test := range tests {
		got, err := serve(t, says(test.status, test.body)).client().Profile(t.Context(), fakeAccess)
		if e := wantError(t, err, test.kind, true, true); e.Status != test.status || got != (Profile{}) {
			t.Errorf("%d %s: %+v, %+v", test.status, test.body, got, e)
		}
	}
}

func TestCreateAPIKeyErrors(t *testing.T) {
	for _, body := range []string{`{}`, `{"raw_key":""}`, `{"raw_key":5}`, `{"raw_key":"FAKE key"}`,
		`{"raw_key":"FAKE\u0000"}`} {
		got, err := serve(t, says(200, body)).client().CreateAPIKey(t.Context(), fakeAccess)
		if e := wantError(t, err, Malformed, true, true); !got.IsZero() || strings.Contains(e.Error(), "FAKE") {
			t.Errorf("%s: %v", body, e)
		}
	}
}
