package fakeclaude

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// call sends an API request with the header pairs given.
func call(t *testing.T, method, target, body string, header ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := httpClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, read(t, response)
}

func TestAPI(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	access, refresh := s.Issue("a@example.com")
	expired, _ := s.Issue("a@example.com")
	s.Expire(expired)
	revoked, _ := s.Issue("a@example.com")
	s.RevokeFamily(revoked)
	w.scope = "user:inference"
	_, fields := w.exchange(w.code())
	narrow := fields["access_token"].(string)
	beta := "claude-code-20250219, " + betaHeader
	for _, tc := range []struct {
		name, method, path, token, beta string
		status                          int
		text                            string
	}{
		{"profile", "GET", "/api/oauth/profile", access, "", 200, `"email":"a@example.com"`},
		{"profile, narrow token", "GET", "/api/oauth/profile", narrow, "", 403, "scope requirement user:profile"},
		{"profile, expired", "GET", "/api/oauth/profile", expired, "", 401, "authentication_error"},
		{"profile, revoked", "GET", "/api/oauth/profile", revoked, "", 401, "authentication_error"},
		{"profile, refresh token", "GET", "/api/oauth/profile", refresh, "", 401, "authentication_error"},
		{"profile, none", "GET", "/api/oauth/profile", "", "", 401, "authentication_error"},
		{"profile, POST", "POST", "/api/oauth/profile", access, "", 405, "not allowed"},
		{"roles", "GET", "/api/oauth/claude_cli/roles", access, "", 200, "organization_role"},
		{"key", "POST", "/api/oauth/claude_cli/create_api_key", access, "", 200, `"raw_key":"sk-ant-api03-FAKE-`},
		{"key, narrow token", "POST", "/api/oauth/claude_cli/create_api_key", narrow, "", 403, "org:create_api_key"},
		{"models", "GET", "/v1/models?limit=10", access, beta, 200, `"data":[`},
		{"models, no beta", "GET", "/v1/models?limit=10", access, "", 403, "only authorized for use with Claude Code"},
		{"models, other beta", "GET", "/v1/models?limit=10", access, "x-" + betaHeader, 403, "permission_error"},
		{"models, expired", "GET", "/v1/models?limit=10", expired, beta, 401, "expired"},
		{"messages", "POST", "/v1/messages?beta=true", narrow, beta, 200, `"text":"hi"`},
		{"messages, expired", "POST", "/v1/messages?beta=true", expired, beta, 401, "expired"},
		{"count", "POST", "/v1/messages/count_tokens", access, beta, 200, "input_tokens"},
		{"hello", "GET", "/api/hello", "", "", 200, "hello"},
		{"oauth hello", "GET", "/v1/oauth/hello", "", "", 200, "hello"},
		{"unknown", "GET", "/api/oauth/usage", access, "", 404, "not_found_error"},
		{"token by GET", "GET", "/v1/oauth/token", "", "", 405, "not allowed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			header := []string{"X-Test", "1"}
			if tc.token != "" {
				header = append(header, "Authorization", "Bearer "+tc.token)
			}
			if tc.beta != "" {
				header = append(header, "Anthropic-Beta", tc.beta)
			}
			body := ""
			if strings.HasPrefix(tc.path, "/v1/messages") {
				body = `{"model":"claude-fake-1","messages":[]}`
			}
			status, text := call(t, tc.method, s.APIURL()+tc.path, body, header...)
			if status != tc.status || !strings.Contains(text, tc.text) || !json.Valid([]byte(text)) {
				t.Errorf("%d %s", status, text)
			}
		})
	}
	s.Set(func(b *Behaviour) { b.Refuse = map[string]int{"profile": 503, "models": 401} })
	for path, want := range map[string]int{"/api/oauth/profile": 503, "/v1/models": 401,
		"/api/oauth/claude_cli/roles": 200} {
		if status, text := call(t, "GET", s.APIURL()+path, "", "Authorization", "Bearer "+access, "Anthropic-Beta",
			beta); status != want {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}

func TestRefusedModelsSayWhatTheRealOneSays(t *testing.T) {
	s := start(t, Options{})
	access, _ := s.Issue("a@example.com")
	s.Set(func(b *Behaviour) { b.Refuse = map[string]int{"models": 403} })
	status, text := call(t, "GET", s.APIURL()+"/v1/models", "", "Authorization", "Bearer "+access, "Anthropic-Beta",
		betaHeader)
	if status != 403 || !strings.Contains(text, restrictedMessage) {
		t.Errorf("%d %s", status, text)
	}
}

func TestAPIKey(t *testing.T) {
	s := start(t, Options{})
	access, _ := s.Issue("a@example.com")
	_, text := call(t, "POST", s.APIURL()+"/api/oauth/claude_cli/create_api_key", "", "Authorization", "Bearer "+access)
	var made struct {
		Key string `json:"raw_key"`
	}
	if err := json.Unmarshal([]byte(text), &made); err != nil {
		t.Fatal(err)
	}
	if status, text := call(t, "GET", s.APIURL()+"/v1/models", "", "X-Api-Key", made.Key); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := call(t, "GET", s.APIURL()+"/v1/models", "", "X-Api-Key", "sk-ant-api03-FAKE-none"); status != 401 {
		t.Errorf("an unknown key: %d", status)
	}
}

func TestMessageStream(t *testing.T) {
	s := start(t, Options{})
	access, _ := s.Issue("a@example.com")
	status, text := call(t, "POST", s.APIURL()+"/v1/messages?beta=true",
		`{"model":"claude-fake-1","stream":true,"messages":[]}`,
		"Authorization", "Bearer "+access, "Anthropic-Beta", betaHeader)
	if status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	var names []string
	for block := range strings.SplitSeq(strings.TrimSuffix(text, "\n\n"), "\n\n") {
		event, data, _ := strings.Cut(block, "\ndata: ")
		var parsed struct{ Type string }
		if err := json.Unmarshal([]byte(data), &parsed); err != nil || "event: "+parsed.Type != event {
			t.Errorf("%q: %v", block, err)
		}
		names = append(names, parsed.Type)
	}
	if got := strings.Join(names,
		" "); got != "message_start content_block_start content_block_delta content_block_stop message_delta message_stop" {
		t.Errorf("events are %s", got)
	}
	record := s.Requests()[0]
	if record.Kind != "messages" || record.Bearer != fingerprint(access) || record.Body["stream"] != "true" {
		t.Errorf("record is %+v", record)
	}
}

func TestEnv(t *testing.T) {
	s := start(t, Options{})
	want := "ANTHROPIC_AUTH_URL=U/cai/oauth/authorize KEYTENDER_CONSOLE_AUTH_URL=U/oauth/authorize " +
		"ANTHROPIC_TOKEN_URL=U/v1/oauth/token ANTHROPIC_REDIRECT_URI=U/oauth/code/callback KEYTENDER_API_URL=U"
	if got := strings.ReplaceAll(strings.Join(s.Env(), " "), s.URL(), "U"); got != want {
		t.Errorf("env is %s", got)
	}
}
