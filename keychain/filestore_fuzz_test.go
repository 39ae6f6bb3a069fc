package keychain

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"keytender/internal/secret"
)

// Whatever our file holds: what cannot be read whole is not overwritten, and a save
// changes the one record that it is about.
func FuzzFileStore(f *testing.F) {
	for _, text := range []string{
		"", " ", "{}", "null", "[]", "{", `{"accounts":{}}`, `{"accounts":null}`, `{"accounts":[]}`,
		`{"accounts":{"default":1}}{}`, "\xef\xbb\xbf{}",
		`{"accounts":{"default":{"type":"oauth","access":"FAKE"},"work":{"n":12345678901234567890}},"other":{"claude-code..displaced":{"x":1.50}},"next":{"a":[1e400]}}`,
		`{"accounts":{"default":1,"default":2}}`, `{"ACCOUNTS":{"default":1}}`, "{\"accounts\":{\"\xff\":1}}",
	} {
		f.Add([]byte(text))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		s := &FileStore{Path: filepath.Join(dir, "credentials.json")}
		if err := os.WriteFile(s.Path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		before, sectionsBefore, readErr := s.read()
		record := secret.New(`{"type":"oauth","access":"FAKE-<new>"}`)
		err := s.Save(t.Context(), "default", record)
		data, fileErr := os.ReadFile(s.Path)
		if fileErr != nil {
			t.Fatal(fileErr)
		}
		if (err != nil) != (readErr != nil) {
			t.Fatalf("reading: %v, saving: %v", readErr, err)
		}
		if err != nil {
			if !bytes.Equal(data, content) {
				t.Fatalf("%v, and yet the file became %q", err, data)
			}
			return
		}
		after, sectionsAfter, err := s.read()
		if err != nil {
			t.Fatalf("what was saved cannot be read: %v", err)
		}
		same := func(where string, before, after map[string]json.RawMessage, but ...string) {
			for key, value := range before {
				if !slices.Contains(but, key) && !bytes.Equal(canonical(value), canonical(after[key])) {
					t.Fatalf("%s: %q was %s and is %s", where, key, value, after[key])
				}
			}
		}
		same("file", before, after, "accounts")
		same("accounts", sectionsBefore["accounts"], sectionsAfter["accounts"], "default")
		same("other", sectionsBefore["other"], sectionsAfter["other"])
		if err := s.Delete(t.Context(), "default"); err != nil {
			t.Fatal(err)
		}
		if data, _ := os.ReadFile(s.Path); bytes.Contains(data, []byte("FAKE-<new>")) {
			t.Fatalf("what was deleted is still there: %s", data)
		}
	})
}

// A record that was taken for a login is the same one after it was written again;
// one that was not is refused in words that hold nothing of it.
func FuzzDecodeCredential(f *testing.F) {
	for _, text := range []string{
		"", "{}", "null", `{"type":"oauth"}`, `{"type":"oauth","access":"FAKE"}`, `{"type":"api","access":"FAKE"}`,
		`{"type":"oauth","access":"FAKE"} x`,
		`{"type":"oauth","access":"FAKE","refresh":"FAKE","expires":1e3,"scopes":["a"],"next":{"n":12345678901234567890}}`,
		`{"type":"oauth","access":"FAKE","expires":9223372036854775807,"lifetime":-9223372036854775808,"issued":-1}`,
		`{"type":"oauth","access":1}`, `{"TYPE":"oauth","Access":"FAKE"}`, "{\"type\":\"oauth\",\"access\":\"\xff\"}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := DecodeCredential(secret.New(text))
		if err != nil {
			said := []string{"the record is not a JSON object", "a field of the record has the wrong type",
				"the record holds no access token"}
			if !errors.Is(err, ErrDamaged) || !slices.ContainsFunc(said,
				func(s string) bool { return err.Error() == ErrDamaged.Error()+": "+s }) {
				t.Fatal(err)
			}
			return
		}
		record, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeCredential(record)
		if err != nil {
			t.Fatalf("%s: %v", record.Reveal(), err)
		}
		if !again.SamePair(c) || !again.AccessEnds.Equal(c.AccessEnds) || !again.LoginEnds.Equal(c.LoginEnds) ||
			!again.Issued.Equal(c.Issued) ||
			again.Lifetime != c.Lifetime || again.Account != c.Account || !slices.Equal(again.Scopes, c.Scopes) ||
			len(again.Unknown) != len(c.Unknown) {
			t.Fatalf("%q became %q", text, record.Reveal())
		}
		if once, err := again.Encode(); err != nil || !once.Equal(record) {
			t.Fatalf("written twice it differs: %q, %q", once.Reveal(), record.Reveal())
		}
	})
}
