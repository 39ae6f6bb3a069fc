package fakeclaude

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

func query(t *testing.T, location string) url.Values {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

func TestAuthorizeRefusals(t *testing.T) {
	for _, tc := range []struct {
		name    string
		changes []string
		page    string // part of the page's sentence
		goes    string // else: the error that goes to the redirect
	}{
		{"other client", []string{"client_id", "x"}, "client is unknown", ""},
		{"no client", []string{"client_id", "-"}, "client is unknown", ""},
		{"127.0.0.1", []string{"redirect_uri", "http://127.0.0.1:8765/callback"}, "redirect_uri", ""},
		{"https", []string{"redirect_uri", "https://localhost:8765/callback"}, "redirect_uri", ""},
		{"other path", []string{"redirect_uri", "http://localhost:8765/cb"}, "redirect_uri", ""},
		{"longer path", []string{"redirect_uri", "http://localhost:8765/callback/"}, "redirect_uri", ""},
		{"no port", []string{"redirect_uri", "http://localhost/callback"}, "redirect_uri", ""},
		{"port 0", []string{"redirect_uri", "http://localhost:0/callback"}, "redirect_uri", ""},
		{"port 65536", []string{"redirect_uri", "http://localhost:65536/callback"}, "redirect_uri", ""},
		{"port 08765", []string{"redirect_uri", "http://localhost:08765/callback"}, "redirect_uri", ""},
		{"port +8765", []string{"redirect_uri", "http://localhost:+8765/callback"}, "redirect_uri", ""},
		{"query in it", []string{"redirect_uri", "http://localhost:8765/callback?x=1"}, "redirect_uri", ""},
		{"host trick", []string{"redirect_uri", "http://localhost:8765@example.com/callback"}, "redirect_uri", ""},
		{"no code=true", []string{"code", "-"}, "code=true", ""},
		{"short state", []string{"state", strings.Repeat("s", 42)}, "state", ""},
		{"no state", []string{"state", "-"}, "state", ""},
		{"implicit", []string{"response_type", "token"}, "", "unsupported_response_type"},
		{"plain challenge", []string{"code_challenge_method", "plain"}, "", "invalid_request"},
		{"no method", []string{"code_challenge_method", "-"}, "", "invalid_request"},
		{"short challenge", []string{"code_challenge", strings.Repeat("c", 42)}, "", "invalid_request"},
		{"long challenge", []string{"code_challenge", strings.Repeat("c", 44)}, "", "invalid_request"},
		{"no scope", []string{"scope", "-"}, "", "invalid_scope"},
		{"unknown scope", []string{"scope", "user:inference user:all"}, "", "invalid_scope"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, Options{})
			w := newWalker(t, s)
			location, err := s.Approve(context.Background(), w.authorizeURL(tc.changes...))
			if tc.page != "" {
				if err == nil || !strings.Contains(err.Error(), tc.page) {
					t.Errorf("went to %q, error %v", location, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if q := query(t, location); q.Get("error") != tc.goes || q.Get("state") != w.state || q.Get("code") != "" {
				t.Errorf("went to %s", location)
			}
		})
	}
}

func TestRepeatedParameterIsRefused(t *testing.T) {
	s := start(t, Options{})
	_, err := s.Approve(context.Background(), newWalker(t, s).authorizeURL()+"&state=x")
	if err == nil || !strings.Contains(err.Error(), "repeated") {
		t.Errorf("error is %v", err)
	}
}

func TestDecline(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	location, err := s.Decline(context.Background(), w.authorizeURL())
	if err != nil {
		t.Fatal(err)
	}
	if q := query(t, location); q.Get("error") != "access_denied" || q.Get("state") != w.state || q.Get("code") != "" ||
		s.Count("decline") != 1 {
		t.Errorf("went to %s", location)
	}
}

func TestPastePage(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	w.redirect = s.PasteURL()
	location, err := s.Approve(context.Background(), w.authorizeURL())
	if err != nil {
		t.Fatal(err)
	}
	code, state := query(t, location).Get("code"), query(t, location).Get("state")
	text := code + "#" + state
	if body := read(t, get(t, location)); state != w.state || !strings.Contains(body, text) ||
		!strings.Contains(body, "nothing real") {
		t.Errorf("%s shows %s", text, body)
	}
	if status, fields := w.exchange(code, "redirect_uri", loopback); status != 400 {
		t.Errorf("bound to the wrong redirect: %d %v", status, fields)
	}
	location, _ = s.Approve(context.Background(), w.authorizeURL())
	if status, fields := w.exchange(query(t, location).Get("code")); status != 200 {
		t.Errorf("%d %v", status, fields)
	}
	declined, err := s.Decline(context.Background(), w.authorizeURL())
	if err != nil {
		t.Fatal(err)
	}
	if query(t, declined).Has("code") {
		t.Error("a code in a declined redirect")
	}
	if body := read(t, get(t, s.PasteURL()+"?code=%3Cscript%3E&state=x")); strings.Contains(body, "<script>") {
		t.Error("the page repeats HTML")
	}
}

func read(t *testing.T, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestConsentSwitches(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	approve := func() url.Values {
		t.Helper()
		location, err := s.Approve(context.Background(), w.authorizeURL())
		if err != nil {
			t.Fatal(err)
		}
		return query(t, location)
	}
	if approve().Has("iss") {
		t.Error("iss without the switch")
	}
	s.Set(func(b *Behaviour) { b.Iss = s.URL() })
	if approve().Get("iss") != s.URL() {
		t.Error("no iss")
	}
	s.Set(func(b *Behaviour) { b.AllowError = "temporarily_unavailable" })
	if q := approve(); q.Get("error") != "temporarily_unavailable" || q.Has("code") || q.Get("iss") == "" {
		t.Errorf("went with %v", q)
	}
	s.Set(func(b *Behaviour) { b.AllowError = ""; b.RefuseScopes = []string{"user:profile"} })
	if q := approve(); q.Get("error") != "invalid_scope" {
		t.Errorf("went with %v", q)
	}
	s.Set(func(b *Behaviour) {
		b.RefuseScopes, b.Account, b.Plan, b.Organization = nil, "b@example.com", "team", "Example Ltd"
	})
	_, fields := w.exchange(approve().Get("code"))
	status, profile := object(t, get(t, s.APIURL()+"/api/oauth/profile", "Authorization",
		"Bearer "+fields["access_token"].(string)))
	organization := profile["organization"].(map[string]any)
	if status != 200 || organization["organization_type"] != "claude_team" || organization["name"] != "Example Ltd" ||
		fields["account"].(map[string]any)["email_address"] != "b@example.com" ||
		organization["uuid"] != fields["organization"].(map[string]any)["uuid"] {
		t.Errorf("%v %v", fields, profile)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(
		organization["uuid"].(string)) {
		t.Errorf("%v is no UUID", organization["uuid"])
	}
}

func TestTheFormIsOurs(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	response := get(t, w.authorizeURL())
	page := read(t, response)
	for name, part := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'",
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if !strings.Contains(response.Header.Get(name), part) {
			t.Errorf("%s is %q", name, response.Header.Get(name))
		}
	}
	for _, part := range []string{"Stand-in for the sign-in page — nothing real", "a@example.com", ">Allow</button>",
		">Decline</button>"} {
		if !strings.Contains(page, part) {
			t.Errorf("%q is not on the page", part)
		}
	}
	submit := func(ticket, origin string) int {
		form := url.Values{"ticket": {ticket}, "decision": {"allow"}}
		request, err := http.NewRequest("POST", s.URL()+decisionPath, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if origin != "" {
			request.Header.Set("Origin", origin)
		}
		response, err := httpClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	ticket := ticketField().FindStringSubmatch(page)[1]
	for _, origin := range []string{"null", "http://example.com", "http://localhost:1"} {
		if status := submit(ticket, origin); status != 403 {
			t.Errorf("origin %s: %d", origin, status)
		}
	}
	if status := submit("guess", ""); status != 400 {
		t.Errorf("guessed ticket: %d", status)
	}
	if status := submit(ticket, s.URL()); status != 302 {
		t.Errorf("our own form: %d", status)
	}
	if status := submit(ticket, s.URL()); status != 400 {
		t.Errorf("the same form again: %d", status)
	}
	response = get(t, s.URL()+decisionPath+"?decision=allow")
	response.Body.Close()
	if response.StatusCode != 403 || s.Count("allow") != 1 {
		t.Errorf("a link: %d", response.StatusCode)
	}
}
