package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keytender/internal/secret"
	"keytender/internal/session"
)

// TestRealClientAgreesWithWhich holds what we know about precedence against the real client:
// for each of these it names the kind that we name without it.
func TestRealClientAgreesWithWhich(t *testing.T) {
	r := newRealClaude(t)
	r.signIn()
	keytender, err := exec.LookPath("keytender")
	if err != nil {
		t.Fatal(err)
	}
	token, key, auth := "CLAUDE_CODE_OAUTH_TOKEN=sk-ant-oat01-FAKE", "ANTHROPIC_API_KEY=sk-ant-api03-FAKE",
		"ANTHROPIC_AUTH_TOKEN=FAKE"
	helper, own, local := `{"apiKeyHelper":"echo FAKE"}`, "../claude/settings.json", ".claude/settings.local.json"
	shared := ".claude/settings.json"
	for name, tt := range map[string]struct {
		env   []string
		files map[string]string // below the project
		want  session.SourceKind
	}{
		"the entry":             {nil, nil, "entry"},
		"a token":               {[]string{token}, nil, "oauth-token"},
		"a key before a token":  {[]string{token, key}, nil, "api-key"},
		"a bearer before a key": {[]string{auth, key}, nil, "auth-token"},
		"a cloud before all":    {[]string{auth, key, "CLAUDE_CODE_USE_VERTEX=1"}, nil, "cloud"},
		"a cloud that is off":   {[]string{"CLAUDE_CODE_USE_VERTEX=0"}, nil, "entry"},
		"simple": {[]string{token, auth, "CLAUDE_CODE_SIMPLE=1"}, map[string]string{own: helper},
			"simple"},
		"simple with a key":     {[]string{auth, key, "CLAUDE_CODE_SIMPLE=1"}, nil, "api-key"},
		"a helper":              {[]string{token}, map[string]string{own: helper}, "helper"},
		"a helper before a key": {[]string{key}, map[string]string{own: helper}, "helper"},
		"a federated identity": {[]string{"ANTHROPIC_FEDERATION_RULE_ID=r", "ANTHROPIC_ORGANIZATION_ID=o"}, nil,
			"federation"},
		"a bearer and a helper": {[]string{auth}, map[string]string{own: helper}, "auth-token"},
		"a project's helper":    {nil, map[string]string{shared: helper}, "helper"},
		"its local helper":      {nil, map[string]string{local: helper}, "helper"},
		"a project's key": {nil, map[string]string{shared: `{"env":{"ANTHROPIC_API_KEY":"sk-ant-api03-FAKE"}}`},
			"entry"},
		"a project's cloud": {nil, map[string]string{shared: `{"env":{"CLAUDE_CODE_USE_BEDROCK":"1"}}`}, "cloud"},
		"its local settings win": {nil, map[string]string{shared: `{"env":{"CLAUDE_CODE_USE_BEDROCK":"1"}}`,
			local: `{"env":{"CLAUDE_CODE_USE_BEDROCK":"0"}}`}, "entry"},
		"blanked by settings": {[]string{key, "CLAUDE_CODE_USE_BEDROCK=1"},
			map[string]string{own: `{"env":{"ANTHROPIC_API_KEY":"","CLAUDE_CODE_USE_BEDROCK":"0"}}`}, "entry"},
		"broken settings": {nil, map[string]string{own: `{"apiKeyHelper":`, shared: `[]`}, "entry"},
	} {
		t.Run(name, func(t *testing.T) {
			project := filepath.Join(r.home, "project")
			t.Cleanup(func() {
				_ = os.RemoveAll(project)
				_ = os.Remove(filepath.Join(r.home, "claude", "settings.json"))
			})
			if err := os.MkdirAll(filepath.Join(project, ".claude"), 0o700); err != nil {
				t.Fatal(err)
			}
			for file, text := range tt.files {
				if err := os.WriteFile(filepath.Join(project, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			out, said, _ := r.run(tt.env, keytender, "which", "--json", project)
			var w session.Which
			if err := json.Unmarshal([]byte(out), &w); err != nil {
				t.Fatalf("%v: %s%s", err, out, said)
			}
			if w.Uses.Kind != tt.want || !w.Client.Checked || w.Client.Agrees == nil || !*w.Client.Agrees {
				t.Errorf("which: %s, want %s; the client: %s", w.Uses.Kind, tt.want, out)
			}
			if tt.want == "entry" && w.Uses.Email != "a@example.com" {
				t.Errorf("whose: %q", w.Uses.Email)
			}
		})
	}
}

// TestRealClientTakesExecsToken: in `exec` the real client uses the token of its environment,
// which is ours, also where its entry holds another login.
func TestRealClientTakesExecsToken(t *testing.T) {
	r := newRealClaude(t)
	r.signIn()
	ours := secret.New(r.keytender(nil, "token")).Fingerprint()
	// Another login in the entry.
	other, refresh := r.server.Issue("b@example.com")
	entry := fmt.Sprintf(
		`{"claudeAiOauth":{"accessToken":%q,"refreshToken":%q,"expiresAt":99999999999999,"scopes":["user:profile","user:inference"]}}`,
		other, refresh)
	if err := os.WriteFile(r.entry, []byte(entry), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := r.keytender(nil, "exec", "--", r.path, "auth", "status", "--json"); !strings.Contains(out,
		`"authMethod": "oauth_token"`) {
		t.Errorf("claude auth status in exec: %s", out)
	}
	r.keytender([]string{"ANTHROPIC_BASE_URL=" + r.server.URL()}, "exec", "--", r.path, "-p", "hi", "--model",
		"claude-haiku-4-5")
	calls := r.bearers("messages")
	if len(calls) == 0 || slices.ContainsFunc(calls, func(bearer string) bool { return bearer != ours }) {
		t.Errorf("the client sent %q, the token is %s", calls, ours)
	}
}
