package keychain

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSalvageOfTheFileStore: a login that stands whole is kept, whatever is in it and around it; of two
// that may be the newest neither is.
func TestSalvageOfTheFileStore(t *testing.T) {
	login := func(token, more string) string {
		return `{"type": "oauth", "access": "` + token + `", "refresh": "sk-ant-ort01-FAKE"` + more + `}`
	}
	newer, older := login("sk-ant-oat01-FAKE-2", ""), login("sk-ant-oat01-FAKE-1", "")
	for name, c := range map[string]struct{ text, want string }{
		"cut at the end": {`{"accounts": {"ann": ` + newer, "FAKE-2"},
		"a brace in it": {`{"accounts": {"ann": ` + login("sk-ant-oat01-FAKE-2", `, "organizationName": "{EU}"`),
			"FAKE-2"},
		"a section's name":  {`{"accounts": {"accounts": ` + newer, "FAKE-2"},
		"an older one too":  {`<<<< {"ann": ` + older + ` ==== {"ann": ` + newer, "FAKE-2"},
		"twice":             {`<<<< {"ann": ` + newer + ` ==== {"ann": ` + newer, "FAKE-2"},
		"two of one rank":   {`<<<< {"ann": ` + login("sk-ant-oat01-FAKE-3", "") + ` ==== {"ann": ` + newer, ""},
		"cut in the middle": {`{"accounts": {"ann": ` + newer[:len(newer)-3], ""},
		"another's":         {`{"accounts": {"bob": ` + newer, ""},
	} {
		path := filepath.Join(t.TempDir(), "credentials.json")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		text, any := (&FileStore{Path: path}).Salvage([]string{"ann", "accounts"}, func(_ string, c Credential) bool {
			return !strings.HasSuffix(c.Access.Reveal(), "FAKE-1")
		})
		if any != (c.want != "") || !strings.Contains(text, c.want) {
			t.Errorf("%s: %v", name, any)
		}
	}
}
