package fakeclaude

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestWalk(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	status, first := w.exchange(w.code())
	if status != 200 {
		t.Fatalf("exchange: %d %v", status, first)
	}
	access, refresh := first["access_token"].(string), first["refresh_token"].(string)
	if !strings.HasPrefix(access, "sk-ant-oat01-FAKE-") || !strings.HasPrefix(refresh, "sk-ant-ort01-FAKE-") {
		t.Errorf("tokens are %s and %s", access, refresh)
	}
	account := first["account"].(map[string]any)
	if first["token_type"] != "Bearer" || first["expires_in"] != 28800.0 || first["scope"] != w.scope ||
		first["refresh_token_expires_in"] != 2592000.0 || account["email_address"] != "a@example.com" ||
		account["uuid"] == "" {
		t.Errorf("response is %v", first)
	}
	status, second := w.renew(refresh)
	if status != 200 || second["refresh_token"] == refresh || second["access_token"] == access {
		t.Fatalf("renewal: %d %v", status, second)
	}
	if !s.Spent(refresh) || s.Alive(refresh) || !s.Alive(second["refresh_token"].(string)) || !s.Alive(access) {
		t.Error("a renewal spends the refresh token and nothing else")
	}
	status, third := w.renew(second["refresh_token"])
	if status != 200 {
		t.Fatalf("second renewal: %d %v", status, third)
	}
	status, profile := object(t, get(t, s.APIURL()+"/api/oauth/profile", "Authorization",
		"Bearer "+third["access_token"].(string)))
	if status != 200 || profile["account"].(map[string]any)["email"] != "a@example.com" ||
		profile["organization"].(map[string]any)["organization_type"] != "claude_max" {
		t.Errorf("profile: %d %v", status, profile)
	}
	if s.Count("exchange") != 1 || s.Count("renew") != 2 || s.Count("renew-reused") != 0 || s.Count("authorize") != 1 ||
		s.Count("profile") != 1 {
		t.Errorf("counts are %v", s.Counts())
	}
}

func TestReuseRevokesFamily(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	access, refresh := s.Issue("a@example.com")
	otherAccess, otherRefresh := s.Issue("a@example.com")
	_, second := w.renew(refresh)
	if newest := s.Newest(access); newest != second["refresh_token"] {
		t.Errorf("after a renewal the newest is %q", newest)
	}
	status, fields := w.renew(refresh)
	if status != 400 || fields["error"] != "invalid_grant" {
		t.Errorf("reuse: %d %v", status, fields)
	}
	if r := s.Requests(); r[0].Spent || !r[1].Spent {
		t.Errorf("noted as spent: %v, then %v", r[0].Spent, r[1].Spent)
	}
	if newest := s.Newest(access); newest != "" {
		t.Errorf("after the reuse the newest is %q", newest)
	}
	if s.Newest(otherAccess) != otherRefresh || s.Owner(otherAccess) != "a@example.com" || s.Owner("FAKE") != "" {
		t.Error("the other login is not told as it is")
	}
	if n := s.Login(access); n == 0 || n != s.Login(second["refresh_token"].(string)) || n == s.Login(otherAccess) ||
		s.Login("FAKE") != 0 {
		t.Error("logins are not told apart")
	}
	for _, token := range []string{access, refresh, second["access_token"].(string), second["refresh_token"].(string)} {
		if s.Alive(token) || !s.FamilyRevoked(token) {
			t.Errorf("%s outlived the reuse", token)
		}
	}
	if !s.Alive(otherAccess) || !s.Alive(otherRefresh) || s.FamilyRevoked(otherRefresh) {
		t.Error("another login was revoked too")
	}
	if s.Count("renew-reused") != 1 || s.Count("renew") != 2 {
		t.Errorf("counts are %v", s.Counts())
	}
	if status, fields = w.renew(second["refresh_token"]); status != 400 || fields["error"] != "invalid_grant" {
		t.Errorf("renewal in a revoked family: %d %v", status, fields)
	}
}

