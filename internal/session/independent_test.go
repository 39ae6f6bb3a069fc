package session

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/config"
	"keytender/internal/fakeclaude/oidctest"
)

// TestIndependentServer holds the protocol against an authorization server that is
// not ours: it checks PKCE, binds codes to redirect URIs, rotates refresh tokens,
// revokes the family on reuse, and sends an iss.
func TestIndependentServer(t *testing.T) {
	provider := oidctest.Start(t, "")
	dir := t.TempDir()
	environment := map[string]string{
		"KEYTENDER_HOME": filepath.Join(dir, "kt"), "KEYTENDER_STORE": "file", "KEYTENDER_ISSUER": provider.Issuer,
		"CLAUDE_CONFIG_DIR": filepath.Join(dir, "claude"),
	}
	for _, pair := range provider.Env() {
		name, value, _ := strings.Cut(pair, "=")
		environment[name] = value
	}
	settings, err := config.Load(func(name string) (string, bool) { value, ok := environment[name]; return value, ok },
		nil)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := Open(settings)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	refused := 0
	_, err = engine.SignIn(ctx, SignInOptions{Open: func(ctx context.Context, url string) error {
		location, err := provider.Approve(ctx, url)
		if err != nil {
			return err
		}
		response, err := http.Get(location)
		if err == nil {
			response.Body.Close()
		}
		return err
	}}, func(e Event) {
		if e.Kind == EventRefused || e.Kind == EventOpenFailed {
			refused++
		}
	})
	if err != nil || refused > 0 {
		t.Fatalf("signing in: %v (%d steps refused)", err, refused)
	}
	seen := map[string]bool{}
	for renewal := range 3 {
		token, err := engine.Token(ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		if seen[token.Reveal()] {
			t.Errorf("renewal %d brought no new token", renewal)
		}
		seen[token.Reveal()] = true
		entry, err := engine.readEntry(ctx)
		if err != nil || !entry.Login.Access.Equal(token) {
			t.Errorf("Claude Code's entry is not in step after renewal %d: %v", renewal, err)
		}
		if renewal == 2 {
			break
		}
		if _, err := engine.Renew(ctx, true); err != nil {
			t.Fatalf("renewal %d: %v", renewal+1, err)
		}
	}
	if st := engine.Status(ctx); st.State != SignedIn || st.Problem != nil {
		t.Errorf("status afterwards: %+v", st)
	}
}
