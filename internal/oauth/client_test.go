package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keytender/internal/secret"
)

func TestExchangeRequest(t *testing.T) {
	f := serve(t, says(200, goodResponse))
	got, err := f.client().Exchange(t.Context(), fakeExchange)
	if err != nil || got.Access.Reveal() != "sk-ant-oat01-FAKE-new" ||
		got.Refresh.Reveal() != "sk-ant-ort01-FAKE-new" || got.ExpiresIn != 8*time.Hour {
		t.Fatalf("%+v, %v", got, err)
	}
	if len(f.requests()) != 1 {
		t.Fatalf("%d requests", len(f.requests()))
	}
	r := f.requests()[0]
	if r.method != "POST" || r.path != "/v1/oauth/token" || r.proto != "HTTP/1.1" ||
		r.header.Get("Content-Type") != "application/json" || r.header.Get("Accept") != "application/json" {
		t.Errorf("request %+v", r)
	}
	wantFields(t, r.body, map[string]any{
		"grant_type": "authorization_code", "code": "FAKE-code-1", "redirect_uri": "http://localhost:8765/callback",
		"client_id": "client-1", "code_verifier": "FAKE-verifier-1", "state": "state-1",
	})
}

func TestBareCodeSendsOurStateNeverTheVerifier(t *testing.T) {
	f := serve(t, says(200, goodResponse))
	a := newAttempt(t, fakeConfig)
	pasted, err := a.ParsePaste("FAKE-code-1", "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.client().Exchange(t.Context(),
		ExchangeRequest{Code: pasted.Code, Verifier: a.Verifier(), State: a.State(), RedirectURI: pasted.RedirectURI})
	if err != nil {
		t.Fatal(err)
	}
	wantFields(t, f.requests()[0].body, map[string]any{
		"grant_type": "authorization_code", "code": "FAKE-code-1", "redirect_uri": fakeConfig.PasteRedirect,
		"client_id": "client-1", "code_verifier": a.Verifier().Reveal(), "state": a.State(),
	})
}

func TestLongLivedSendsExpiresIn(t *testing.T) {
	for _, isForm := range []bool{false, true} {
		f := serve(t,
			says(200, `{"access_token":"sk-ant-oat01-FAKE-year","expires_in":31536000,"scope":"user:inference"}`))
		c := f.client()
		c.Form = isForm
		e := fakeExchange
		e.ExpiresIn = 8760 * time.Hour
		got, err := c.Exchange(t.Context(), e)
		if err != nil || got.ExpiresIn != 8760*time.Hour || !got.Refresh.IsZero() {
			t.Fatalf("%+v, %v", got, err)
		}
		if body := f.requests()[0].body; !strings.Contains(body, `"expires_in":31536000`) &&
			!strings.Contains(body, "&expires_in=31536000&") {
			t.Errorf("body %s", body)
		}
	}
}

func TestExpiresInRefusedForScope(t *testing.T) {
	f := serve(t, says(400,
		`{"error":"invalid_request","error_description":"Custom expires_in not allowed for scope user:mcp_servers"}`))
	_, err := f.client().Exchange(t.Context(), fakeExchange)
	e := wantError(t, err, Misconfigured, true, true)
	if e.Description != "Custom expires_in not allowed for scope user:mcp_servers" {
		t.Errorf("description %q", e.Description)
	}
}

