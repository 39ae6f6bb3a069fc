package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/officialtest"
	"keytender/internal/secret"
	"keytender/internal/testguard"
)

// These tests drive the real Claude Code, offline: whatever it wants to say to its
// servers goes to the stand-in, and everything else nowhere.

// realClaude is the real client beside keytender, in a home of its own.
type realClaude struct {
	t      *testing.T
	path   string // of the client
	home   string
	entry  string
	server *fakeclaude.Server
	env    []string
}

func newRealClaude(t *testing.T) *realClaude {
	t.Helper()
	dir := os.Getenv("KTTEST_NODE")
	if dir == "" {
		t.Skip("KTTEST_NODE does not name the folder with the real Claude Code; make test sets it")
	}
	path, err := filepath.Abs(filepath.Join(dir, "node_modules", "@anthropic-ai", "claude-code-"+platform(), "claude"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("the real Claude Code is not there: ", err)
	}
	server, err := fakeclaude.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	home := t.TempDir()
	bin := filepath.Join(home, "bin")
	config := filepath.Join(home, "claude")
	for _, dir := range []string{bin, config} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(path, filepath.Join(bin, "claude")); err != nil {
		t.Fatal(err)
	}
	r := &realClaude{t: t, path: path, home: home, entry: filepath.Join(config, ".credentials.json"), server: server}
	proxy, certificate := officialtest.Proxy(t, server.URL())
	r.env = append(server.Env(),
		"HOME="+home, "USER=tester", "GORACE="+testguard.RaceOptions,
		"PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"), "TMPDIR="+home,
		"KEYTENDER_HOME="+filepath.Join(home, "kt"), "KEYTENDER_STORE=file", "CLAUDE_CONFIG_DIR="+config,
		"DBUS_SESSION_BUS_ADDRESS=unix:path="+filepath.Join(home, "no-bus"),
		"HTTPS_PROXY="+proxy, "HTTP_PROXY="+proxy, "https_proxy="+proxy, "http_proxy="+proxy,
		"NO_PROXY=127.0.0.1,localhost", "NODE_EXTRA_CA_CERTS="+certificate,
		"DISABLE_AUTOUPDATER=1", "DISABLE_TELEMETRY=1", "DISABLE_ERROR_REPORTING=1",
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1")
	return r
}

func platform() string {
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	return runtime.GOOS + "-" + arch
}

// run runs a program of this home and returns what it printed on stdout.
func (r *realClaude) run(env []string, name string, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env, c.Dir = append(append([]string{}, r.env...), env...), r.home
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	c.WaitDelay = 5 * time.Second
	err = c.Run()
	return out.String(), said.String(), err
}

func (r *realClaude) keytender(env []string, args ...string) string {
	r.t.Helper()
	path, err := exec.LookPath("keytender")
	if err != nil {
		r.t.Fatal(err)
	}
	out, said, err := r.run(env, path, args...)
	if err != nil {
		r.t.Fatalf("keytender %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	return strings.TrimSpace(out)
}

// signIn signs keytender in, in a browser that clicks at once.
func (r *realClaude) signIn() {
	r.t.Helper()
	browser, err := exec.LookPath("browser")
	if err != nil {
		r.t.Fatal(err)
	}
	r.keytender(nil, "login", "--port", testguard.FreePort(r.t), "--browser-command", browser)
}

func (r *realClaude) authStatus() (status struct {
	LoggedIn bool
	Method   string `json:"authMethod"`
	Email    string
	Plan     string `json:"subscriptionType"`
}) {
	r.t.Helper()
	out, said, err := r.run(nil, r.path, "auth", "status", "--json")
	if err != nil {
		r.t.Errorf("claude auth status: %v\n%s%s", err, out, said)
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		r.t.Fatalf("claude auth status: %v\n%s", err, out)
	}
	return status
}

// bearers are the fingerprints of the tokens that came with calls of a kind.
func (r *realClaude) bearers(kind string) (fingerprints []string) {
	for _, request := range r.server.Requests() {
		if request.Kind == kind {
			fingerprints = append(fingerprints, request.Bearer)
		}
	}
	return fingerprints
}

// prompt has the client answer a prompt, and wants its call to carry exactly our token.
func (r *realClaude) prompt() {
	r.t.Helper()
	before := len(r.bearers("messages"))
	out, said, err := r.run([]string{"ANTHROPIC_BASE_URL=" + r.server.URL()}, r.path, "-p", "hi", "--model",
		"claude-haiku-4-5")
	if err != nil || !strings.Contains(out, "hi") {
		r.t.Fatalf("claude -p hi: %v\n%s%s", err, out, said)
	}
	calls := r.bearers("messages")[before:]
	if len(calls) == 0 {
		r.t.Fatal("claude -p hi called nobody")
	}
	ours := secret.New(r.keytender(nil, "token")).Fingerprint()
	for _, bearer := range calls {
		if bearer != ours {
			r.t.Errorf("claude sent the token %s, ours is %s", bearer, ours)
		}
	}
}

// TestRealClientTakesOurEntry: what `login` wrote is a login for the real client,
// and its calls carry exactly our access token, after a renewal too.
func TestRealClientTakesOurEntry(t *testing.T) {
	r := newRealClaude(t)
	r.signIn()
	if got := r.authStatus(); !got.LoggedIn || got.Method != "claude.ai" || got.Plan != "max" {
		t.Errorf("claude auth status: %+v", got)
	}
	r.prompt()
	r.keytender(nil, "refresh", "--force")
	r.prompt()
	if n := r.server.Count("renew-reused"); n != 0 {
		t.Errorf("a refresh token was used %d times too often", n)
	}
	r.keytender(nil, "logout", "--yes")
	out, _, err := r.run(nil, r.path, "auth", "status", "--json")
	if err == nil || !strings.Contains(out, `"loggedIn": false`) {
		t.Errorf("after our logout: %v\n%s", err, out)
	}
}

// TestRealClientRenewsAndWeAdopt: the client renews first, we take its pair over
// without spending ours.
func TestRealClientRenewsAndWeAdopt(t *testing.T) {
	r := newRealClaude(t)
	r.server.Set(func(b *fakeclaude.Behaviour) { b.AccessLife = 2 * time.Minute }) // within the client's five
	r.signIn()
	r.server.Set(func(b *fakeclaude.Behaviour) { b.AccessLife = 8 * time.Hour })
	r.authStatus() // renews
	if n := r.server.Count("renew"); n != 1 {
		t.Fatalf("the client renewed %d times, want 1", n)
	}
	r.keytender(nil, "refresh", "--force")
	if n := r.server.Count("renew"); n != 1 {
		t.Errorf("%d renewals: ours was spent instead of adopting the client's", n)
	}
	r.prompt()
}

// TestRealClientRenewsForUs: renewal through the client's own prompt.
func TestRealClientRenewsForUs(t *testing.T) {
	r := newRealClaude(t)
	r.server.Set(func(b *fakeclaude.Behaviour) { b.AccessLife = 30 * time.Second })
	r.signIn()
	r.server.Set(func(b *fakeclaude.Behaviour) { b.AccessLife = 8 * time.Hour })
	before := r.keytender(nil, "token", "--min-valid", "0s")
	r.keytender([]string{"KEYTENDER_REFRESH_WITH=claude", "ANTHROPIC_BASE_URL=" + r.server.URL()}, "refresh", "--force")
	after := r.keytender(nil, "token")
	if after == before || !strings.HasPrefix(after, "sk-ant-oat01-FAKE-") {
		t.Errorf("the token is as before")
	}
	if n, reused := r.server.Count("renew"), r.server.Count("renew-reused"); n != 1 || reused != 0 {
		t.Errorf("%d renewals, %d of them with a spent token", n, reused)
	}
	for _, request := range r.server.Requests() {
		if request.Kind == "renew" && strings.HasPrefix(request.UserAgent, "keytender/") {
			t.Error("keytender renewed, not Claude Code")
		}
	}
}

// TestRealClientSignsInForUs: `login --method claude-code` with the client's own
// door for machines without a browser.
func TestRealClientSignsInForUs(t *testing.T) {
	r := newRealClaude(t)
	_, refresh := r.server.Issue("a@example.com")
	out := r.keytender([]string{"CLAUDE_CODE_OAUTH_REFRESH_TOKEN=" + refresh,
		"CLAUDE_CODE_OAUTH_SCOPES=user:profile user:inference"},
		"login", "--method", "claude-code", "--json", "--expect", "a@example.com", "--sso")
	if !strings.Contains(out, `"method":"claude-code"`) || !strings.Contains(out, `"email":"a@example.com"`) ||
		!strings.Contains(out, `"state":"in-step"`) {
		t.Errorf("login --method claude-code: %s", out)
	}
	r.prompt()
}

// TestRealClientIsBackAfterDoctor: what `doctor --fix` writes anew is a login for the real
// client, whether its entry was damaged, or the client had blanked it.
func TestRealClientIsBackAfterDoctor(t *testing.T) {
	for name, stub := range map[string]string{
		"damaged": `{"claudeAiOauth":{"accessToken":"FAKE`,
		"blanked": `{"claudeAiOauth":{"accessToken":"","refreshToken":"","expiresAt":0,"scopes":["user:inference"]},"mcpOAuth":{"s":{"accessToken":"FAKE-mcp"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRealClient(t, stub)
			if out, _, err := r.run(nil, r.path, "auth", "status", "--json"); err == nil {
				t.Fatalf("the client is signed in: %s", out)
			}
			r.keytender(nil, "doctor", "--fix", "--yes")
			if got := r.authStatus(); !got.LoggedIn || got.Method != "claude.ai" || got.Plan != "max" {
				t.Errorf("claude auth status: %+v", got)
			}
			r.prompt()
			if data, _ := os.ReadFile(r.entry); name == "blanked" && !strings.Contains(string(data), "FAKE-mcp") {
				t.Error("the login of an MCP server is gone")
			}
		})
	}
}

// newRealClient is a signed-in home whose entry then became another one.
func newRealClient(t *testing.T, entry string) *realClaude {
	r := newRealClaude(t)
	r.signIn()
	if err := os.WriteFile(r.entry, []byte(entry), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}
