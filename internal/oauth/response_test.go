package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"keytender/internal/secret"
)

func TestReadGrant(t *testing.T) {
	body := `{"token_type":"Bearer","access_token":"sk-ant-oat01-FAKE-a","refresh_token":"sk-ant-ort01-FAKE-r",
		"expires_in":28800,"refresh_token_expires_in":2592000,"scope":"user:profile  user:inference",
		"account":{"uuid":"acc-1","email_address":"a@example.com"},"organization":{"uuid":"org-1","name":"Ann's"}}`
	got, err := readGrant([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if got.Access.Reveal() != "sk-ant-oat01-FAKE-a" || got.Refresh.Reveal() != "sk-ant-ort01-FAKE-r" ||
		got.ExpiresIn != 8*time.Hour || !got.ExpiresInKnown || got.LoginExpiresIn != 720*time.Hour ||
		!slices.Equal(got.Scopes, []string{"user:profile", "user:inference"}) ||
		got.Account != (Profile{Email: "a@example.com", AccountID: "acc-1", OrganizationID: "org-1",
			Organization: "Ann's"}) {
		t.Errorf("got %+v", got)
	}
	if printed := fmt.Sprintf("%v %+v %#v", got, got, got); strings.Contains(printed, "FAKE") {
		t.Errorf("a printed grant shows a token: %s", printed)
	}
}

// A bad side field costs no token: with each of these values the pair is kept.
func TestGrantSideFields(t *testing.T) {
	const hour, most = time.Hour, 20 * 365 * 24 * time.Hour
	lifetimes := []struct {
		value string
		want  time.Duration
		known bool
	}{
		{`28800`, 8 * hour, true}, {`3600.5`, hour + 500*time.Millisecond, true}, {`"3600"`, hour, true},
		{`" 3600 "`, hour, true},
		{`"3600.5"`, hour + 500*time.Millisecond, true}, {`3.6e3`, hour, true}, {`1e300`, most, true},
		{`1e999`, most, true}, {`"1e999"`, most, true},
		{`99999999999999999999999`, most, true}, {`0`, 0, true}, {`1`, time.Second, true}, {`-5`, 0, true},
		{`-1e999`, 0, true}, {`-0`, 0, true},
		{`631152000`, most, true},
		{`"soon"`, 0, false}, {`""`, 0, false}, {`null`, 0, false}, {`true`, 0, false}, {`[3600]`, 0, false},
		{`{"s":1}`, 0, false},
		{`"NaN"`, 0, false}, {`"Infinity"`, 0, false}, {`"0x10"`, 0, false}, {`"1_000"`, 0, false},
		{`"３６００"`, 0, false},
	}
	for _, test := range lifetimes {
		got := mustGrant(t, `"expires_in":`+test.value)
		want := test.want
		if !test.known {
			want = hour
		}
		if got.ExpiresIn != want || got.ExpiresInKnown != test.known {
			t.Errorf("expires_in %s: %v, known %v", test.value, got.ExpiresIn, got.ExpiresInKnown)
		}
		if got := mustGrant(t, `"refresh_token_expires_in":`+test.value); got.LoginExpiresIn != test.want {
			t.Errorf("refresh_token_expires_in %s: %v", test.value, got.LoginExpiresIn)
		}
	}

	scopes := []struct {
		value string
		want  []string
	}{
		{`"a b"`, []string{"a", "b"}}, {`["a","b c",5]`, []string{"a", "b", "c"}}, {`""`, nil}, {`null`, nil},
		{`5`, nil}, {`{}`, nil}, {`[]`, nil},
		{`"a\u0000b c"`, []string{"c"}}, {`"ä c"`, []string{"c"}},
	}
	for _, test := range scopes {
		if got := mustGrant(t, `"scope":`+test.value); !slices.Equal(got.Scopes, test.want) ||
			(got.Scopes == nil) != (test.want == nil) {
			t.Errorf("scope %s: %q", test.value, got.Scopes)
		}
	}

	for _, value := range []string{`"bearer"`, `"BEARER"`, `" Bearer "`, `"\u0062earer"`, `null`, `""`} {
		mustGrant(t, `"token_type":`+value)
	}

	for _, value := range []string{`null`, `5`, `"x"`, `[]`, `[{}]`, `{"uuid":5}`,
		`{"uuid":{"a":1},"email":[],"name":false}`} {
		if got := mustGrant(t, `"account":`+value+`,"organization":`+value); got.Account != (Profile{}) {
			t.Errorf("account %s: %+v", value, got.Account)
		}
	}

	for _, value := range []string{strings.Repeat("[", 9000) + strings.Repeat("]", 9000), `"\u0000"`,
		`"` + "\xff" + `"`, `1e99999`} {
		mustGrant(t, `"extra":`+value)
	}
}

func TestMissingExpiresIn(t *testing.T) {
	got := mustGrant(t, `"x":1`)
	if got.ExpiresIn != time.Hour || got.ExpiresInKnown || got.LoginExpiresIn != 0 || got.Scopes != nil {
		t.Errorf("got %+v", got)
	}
}

func mustGrant(t *testing.T, field string) Grant {
	t.Helper()
	for _, body := range []string{
		`{"access_token":"FAKE-a","refresh_token":"FAKE-r",` + field + `}`,
		`{` + field + `,"refresh_token":"FAKE-r","access_token":"FAKE-a"}`,
		"\xef\xbb\xbf \n{\"refresh_token\":\"FAKE-r\"," + field + `,"access_token":"FAKE-a"} and more`,
	} {
		got, err := readGrant([]byte(body))
		if err != nil || got.Access.Reveal() != "FAKE-a" || got.Refresh.Reveal() != "FAKE-r" {
			t.Fatalf("%.60s: %+v, %v", field, got, err)
		}
		if strings.HasPrefix(body, "\xef") {
			return got
		}
	}
	return Grant{}
}

func TestRefreshTokenMayBeMissing(t *testing.T) {
	for _, field := range []string{``, `,"refresh_token":null`, `,"refresh_token":""`, `,"refresh_token":5`} {
		got, err := readGrant([]byte(`{"access_token":"FAKE-a","scope":"user:inference"` + field + `}`))
		if err != nil || !got.Refresh.IsZero() || !slices.Equal(got.Scopes, []string{"user:inference"}) {
			t.Errorf("%s: %+v, %v", field, got, err)
		}
	}
}

// What cannot be used still tells the refresh token that replaced the sent one.
func TestUnusableGrantKeepsRefresh(t *testing.T) {
	tests := []struct {
		name, body, refresh string
		err                 error
	}{
		{"another token type", `{"access_token":"FAKE-a","refresh_token":"FAKE-r","token_type":"DPoP"}`, "FAKE-r",
			errTokenType},
		{"token type of another shape", `{"access_token":"FAKE-a","refresh_token":"FAKE-r","token_type":5}`, "FAKE-r",
			errTokenType},
		{"no access token", `{"refresh_token":"FAKE-r"}`, "FAKE-r", errNoToken},
		{"access token of another shape", `{"access_token":{"a":1},"refresh_token":"FAKE-r"}`, "FAKE-r", errNoToken},
		{"access token with a line break", `{"access_token":"FAKE\r\nX: y","refresh_token":"FAKE-r"}`, "FAKE-r",
			errNoToken},
		{"names in capitals", `{"ACCESS_TOKEN":"FAKE-a","Refresh_Token":"FAKE-r"}`, "", errNoToken},
		{"empty object", `{}`, "", errNoToken},
		{"null", `null`, "", errNotJSON},
		{"empty", ``, "", errNotJSON},
		{"string", `"refresh_token"`, "", errNotJSON},
		{"array", `[{"refresh_token":"FAKE-r"}]`, "FAKE-r", errNotJSON},
		{"cut behind the pair", `{"access_token":"FAKE-a","refresh_token":"FAKE-r","expi`, "FAKE-r", errNotJSON},
		{"cut inside the refresh token", `{"access_token":"FAKE-a","refresh_token":"FAKE-r`, "", errNotJSON},
		{"cut at an escape", `{"refresh_token":"FAKE-r\`, "", errNotJSON},
		{"not a number", `{"expires_in":NaN,"refresh_token" : "FAKE\u002dr"}`, "FAKE-r", errNotJSON},
		{"nested too deep", `{"x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) +
			`,"refresh_token":"FAKE-r"}`, "FAKE-r", errNotJSON},
		{"page with the request in it", `<html>{"refresh_token":"FAKE-r"}`, "", errNotJSON},
	}
	for _, test := range tests {
		got, err := readGrant([]byte(test.body))
		if !errors.Is(err, test.err) || got.Refresh.Reveal() != test.refresh {
			t.Errorf("%s: refresh %q, %v", test.name, got.Refresh.Reveal(), err)
		}
		got.Refresh = secret.String{}
		if !got.Access.IsZero() || got.ExpiresIn != 0 || got.Scopes != nil {
			t.Errorf("%s: more than the refresh token is set", test.name)
		}
	}
}

func TestRefusal(t *testing.T) {
	const flat, nested = `{"error":%q}`, `{"type":"error","error":{"type":%q,"message":"m"}}`
	page := "<!DOCTYPE html><title>Just a moment</title>invalid_grant"
	tests := []struct {
		status int
		body   string
		kind   Kind
		code   string
	}{
		{400, fmt.Sprintf(flat, "invalid_grant"), Spent, "invalid_grant"},
		{401, fmt.Sprintf(flat, "invalid_grant"), Spent, "invalid_grant"},
		{403, fmt.Sprintf(flat, "invalid_grant"), Spent, "invalid_grant"},
		{404, fmt.Sprintf(flat, "invalid_grant"), Spent, "invalid_grant"},
		{400, fmt.Sprintf(nested, "invalid_grant"), Spent, "invalid_grant"},
		{404, fmt.Sprintf(nested, "invalid_grant"), Spent, "invalid_grant"},
		{400, `{"error":{"type":"invalid_request_error","code":"invalid_grant"}}`, Spent, "invalid_grant"},
		{400, `{"error":{"error":"invalid_grant"}}`, Spent, "invalid_grant"},
		{409, fmt.Sprintf(flat, "invalid_grant"), Misconfigured, "invalid_grant"},
		{429, fmt.Sprintf(flat, "invalid_grant"), Throttled, "invalid_grant"},
		{500, fmt.Sprintf(flat, "invalid_grant"), Unavailable, "invalid_grant"},

		// Never by substring.
		{400, `{"error":"invalid_request","error_description":"invalid_grant"}`, Misconfigured, "invalid_request"},
		{400, fmt.Sprintf(nested, "invalid_grant_error"), Misconfigured, "invalid_grant_error"},
		{400, `{"error":["invalid_grant"]}`, Malformed, ""},
		{400, `{"message":"invalid_grant"}`, Malformed, ""},
		{400, `{"ERROR":"invalid_grant"}`, Malformed, ""},
		{400, `{"error":" invalid_grant"}`, Malformed, ""},
		{400, `"invalid_grant"`, Malformed, ""},
		{400, `invalid_grant`, Malformed, ""},
		{401, page, Malformed, ""},
		{403, page, Unavailable, ""},

		{400, fmt.Sprintf(flat, "invalid_request"), Misconfigured, "invalid_request"},
		{400, fmt.Sprintf(flat, "unsupported_grant_type"), Misconfigured, "unsupported_grant_type"},
		{400, fmt.Sprintf(flat, "invalid_scope"), Misconfigured, "invalid_scope"},
		{400, fmt.Sprintf(flat, "unauthorized_client"), Misconfigured, "unauthorized_client"},
		{401, fmt.Sprintf(flat, "invalid_client"), Misconfigured, "invalid_client"},
		{400, fmt.Sprintf(nested, "invalid_request_error"), Misconfigured, "invalid_request_error"},
		{403, fmt.Sprintf(nested, "permission_error"), Misconfigured, "permission_error"},
		{403, fmt.Sprintf(flat, "access_denied"), Declined, "access_denied"},
		{400, fmt.Sprintf(flat, "temporarily_unavailable"), Unavailable, "temporarily_unavailable"},
		{400, fmt.Sprintf(nested, "rate_limit_error"), Throttled, "rate_limit_error"},
		{429, ``, Throttled, ""},
		{429, page, Throttled, ""},
		{500, ``, Unavailable, ""},
		{502, page, Unavailable, ""},
		{503, `{`, Unavailable, ""},
		{529, fmt.Sprintf(nested, "overloaded_error"), Unavailable, "overloaded_error"},
		{408, ``, Unavailable, ""},
		{400, ``, Malformed, ""},
		{403, ``, Malformed, ""},
		{404, `{}`, Malformed, ""},
		{418, `{"error":5}`, Malformed, ""},
		{302, ``, Unavailable, ""},
		{307, fmt.Sprintf(flat, "invalid_grant"), Unavailable, "invalid_grant"},
		{304, ``, Unavailable, ""},

		{403,
			`{"type":"error","error":{"type":"permission_error","message":"This credential is only authorized for use with Claude Code and cannot be used for other API requests."}}`,
			Misconfigured, "permission_error"},
		{400, `{"error":"invalid_grant","error_description":"only authorized for use with Claude Code"}`, Spent,
			"invalid_grant"},
	}
	for _, test := range tests {
		a := response{status: test.status, header: http.Header{}, body: []byte(test.body), sent: true}
		got := new(Client).refusal(a, request{subject: "login"})
		if got.Kind != test.kind || got.Code != test.code || !got.Sent || !got.Answered || got.Status != test.status {
			t.Errorf("%d %s: %v, code %q, sent %v, answered %v", test.status, test.body, got.Kind, got.Code, got.Sent,
				got.Answered)
		}
		if strings.Contains(got.Error(), "<") || strings.Contains(got.Error(), "Just a moment") {
			t.Errorf("%d: the page is shown: %v", test.status, got)
		}
		if only := errors.Is(got, ErrClaudeCodeOnly); only != (strings.Contains(test.body, "only authorized") &&
			test.kind == Misconfigured) {
			t.Errorf("%d %s: ErrClaudeCodeOnly = %v", test.status, test.body, only)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	tests := []struct {
		status        int
		body, subject string
		want          string
	}{
		{400, `{"error":"invalid_grant"}`, "login", "the server refused the login (invalid_grant, HTTP 400)"},
		{400, `{"error":"invalid_grant","error_description":"Code\nexpired"}`, "code",
			"the server refused the code (invalid_grant, HTTP 400): Code expired"},
		{400, `{"error":"invalid_scope","error_description":"Custom expires_in not allowed for scope x"}`, "code",
			"the server refused the request (invalid_scope, HTTP 400): Custom expires_in not allowed for scope x"},
		{403, `{"error":"access_denied"}`, "code", "the sign-in was declined (access_denied, HTTP 403)"},
		{429, ``, "login", "the server asks to wait (HTTP 429)"},
		{503, `down`, "login", "the server is in trouble (HTTP 503)"},
		{403, `<p>no`, "login",
			"something else than the server answered (HTTP 403): a web page came instead of data; a network that asks to sign in first does that"},
		{307, ``, "login",
			"something else than the server answered (HTTP 307): it points to another address, and tokens are not sent on"},
		{404, `no`, "login", "the server's response cannot be used (HTTP 404)"},
	}
	for _, test := range tests {
		a := response{status: test.status, header: http.Header{}, body: []byte(test.body), sent: true}
		if got := new(Client).refusal(a, request{subject: test.subject}).Error(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestKindString(t *testing.T) {
	for kind, want := range map[Kind]string{0: "unknown", Declined: "declined", Spent: "spent", Throttled: "throttled",
		Unavailable: "unavailable", Misconfigured: "misconfigured", Malformed: "malformed", 99: "unknown",
		-1: "unknown"} {
		if got := kind.String(); got != want {
			t.Errorf("%d: %s", int(kind), got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "30": 30 * time.Second, " 30 ": 30 * time.Second, "1.5": 1500 * time.Millisecond, "-5": 0,
		"3600": time.Hour, "3601": time.Hour,
		"99999999999999999999": time.Hour, "1e999": time.Hour, "soon": 0, "30, 60": 0,
		"Fri, 20 Nov 2026 12:01:00 GMT":  time.Minute,
		"Fri, 20 Nov 2026 11:59:00 GMT":  0,
		"Sat, 21 Nov 2026 12:00:00 GMT":  time.Hour,
		"Friday, 20-Nov-26 12:01:00 GMT": time.Minute,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func FuzzResponse(f *testing.F) {
	for _, seed := range []string{
		goodResponse, `{"access_token":"FAKE-a","expires_in":"soon"}`, `{"error":"invalid_grant"}`,
		`{"type":"error","error":{"type":"x","message":"\u001b[31m"}}`,
		`{"refresh_token":"FAKE-r"`, `{"expires_in":NaN,"refresh_token":"FAKE"}`, `<html>`, `[[[[`,
		"{\"a\":\"\xff\x00\"}", `{"scope":["a",{}],"access_token":"a","access_token":"b"}`,
		`{"account":{"uuid":"\u202e"},"organization":{"organization_type":"claude_max"},"access_token":"FAKE"}`,
		`{"error_description":"sk-ant-oat01-FAKE and FAKE-sent"}`,
	} {
		f.Add(400, []byte(seed), "30")
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, after string) {
		grant, err := readGrant(body)
		if (err == nil) != isToken(grant.Access.Reveal()) {
			t.Errorf("access %q, %v", grant.Access.Reveal(), err)
		}
		if grant.ExpiresIn < 0 || grant.ExpiresIn > maxLifetime || grant.LoginExpiresIn < 0 ||
			grant.LoginExpiresIn > maxLifetime {
			t.Errorf("lifetimes %v, %v", grant.ExpiresIn, grant.LoginExpiresIn)
		}
		for _, scope := range grant.Scopes {
			if !isToken(scope) {
				t.Errorf("scope %q", scope)
			}
		}
		for _, field := range []string{grant.Account.Email, grant.Account.AccountID, grant.Account.Organization,
			grant.Account.OrganizationID, grant.Account.RateLimitTier} {
			checkCleaned(t, field, maxCleaned)
		}
		// With nothing bad in it, what the standard reader finds is what we find.
		var plain struct {
			Refresh string `json:"refresh_token"`
		}
		if fields, ok := object(body); ok && json.Unmarshal(fields["refresh_token"], &plain.Refresh) == nil &&
			len(plain.Refresh) <= maxToken && grant.Refresh.Reveal() != plain.Refresh {
			t.Errorf("refresh %q, want %q", grant.Refresh.Reveal(), plain.Refresh)
		}

		sent := secret.New("FAKE-sent")
		e := new(Client).refusal(response{status: status, header: http.Header{"Retry-After": {after}}, body: body,
			sent: true}, request{subject: "login", secrets: []secret.String{sent}})
		if e.Kind < Declined || e.Kind > Malformed || e.RetryAfter < 0 || e.RetryAfter > maxRetryAfter {
			t.Errorf("%+v", e)
		}
		if e.Kind == Spent && e.Code != "invalid_grant" {
			t.Errorf("spent by %q", e.Code)
		}
		printed := e.Error()
		checkCleaned(t, printed, 1000)
		checkCleaned(t, e.Description, maxCleaned)
		if strings.Contains(printed, sent.Reveal()) || strings.Contains(strings.ToLower(printed), "sk-ant-o") ||
			utf8.RuneCountInString(e.Code) > 64 {
			t.Errorf("shown: %s", printed)
		}
	})
}

func BenchmarkReadGrant(b *testing.B) {
	for name, body := range map[string]string{
		"usual":   goodResponse,
		"damaged": `{"x":"` + strings.Repeat(`"refresh_token":"`, 50000),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				readGrant([]byte(body))
			}
		})
	}
}
