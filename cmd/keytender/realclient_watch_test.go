package main

import (
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
)

// TestRealClientWatched: watch-only beside the real client. It signs in and renews, its login
// is shown, and no copy lies anywhere but in its own entry.
func TestRealClientWatched(t *testing.T) {
	r := newRealClaude(t)
	r.keytender(nil, "watch", "on")
	_, refresh := r.server.Issue("a@example.com")
	out := r.keytender([]string{"CLAUDE_CODE_OAUTH_REFRESH_TOKEN=" + refresh,
		"CLAUDE_CODE_OAUTH_SCOPES=user:profile user:inference"},
		"login", "--json", "--expect", "a@example.com", "--sso")
	for _, want := range []string{`"role":"watch"`, `"state":"signed-in"`, `"email":"a@example.com"`, `"plan":"max"`,
		`"places":[]`} {
		if !strings.Contains(out, want) {
			t.Errorf("login: no %s in %s", want, out)
		}
	}
	if !r.authStatus().LoggedIn {
		t.Error("the client says that it is not signed in")
	}
	r.prompt()
	sent := r.server.Count("renew")
	if _, said, err := r.run(nil, programPath("keytender"), "refresh", "--force"); err == nil ||
		!strings.Contains(said, "this is watch-only") {
		t.Errorf("refresh: %v\n%s", err, said)
	}
	if n := r.server.Count("renew"); n != sent {
		t.Errorf("%d renewals of ours", n-sent)
	}
	r.wantNoCopy()
}

// wantNoCopy searches the whole home, but for the client's own folder, for tokens.
func (r *realClaude) wantNoCopy() {
	r.t.Helper()
	err := filepath.WalkDir(r.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == filepath.Dir(r.entry) {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, s := range r.server.Secrets() {
			if strings.Contains(string(text), s) {
				r.t.Errorf("%s holds a copy of a token", path)
			}
		}
		return err
	})
	if err != nil {
		r.t.Error(err)
	}
}

// visitHosted is the browser of the real client's Console sign-in: it clicks Allow on the
// built-in server's page in the place of the client's own, and brings the redirect back.
func visitHosted(args []string) int {
	ours, err := url.Parse(os.Getenv("KEYTENDER_CONSOLE_AUTH_URL"))
	theirs, err2 := url.Parse(args[len(args)-1])
	if err != nil || err2 != nil || theirs.Path != "/oauth/authorize" {
		fmt.Fprintln(os.Stderr, "no sign-in page: ", theirs)
		return 1
	}
	theirs.Scheme, theirs.Host, theirs.Path = ours.Scheme, ours.Host, ours.Path
	return browse(fakeclaude.Approve, []string{theirs.String()})
}

// TestRealClientMakesAKey: a Console sign-in of the real client that is granted no more than
// to make keys ends in one, which is taken over.
func TestRealClientMakesAKey(t *testing.T) {
	r := newRealClaude(t)
	browser, err := exec.LookPath("hosted-browser")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(browser, filepath.Join(r.home, "bin", "xdg-open")); err != nil {
		t.Fatal(err)
	}
	grant := faults.With("scope", `"org:create_api_key user:profile"`).For("exchange")
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Faults = []fakeclaude.Fault{grant} })
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, programPath("keytender"), "login", "--method", "claude-code", "--console",
		"--account", "ci", "--timeout", "60s")
	c.Env, c.Dir = append(r.env, "DISPLAY=:9", "BROWSER="+browser), r.home
	said, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("login: %v\n%s", err, said)
	}
	if r.server.Count("create_api_key") != 1 || !strings.Contains(string(said), "made an API key") {
		t.Errorf("%d keys were made:\n%s", r.server.Count("create_api_key"), said)
	}
	key := r.keytender(nil, "api-key", "print", "--account", "ci")
	state, err := os.ReadFile(filepath.Join(filepath.Dir(r.entry), ".claude.json"))
	if err != nil || !strings.HasPrefix(key, "sk-ant-api03-FAKE") || !strings.Contains(string(state), key) {
		t.Errorf("the key %q is not the client's: %v", key, err)
	}
	if strings.Contains(string(said), key) {
		t.Error("the key was shown")
	}
}
