package claudecode

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"keytender/internal/secret"
)

// A recorded location leads back to the same entry, whatever the environment says later.
func TestLocationOutlivesTheEnvironment(t *testing.T) {
	home, other, secure := t.TempDir(), t.TempDir(), t.TempDir()
	tests := map[string]struct {
		goos string
		env  map[string]string
	}{
		"plain":       {"linux", nil},
		"a directory": {"linux", map[string]string{"CLAUDE_CONFIG_DIR": other}},
		"a secure directory": {"linux", map[string]string{"CLAUDE_CONFIG_DIR": other,
			"CLAUDE_SECURESTORAGE_CONFIG_DIR": secure}},
		"a file": {"linux", map[string]string{"CLAUDE_CODE_AUTH_CREDENTIALS_PATH": filepath.Join(other,
			"c.json")}},
		"mac":              {"darwin", map[string]string{"USER": "ann"}},
		"mac, a directory": {"darwin", map[string]string{"USER": "ann", "CLAUDE_CONFIG_DIR": other}},
		"mac, a file": {"darwin", map[string]string{"CLAUDE_CODE_AUTH_CREDENTIALS_PATH": filepath.Join(other,
			"c.json")}},
		"mac, file and item": {"darwin", map[string]string{"CLAUDE_CODE_AUTH_CREDENTIALS_PATH": filepath.Join(other,
			"c.json"), "CLAUDE_CODE_AUTH_KEYCHAIN_SERVICE": "mine"}},
		"a relative directory": {"linux", map[string]string{"CLAUDE_CONFIG_DIR": "some/where"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			config := Config{Home: home, GOOS: tt.goos, Username: "osname", LookupEnv: lookup(tt.env),
				Security: newFakeSecurity().run}
			found, err := Find(config)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(found.Location())
			if err != nil {
				t.Fatal(err)
			}
			var l Location
			if err := json.Unmarshal(text, &l); err != nil {
				t.Fatal(err)
			}
			config.LookupEnv = lookup(map[string]string{"USER": "bob", "CLAUDE_CONFIG_DIR": t.TempDir(),
				"CLAUDE_CODE_AUTH_CREDENTIALS_PATH": "/x", "CLAUDE_CODE_AUTH_KEYCHAIN_SERVICE": "x"})
			again := At(l, config)
			same := func(what string, a, b any) {
				if !reflect.DeepEqual(a, b) {
					t.Errorf("%s: %v, then %v", what, a, b)
				}
			}
			same("location", l, again.Location())
			same("place", found.Place(), again.Place())
			same("id", found.ID(), again.ID())
			same("file", found.File(), again.File())
			same("lock", found.firstLock(), again.firstLock())
			same("state", found.stateFile(), again.stateFile())
			same("settings", found.settingsDir, again.settingsDir)
			if !filepath.IsAbs(found.File()) || !filepath.IsAbs(l.Dir) || !filepath.IsAbs(l.State) {
				t.Errorf("not absolute: %+v", l)
			}
		})
	}
}

