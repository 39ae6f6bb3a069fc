package session

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/secret"
)

// former is an installation as the first version left it: two accounts, the first one
// renewed once, mirrored and active, and a login that the mirror displaced.
func former(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.pass(time.Until(time.Date(2026, 11, 29, 4, 0, 0, 0, time.UTC))) // these tokens live then
	if err := os.MkdirAll(r.state(""), 0o700); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"credentials.json": r.home + "/credentials.json",
		"settings.json": r.state("settings.json"),
		"journal.json":  r.state("journal.json"), "history.jsonl": r.state("history.jsonl"),
		"entry.json": r.entryFile()} {
		data, err := os.ReadFile(filepath.Join("testdata", "former", from))
		if err == nil {
			err = os.WriteFile(to, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// What the first version wrote is taken over once, and nothing of it is lost.
func TestFirstVersionIsTakenOver(t *testing.T) {
	r := former(t)
	st := r.start().Status(t.Context())
	if st.Account != "default" || len(st.Accounts) != 2 || st.ClaudeCode.State != InStep || st.Stores[1].State != "ok" {
		t.Errorf("before anything is written: %+v", st)
	}
	if err := r.start().tending().follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.state(ledgerFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(r.state("journal.json")); err != nil {
		t.Fatal(err)
	}
	l := r.ledger()
	c := l.ChainOf("default")
	place := l.Place(r.start().entry.ID())
	if c == nil || !c.Knows(pairIn(r.stored())) || len(c.Generations) != 2 || !c.Person.Known() || place == nil ||
		place.Chain != c.ID {
		t.Errorf("the chain %+v, the place %+v", c, place)
	}
	if _, err := r.start().Undo(t.Context()); err != nil ||
		r.entry().Login.Account.ID != "33333333-3333-4333-8333-333333333333" {
		t.Errorf("the displaced login: %v", err)
	}
	if _, err := r.start().Switch(t.Context(), "work"); err != nil {
		t.Error(err)
	}
}

// Claude Code renewed between the two versions: its pair is the successor, although no
// place was ever noted.
func TestRenewedBetweenTheVersions(t *testing.T) {
	r := former(t)
	ann := r.issued("a@example.com", time.Hour).Account // as the server knows her
	ids := strings.NewReplacer("11111111-1111-4111-8111-111111111111", ann.ID,
		"22222222-2222-4222-8222-222222222222", ann.OrganizationID)
	for _, path := range []string{r.home + "/credentials.json", r.state("journal.json"), r.entryFile()} {
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, []byte(ids.Replace(string(data))), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var document map[string]map[string]any
	data, _ := os.ReadFile(r.entryFile())
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	inner := document["claudeAiOauth"]
	access, refresh := r.server.Issue("a@example.com") // a pair that lives
	inner["accessToken"], inner["refreshToken"] = access, refresh
	inner["expiresAt"] = r.now().Add(12 * time.Hour).UnixMilli()
	data, _ = json.Marshal(document)
	if err := os.WriteFile(r.entryFile(), data, 0o600); err != nil {
		t.Fatal(err)
	}
	renewed, err := r.start().Renew(t.Context(), true)
	if err != nil || !renewed.Adopted || r.posts() != 0 {
		t.Errorf("%+v, %v, %d sent", renewed, err, r.posts())
	}
	if stored := r.stored(); !stored.Access.Equal(secret.New(access)) {
		t.Error("the successor was not taken over")
	}
}

// A sign-out that tells the server names the newest pair: the one that Claude Code got.
func TestRevokeNamesTheNewestPair(t *testing.T) {
	r := newRig(t)
	theirs := r.renewElsewhere(r.signIn(time.Hour))
	r.writeEntry(theirs)
	if _, err := r.start().SignOut(t.Context(), SignOutOptions{Revoke: true}); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, q := range r.server.Requests() {
		if q.Kind == "revoke" {
			told = append(told, q.Body["token"])
		}
	}
	if len(told) != 1 || told[0] != theirs.Refresh.Fingerprint() {
		t.Errorf("the server was told of %d tokens, and not of the newest", len(told))
	}
}

// A process that is killed between the write into an entry and the note of it leaves no
// pair that nobody knows: what Claude Code makes of it is its successor.
func TestKilledBetweenWriteAndNote(t *testing.T) {
	r := newRig(t)
	c := r.issued("a@example.com", time.Hour)
	r.keep("default", c)
	before, err := os.ReadFile(r.state(ledgerFile))
	if err != nil {
		t.Fatal(err)
	}
	w := r.work()
	if err := w.expect(w.entry, w.l.ChainOf("default")); err != nil {
		t.Fatal(err)
	}
	w.release() // and here it is killed, the entry written
	r.writeEntry(c)
	theirs := r.renewElsewhere(c)
	r.writeEntry(theirs)
	if _, err := r.start().Switch(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	if !r.stored().SamePair(theirs) || !r.entry().Login.SamePair(theirs) || r.server.Count("renew-reused") != 0 {
		t.Error("the pair that Claude Code got is lost")
	}
	if after, _ := os.ReadFile(r.state(ledgerFile)); string(after) == string(before) {
		t.Error("the place was not noted")
	}
}

// Until the first ledger is there, what the first version wrote counts, also where the disk is full then.
func TestFirstLedgerOnAFullDisk(t *testing.T) {
	r := former(t)
	w := r.work()
	w.l.TermsTold = true
	if err := w.saveBy(func(string, []byte) error { return syscall.ENOSPC }); err == nil {
		t.Fatal("it was saved")
	}
	w.release()
	if _, err := os.Lstat(r.state(placesFile)); err == nil {
		t.Error("a part stands for a ledger that was never written")
	}
}