func TestOneRenewalWinsARace(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	_, refresh := s.Issue("a@example.com")
	var wg sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for range 8 {
		wg.Go(func() {
			status, _ := w.renew(refresh)
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
		})
	}
	wg.Wait()
	if statuses[200] != 1 || statuses[400] != 7 || s.Count("renew-reused") != 7 {
		t.Errorf("statuses %v, counts %v", statuses, s.Counts())
	}
}

func TestExchangeRefusals(t *testing.T) {
	for _, tc := range []struct {
		name    string
		changes []any
		status  int
		code    string
		burnt   bool // the code cannot be used afterwards
	}{
		{"wrong verifier", []any{"code_verifier", "FAKE-other"}, 400, "invalid_grant", true},
		{"wrong redirect", []any{"redirect_uri", "http://localhost:8766/callback"}, 400, "invalid_grant", true},
		{"127.0.0.1 is another redirect", []any{"redirect_uri", "http://127.0.0.1:8765/callback"}, 400, "invalid_grant",
			true},
		{"wrong state", []any{"state", strings.Repeat("x", 43)}, 400, "invalid_request", false},
		{"no state", []any{"state", nil}, 400, "invalid_request", false},
		{"no verifier", []any{"code_verifier", nil}, 400, "invalid_request", false},
		{"no redirect", []any{"redirect_uri", nil}, 400, "invalid_request", false},
		{"other client", []any{"client_id", "someone"}, 401, "invalid_client", false},
		{"unknown code", []any{"code", "FAKE-none"}, 400, "invalid_grant", false},
		{"other grant", []any{"grant_type", "password"}, 400, "unsupported_grant_type", false},
		{"custom lifetime", []any{"expires_in", 31536000}, 400, "invalid_request", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, Options{})
			w := newWalker(t, s)
			code := w.code()
			status, fields := w.exchange(code, tc.changes...)
			if status != tc.status || fields["error"] != tc.code || fields["access_token"] != nil {
				t.Errorf("%d %v", status, fields)
			}
			if status, fields = w.exchange(code); (status == 200) == tc.burnt {
				t.Errorf("afterwards: %d %v", status, fields)
			}
		})
	}
}

func TestCodeReuseRevokesWhatItGave(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	code := w.code()
	_, first := w.exchange(code)
	status, fields := w.exchange(code)
	if status != 400 || fields["error"] != "invalid_grant" || s.Count("exchange-reused") != 1 {
		t.Errorf("%d %v %v", status, fields, s.Counts())
	}
	if s.Alive(first["access_token"].(string)) || s.Alive(first["refresh_token"].(string)) {
		t.Error("the tokens of a reused code live on")
	}
}

// clock is a time that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestTimes(t *testing.T) {
	c := &clock{now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	s := start(t, Options{Now: c.Now})
	w := newWalker(t, s)
	late := w.code()
	c.Add(codeLife)
	if status, fields := w.exchange(late); status != 400 || fields["error"] != "invalid_grant" {
		t.Errorf("a code of ten minutes: %d %v", status, fields)
	}
	s.Set(func(b *Behaviour) { b.AccessLife = time.Minute; b.LoginLife = time.Hour })
	_, first := w.exchange(w.code())
	access := first["access_token"].(string)
	c.Add(59 * time.Second)
	if !s.Alive(access) {
		t.Error("the access token ended too early")
	}
	c.Add(time.Second)
	if s.Alive(access) {
		t.Error("the access token ended too late")
	}
	status, second := w.renew(first["refresh_token"])
	if status != 200 || second["refresh_token_expires_in"] != 3540.0 || second["expires_in"] != 60.0 {
		t.Errorf("the login's end moved: %d %v", status, second)
	}
	c.Add(59 * time.Minute)
	if status, fields := w.renew(second["refresh_token"]); status != 400 || fields["error"] != "invalid_grant" {
		t.Errorf("renewal after the login's end: %d %v", status, fields)
	}
}

