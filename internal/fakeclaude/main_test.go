package fakeclaude

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keytender/internal/testguard"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

const loopback = "http://localhost:8765/callback"

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := StartWith(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Close()
		goleak.VerifyNone(t)
	})
	return s
}

// walker is a client written against the facts alone: net/http and nothing of ours.
type walker struct {
	t        *testing.T
	s        *Server
	verifier string
	state    string
	scope    string
	redirect string
}

func newWalker(t *testing.T, s *Server) *walker {
	return &walker{
		t: t, s: s, redirect: loopback, scope: "user:profile user:inference",
		verifier: "FAKE-verifier-" + strings.Repeat("v", 43), state: strings.Repeat("s", 43),
	}
}

func (w *walker) authorizeURL(changes ...string) string {
	q := url.Values{
		"code": {"true"}, "client_id": {ClientID}, "response_type": {"code"}, "redirect_uri": {w.redirect},
		"scope":          {w.scope},
		"code_challenge": {challengeOf(w.verifier)}, "code_challenge_method": {"S256"}, "state": {w.state},
	}
	set(q, changes)
	return w.s.AuthorizeURL() + "?" + q.Encode()
}

func set(q url.Values, changes []string) {
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == "-" {
			q.Del(changes[i])
		} else {
			q.Set(changes[i], changes[i+1])
		}
	}
}

func (w *walker) code() string {
	w.t.Helper()
	location, err := w.s.Approve(context.Background(), w.authorizeURL())
	if err != nil {
		w.t.Fatal(err)
	}
	u, err := url.Parse(location)
	if err != nil {
		w.t.Fatal(err)
	}
	if !strings.HasPrefix(location, w.redirect+"?") || u.Query().Get("state") != w.state ||
		!strings.HasPrefix(u.Query().Get("code"), "FAKE-") {
		w.t.Fatalf("redirected to %s", location)
	}
	return u.Query().Get("code")
}

// post sends JSON and returns status and object; a change "key", nil leaves it out.
func post(t *testing.T, target string, body map[string]any) (int, map[string]any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := httpClient.Post(target, "application/json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return object(t, response)
}

func object(t *testing.T, response *http.Response) (int, map[string]any) {
	t.Helper()
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%s is no object: %v", text, err)
	}
	return response.StatusCode, out
}

func (w *walker) exchange(code string, changes ...any) (int, map[string]any) {
	w.t.Helper()
	return post(w.t, w.s.TokenURL(), with(map[string]any{
		"grant_type": "authorization_code", "code": code, "redirect_uri": w.redirect,
		"client_id": ClientID, "code_verifier": w.verifier, "state": w.state,
	}, changes))
}

func (w *walker) renew(refresh any, changes ...any) (int, map[string]any) {
	w.t.Helper()
	return post(w.t, w.s.TokenURL(), with(map[string]any{
		"grant_type": "refresh_token", "refresh_token": refresh, "client_id": ClientID, "scope": w.scope,
	}, changes))
}

func with(body map[string]any, changes []any) map[string]any {
	for i := 0; i < len(changes); i += 2 {
		if key := changes[i].(string); changes[i+1] == nil {
			delete(body, key)
		} else {
			body[key] = changes[i+1]
		}
	}
	return body
}

// httpClient keeps no connection, so that goleak sees only the server.
var httpClient = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	Timeout:       10 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func get(t *testing.T, target string, header ...string) *http.Response {
	t.Helper()
	request, err := http.NewRequest("GET", target, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := httpClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}
