package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/officialtest"
	"keytender/internal/testguard"
	"keytender/tray/traytest"
)

// TestThroughTheRealClaudeCode: the real client signs in from the menu, without a
// terminal, and we take over what it wrote, without a token call of our own.
func TestThroughTheRealClaudeCode(t *testing.T) {
	if os.Getenv(officialtest.Variable) == "" {
		t.Skip(officialtest.Variable + " names no Claude Code: `make test` installs it")
	}
	server, err := fakeclaude.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	official := officialtest.New(t, t.TempDir(), server.URL())
	var env []string
	for _, pair := range official.Env() {
		switch name, _, _ := strings.Cut(pair, "="); name {
		case "HOME", "PATH", "USER", "CI": // CI: it opens no browser there
		default:
			env = append(env, pair)
			if strings.HasSuffix(name, "_PROXY") { // the guard's own, in the other spelling
				env = append(env, strings.ToLower(name)+pair[len(name):])
			}
		}
	}
	d := start(t, append(env, "NO_PROXY=127.0.0.1,localhost,::1", "DISPLAY=:97")...)
	if err := os.Symlink(official.Program(), filepath.Join(d.home, "claude")); err != nil {
		t.Fatal(err)
	}
	d.panel.Click("  Through Claude Code…")
	d.panel.Want("# Claude Code signs in…")
	traytest.Receive(t, d.notes.Notes, "what happens now")
	page, err := url.Parse(d.browsed())
	if err != nil {
		t.Fatal(err)
	}
	location, err := server.Approve(t.Context(), server.AuthorizeURL()+"?"+page.RawQuery)
	if err != nil {
		t.Fatal(err)
	}
	// The client's last page is on its own host, which is not there.
	browser := &http.Client{Timeout: testguard.Patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := browser.Get(location)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	got := traytest.Receive(t, d.notes.Notes, "the notification")
	if got.Title != "Signed in as a@example.com" {
		t.Fatalf("told %q: %q", got.Title, got.Body)
	}
	d.panel.Want("# Claude Code: in step")
	if n := d.server.Count("exchange") + d.server.Count("renew"); n != 0 {
		t.Errorf("%d token calls of our own", n)
	}
	if n := server.Count("exchange"); n != 1 {
		t.Errorf("%d token calls of Claude Code", n)
	}

	// A second one is cancelled, and Claude Code is gone soon.
	d.panel.Click("  Through Claude Code…")
	traytest.Receive(t, d.notes.Notes, "what happens now")
	d.browsed()
	begin := testguard.Start()
	d.panel.Click("  Cancel sign-in")
	d.panel.Want("  Sign in again…")
	begin.Within(t, 2*time.Second, "cancelling")
}
