package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/ledger"
	"keytender/internal/oauth"
	"keytender/internal/secret"
	"keytender/keychain"
)

// A login that somebody has, in Claude Code's shape or in OpenCode's: it becomes our
// record with the tokens that stand in it, or nothing changes and the error repeats
// nothing of it. MARK stands for what must not be shown.
func FuzzImport(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", "[]",
		`{"claudeAiOauth":{"accessToken":"sk-ant-oat01-MARK","refreshToken":"sk-ant-ort01-MARK","expiresAt":1795249048058,"scopes":["user:inference"]}}`,
		`{"claudeAiOauth":{"accessToken":"MARK","scopes":"user:inference"},"mcpOAuth":{"MARK":1}}`,
		`{"claudeAiOauth":{"accessToken":"MARK`, `{"claudeAiOauth":["MARK"]}`,
		`{"claudeAiOauth":{"accessToken":"sk-ant-oat01-MARK","AccessToken":"other","refreshToken":"sk-ant-ort01-MARK","expiresAt":1795249048058}}`,
		`{"claudeAiOauth":{"accessToken":"MARK MARK"}}`, `{"claudeAiOauth":{"accessToken":"MARK","expiresAt":"1e400"}}`,
		"\xef\xbb\xbf{}", "sk-ant-oat01-MARK",
		`{"anthropic":{"type":"oauth","access":"MARK","refresh":"MARK","expires":1795249048058},"other":{"key":"MARK"}}`,
		`{"anthropic":{"type":"api","key":"MARK"}}`, `{"anthropic":{"type":"oauth","access":["MARK"]}}`,
		`{"anthropic":null}`, `{"anthropic":{"type":"oauth","access":"MARK","expires":1e99}}`,
		`{"anthropic":{"type":"oauth","access":"M\u0000ARK","refresh":"MARK\n"}}`,
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	const mark = "FAKEFAKEmarkedFAKE"
	dir := f.TempDir()
	e := fuzzEngine(f, dir)
	path := filepath.Join(dir, "auth.json")
	before := keychain.Credential{Access: secret.New("FAKE-before"), Refresh: token(1),
		Scopes: []string{"user:inference"}, Issued: now0}
	f.Fuzz(func(t *testing.T, text []byte, openCode bool) {
		text = bytes.ReplaceAll(text, []byte("MARK"), []byte(mark))
		for _, path := range []string{e.statePath(ledgerFile), e.config.Paths.Credentials} {
			_ = os.Remove(path)
		}
		v := e.vaultIn("file")
		if err := v.save(t.Context(), "former", before); err != nil {
			t.Fatal(err)
		}
		was, err := os.ReadFile(e.config.Paths.Credentials)
		if err != nil {
			t.Fatal(err)
		}
		var done Imported
		if openCode {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			done, err = e.ImportOpenCode(t.Context(), ImportOptions{}, path)
		} else {
			done, err = e.ImportJSON(t.Context(), ImportOptions{}, secret.New(string(text)))
		}
		shows := func(said string) bool {
			return strings.Contains(said, mark) || strings.ContainsFunc(said,
				func(r rune) bool { return r < ' ' || r == 0x7f })
		}
		if err != nil {
			known := &Error{}
			if !errors.As(err, &known) || known.Fault == "" || shows(known.Error()) || shows(fmt.Sprintf("%+v", err)) {
				t.Fatalf("%q", err)
			}
			if is, _ := os.ReadFile(e.config.Paths.Credentials); !bytes.Equal(is, was) {
				t.Fatalf("%v, and yet the store changed:\n%s", err, is)
			}
			return
		}
		got, err := v.load(t.Context(), done.Account)
		if err != nil {
			t.Fatal(err)
		}
		if shows(done.Account + fmt.Sprint(done.Note.Remark, done.Note.Values)) {
			t.Fatalf("%+v", done)
		}
		var openCodes struct {
			Login struct{ Access, Refresh string } `json:"anthropic"`
		}
		_ = json.Unmarshal(text, &openCodes)
		access, refresh := openCodes.Login.Access, openCodes.Login.Refresh
		if !openCode { // Claude Code's keys are taken to the letter
			var whole map[string]any
			_ = json.Unmarshal(text, &whole)
			login, _ := whole["claudeAiOauth"].(map[string]any)
			access, _ = login["accessToken"].(string)
			refresh, _ = login["refreshToken"].(string)
		}
		for what, pair := range map[string][2]string{"access": {got.Access.Reveal(), access},
			"refresh": {got.Refresh.Reveal(), refresh}} {
			if pair[0] != pair[1] || strings.ContainsFunc(pair[0], func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Fatalf("%s %q, want %q", what, pair[0], pair[1])
			}
		}
		if got.SamePair(before) || got.Unknown != nil || got.Lifetime != 0 || got.Method != "import" {
			t.Fatalf("%+v", got)
		}
	})
}

