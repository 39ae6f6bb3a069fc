package session

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"keytender/internal/config"
	"keytender/internal/secret"
	"keytender/keychain"
)

// fuzzEngine works in a folder, and its server refuses every connection.
func fuzzEngine(t testing.TB, dir string) *Engine {
	t.Helper()
	environment := map[string]string{"KEYTENDER_HOME": dir, "KEYTENDER_STORE": "file", "CLAUDE_CONFIG_DIR": filepath.Join(dir, "claude"),
		"ANTHROPIC_TOKEN_URL": "http://127.0.0.1:1/token", "KEYTENDER_API_URL": "http://127.0.0.1:1"}
	c, err := config.Load(func(name string) (string, bool) { value, ok := environment[name]; return value, ok }, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(c.Places.State, 0o700); err != nil {
		t.Fatal(err)
	}
	return e
}

// Whatever a journal holds: it is understood, or it is damaged and stays as it is;
// and what is understood survives being written.
func FuzzJournal(f *testing.F) {
	full := journal{Version: 1, Chains: map[string]*chain{"default": {Known: []string{"aa"}, Dead: []string{"bb"}, Intent: &intent{"aa", now0, 2},
		NotBefore: now0, Why: "because", Failures: 3, Hasty: []time.Time{now0}, Problem: &Problem{"a", "b", "c"}, Last: &ChainChange{now0, "renewed", "keytender"}}}}
	text, err := json.Marshal(full)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	for _, seed := range []string{``, `{}`, `null`, `[]`, `{"chains":null}`, `{"chains":{"default":null}}`, `{"chains":{"default":{"intent":null,"notBefore":"soon"}}}`,
		`{"chains":{"default":{"notBefore":"9999-12-31T23:59:59Z","failures":-9}}}`, `{"chains":{"default":{"intent":{"sends":-9223372036854775808}}}}`} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	e := fuzzEngine(f, dir)
	refresh := token(1)
	ours := keychain.Credential{Access: secret.New("sk-ant-oat01-FAKE-1"), Refresh: refresh}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := e.statePath("journal.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := e.journal()
		noteErr := e.note("default", func(c *chain) { c.know(refresh) })
		if (err == nil) != (noteErr == nil) {
			t.Fatalf("reading: %v, noting: %v", err, noteErr)
		}
		if err != nil {
			if !errors.Is(err, keychain.ErrDamaged) {
				t.Fatal(err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(after, text) {
				t.Fatalf("a damaged journal was overwritten: %s", after)
			}
			return
		}
		c := j.chainOf("default")
		c.blocked(now0)
		c.kept(refresh)
		c.left(refresh)
		_ = e.maySend(c, ours)
		if pause := backOff(max(0, c.Failures)); pause <= 0 || pause > maxPause {
			t.Fatalf("a pause of %v", pause)
		}
		again, err := e.journal()
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if !again.chainOf("default").knows(refresh) || len(again.Chains) < len(j.Chains) {
			t.Fatal("something was lost")
		}
	})
}

// Whatever the settings hold, an account's name from them never leaves our folder.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{``, `{}`, `null`, `{"store":"keychain","active":"work","accounts":["work","default"],"mirror":false,"termsShown":true}`,
		`{"active":"../../x","accounts":["../../x"]}`, `{"store":7}`, `{"store":"elsewhere"}`, `{"active":"/"}`, `{"mirror":"yes"}`, `{"active":"\u0000"}`, `{"accounts":null}`} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	e := fuzzEngine(f, dir)
	f.Fuzz(func(t *testing.T, text []byte) {
		path := e.statePath("settings.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := e.settings()
		if err != nil {
			if !errors.Is(err, keychain.ErrDamaged) {
				t.Fatal(err)
			}
			if err := e.changeSettings(func(s *settings) { s.TermsShown = true }); err == nil {
				t.Fatal("damaged settings were changed")
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(after, text) {
				t.Fatalf("damaged settings were overwritten: %s", after)
			}
			return
		}
		account := s.account("")
		for _, path := range []string{e.spillPath(account), e.reservePath(account)} {
			if filepath.Dir(path) != e.config.Places.State {
				t.Fatalf("an account's name leads to %s", path)
			}
		}
		s.add("default")
		s.remove(account)
		e.mirrors(s)
	})
}

// Whatever lies in the place of a spilled pair: it is a pair, or it is left alone or
// put aside, and the stored one is used.
func FuzzSpill(f *testing.F) {
	stored := keychain.Credential{Access: secret.New("sk-ant-oat01-FAKE-1"), Refresh: token(1), AccessEnds: now0.Add(time.Hour), Issued: now0}
	newer := stored
	newer.Access, newer.Refresh, newer.Issued = secret.New("sk-ant-oat01-FAKE-2"), token(2), now0.Add(time.Second)
	for _, c := range []keychain.Credential{stored, newer} {
		text, err := c.Encode()
		if err != nil {
			f.Fatal(err)
		}
		for _, seed := range []string{text.Reveal(), text.Reveal() + "\n\n\n", text.Reveal()[:40], text.Reveal() + "}", "\n\n" + text.Reveal()} {
			f.Add([]byte(seed), true)
			f.Add([]byte(seed), false)
		}
	}
	for _, seed := range []string{"", "\n\n\n", "{}", "null", "\x00"} {
		f.Add([]byte(seed), true)
	}
	dir := f.TempDir()
	e := fuzzEngine(f, dir)
	ctx := context.Background()
	s := settings{Store: "file"}
	f.Fuzz(func(t *testing.T, text []byte, reserve bool) {
		if err := e.saveStored(ctx, s, "default", stored); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{e.spillPath("default"), e.reservePath("default"), e.spillPath("default") + ".damaged"} {
			_ = os.Remove(path)
		}
		path := e.spillPath("default")
		if reserve {
			path = e.reservePath("default")
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		spilled, spillErr := loadSpilled(path)
		want := stored
		if spillErr == nil && spilled.Issued.After(stored.Issued) {
			want = spilled
		}
		for range 2 {
			got, err := e.load(ctx, s, "default")
			if err != nil || !got.SamePair(want) {
				t.Fatalf("found: %v", err)
			}
			e.settle(ctx, s, "default")
		}
		if got, err := e.loadStored(ctx, s, "default"); err != nil || !got.SamePair(want) {
			t.Fatalf("in the store: %v", err)
		}
		// The room is free for the next renewal.
		room, err := e.prepare(s, "default")
		if err != nil {
			t.Fatal(err)
		}
		room.discard()
	})
}

// Lines of the history that cannot be read are left out.
func FuzzHistory(f *testing.F) {
	f.Add([]byte(`{"at":"2026-11-20T12:00:00Z","account":"default","what":"renewed","who":"keytender"}` + "\n{\n\n" + `{"what":""}`))
	f.Add([]byte("\x00\xff\n[]\nnull\n7"))
	e := fuzzEngine(f, f.TempDir())
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(e.statePath(historyFile), text, 0o600); err != nil {
			t.Fatal(err)
		}
		before, err := e.History()
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 0 && text[len(text)-1] != '\n' {
			return // the cut line is lost with what follows it
		}
		e.remember(Record{Account: "default", What: "renewed"})
		after, err := e.History()
		if err != nil || (len(after) != len(before)+1 && len(text) < 60<<10) {
			t.Fatalf("%d lines before, %d after (%v)", len(before), len(after), err)
		}
	})
}