func TestIDIsOneForOneEntry(t *testing.T) {
	base := t.TempDir()
	real, link := filepath.Join(base, "real"), filepath.Join(base, "link")
	if err := os.Mkdir(real, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := symlink(real, link); err != nil {
		t.Skip(err)
	}
	id := func(dir string) string {
		c, err := Find(Config{Home: base, GOOS: "linux",
			LookupEnv: lookup(map[string]string{"CLAUDE_CONFIG_DIR": dir})})
		if err != nil {
			t.Fatal(err)
		}
		return c.ID()
	}
	resolved, err := filepath.EvalSymlinks(real)
	if err != nil {
		t.Fatal(err)
	}
	want := "file:" + filepath.Join(resolved, ".credentials.json")
	for _, dir := range []string{real, real + "/", link, link + "/.", base + "/link/../real"} {
		if got := id(dir); got != want {
			t.Errorf("%s is %s, want %s", dir, got, want)
		}
	}
	absent := id(filepath.Join(link, "later", "still"))
	if err := os.MkdirAll(filepath.Join(real, "later", "still"), 0o700); err != nil {
		t.Fatal(err)
	}
	if now := id(filepath.Join(real, "later", "still")); now != absent || absent == want {
		t.Errorf("before it was made %s, after it %s", absent, now)
	}
	if got := At(Location{Dir: real, Service: "s", Account: "a"}, Config{}).ID(); got != "item:s/a" {
		t.Errorf("the item is %s", got)
	}
}

// What belongs to an account goes and comes with it; all else stays to the letter.
func TestBoundKeysMoveWithTheAccount(t *testing.T) {
	const shared = `"mcpOAuth":{"b":1,"a":2.50},"mcpXaaIdp":{},"pluginSecrets":{"x":"\u00e9"},"z":1`
	const bound = `"trustedDeviceToken":"FAKE-d","enterpriseGateway":{"u":1},"designOauth":[1],"organizationUuid":"org"`
	old := `{` + shared + `,` + bound +
		`,"claudeAiOauth":{"accessToken":"FAKE-o","refreshToken":"FAKE-or","scopes":["user:inference"],"accountUuid":"acc","organizationUuid":"org"}}`
	same, other, unknown := fakeLogin("n"), fakeLogin("n"), fakeLogin("n")
	other.Account.ID, unknown.Account.ID = "acc2", ""
	theirs := secret.New(`{"designOauth":{"t":"FAKE-2"},"organizationUuid":"org2","mcpOAuth":{"evil":1}}`)
	const none, kept, given = "{}", "{" + bound + "}", `{"designOauth":{"t":"FAKE-2"},"organizationUuid":"org2"}`
	tests := map[string]struct {
		change Change
		bound  string
	}{
		"a renewal":                       {Change{SignIn: &same}, kept},
		"a renewal takes none in":         {Change{SignIn: &same, Bound: theirs}, kept},
		"a renewal of another by its ids": {Change{SignIn: &other}, none},
		"a new login of the account":      {Change{SignIn: &same, NewLogin: true}, kept},
		"a new login with its own":        {Change{SignIn: &same, NewLogin: true, Bound: theirs}, given},
		"a new login of another":          {Change{SignIn: &other, NewLogin: true}, none},
		"a new login of another, its own": {Change{SignIn: &other, NewLogin: true, Bound: theirs}, given},
		"a new login of nobody known":     {Change{SignIn: &unknown, NewLogin: true}, none},
		"a sign-out":                      {Change{SignOut: true}, none},
		"put back of the account": {Change{
			Restore: secret.New(`{"accessToken":"FAKE-x","accountUuid":"acc"}`)}, kept},
		"put back of another": {Change{
			Restore: secret.New(`{"accessToken":"FAKE-x","accountUuid":"acc2"}`)}, none},
		"put back of another, its own": {Change{
			Restore: secret.New(`{"accessToken":"FAKE-x","accountUuid":"acc2"}`), Bound: theirs}, given},
		"put back of another, with its org.": {Change{Restore: secret.New(`{"accessToken":"FAKE-x"}`),
			RestoreOrganization: secret.New(`"o3"`)}, `{"organizationUuid":"o3"}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			after := merged(t, old, tt.change)
			e, err := parseEntry([]byte(after), "file")
			if err != nil {
				t.Fatal(err)
			}
			got := e.Bound().Reveal()
			if got == "" {
				got = "{}"
			}
			if got != tt.bound {
				t.Errorf("bound %s, want %s", got, tt.bound)
			}
			if !strings.HasPrefix(after, "{"+shared) {
				t.Errorf("the shared keys became %s", after)
			}
		})
	}
	for _, broken := range []string{"[]", `{"a":`} {
		if _, _, err := (Entry{}).merge(Change{SignIn: &same, NewLogin: true, Bound: secret.New(broken)}); err == nil {
			t.Errorf("%s is taken for an object", broken)
		}
	}
}

// A token of such a size is none: the login is not taken, and the entry is not damaged.
func TestTokensAreBounded(t *testing.T) {
	long := strings.Repeat("x", maxToken+1)
	for name, inside := range map[string]string{
		"access":  `"accessToken":"` + long + `","refreshToken":"FAKE"`,
		"refresh": `"accessToken":"FAKE","refreshToken":"` + long + `"`,
	} {
		e, err := parseEntry([]byte(inner(inside+`,"scopes":["user:inference"]`)), "file")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if ok, why := e.AcceptedByClient(); ok || why != TokenTooLong {
			t.Errorf("%s: %v %q", name, ok, why)
		}
		if _, _, err := (Entry{}).merge(Change{SignIn: &e.Login, NewLogin: true}); err == nil {
			t.Errorf("%s: it would be written", name)
		}
	}
}

func TestAnEmptyFileIsNoEntry(t *testing.T) {
	for _, text := range []string{"", " \n\t", "\n"} {
		c, home := homeEntry(t)
		_ = os.Mkdir(home+"/.claude", 0o700)
		path := home + "/.claude/.credentials.json"
		mustWrite(t, path, text)
		if e, err := c.Read(t.Context()); err != nil || e.State != Absent {
			t.Errorf("%q: %v, %v", text, e.State, err)
		}
		if _, err := c.Update(t.Context(), write(fakeLogin("n"), true)); err != nil || mustRead(t, path) != fullLogin {
			t.Errorf("%q: %v: %s", text, err, mustRead(t, path))
		}
	}
}