func TestLongLived(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	w.scope = "user:inference"
	status, fields := w.exchange(w.code(), "expires_in", 31536000)
	if status != 200 || fields["expires_in"] != 31536000.0 || fields["refresh_token"] != nil ||
		fields["scope"] != "user:inference" {
		t.Errorf("one year: %d %v", status, fields)
	}
	s.Set(func(b *Behaviour) { b.LongLifeCap = 24 * time.Hour; b.LongLifeRefresh = true })
	status, fields = w.exchange(w.code(), "expires_in", 31536000)
	if status != 200 || fields["expires_in"] != 86400.0 || fields["refresh_token"] == nil {
		t.Errorf("capped: %d %v", status, fields)
	}
	for _, bad := range []any{"31536000", -1, 0, 1.5} {
		if status, fields = w.exchange(w.code(), "expires_in", bad); status != 400 ||
			fields["error"] != "invalid_request" {
			t.Errorf("expires_in %v: %d %v", bad, status, fields)
		}
	}
}

func TestCustomLifetimeNeedsInferenceAlone(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	w.scope = "user:inference user:mcp_servers"
	status, fields := w.exchange(w.code(), "expires_in", 31536000)
	if status != 400 || fields["error_description"] != "Custom expires_in not allowed for scope user:mcp_servers" {
		t.Errorf("%d %v", status, fields)
	}
}

func TestRenewalScopes(t *testing.T) {
	for _, tc := range []struct {
		name, asked, refused string
		status               int
		want                 string
	}{
		{"none asked", "", "", 200, "user:profile user:inference"},
		{"the client's fixed list", "user:profile user:inference user:sessions:claude_code user:plugins", "", 200,
			"user:profile user:inference"},
		{"fewer", "user:inference", "", 200, "user:inference"},
		{"unknown", "user:inference user:everything", "", 400, "invalid_scope"},
		{"nothing of it granted", "user:plugins", "", 400, "invalid_scope"},
		{"switched off", "user:inference user:profile", "user:profile", 400, "invalid_scope"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, Options{})
			w := newWalker(t, s)
			_, first := w.exchange(w.code())
			if tc.refused != "" {
				s.Set(func(b *Behaviour) { b.RefuseScopes = []string{tc.refused} })
			}
			status, fields := w.renew(first["refresh_token"], "scope", tc.asked)
			got := fields["scope"]
			if status != 200 {
				got = fields["error"]
			}
			if status != tc.status || got != tc.want {
				t.Errorf("%d %v", status, fields)
			}
			if s.Spent(first["refresh_token"].(string)) != (tc.status == 200) {
				t.Error("a refused renewal spends nothing, a granted one does")
			}
		})
	}
}

func TestRenewalRefusals(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	access, refresh := s.Issue("a@example.com")
	for _, tc := range []struct {
		name    string
		refresh any
		changes []any
		status  int
		code    string
	}{
		{"an access token", access, nil, 400, "invalid_grant"},
		{"unknown", "sk-ant-ort01-FAKE-none", nil, 400, "invalid_grant"},
		{"missing", nil, []any{"refresh_token", nil}, 400, "invalid_request"},
		{"other client", refresh, []any{"client_id", "x"}, 401, "invalid_client"},
	} {
		if status, fields := w.renew(tc.refresh, tc.changes...); status != tc.status || fields["error"] != tc.code {
			t.Errorf("%s: %d %v", tc.name, status, fields)
		}
	}
	if !s.Alive(refresh) {
		t.Error("a refusal cost the token")
	}
}