func TestRenewRequest(t *testing.T) {
	f := serve(t, says(200, goodResponse))
	c := f.client()
	if _, err := c.Renew(t.Context(), fakeRefresh, []string{"user:profile", "user:inference"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Renew(t.Context(), fakeRefresh, nil); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"grant_type": "refresh_token", "refresh_token": "sk-ant-ort01-FAKE-old",
		"client_id": "client-1"}
	wantFields(t, f.requests()[1].body, want)
	want["scope"] = "user:profile user:inference"
	wantFields(t, f.requests()[0].body, want)
}

func TestFormEncoding(t *testing.T) {
	f := serve(t, says(200, goodResponse))
	c := f.client()
	c.Form = true
	e := fakeExchange
	e.Code = secret.New("FAKE+/=& code")
	if _, err := c.Exchange(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	r := f.requests()[0]
	values, err := url.ParseQuery(r.body)
	want := url.Values{
		"grant_type": {"authorization_code"}, "code": {"FAKE+/=& code"},
		"redirect_uri": {"http://localhost:8765/callback"},
		"client_id":    {"client-1"}, "code_verifier": {"FAKE-verifier-1"}, "state": {"state-1"},
	}
	if err != nil || r.header.Get("Content-Type") != "application/x-www-form-urlencoded" ||
		values.Encode() != want.Encode() {
		t.Errorf("%s: %s, %v", r.header.Get("Content-Type"), r.body, err)
	}
}

func TestRevokeRequest(t *testing.T) {
	for _, respond := range []http.HandlerFunc{says(200, ``), says(204, ``), says(200, `{}`), says(200, `ok`)} {
		f := serve(t, respond)
		if err := f.client().Revoke(t.Context(), fakeRefresh); err != nil {
			t.Error(err)
		}
		r := f.requests()[0]
		if r.method != "POST" || r.path != "/v1/oauth/token/revoke" {
			t.Errorf("%s %s", r.method, r.path)
		}
		wantFields(t, r.body, map[string]any{"token": "sk-ant-ort01-FAKE-old", "client_id": "client-1"})
	}
	f := serve(t, says(200, `<html>sign in to this network`, "Content-Type", "text/html"))
	wantError(t, f.client().Revoke(t.Context(), fakeRefresh), Unavailable, true, true)
	f = serve(t, says(503, ``))
	wantError(t, f.client().Revoke(t.Context(), fakeRefresh), Unavailable, true, true)
}

func TestNothingToSend(t *testing.T) {
	f := serve(t, says(200, goodResponse))
	c := f.client()
	_, err := c.Renew(t.Context(), secret.String{}, nil)
	wantError(t, err, Misconfigured, false, false)
	_, err = c.Exchange(t.Context(), ExchangeRequest{Verifier: fakeExchange.Verifier})
	wantError(t, err, Misconfigured, false, false)
	_, err = c.Exchange(t.Context(), ExchangeRequest{Code: fakeExchange.Code})
	wantError(t, err, Misconfigured, false, false)
	wantError(t, c.Revoke(t.Context(), secret.String{}), Misconfigured, false, false)
	_, err = c.Profile(t.Context(), secret.New("FAKE\r\nX: y"))
	wantError(t, err, Misconfigured, false, false)
	if len(f.requests()) != 0 {
		t.Errorf("%d requests", len(f.requests()))
	}
}

// Tokens go to https, or to this machine, and nowhere else.
func TestUnusableEndpoints(t *testing.T) {
	for _, bad := range []string{"", "nonsense", "http://platform.example/token",
		"https://ann:hunter2@platform.example/token", "file:///etc/passwd", "https://%zz:hunter2/"} {
		c := client(bad)
		c.TokenURL = bad
		_, err := c.Renew(t.Context(), fakeRefresh, nil)
		e := wantError(t, err, Misconfigured, false, false)
		if strings.Contains(e.Error(), "hunter2") || !strings.HasPrefix(e.Error(), "the request was not sent") {
			t.Errorf("%s: %v", bad, e)
		}
	}
}

func TestRefusalsOverTheWire(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	f := serve(t, says(429, `{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}`, "Retry-After",
		"Fri, 20 Nov 2026 12:02:00 GMT"))
	c := f.client()
	c.Now = func() time.Time { return now }
	_, err := c.Renew(t.Context(), fakeRefresh, nil)
	if e := wantError(t, err, Throttled, true, true); e.RetryAfter != 2*time.Minute {
		t.Errorf("retry after %v", e.RetryAfter)
	}

	// The server's words may repeat what was sent.
	f = serve(t, says(400,
		`{"error":"invalid_grant","error_description":"FAKE-code-1 with FAKE-verifier-1 and sk-ant-ort01-FAKE-old"}`))
	for _, call := range []func(*Client) error{
		func(c *Client) error { _, err := c.Exchange(t.Context(), fakeExchange); return err },
		func(c *Client) error { _, err := c.Renew(t.Context(), fakeRefresh, nil); return err },
	} {
		e := wantError(t, call(f.client()), Spent, true, true)
		if e.Code != "invalid_grant" || e.Status != 400 || strings.Contains(e.Error(), "ort01") {
			t.Errorf("%+v: %v", e, e)
		}
	}
	_, err = f.client().Exchange(t.Context(), fakeExchange)
	if strings.Contains(err.Error(), "FAKE-code") || strings.Contains(err.Error(), "FAKE-verifier") {
		t.Errorf("shown: %v", err)
	}
}

func TestUnusable200(t *testing.T) {
	long := "FAKE" + strings.Repeat("x", maxToken-3)
	tests := []struct {
		name    string
		respond http.HandlerFunc
		kind    Kind
		refresh string
	}{
		{"no access token", says(200, `{"refresh_token":"FAKE-next"}`), Malformed, "FAKE-next"},
		{"another token type", says(200, `{"access_token":"FAKE-a","refresh_token":"FAKE-next","token_type":"mac"}`),
			Malformed, "FAKE-next"},
		{"the sent token again", says(200, `{"refresh_token":"sk-ant-ort01-FAKE-old"}`), Malformed, ""},
		{"dead grant within a 200", says(200, `{"error":"invalid_grant"}`), Spent, ""},
		{"dead grant within a 200, nested", says(200,
			`{"type":"error","error":{"type":"invalid_grant","message":"m"}}`), Spent, ""},
		{"dead grant beside a new refresh token", says(200, `{"error":"invalid_grant","refresh_token":"FAKE-next"}`),
			Malformed, "FAKE-next"},
		{"dead grant beside the sent token", says(200,
			`{"error":"invalid_grant","refresh_token":"sk-ant-ort01-FAKE-old"}`), Spent, ""},
		{"dead grant in the words alone", says(200, `{"error":"no","error_description":"invalid_grant"}`), Malformed,
			""},
		{"another error within a 200", says(200, `{"error":"invalid_client"}`), Malformed, ""},
		{"access token too long", says(200, `{"access_token":"`+long+`","refresh_token":"FAKE-next"}`), Malformed,
			"FAKE-next"},
		{"refresh token too long", says(200, `{"access_token":"FAKE-a","refresh_token":"`+long+`"}`), Malformed, ""},
		{"refresh token too long, not quite JSON", says(200, `{"x":NaN,"refresh_token":"`+long+`"}`), Malformed, ""},
		{"empty", says(200, ``), Malformed, ""},
		{"text", says(200, `ok`), Malformed, ""},
		{"no content", says(204, ``), Malformed, ""},
		{"captive portal", says(200, `<html>{"refresh_token":"FAKE-next"}`, "Content-Type", "text/html; charset=utf-8"),
			Unavailable, ""},
		{"captive portal that says it is JSON", says(200, " \n<!doctype html>"), Unavailable, ""},
		{"captive portal with an empty page", says(200, ``, "Content-Type", "text/html"), Unavailable, ""},
		{"larger than we read", says(200, `{"refresh_token":"FAKE-next","x":"`+strings.Repeat("x", maxResponse)+`"}`),
			Malformed, "FAKE-next"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := serve(t, test.respond)
			got, err := f.client().Renew(t.Context(), fakeRefresh, nil)
			wantError(t, err, test.kind, true, true)
			if got.Refresh.Reveal() != test.refresh || !got.Access.IsZero() {
				t.Errorf("refresh %q", got.Refresh.Reveal())
			}
			if len(f.requests()) != 1 {
				t.Errorf("%d requests", len(f.requests()))
			}
		})
	}
}

// Tokens of just the size that is taken, and an error that comes with a whole grant.
func TestUsable200(t *testing.T) {
	longest := "FAKE" + strings.Repeat("x", maxToken-4)
	for _, body := range []string{
		`{"access_token":"` + longest + `","refresh_token":"` + longest + `"}`,
		`{"access_token":"FAKE-a","refresh_token":"FAKE-r","error":"invalid_grant"}`,
	} {
		got, err := serve(t, says(200, body)).client().Renew(t.Context(), fakeRefresh, nil)
		if err != nil || got.Access.IsZero() || got.Refresh.IsZero() {
			t.Errorf("%.40s: %v", body, err)
		}
	}
}

func TestJSONNamedAsPageIsStillRead(t *testing.T) {
	f := serve(t, says(200, goodResponse, "Content-Type", "text/html"))
	if _, err := f.client().Renew(t.Context(), fakeRefresh, nil); err != nil {
		t.Error(err)
	}
}

func TestServerThatDoesNotRotate(t *testing.T) {
	f := serve(t, says(200, `{"access_token":"FAKE-a","refresh_token":"sk-ant-ort01-FAKE-old"}`))
	got, err := f.client().Renew(t.Context(), fakeRefresh, nil)
	if err != nil || !got.Refresh.Equal(fakeRefresh) {
		t.Errorf("%+v, %v", got, err)
	}
}

// The name we give is ours, whatever the caller says.
func TestUserAgentIsOurOwn(t *testing.T) {
	for given, want := range map[string]string{
		"keytender/1.2.3 (+https://keytender.example)": "keytender/1.2.3 (+https://keytender.example)",
		"":                       "keytender",
		"claude-cli/2.1.329":     "keytender",
		"axios/1.15.2 keytender": "keytender",
	} {
		f := serve(t, says(200, `{"access_token":"FAKE-a","raw_key":"FAKE-k","data":[]}`))
		c := f.client()
		c.UserAgent = given
		ctx := t.Context()
		for _, err := range allCalls(ctx, c) {
			if err != nil {
				t.Error(err)
			}
		}
		if len(f.requests()) != 6 {
			t.Fatalf("%d requests", len(f.requests()))
		}
		for _, r := range f.requests() {
			if got := r.header["User-Agent"]; len(got) != 1 || got[0] != want {
				t.Errorf("%s: User-Agent %q", r.path, got)
			}
			for name, values := range r.header {
				if line := strings.ToLower(name + strings.Join(values, " ")); strings.HasPrefix(line, "x-") ||
					strings.Contains(line, "claude") || strings.Contains(line, "axios") {
					t.Errorf("%s: header %s: %s", r.path, name, values)
				}
			}
			if strings.Contains(r.path, "FAKE") {
				t.Errorf("a secret stands in the URL: %s", r.path)
			}
		}
	}
}

// allCalls makes every call there is, once.
func allCalls(ctx context.Context, c *Client) map[string]error {
	errs := map[string]error{}
	_, errs["exchange"] = c.Exchange(ctx, fakeExchange)
	_, errs["renew"] = c.Renew(ctx, fakeRefresh, nil)
	errs["revoke"] = c.Revoke(ctx, fakeRefresh)
	_, errs["profile"] = c.Profile(ctx, fakeAccess)
	_, errs["create key"] = c.CreateAPIKey(ctx, fakeAccess)
	_, errs["probe"] = c.Probe(ctx, fakeAccess)
	return errs
}

func wantFields(t *testing.T, body string, want map[string]any) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil || !maps.Equal(got, want) {
		t.Errorf("body %s, want %v (%v)", body, want, err)
	}
}

func wantError(t *testing.T, err error, kind Kind, sent, answered bool) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want %v", err, kind)
	}
	if e.Kind != kind || e.Sent != sent || e.Answered != answered {
		t.Errorf("%v: kind %v, sent %v, answered %v; want %v, %v, %v", e, e.Kind, e.Sent, e.Answered, kind, sent,
			answered)
	}
	if strings.Contains(e.Error(), "127.0.0.1:") || strings.Contains(e.Error(), "/v1/") {
		t.Errorf("the text shows a URL: %v", e)
	}
	return e
}
