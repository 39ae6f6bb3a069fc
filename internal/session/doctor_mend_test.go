package session

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/keychain"
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
	if _, err := r.start().Token(t.Context(), time.Minute); exitOf(err) != ExitFailed ||
		err.(*Error).Fault != FaultStateDamaged {
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

// TestDamagedFileStoreWithTwoAccounts: what no entry holds is named, with the file that has it.
func TestDamagedFileStoreWithTwoAccounts(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.keep("work", r.other())
	if err := os.WriteFile(filepath.Join(r.home, "credentials.json"), []byte(`{"default":{"acc`), 0o600); err != nil {
		t.Fatal(err)
	}
	e := r.start()
	mended, err := e.Mend(t.Context(), e.Repairs(t.Context()))
	if err != nil || len(mended) == 0 || mended[0].Remark != RemarkTakenOverNotAll {
		t.Fatalf("%+v, %v", mended, err)
	}
	v := mended[0].Values
	if v.Also != "work" || len(v.List) != 1 || v.List[0] != "default" {
		t.Errorf("kept %v, lost %q", v.List, v.Also)
	}
	if text, err := os.ReadFile(v.Aside); err != nil || !strings.HasPrefix(string(text), `{"default"`) {
		t.Errorf("%s does not hold what was moved: %v", v.Aside, err)
	}
}

// TestFolderInAFilesPlace: Docker makes a folder where a file that it is to mount is missing. Closed
// like a file, nobody could reach what is in it.
func TestFolderInAFilesPlace(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	if err := errors.Join(os.Remove(r.entryFile()), os.Mkdir(r.entryFile(), 0o755)); err != nil {
		t.Fatal(err)
	}
	e := r.start()
	if mended, err := e.Mend(t.Context(), e.Repairs(t.Context())); err != nil || len(mended) != 0 {
		t.Errorf("%+v, %v", mended, err)
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
	if undone, err := r.start().Unmend(t.Context()); err != nil || len(undone) != 1 {
		t.Errorf("undone: %v, %v", undone, err)
	}
	if text, _ := os.ReadFile(r.entryFile()); string(text) != broken {
		t.Errorf("undone, the entry is %s", text)
	}
}

// Claude Code renewed, and then something made its entry unreadable: the newest pair lies there
// alone, and ours is spent.
func TestDamagedEntryWithTheNewestPair(t *testing.T) {
	for name, damage := range map[string]func(string) string{
		"a byte-order mark": func(text string) string { return "\xef\xbb\xbf" + text },
		"cut off":           func(text string) string { return text[:len(text)-1] },
		"cut in an MCP login": func(text string) string {
			return text[:len(text)-1] + `,"mcpOAuth":{"s":{"accessToken":"FAKE-mcp","refreshToken":"FAKE-m`
		},
		"twice":           func(text string) string { return text[:len(text)-1] + `,"claudeAiOauth":{}}` },
		"a list":          func(text string) string { return "[" + text + "]" },
		"bytes of others": func(text string) string { return text[:len(text)-1] + `,"x":"` + "\xff" + `"}` },
		"spread out and cut": func(text string) string {
			return strings.NewReplacer(`":`, "\" :\n ", `,`, "\n ,").Replace(text[:len(text)-1])
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			newest := r.renewElsewhere(r.signIn(time.Hour))
			r.writeEntry(newest)
			text, err := os.ReadFile(r.entryFile())
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(r.entryFile(), []byte(damage(string(text))), 0o600); err != nil {
				t.Fatal(err)
			}
			e := r.start()
			if mended, err := e.Mend(t.Context(), e.Repairs(t.Context())); err != nil || len(mended) != 2 {
				t.Fatalf("%+v, %v", mended, err)
			}
			if !r.entry().Login.SamePair(newest) {
				t.Error("the entry holds another pair")
			}
			r.renewed("")
			r.mended()
		})
	}
}

// Whose pair it is cannot be found out: nothing is moved, and nothing written over it.
func TestDamagedEntryOfNobodyKnown(t *testing.T) {
	r := newRig(t)
	newest := r.renewElsewhere(r.signIn(time.Hour))
	newest.Account = keychain.Account{}
	r.writeEntry(newest)
	text, _ := os.ReadFile(r.entryFile())
	if err := os.WriteFile(r.entryFile(), text[:len(text)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"profile": 503} })
	e := r.start()
	if mended, err := e.Mend(t.Context(), e.Repairs(t.Context())); err == nil || len(mended) != 0 {
		t.Errorf("%+v, %v", mended, err)
	}
	if now, _ := os.ReadFile(r.entryFile()); string(now) != string(text[:len(text)-1]) {
		t.Error("the entry was moved all the same")
	}
	if _, err := r.start().Renew(t.Context(), true); exitOf(err) != ExitTryLater {
		t.Errorf("a renewal: %v", err)
	}
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = nil })
	e = r.start()
	if _, err := e.Mend(t.Context(), e.Repairs(t.Context())); err != nil {
		t.Error(err)
	}
	r.renewed("")
	r.mended()
}

