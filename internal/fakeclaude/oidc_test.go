package fakeclaude_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/oidctest"
)

// TestSecondOpinion walks through a sign-in, two renewals and a reuse at a server
// that somebody else wrote. What it and the built-in server disagree about would be
// our misreading of the protocol, so both are walked by the same code.
func TestSecondOpinion(t *testing.T) {
	t.Run("built-in", func(t *testing.T) {
		s, err := fakeclaude.Start()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		s.Set(func(b *fakeclaude.Behaviour) { b.Iss = s.URL() })
		walk(t, s.AuthorizeURL(), s.TokenURL(), s.URL(), s.Approve)
	})
	t.Run("oidc-provider", func(t *testing.T) {
		p := oidctest.Start(t, "")
		walk(t, p.AuthorizeURL, p.TokenURL, p.Issuer, p.Approve)
	})
}

func walk(t *testing.T, authorizeURL, tokenURL, issuer string, approve func(context.Context, string) (string, error)) {
	const redirect, scope = "http://localhost:8765/callback", "user:profile user:inference user:mcp_servers"
	verifier, state := "FAKE-verifier-"+strings.Repeat("v", 43), strings.Repeat("s", 43)
	sum := sha256.Sum256([]byte(verifier))
	signIn := func() string {
		t.Helper()
		location, err := approve(context.Background(), authorizeURL+"?"+url.Values{
			"code": {"true"}, "client_id": {fakeclaude.ClientID}, "response_type": {"code"}, "redirect_uri": {redirect},
			"scope": {scope}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
			"code_challenge_method": {"S256"}, "state": {state},
		}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		if !strings.HasPrefix(location, redirect+"?") || q.Get("state") != state || q.Get("iss") != issuer ||
			q.Get("code") == "" {
			t.Fatalf("went to %s", location)
		}
		return q.Get("code")
	}
	call := func(fields map[string]any) (int, map[string]any) {
		t.Helper()
		fields["client_id"] = fakeclaude.ClientID
		body, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Post(tokenURL, "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		reply := map[string]any{}
		if err := json.NewDecoder(response.Body).Decode(&reply); err != nil {
			t.Fatalf("%s: %v", response.Status, err)
		}
		return response.StatusCode, reply
	}
	exchange := func(code, verifier string) (int, map[string]any) {
		t.Helper()
		return call(map[string]any{
			"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier,
			"state": state,
		})
	}
	renew := func(refresh any) (int, map[string]any) {
		t.Helper()
		return call(map[string]any{"grant_type": "refresh_token", "refresh_token": refresh, "scope": scope})
	}
	granted := func(what string, status int, reply map[string]any) {
		t.Helper()
		kind, _ := reply["token_type"].(string)
		seconds, _ := reply["expires_in"].(float64)
		if status != 200 || reply["access_token"] == nil || reply["refresh_token"] == nil ||
			!strings.EqualFold(kind, "bearer") || seconds <= 0 || reply["scope"] != scope {
			t.Fatalf("%s: %d, keys of the response %v, error %v", what, status, len(reply), reply["error"])
		}
	}
	spent := func(what string, status int, reply map[string]any) {
		t.Helper()
		if status != 400 || reply["error"] != "invalid_grant" {
			t.Errorf("%s: %d %v", what, status, reply["error"])
		}
	}

	status, reply := exchange(signIn(), verifier+"x")
	spent("wrong verifier", status, reply)
	status, first := exchange(signIn(), verifier)
	granted("exchange", status, first)
	status, second := renew(first["refresh_token"])
	granted("first renewal", status, second)
	status, third := renew(second["refresh_token"])
	granted("second renewal", status, third)
	if first["refresh_token"] == second["refresh_token"] || second["refresh_token"] == third["refresh_token"] {
		t.Error("a renewal did not rotate")
	}
	status, reply = renew(first["refresh_token"])
	spent("reuse", status, reply)
	status, reply = renew(third["refresh_token"])
	spent("the newest token after a reuse", status, reply)
}
