package claudecode

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"keytender/keychain"
)

// Whatever stands in the client's settings and its state file: only names that we know are
// ever named, nothing of the values, and an account's e-mail is the one that the standard
// reader finds.
func FuzzClientSettings(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", "[]", `{"apiKeyHelper":"/bin/FAKE-key"}`,
		`{"apiKeyHelper":{"a":1},"env":{"ANTHROPIC_API_KEY":"FAKE-key"}}`,
		`{"env":{"ANTHROPIC_API_KEY":7,"CLAUDE_CODE_USE_BEDROCK":null,"FAKE-other":"x"}}`,
		`{"env":["ANTHROPIC_API_KEY"]}`,
		`{"oauthAccount":{"accountUuid":"acc","emailAddress":"a@example.com"}}`,
		`{"oauthAccount":{"accountUuid":"acc","emailAddress":7}}`,
		`{"oauthAccount":{"accountUuid":"acc","EmailAddress":"a@example.com"}}`,
		`{"tengu_windows_credman":true}`, `{"cached":{"tengu_windows_credman": true }}`,
		`{"cached":{"tengu_windows_credman":"true"}}`, "\xef\xbb\xbf{}",
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	c := &Directory{env: func(string) (string, bool) { return "", false }, home: dir, settingsDir: dir,
		state: filepath.Join(dir, ".claude.json"), goos: "windows"}
	possible := []string{"apiKeyHelper (settings.json)"}
	for _, name := range slices.Concat(clouds, []string{simpleVariable, headersVariable, socketVariable, authVariable,
		keyVariable, oauthVariable, profileVariable, federationVariable}) {
		possible = append(possible, "env."+name+" (settings.json)")
	}
	project := filepath.Join(dir, "project")
	if err := os.MkdirAll(filepath.Join(project, ".claude"), 0o700); err != nil {
		f.Fatal(err)
	}
	for _, file := range []string{"settings.json", "settings.local.json"} {
		possible = append(possible, helperSetting+" (.claude/"+file+" of the project)")
		for _, name := range append(slices.Clone(clouds), headersVariable) {
			possible = append(possible, "env."+name+" (.claude/"+file+" of the project)")
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{"settings.json", ".claude.json", "project/.claude/settings.json",
			"project/.claude/settings.local.json"} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		names := c.Overrides()
		for _, source := range c.Standing(project).Before {
			names = append(names, source.String())
		}
		for _, name := range names {
			if !slices.Contains(possible, name) {
				t.Fatalf("%q is named", name)
			}
		}
		var plain map[string]any
		isObject := json.Unmarshal(data, &plain) == nil
		account, _ := plain["oauthAccount"].(map[string]any)
		id, known := c.Identity()
		if known && (account["accountUuid"] != id.AccountID ||
			(id.Email != "" && account["emailAddress"] != id.Email)) {
			t.Fatalf("%q <%s> is known, want %v", id.AccountID, id.Email, account["accountUuid"])
		}
		if known && !isObject {
			t.Fatalf("somebody out of no object: %q", id.AccountID)
		}
		err := c.usable()
		var unusable *UnusableError
		if err != nil && (!errors.As(err, &unusable) || !strings.Contains(string(data), "tengu")) &&
			!strings.Contains(string(data), `\u`) {
			t.Fatal(err)
		}
	})
}

// Whatever security(1) prints is read, damaged or of another shape than we know; what it prints for a secret reads back as that secret, and what we
// let it store
// is stored to the byte, whatever the names.
func FuzzSecurity(f *testing.F) {
	for _, seed := range []string{login(""), login("") + "\n", "{}", "7b7d", "7b2\n", "\n", "{\n", "0x7b", "é",
		`{"k":"'\\\""}`, strings.Repeat("x", 4000)} {
		f.Add([]byte(seed), "Claude Code-credentials", "a")
	}
	f.Add([]byte("{}"), `a"b\ 'c`, `-w`)
	f.Add([]byte(`{"":{"accessToken":"sk-ant-oat"}}`), "0", "0")
	f.Fuzz(func(t *testing.T, stored []byte, service, account string) {
		if e, err := parseEntry(first(decodeSecret(stored)), "keychain"); err == nil {
			checkWritten(t, e.document().encoded())
		} else if !errors.Is(err, keychain.ErrDamaged) && !errors.As(err, new(*UnusableError)) {
			t.Fatal(err)
		}

		fake := newFakeSecurity()
		i := fakeItem(fake)
		key := i.account + "\x00" + i.service
		fake.items[key] = string(stored)
		data, unclean, err := i.read(t.Context())
		plain := !isHex(stored) // such text is ambiguous; JSON never is
		switch {
		case len(stored) == 0:
			if !errors.Is(err, keychain.ErrNotFound) {
				t.Fatalf("an empty item: %v", err)
			}
		case err != nil && len(stored) <= maxEntry:
			t.Fatal(err)
		case plain && string(data) != string(stored):
			t.Fatalf("%q reads as %q", stored, data)
		case unclean && plain && !strings.ContainsFunc(string(stored), func(r rune) bool { return r < ' ' || r > '~' }):
			t.Fatalf("%q is taken for unclean", stored)
		}

		if strings.ContainsFunc(service+account, func(r rune) bool { return r < ' ' || r == 0x7f }) ||
			!utf8.ValidString(service+account) || account == "" || service == "" {
			return // Find refuses such a name
		}
		whole, err := parseObject(stored)
		if err != nil {
			return
		}
		i.service, i.account = service, account
		text := whole.encoded()
		if err := i.write(t.Context(), text); err != nil {
			if !errors.Is(err, keychain.ErrTooBig) {
				t.Fatal(err)
			}
			return
		}
		if got := fake.items[account+"\x00"+service]; got != string(text) {
			t.Fatalf("stored %q, want %q (items %q)", got, text, fake.items)
		}
		for _, call := range fake.calls {
			for _, argument := range call {
				if len(text) > 8 && strings.Contains(argument, string(text)) {
					t.Fatalf("it stood in the arguments: %q", call)
				}
			}
		}
	})
}

func first(data []byte, _ bool) []byte { return data }

func isHex(text []byte) bool {
	return len(text)%2 == 0 && strings.Trim(string(text), "0123456789abcdefABCDEF") == ""
}