// What doctor moved aside of ours goes with the last account: it may hold a token. Claude
// Code's damaged entry may hold others' logins, so it stays and is named.
func TestSignOutTakesWhatWasMovedAside(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	store := filepath.Join(r.home, "credentials.json")
	for path, text := range map[string]string{store: `{"default":{"acc`, r.entryFile() + ".tmp.0badcafe": `{"a":1}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		old := r.now().Add(-2 * leftoverAge)
		_ = os.Chtimes(path, old, old)
	}
	e := r.start()
	if mended, err := e.Mend(t.Context(), e.Repairs(t.Context())); err != nil || len(mended) != 2 {
		t.Fatalf("%+v, %v", mended, err)
	}
	if err := os.WriteFile(r.entryFile(), []byte(`{"claudeAiOauth":{"accessToken":"FAKE`), 0o600); err != nil {
		t.Fatal(err)
	}
	e = r.start()
	if _, err := e.Mend(t.Context(), e.Repairs(t.Context())); err != nil {
		t.Fatal(err)
	}
	steps, err := r.start().SignOut(t.Context(), SignOutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, pattern := range []string{store + "*", r.state("*") + asideInfix + "*",
		r.entryFile() + "*" + asideInfix + "*"} {
		found, _ := filepath.Glob(pattern)
		for _, path := range found {
			if strings.Contains(path, asideInfix) {
				left = append(left, path)
			}
		}
	}
	if len(left) != 1 || !strings.HasPrefix(left[0], r.entryFile()+asideInfix) {
		t.Errorf("left: %v", left)
	}
	named := false
	for _, s := range steps {
		named = named || s.Values.Reason == left[0]
	}
	if !named {
		t.Errorf("not named: %+v", steps)
	}
}

// A clock that is far from the server's is noted after the response, and forgotten with one
// that is not.
func TestServerClockIsNoted(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	e := r.start()
	for _, c := range []struct {
		ahead time.Duration
		off   bool
	}{{30 * time.Second, false}, {time.Hour, true}, {-2 * time.Minute, true}, {0, false}} {
		e.noteServerDate(r.now().Add(c.ahead), r.now())
		w, err := e.begin(t.Context(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		w.end()
		off, _, known := r.start().serverClock()
		if known != c.off || known && (off-c.ahead).Abs() > 5*time.Second {
			t.Errorf("%v ahead: %v, known %v", c.ahead, off, known)
		}
	}
	// A laptop slept between the sending and the response.
	e.noteServerDate(r.now().Add(-time.Hour), r.now().Add(-time.Hour))
	e.keepServerDate()
	if _, _, known := r.start().serverClock(); known {
		t.Error("a sleep counts as a clock that is off")
	}
}
