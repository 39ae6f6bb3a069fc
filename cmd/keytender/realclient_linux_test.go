package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
)

// goesOn wants the real client to work with our login, to renew it by itself, and to work
// then; env is what keytender renews in.
func (r *realClaude) goesOn(env ...string) {
	r.t.Helper()
	r.server.Set(func(b *fakeclaude.Behaviour) { b.AccessLife = 2 * time.Minute }) // within the client's five
	r.keytender(env, "refresh", "--force")
	r.server.Set(func(b *fakeclaude.Behaviour) { b.AccessLife = 8 * time.Hour })
	sent := r.server.Count("renew")
	// Where its state file tells enough, `auth status` ends before it has renewed; a prompt
	// waits for that.
	if out, said, err := r.run([]string{"ANTHROPIC_BASE_URL=" + r.server.URL()}, r.path, "-p", "hi", "--model",
		"claude-haiku-4-5"); err != nil {
		r.t.Errorf("claude -p hi: %v\n%s%s", err, out, said)
	}
	if got := r.authStatus(); !got.LoggedIn {
		r.t.Errorf("claude auth status: %+v", got)
	}
	if n := r.server.Count("renew") - sent; n != 1 {
		r.t.Errorf("the client renewed %d times, want 1", n)
	}
	r.keytender(env, "refresh", "--force")
	if n := r.server.Count("renew") - sent; n != 1 {
		r.t.Errorf("%d renewals: ours was spent instead of adopting the client's", n)
	}
	r.prompt()
	r.keytender(env, "refresh", "--force")
	r.prompt()
	if n := r.server.Count("renew-reused"); n != 0 {
		r.t.Errorf("a spent refresh token was sent %d times", n)
	}
}

// TestRealClientGoesOn: whatever became of its entry and of ours, the client works and
// renews.
func TestRealClientGoesOn(t *testing.T) {
	cases := map[string]func(r *realClaude) (env []string){
		"the account is another person's now": func(r *realClaude) []string {
			r.prompt() // which makes its state file
			r.importAs("b@example.com", "a", "--replace")
			r.keytender(nil, "mirror")
			if got := r.stateNames(); got != "b@example.com" {
				r.t.Errorf("the client's state file names %q", got)
			}
			return nil
		},
		"renewed from another environment": func(r *realClaude) []string {
			return []string{"CLAUDE_CONFIG_DIR=" + filepath.Join(r.home, "elsewhere")}
		},
		"its entry is a link": func(r *realClaude) []string {
			target := filepath.Join(r.home, "dotfiles.json")
			r.must(os.Rename(r.entry, target))
			r.must(os.Symlink(target, r.entry))
			return nil
		},
		"its entry is mounted": func(r *realClaude) []string {
			source := filepath.Join(r.home, "mounted.json")
			data, err := os.ReadFile(r.entry)
			r.must(err)
			r.must(os.WriteFile(source, data, 0o600))
			if err := syscall.Mount(source, r.entry, "", syscall.MS_BIND, ""); err != nil {
				r.t.Skip("nothing can be mounted here: ", err)
			}
			r.t.Cleanup(func() { _ = syscall.Unmount(r.entry, syscall.MNT_DETACH) })
			return nil
		},
		"switched to another account, and back": func(r *realClaude) []string {
			r.importAs("b@example.com", "other")
			r.keytender(nil, "switch", "other")
			r.goesOn()
			if got := r.stateNames(); got != "b@example.com" {
				r.t.Errorf("the client's state file names %q", got)
			}
			r.keytender(nil, "switch", "a")
			if got := r.stateNames(); got != "a@example.com" {
				r.t.Errorf("the client's state file names %q", got)
			}
			return nil
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRealClaude(t)
			r.signIn()
			r.goesOn(change(r)...)
		})
	}
}

func (r *realClaude) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// importAs takes over a login of another person.
func (r *realClaude) importAs(email, account string, more ...string) {
	r.t.Helper()
	access, refresh := r.server.Issue(email)
	file := filepath.Join(r.home, "import.json")
	r.must(os.WriteFile(file, fmt.Appendf(nil,
		`{"claudeAiOauth":{"accessToken":%q,"refreshToken":%q,"expiresAt":%d,"scopes":["user:profile","user:inference"],"subscriptionType":"max"}}`,
		access, refresh, time.Now().Add(time.Hour).UnixMilli()), 0o600))
	if out, said, err := r.run(nil, "sh", append([]string{"-c",
		`in=$1 account=$2; shift 2; keytender import - --account "$account" "$@" <"$in"`, "sh", file, account},
		more...)...); err != nil {
		r.t.Fatalf("import: %v\n%s%s", err, out, said)
	}
}

// stateNames is the e-mail that the client's state file names.
func (r *realClaude) stateNames() string {
	r.t.Helper()
	var state struct {
		Account struct {
			Email string `json:"emailAddress"`
		} `json:"oauthAccount"`
	}
	data, err := os.ReadFile(filepath.Join(filepath.Dir(r.entry), ".claude.json"))
	r.must(err)
	r.must(json.Unmarshal(data, &state))
	return strings.TrimSpace(state.Account.Email)
}