func TestBodyForms(t *testing.T) {
	s := start(t, Options{})
	_, refresh := s.Issue("a@example.com")
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {ClientID}}
	send := func(form url.Values) (int, map[string]any) {
		response, err := httpClient.PostForm(s.TokenURL(), form)
		if err != nil {
			t.Fatal(err)
		}
		return object(t, response)
	}
	if status, fields := send(form); status != 400 {
		t.Errorf("a form: %d %v", status, fields)
	}
	s.Set(func(b *Behaviour) { b.Forms = true })
	double := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh, refresh}, "client_id": {ClientID}}
	if status, fields := send(double); status != 400 {
		t.Errorf("a repeated parameter: %d %v", status, fields)
	}
	if status, fields := send(form); status != 200 {
		t.Errorf("a form, switched on: %d %v", status, fields)
	}
	for _, body := range []string{"", "null", "[]", "{", `{"grant_type":1}`, `"x"`} {
		response, err := httpClient.Post(s.TokenURL(), "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if status, fields := object(t, response); status != 400 {
			t.Errorf("%q: %d %v", body, status, fields)
		}
	}
}

func TestRevoke(t *testing.T) {
	s := start(t, Options{})
	access, refresh := s.Issue("a@example.com")
	other, _ := s.Issue("b@example.com")
	revokeURL := s.TokenURL() + "/revoke"
	if status, _ := post(t, revokeURL, map[string]any{"token": other}); status != 200 || s.Alive(other) ||
		s.FamilyRevoked(other) {
		t.Error("an access token is revoked alone")
	}
	if status, _ := post(t, revokeURL, map[string]any{"token": refresh}); status != 200 || s.Alive(access) ||
		s.Alive(refresh) {
		t.Error("a refresh token takes its login with it")
	}
	if status, _ := post(t, revokeURL, map[string]any{"token": "FAKE-unknown"}); status != 200 {
		t.Error("an unknown token is no error")
	}
	if status, fields := post(t, revokeURL, map[string]any{}); status != 400 || s.Count("revoke") != 4 {
		t.Errorf("no token: %d %v", status, fields)
	}
}

func TestRecordsHoldNoSecret(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	code := w.code()
	_, first := w.exchange(code)
	w.renew(first["refresh_token"])
	object(t, get(t, s.APIURL()+"/api/oauth/profile", "Authorization", "Bearer "+first["access_token"].(string),
		"User-Agent", "walker/1"))
	text, err := json.Marshal(s.Requests())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{code, w.verifier, w.state, first["refresh_token"].(string),
		first["access_token"].(string)} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%s is in the records", secret)
		}
	}
	var exchange, renewal, profile Record
	for _, record := range s.Requests() {
		switch record.Kind {
		case "exchange":
			exchange = record
		case "renew":
			renewal = record
		case "profile":
			profile = record
		}
	}
	if exchange.Body["code"] != fingerprint(code) || exchange.Body["redirect_uri"] != loopback ||
		exchange.Status != 200 ||
		exchange.Header["Content-Type"] != "application/json" || len(exchange.Body) != 6 {
		t.Errorf("exchange: %+v", exchange)
	}
	if renewal.Body["refresh_token"] != fingerprint(first["refresh_token"].(string)) ||
		renewal.Body["scope"] != w.scope {
		t.Errorf("renewal: %+v", renewal)
	}
	if profile.Bearer != fingerprint(first["access_token"].(string)) || profile.UserAgent != "walker/1" {
		t.Errorf("profile: %+v", profile)
	}
}

func TestRecordsAreBounded(t *testing.T) {
	s := start(t, Options{})
	r, _ := http.NewRequest("GET", "/x", nil)
	for i := range maxRecords + 5 {
		r.Header.Set("User-Agent", fmt.Sprint(i))
		s.note("other", r, nil)
	}
	list := s.Requests()
	if len(list) > maxRecords || list[len(list)-1].UserAgent != fmt.Sprint(maxRecords+4) ||
		s.Count("other") != maxRecords+5 {
		t.Errorf("%d records, the last is %s", len(list), list[len(list)-1].UserAgent)
	}
}
