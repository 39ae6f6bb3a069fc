package officialtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/testguard"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

// TestClientRenews: the real client renews an ended pair at the stand-in and uses the
// new token, through the proxy.
func TestClientRenews(t *testing.T) {
	server, err := fakeclaude.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	home := t.TempDir()
	client := New(t, home, server.URL())
	access, refresh := server.Issue("a@example.com")
	entry := fmt.Sprintf(
		`{"claudeAiOauth":{"accessToken":%q,"refreshToken":%q,"expiresAt":%d,"scopes":["user:profile","user:inference"],"subscriptionType":"max"}}`,
		access, refresh, time.Now().Add(-time.Minute).UnixMilli())
	if err := os.MkdirAll(filepath.Join(home, ".claude"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".claude", ".credentials.json"), []byte(entry), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := client.Run(ctx, "-p", "hi")
	if err != nil {
		t.Fatalf("claude -p hi: %v\n%s\n%v", err, out, server.Counts())
	}
	if !strings.Contains(strings.ToLower(out), "hi") {
		t.Errorf("it printed %q", out)
	}
	if server.Count("renew") != 1 || server.Count("messages") == 0 {
		t.Errorf("requests: %v", server.Counts())
	}
}
