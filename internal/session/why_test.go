package session

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
)

// Why says the one thing that explains most, with times, and nothing that is secret or says
// who somebody is.
func TestWhy(t *testing.T) {
	for name, c := range map[string]struct {
		make func(r *rig)
		says string
	}{
		"nothing": {func(*rig) {}, "Nothing that keytender knows says that you were logged out"},
		"the client blanked it": {func(r *rig) {
			r.must(os.WriteFile(r.entryFile(), []byte(`{"claudeAiOauth":{"accessToken":"","refreshToken":"","expiresAt":0}}`), 0o600))
		}, "Claude Code blanked its entry on 20"},
		"somebody signed out there": {func(r *rig) { r.must(os.Remove(r.entryFile())) }, "`claude auth logout` and /logout leave it so"},
		"the server refused": {func(r *rig) {
			r.faults(fakeclaude.Refusal(400, "invalid_grant", "no"))
			_, _ = r.start().Renew(context.Background(), true)
		}, "the server called the refresh token spent"},
		"signed out here": {func(r *rig) {
			_, err := r.start().SignOut(context.Background(), SignOutOptions{})
			r.must(err)
		}, "You signed out with keytender on 20"},
		"the entry is damaged": {func(r *rig) { r.must(os.WriteFile(r.entryFile(), []byte(`{`), 0o600)) }, "so Claude Code takes it for none"},
		"the client's own log": {func(r *rig) {
			r.must(os.Mkdir(filepath.Join(r.claude, "debug"), 0o700))
			r.must(os.WriteFile(filepath.Join(r.claude, "debug", "x.txt"),
				[]byte("2026-11-29T07:00:49.434Z [ERROR] OAuth refresh failed for a@example.com: sk-ant-ort01-FAKE-in-a-log\n"), 0o600))
		}, `Claude Code's own log: 11-29 `},
		"a lock": {func(r *rig) { r.must(os.Mkdir(filepath.Join(r.claude, ".oauth_refresh.lock"), 0o700)) }, "Claude Code's renewal lock stands in"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.signIn(time.Hour)
			c.make(r)
			said := r.start().Why(t.Context())
			if !strings.Contains(said, c.says) || strings.Contains(said, "\n") {
				t.Errorf("%s", said)
			}
			for _, secret := range append(r.server.Secrets(), "a@example.com", "FAKE-in-a-log") {
				if strings.Contains(said, secret) {
					t.Errorf("it tells %s", secret)
				}
			}
		})
	}
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}
