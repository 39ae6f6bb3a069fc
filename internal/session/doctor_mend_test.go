package session

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A ledger that cannot be read costs nobody a login: it is moved aside, and what there is
// is found again.
func TestDamagedLedgerIsRebuilt(t *testing.T) {
	r := newRig(t)
	first := r.signIn(time.Hour)
	second := r.other()
	r.keep("work", second)
	if err := os.WriteFile(r.state(ledgerFile), []byte(`{"version":2,"acc`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Token(t.Context(), time.Minute); exitOf(err) != ExitFailed || !strings.Contains(err.(*Error).Hint, "doctor --fix") {
		t.Fatalf("token: %v", err)
	}
	e := r.start()
	mended, err := e.Mend(t.Context(), e.Repairs(t.Context()))
	if err != nil || len(mended) != 1 {
		t.Fatalf("%+v, %v", mended, err)
	}
	names, active, _ := r.start().AccountNames()
	if len(names) != 2 || active != "work" {
		t.Errorf("found again: %v, active %s", names, active)
	}
	if _, err := r.start().On("default").Renew(t.Context(), true); err != nil {
		t.Errorf("the first account: %v", err)
	}
	if !r.server.Spent(first.Refresh.Reveal()) || r.server.Count("renew-reused") != 0 {
		t.Error("the first account was not renewed, or a token was sent twice")
	}
	if c := r.stored(); !c.SamePair(second) {
		t.Error("the other account changed")
	}
}

// An entry that is no JSON is moved aside, with the way back, and a new one can be written.
func TestDamagedEntryIsMovedAside(t *testing.T) {
	r := newRig(t)
	c := r.signIn(time.Hour)
	const broken = `{"claudeAiOauth":{"accessToken":"FAKE`
	if err := os.WriteFile(r.entryFile(), []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	e := r.start()
	mended, err := e.Mend(t.Context(), e.Repairs(t.Context()))
	if err != nil || len(mended) != 2 {
		t.Fatalf("%+v, %v", mended, err)
	}
	found, _ := filepath.Glob(r.entryFile() + ".aside-*")
	if len(found) != 1 {
		t.Fatalf("aside: %v", found)
	}
	if text, _ := os.ReadFile(found[0]); string(text) != broken {
		t.Errorf("the bytes became %s", text)
	}
	if !r.entry().Login.SamePair(c) {
		t.Error("our login was not written anew")
	}
	if undone, err := r.start().Unmend(t.Context()); err != nil || len(undone) != 2 {
		t.Errorf("undone: %v, %v", undone, err)
	}
	if text, _ := os.ReadFile(r.entryFile()); string(text) != broken {
		t.Errorf("undone, the entry is %s", text)
	}
}
