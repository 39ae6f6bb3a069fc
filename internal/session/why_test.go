package session

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"keytender/internal/fakeclaude/faults"
	"keytender/internal/ledger"
)

// Why names the one thing that explains most, with the step of the history that tells it.
func TestWhy(t *testing.T) {
	for name, c := range map[string]struct {
		make func(r *rig)
		want Verdict // empty: nothing says that somebody was signed out
		step ledger.ChangeKind
	}{
		"nothing": {func(*rig) {}, "", ""},
		"the client blanked it": {func(r *rig) {
			r.must(os.WriteFile(r.entryFile(),
				[]byte(`{"claudeAiOauth":{"accessToken":"","refreshToken":"","expiresAt":0}}`), 0o600))
		}, VerdictBlanked, ""},
		"somebody signed out there": {func(r *rig) { r.must(os.Remove(r.entryFile())) }, VerdictEntryGone, ""},
		"the server refused": {func(r *rig) {
			r.faults(faults.Refusal(400, "invalid_grant", "no"))
			_, _ = r.start().Renew(context.Background(), true)
		}, VerdictUsedTwice, "refused"},
		"signed out here": {func(r *rig) {
			_, err := r.start().SignOut(context.Background(), SignOutOptions{})
			r.must(err)
		}, VerdictSignedOut, "signed-out"},
		"the entry is damaged": {func(r *rig) { r.must(os.WriteFile(r.entryFile(), []byte(`{`), 0o600)) },
			VerdictEntryUnusable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.signIn(time.Hour)
			c.make(r)
			story := r.start().Why(t.Context())
			first := Clue{}
			if len(story.Clues) > 0 {
				first = story.Clues[0]
			}
			if first.Step == nil {
				first.Step = &Record{}
			}
			if first.Verdict != c.want || first.Step.What != c.step || len(story.Steps) == 0 {
				t.Errorf("%+v", story)
			}
		})
	}
}

// What Claude Code left tells too: its own log, and who holds its lock.
func TestWhyReadsTracesOfTheClient(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.must(os.Mkdir(filepath.Join(r.claude, "debug"), 0o700))
	r.must(os.WriteFile(filepath.Join(r.claude, "debug", "x.txt"),
		[]byte("2026-11-29T07:00:49.434Z [ERROR] OAuth refresh failed\n"), 0o600))
	r.must(os.Mkdir(filepath.Join(r.claude, ".oauth_refresh.lock"), 0o700))
	traces := r.start().Why(t.Context()).Clients
	if len(traces) != 1 || traces[0].Holder == "" || len(traces[0].Lines) != 1 ||
		traces[0].Lines[0].Text != "OAuth refresh failed" {
		t.Errorf("%+v", traces)
	}
}

// second is the error of a call that also gives something else.
func second[T any](_ T, err error) error { return err }

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}
