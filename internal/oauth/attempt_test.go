package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

var fakeConfig = AttemptConfig{
	AuthorizeURL:  "https://claude.example/cai/oauth/authorize",
	ClientID:      "client-1",
	PasteRedirect: "https://platform.example/oauth/code/callback",
	Scopes:        []string{"user:profile", "user:inference"},
}

const fakeLoopback = "http://localhost:8765/callback"

func newAttempt(t testing.TB, c AttemptConfig) *Attempt {
	t.Helper()
	a, err := NewAttempt(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAuthorizeURLOrder(t *testing.T) {
	a := newAttempt(t, fakeConfig)
	sum := sha256.Sum256([]byte(a.Verifier().Reveal()))
	want := "https://claude.example/cai/oauth/authorize?code=true&client_id=client-1&response_type=code" +
		"&redirect_uri=http%3A%2F%2Flocalhost%3A8765%2Fcallback&scope=user%3Aprofile+user%3Ainference" +
		"&code_challenge=" + base64.RawURLEncoding.EncodeToString(sum[:]) + "&code_challenge_method=S256&state=" +
		a.State()
	if got := a.URL(fakeLoopback); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestHintsAreNamedAsTheClientDoes: behind all else, only those that are given, and quoted.
func TestHintsAreNamedAsTheClientDoes(t *testing.T) {
	for want, hints := range map[string]Hints{
		"":                                {},
		"&login_method=sso":               {SSO: true},
		"&login_hint=a%2Bb%40example.com": {Email: "a+b@example.com"},
		"&orgUUID=o%261&login_hint=a%40example.com&login_method=sso": {Email: "a@example.com", SSO: true,
			Organization: "o&1"},
	} {
		c := fakeConfig
		c.Hints = hints
		a := newAttempt(t, c)
		if _, got, _ := strings.Cut(a.PasteURL(), "&state="+a.State()); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestStateAndVerifier(t *testing.T) {
	met := map[string]bool{}
	for range 50 {
		a := newAttempt(t, fakeConfig)
		for name, text := range map[string]string{"state": a.State(), "verifier": a.Verifier().Reveal()} {
			raw, err := base64.RawURLEncoding.DecodeString(text)
			if err != nil || len(raw) != 32 || len(text) != 43 {
				t.Fatalf("%s: %d characters, %d bytes, %v", name, len(text), len(raw), err)
			}
			if met[text] {
				t.Fatalf("%s came twice", name)
			}
			met[text] = true
		}
		if strings.Contains(a.URL(fakeLoopback)+a.PasteURL(), a.Verifier().Reveal()) {
			t.Fatal("the verifier stands in a URL")
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v", a, a, a), a.Verifier().Reveal()) {
			t.Fatal("a printed attempt shows the verifier")
		}
	}
}

func TestPasteURLDiffersOnlyInRedirect(t *testing.T) {
	a := newAttempt(t, fakeConfig)
	paste, err := url.Parse(a.PasteURL())
	if err != nil {
		t.Fatal(err)
	}
	query := paste.Query()
	if got := query.Get("redirect_uri"); got != fakeConfig.PasteRedirect {
		t.Errorf("redirect_uri = %s", got)
	}
	loopback, _ := url.Parse(a.URL(fakeLoopback))
	query.Set("redirect_uri", fakeLoopback)
	if query.Encode() != loopback.Query().Encode() {
		t.Errorf("got  %v\nwant %v", query, loopback.Query())
	}
}

func TestAuthorizeURLKeepsItsQuery(t *testing.T) {
	c := fakeConfig
	c.AuthorizeURL = "https://claude.example/authorize?org=a%26b&state=fixed#part"
	a := newAttempt(t, c)
	u, err := url.Parse(a.URL(fakeLoopback))
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	if query.Get("org") != "a&b" || len(query["state"]) != 1 || query.Get("state") != a.State() || u.Fragment != "" {
		t.Errorf("URL = %s", u)
	}
	if !strings.HasPrefix(u.RawQuery, "code=true&client_id=") {
		t.Errorf("query = %s", u.RawQuery)
	}
}

func TestNewAttemptRefusesBadURLs(t *testing.T) {
	for _, bad := range []string{"", "nonsense", "http://claude.example/authorize", "ftp://claude.example/", "https://",
		"https://ann:hunter2@claude.example/", "https://ann:hunter2@claude.example/%zz", "file:///etc/passwd"} {
		c := fakeConfig
		c.AuthorizeURL = bad
		if _, err := NewAttempt(c); err == nil {
			t.Errorf("authorize URL %q was accepted", bad)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error shows the password: %v", err)
		}
		c = fakeConfig
		c.PasteRedirect = bad
		if _, err := NewAttempt(c); err == nil {
			t.Errorf("paste redirect %q was accepted", bad)
		}
	}
	for _, good := range []string{"http://127.0.0.1:1/a", "http://[::1]:1/a", "http://localhost:1/a"} {
		c := fakeConfig
		c.AuthorizeURL = good
		if _, err := NewAttempt(c); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	c := fakeConfig
	c.ClientID = ""
	if _, err := NewAttempt(c); err == nil {
		t.Error("an empty client id was accepted")
	}
}

func TestAttemptKeepsItsOwnScopes(t *testing.T) {
	c := fakeConfig
	c.Scopes = []string{"user:inference"}
	a := newAttempt(t, c)
	c.Scopes[0] = "changed"
	if strings.Contains(a.PasteURL(), "changed") {
		t.Error("the scopes are shared with the caller")
	}
}