// What we keep beside the logins, damaged: the login that a mirror displaced, an API key,
// and the list of exports. It is used whole, or it is an error that shows nothing of it
// and Claude Code's entry stays as it is.
func FuzzRecords(f *testing.F) {
	for _, seed := range []string{
		`{"type":"displaced","state":"other-login","whose":"a@example.com","login":{"accessToken":"MARK","x":[1,2.50]},"organization":"o"}`,
		`{"type":"displaced","state":"absent"}`, `{"type":"displaced","login":"MARK"}`,
		`{"type":"displaced","login":{"a":1},"organization":7}`, `{"type":"displaced","login":null}`,
		`{"type":"api-key","key":"sk-ant-api03-MARK","created":"2026-11-20T12:00:00Z"}`,
		`{"type":"api-key","key":["MARK"]}`, `{"type":"api-key"}`, `{}`, `[]`, `null`, `"MARK"`,
		`{"version":1,"exports":[{"repo":"o/n","secret":"S","account":"ci","until":"2027-11-20T12:00:00Z","at":"2026-11-20T12:00:00Z"},{"repo":"o/m","secret":"S"}]}`,
		`{"exports":[null,{"until":null}]}`, `{"exports":{}}`, `{"exports":[{"until":"soon"}]}`,
	} {
		f.Add([]byte(seed))
	}
	const mark = "FAKEFAKEmarkedFAKE"
	dir := f.TempDir()
	e := fuzzEngine(f, dir)
	entry := filepath.Join(dir, "claude", ".credentials.json")
	if err := os.MkdirAll(filepath.Dir(entry), 0o700); err != nil {
		f.Fatal(err)
	}
	const foreign = `{"mcpOAuth":{"a":1}}`
	f.Fuzz(func(t *testing.T, text []byte) {
		text = bytes.ReplaceAll(text, []byte("MARK"), []byte(mark))
		check := func(what string, err error) {
			t.Helper()
			known := &Error{}
			if err != nil && (!errors.As(err, &known) || strings.Contains(fmt.Sprintf("%+v", err), mark)) {
				t.Fatalf("%s: %q", what, err)
			}
		}

		if err := os.WriteFile(e.statePath(exportsFile), text, 0o600); err != nil {
			t.Fatal(err)
		}
		listed, err := e.exports()
		check("exports", err)
		noteErr := e.NoteExport(t.Context(), Export{Repo: "FAKE/new", Secret: "S"}, true)
		if check("noting an export", noteErr); (err == nil) != (noteErr == nil) {
			t.Fatalf("reading: %v, noting: %v", err, noteErr)
		}
		if after, _ := os.ReadFile(e.statePath(exportsFile)); err != nil && !bytes.Equal(after, text) {
			t.Fatalf("a damaged list was overwritten: %s", after)
		}
		if again, _ := e.exports(); err == nil && (len(again) == 0 || len(again) < len(listed)) {
			t.Fatalf("%d exports became %d", len(listed), len(again))
		}

		if !json.Valid(text) {
			return // no store takes it
		}
		v := e.vaultIn("file")
		for _, name := range []string{displacedName("displaced-1"), keychain.RecordName("default", apiKeyPart)} {
			if err := v.keep(t.Context(), name, secret.New(string(text))); err != nil {
				return
			}
		}
		key, err := v.apiKey(t.Context(), "default")
		if check("API key", err); (err == nil) == key.IsZero() {
			t.Fatalf("neither or both: %v", err)
		}

		l := ledger.New()
		l.Store = "file"
		l.Displaced = []*ledger.Displaced{{ID: "displaced-1", Place: e.entry.ID()}}
		kept, err := l.Encode()
		if err == nil {
			err = os.WriteFile(e.statePath(ledgerFile), kept, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(entry, []byte(foreign), 0o600); err != nil {
			t.Fatal(err)
		}
		_, aside, readErr := (&work{Engine: e, l: l}).displacing().lastDisplaced(t.Context(), e.entry.ID())
		_, err = e.Undo(t.Context())
		check("undo", err)
		after, _ := os.ReadFile(entry)
		if err != nil && string(after) != foreign {
			t.Fatalf("%v, and yet the entry became %s", err, after)
		}
		if readErr != nil && err == nil {
			t.Fatal("a record that cannot be read was put back")
		}
		var whole map[string]json.RawMessage
		if json.Unmarshal(after, &whole) != nil || string(whole["mcpOAuth"]) != `{"a":1}` {
			t.Fatalf("what belongs to others is %s", after)
		}
		if err == nil && len(aside.Inner) > 0 {
			var was, is any
			if json.Unmarshal(aside.Inner, &was) != nil || json.Unmarshal(whole["claudeAiOauth"], &is) != nil ||
				fmt.Sprint(was) != fmt.Sprint(is) {
				t.Fatalf("%s was kept and %s put back", aside.Inner, whole["claudeAiOauth"])
			}
		}
	})
}

// Lines that come from a terminal: an answer holds our own state or is a bare code that
// waits; a token is never kept; the right line counts whatever came before it.
func FuzzPasting(f *testing.F) {
	attempt, err := oauth.NewAttempt(oauth.AttemptConfig{AuthorizeURL: "https://example.com/a", ClientID: "FAKE-client",
		PasteRedirect: "https://example.com/paste"})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "FAKE-code#STATE", "FAKE-\ncode\n#STATE", "FAKE-code",
		"https://example.com/paste?code=F\nAKE&state=STATE", "is it this?\n\n#", "sk-ant-oat01-FAKE-a1\nFAKE",
		"FAKE#other\nFAKE", "https://example.com/paste?state=STATE&error=access_denied", "\x1b[200~FAKE#STATE\x1b[201~",
		"STATE\nSTATE", "#STATE"} {
		f.Add(seed)
	}
	const loopback = "http://localhost:8765/callback"
	f.Fuzz(func(t *testing.T, text string) {
		p := pasting{attempt: attempt, loopback: loopback, deadline: time.Now().Add(time.Minute)}
		defer func() {
			if p.wait != nil {
				p.wait.Stop()
			}
		}()
		text = strings.ReplaceAll(text, "STATE", attempt.State())
		came := ""
		for line := range strings.Lines(text) {
			came += line
			pasted, done, err := p.take(line)
			switch {
			case done && err != nil, !done && pasted != (oauth.Pasted{}):
				t.Fatalf("done is %v, %+v, %v", done, pasted, err)
			case done && !strings.Contains(strings.Join(strings.Fields(came), ""), attempt.State()):
				t.Fatal("an answer without our state")
			case done && (pasted.Err == "") == pasted.Code.IsZero():
				t.Fatalf("neither or both: %+v", pasted)
			}
			if errors.Is(err, oauth.ErrPastedToken) && p.pieces != "" {
				t.Fatal("a token is kept")
			}
			if err != nil && strings.Contains(err.Error(), attempt.State()) {
				t.Fatalf("shown: %v", err)
			}
			if len(p.pieces) > maxPieces && len(p.pieces) > len(line) {
				t.Fatalf("%d bytes are kept", len(p.pieces))
			}
			if done {
				return
			}
		}
		if strings.ContainsAny(text, ":#%") {
			return // the beginning of something longer is joined with what follows
		}
		pasted, done, err := p.take("FAKE-right#" + attempt.State() + "\n")
		if !done || err != nil || !strings.HasSuffix(pasted.Code.Reveal(), "FAKE-right") {
			t.Fatalf("after %q the right line is %v, %v", text, done, err)
		}
	})
}
