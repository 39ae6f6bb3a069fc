package session

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"keytender/internal/config"
	"keytender/internal/ledger"
	"keytender/internal/secret"
	"keytender/keychain"
)

// fuzzEngine works in a folder, and its server refuses every connection.
func fuzzEngine(t testing.TB, dir string) *Engine {
	t.Helper()
	environment := map[string]string{"KEYTENDER_HOME": dir, "KEYTENDER_STORE": "file",
		"CLAUDE_CONFIG_DIR":   filepath.Join(dir, "claude"),
		"ANTHROPIC_TOKEN_URL": "http://127.0.0.1:1/token", "KEYTENDER_API_URL": "http://127.0.0.1:1"}
	c, err := config.Load(func(name string) (string, bool) { value, ok := environment[name]; return value, ok }, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(c.Paths.State, 0o700); err != nil {
		t.Fatal(err)
	}
	return e
}

// Whatever a ledger holds, or what the first version wrote: it is understood, or it is
// damaged and stays as it is; what is understood survives being written, and an account's
// name from it never leaves our folder.
func FuzzState(f *testing.F) {
	for _, seed := range []string{``, `{}`, `null`, `[]`, `{"version":2}`, `{"version":3}`,
		`{"version":2,"active":"../../x"}`,
		`{"version":2,"accounts":[{"name":"default","chain":"c1"}],"chains":[{"id":"c1","account":"default","generations":[{"access":"aa","refresh":"bb"}],"intent":{"sends":-9}}]}`,
		`{"version":2,"places":[{"id":"file:/x","kind":"entry","where":{"dir":"/x"},"chain":"c1","pair":{"refresh":"bb"}}]}`,
		`{"chains":{"default":{"known":["aa","bb"],"dead":["aa"],"intent":{"fingerprint":"bb","sends":2},"notBefore":"9999-12-31T23:59:59Z","failures":-9}}}`,
		`{"store":"keychain","active":"work","accounts":["work","default"],"mirror":false,"termsShown":true,"displaced":true}`,
		`{"active":"../../x","accounts":["../../x"]}`, `{"store":7}`, `{"store":"elsewhere"}`, `{"accounts":null}`} {
		for file := range byte(3) {
			f.Add([]byte(seed), file)
		}
	}
	dir := f.TempDir()
	e := fuzzEngine(f, dir)
	e.entryErr = errors.New("no entry here")
	ours := keychain.Credential{Access: secret.New("sk-ant-oat01-FAKE-1"), Refresh: token(1)}
	names := []string{ledgerFile, "journal.json", "settings.json"}
	f.Fuzz(func(t *testing.T, text []byte, file byte) {
		for _, name := range names {
			_ = os.Remove(e.statePath(name))
		}
		path := e.statePath(names[int(file)%len(names)])
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := e.ledger()
		w, workErr := e.begin(t.Context(), time.Minute)
		if (err == nil) != (workErr == nil) {
			t.Fatalf("reading: %v, working: %v", err, workErr)
		}
		if err != nil {
			if !errors.Is(err, keychain.ErrDamaged) && !errors.Is(err, ledger.ErrLater) {
				t.Fatal(err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(after, text) {
				t.Fatalf("a damaged file was overwritten: %s", after)
			}
			return
		}
		account := w.l.Choose("")
		v := w.vault(w.l)
		for _, path := range []string{v.spillPath(account), v.reservePath(account)} {
			if filepath.Dir(path) != e.config.Paths.State {
				t.Fatalf("an account's name leads to %s", path)
			}
		}
		c := w.chainFor(account, &ours)
		c.Advance(pairOf(&ours))
		c.MaySpend(pairOf(&ours), now0)
		w.directories()
		if err := w.save(); err != nil {
			t.Fatal(err)
		}
		w.end()
		again, err := e.ledger()
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if !again.ChainOf(account).Knows(pairOf(&ours)) || len(again.Accounts) < len(l.Accounts) {
			t.Fatal("something was lost")
		}
	})
}

// Whatever lies in the place of a spilled pair: it is a pair, or it is left alone or
// put aside, and the stored one is used.
func FuzzSpill(f *testing.F) {
	stored := keychain.Credential{Access: secret.New("sk-ant-oat01-FAKE-1"), Refresh: token(1),
		AccessEnds: now0.Add(time.Hour), Issued: now0}
	newer := stored
	newer.Access, newer.Refresh, newer.Issued = secret.New("sk-ant-oat01-FAKE-2"), token(2), now0.Add(time.Second)
	for _, c := range []keychain.Credential{stored, newer} {
		text, err := c.Encode()
		if err != nil {
			f.Fatal(err)
		}
		for _, seed := range []string{text.Reveal(), text.Reveal() + "\n\n\n", text.Reveal()[:40], text.Reveal() + "}",
			"\n\n" + text.Reveal()} {
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
	v := e.vaultIn("file")
	f.Fuzz(func(t *testing.T, text []byte, reserve bool) {
		if err := v.save(ctx, "default", stored); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{v.spillPath("default"), v.reservePath("default"),
			v.spillPath("default") + ".damaged"} {
			_ = os.Remove(path)
		}
		path := v.spillPath("default")
		if reserve {
			path = v.reservePath("default")
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
			got, err := v.load(ctx, "default")
			if err != nil || !got.SamePair(want) {
				t.Fatalf("found: %v", err)
			}
			v.unspill(ctx, "default")
		}
		if got, err := v.loadStored(ctx, "default"); err != nil || !got.SamePair(want) {
			t.Fatalf("in the store: %v", err)
		}
		// The room is free for the next renewal.
		reserved, err := v.prepare("default")
		if err != nil {
			t.Fatal(err)
		}
		reserved.discard()
	})
}

// Lines of the history that cannot be read are left out.
func FuzzHistory(f *testing.F) {
	f.Add([]byte(`{"at":"2026-11-20T12:00:00Z","account":"default","what":"renewed","who":"keytender"}` + "\n{\n\n" +
		`{"what":""}`))
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
