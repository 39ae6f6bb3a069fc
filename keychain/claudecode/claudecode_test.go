package claudecode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/dirlock"
	"keytender/internal/secret"
	"keytender/keychain"
)

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { value, ok := env[name]; return value, ok }
}

func TestPlaces(t *testing.T) {
	const decomposed, composed = "/h/cafe\u0301", "/h/caf\u00e9"
	tests := map[string]struct {
		goos string
		env  map[string]string
		want string
	}{
		"linux": {"linux", nil, "/h/.claude/.credentials.json"},
		"CLAUDE_CONFIG_DIR": {"linux", map[string]string{"CLAUDE_CONFIG_DIR": "/c/"},
			"/c/.credentials.json"},
		"~ is not expanded": {"linux", map[string]string{"CLAUDE_CONFIG_DIR": "~/c"},
			"~/c/.credentials.json"},
		"CLAUDE_SECURESTORAGE_CONFIG_DIR": {"linux", map[string]string{"CLAUDE_CONFIG_DIR": "/c",
			"CLAUDE_SECURESTORAGE_CONFIG_DIR": "/s"}, "/s/.credentials.json"},
		"an empty one is ignored": {"linux", map[string]string{"CLAUDE_SECURESTORAGE_CONFIG_DIR": ""},
			"/h/.claude/.credentials.json"},
		"credentials path": {"linux",
			map[string]string{"CLAUDE_CODE_AUTH_CREDENTIALS_PATH": "/x/y.json"}, "/x/y.json"},
		"mac": {"darwin", map[string]string{"USER": "ann"},
			`the keychain item "Claude Code-credentials" of ann`},
		"mac, no USER": {"darwin", map[string]string{"USER": ""},
			`the keychain item "Claude Code-credentials" of osname`},
		"mac, odd USER": {"darwin", map[string]string{"USER": "ann b"},
			`the keychain item "Claude Code-credentials" of claude-code-user`},
		"mac, USER with a newline": {"darwin", map[string]string{"USER": "ann\n"},
			`the keychain item "Claude Code-credentials" of claude-code-user`},
		"mac, own directory": {"darwin", map[string]string{"CLAUDE_CONFIG_DIR": "/c"},
			`the keychain item "Claude Code-credentials-facd442e" of osname`},
		"mac, own directory, slash": {"darwin", map[string]string{"CLAUDE_CONFIG_DIR": "/c/"},
			`the keychain item "Claude Code-credentials-eeafdc68" of osname`},
		"mac, secure directory": {"darwin", map[string]string{"CLAUDE_CONFIG_DIR": "/x",
			"CLAUDE_SECURESTORAGE_CONFIG_DIR": "/c"}, `the keychain item "Claude Code-credentials-facd442e" of osname`},
		"mac, secure directory empty": {"darwin", map[string]string{"CLAUDE_CONFIG_DIR": "/c",
			"CLAUDE_SECURESTORAGE_CONFIG_DIR": ""}, `the keychain item "Claude Code-credentials" of osname`},
		"mac, composed": {"darwin", map[string]string{"CLAUDE_CONFIG_DIR": composed},
			`the keychain item "Claude Code-credentials-10b957e4" of osname`},
		"mac, decomposed": {"darwin", map[string]string{"CLAUDE_CONFIG_DIR": decomposed},
			`the keychain item "Claude Code-credentials-10b957e4" of osname`},
		"mac, service": {"darwin", map[string]string{"CLAUDE_CODE_AUTH_KEYCHAIN_SERVICE": "mine"},
			`the keychain item "mine" of osname`},
		"mac, credentials path": {"darwin",
			map[string]string{"CLAUDE_CODE_AUTH_CREDENTIALS_PATH": "/x/y.json"}, "/x/y.json"},
		"mac, credentials path and service": {"darwin",
			map[string]string{"CLAUDE_CODE_AUTH_CREDENTIALS_PATH": "/x/y.json",
				"CLAUDE_CODE_AUTH_KEYCHAIN_SERVICE": "mine"}, `the keychain item "mine" of osname`},
		"windows": {"windows", nil, "/h/.claude/.credentials.json"},
	}
	for name, tt := range tests {
		c, err := Find(Config{Home: "/h", GOOS: tt.goos, Username: "osname", LookupEnv: lookup(tt.env),
			Security: newFakeSecurity().run})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := tt.want
		// on Windows /h is on some drive, and a relative path is followed from here
		if !strings.HasPrefix(want, "the ") {
			want, _ = filepath.Abs(want)
		}
		if got := c.Place(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestEmptyConfigDirIsExplained(t *testing.T) {
	_, err := Find(Config{Home: "/h", LookupEnv: lookup(map[string]string{"CLAUDE_CONFIG_DIR": ""})})
	var unusable *UnusableError
	if !errors.As(err, &unusable) || !strings.Contains(err.Error(), "CLAUDE_CONFIG_DIR") || unusable.Hint == "" {
		t.Errorf("err = %v", err)
	}
	if _, err := Find(Config{Home: "/h", LookupEnv: lookup(map[string]string{"CLAUDE_CONFIG_DIR": "",
		"CLAUDE_SECURESTORAGE_CONFIG_DIR": "/s"})}); err != nil {
		t.Errorf("with a directory for the credentials: %v", err)
	}
}

func write(c keychain.Credential, newLogin bool) func(Entry) (Change, error) {
	return func(Entry) (Change, error) { return Change{SignIn: &c, NewLogin: newLogin}, nil }
}

func TestUpdateCreatesTheFile(t *testing.T) {
	c, home := homeEntry(t)
	before, err := c.Update(t.Context(), write(fakeLogin("n"), true))
	if err != nil || before.State != Absent {
		t.Fatalf("%v %v", before.State, err)
	}
	path := home + "/.claude/.credentials.json"
	if got := mustRead(t, path); got != fullLogin {
		t.Errorf("file = %s", got)
	}
	if info, _ := os.Stat(path); runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("file mode %v", info.Mode())
	}
	if info, _ := os.Stat(home + "/.claude"); runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("directory mode %v", info.Mode())
	}
	if got := names(t, home+"/.claude"); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
	e, err := c.Read(t.Context())
	if ok, why := e.AcceptedByClient(); err != nil || e.State != SignedIn || !ok {
		t.Errorf("read back: %v %v %s", e.State, err, why)
	}
}

func TestUpdateWithNothingToDoLeavesEverything(t *testing.T) {
	for name, ch := range map[string]Change{"nothing": {}, "sign out": {SignOut: true}} {
		c, home := homeEntry(t)
		if _, err := c.Update(t.Context(), func(Entry) (Change, error) { return ch, nil }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if exists(home + "/.claude") {
			t.Errorf("%s made the directory", name)
		}
	}
	c, home := homeEntry(t)
	path := home + "/.claude/.credentials.json"
	_ = os.Mkdir(home+"/.claude", 0o700)
	var pretty strings.Builder
	pretty.WriteString(strings.ReplaceAll(fullLogin, ",", ",\n  ") + "\n")
	mustWrite(t, path, pretty.String())
	before, _ := os.Stat(path)
	if _, err := c.Update(t.Context(), write(fakeLogin("n"), false)); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) || mustRead(t, path) != pretty.String() {
		t.Error("the same login was written anew")
	}
	boom := errors.New("no")
	if _, err := c.Update(t.Context(), func(Entry) (Change, error) {
		return Change{SignOut: true},
			boom
	}); !errors.Is(err, boom) || mustRead(t, path) != pretty.String() {
		t.Errorf("decide's error: %v", err)
	}
	if got := names(t, home+"/.claude"); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}

func TestUpdateNeverOverwritesDamage(t *testing.T) {
	for name, text := range map[string]string{
		"byte-order mark": "\xef\xbb\xbf" + login(""), "truncated": login("")[:40], "trailing NUL": login("") + "\x00",
		"array": "[1]", "login a string": `{"claudeAiOauth":"x","mcpOAuth":{}}`,
	} {
		c, home := homeEntry(t)
		_ = os.Mkdir(home+"/.claude", 0o700)
		path := home + "/.claude/.credentials.json"
		mustWrite(t, path, text)
		if _, err := c.Update(t.Context(), write(fakeLogin("n"), true)); !errors.Is(err, keychain.ErrDamaged) ||
			strings.Contains(err.Error(), "FAKE") {
			t.Errorf("%s: %v", name, err)
		}
		if mustRead(t, path) != text {
			t.Errorf("%s was overwritten", name)
		}
		if got := names(t, home+"/.claude"); len(got) != 1 {
			t.Errorf("%s left behind: %v", name, got)
		}
	}
}

func TestUpdateReadsLooseModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes there")
	}
	for _, mode := range []os.FileMode{0o400, 0o600, 0o644, 0o666} {
		c, home := homeEntry(t)
		_ = os.Mkdir(home+"/.claude", 0o700)
		path := home + "/.claude/.credentials.json"
		mustWrite(t, path, login(""))
		_ = os.Chmod(path, mode)
		if _, err := c.Update(t.Context(), write(fakeLogin("n"), true)); err != nil {
			t.Errorf("%v: %v", mode, err)
		}
		if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
			t.Errorf("%v became %v", mode, info.Mode())
		}
	}
}

func TestUpdateRefusesFilesOfOthers(t *testing.T) {
	c, home := homeEntry(t)
	_ = os.Mkdir(home+"/.claude", 0o700)
	path := home + "/.claude/.credentials.json"
	refused := func(name string, err error, read bool) {
		t.Helper()
		var refusal *atomicfile.RefusedError
		if !errors.As(err, &refusal) {
			t.Errorf("%s: update: %v", name, err)
		}
		if _, err := c.Prove(t.Context(), fakeLogin("n")); !errors.As(err, &refusal) {
			t.Errorf("%s: prove: %v", name, err)
		}
		// The newest pair may be in it: that it cannot be written does not hide it.
		if e, err := c.Read(t.Context()); (err == nil && e.State == SignedIn) != read {
			t.Errorf("%s: read: %v, %v", name, e.State, err)
		}
	}
	update := func() error { _, err := c.Update(t.Context(), write(fakeLogin("n"), true)); return err }

	mustWrite(t, home+"/other", login(""))
	if err := os.Link(home+"/other", path); err == nil {
		refused("hard link", update(), true)
		if mustRead(t, path) != login("") {
			t.Error("the hard link was changed")
		}
		_ = os.Remove(path)
	}
	if err := symlink(home+"/nowhere", path); err != nil {
		t.Skip(err)
	}
	refused("dangling link", update(), false)
	if exists(home + "/nowhere") {
		t.Error("the link's target was made")
	}
	if os.Geteuid() != 0 {
		return
	}
	_ = os.Remove(path)
	mustWrite(t, path, login(""))
	if err := os.Chown(path, 4711, 4711); err != nil {
		t.Fatal(err)
	}
	refused("another's file", update(), true)
	_ = os.Rename(path, home+"/theirs")
	_ = symlink(home+"/theirs", path)
	refused("link to another's file", update(), false)
}

// The client reads through a link of the person's own, and so do we; it stays one.
func TestUpdateFollowsALink(t *testing.T) {
	c, home := homeEntry(t)
	_, _ = os.Mkdir(home+"/.claude", 0o700), os.Mkdir(home+"/dotfiles", 0o700)
	path, target := home+"/.claude/.credentials.json", home+"/dotfiles/credentials.json"
	mustWrite(t, target, login(""))
	if err := symlink("../dotfiles/credentials.json", path); err != nil {
		t.Skip(err)
	}
	before, err := c.Stamp(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reserved, err := c.Prove(t.Context(), fakeLogin("n"))
	if err != nil {
		t.Fatal(err)
	}
	defer reserved.Discard()
	if got := names(t, home+"/dotfiles"); len(got) != 2 {
		t.Errorf("the reservation is not beside the target: %v", got)
	}
	if _, err := c.UpdateIn(t.Context(), reserved, write(fakeLogin("n"), true)); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Lstat(path); info.Mode()&os.ModeSymlink == 0 || mustRead(t, target) != fullLogin {
		t.Errorf("the link is %v, its target %s", info.Mode(), mustRead(t, target))
	}
	if after, err := c.Stamp(t.Context()); err != nil || after == before {
		t.Errorf("the stamp stays %q, %v", after, err)
	}
	if got := append(names(t, home+"/dotfiles"), names(t, home+"/.claude")...); len(got) != 2 {
		t.Errorf("left behind: %v", got)
	}
	if got := c.WatchPaths(); len(got) != 2 {
		t.Errorf("watched: %v", got)
	}
}

func TestUpdateSizeLimit(t *testing.T) {
	c, home := homeEntry(t)
	_ = os.Mkdir(home+"/.claude", 0o700)
	path := home + "/.claude/.credentials.json"
	full := `{"a":"` + strings.Repeat("x", maxEntry-8) + `"}`
	mustWrite(t, path, full)
	if _, err := c.Update(t.Context(), write(fakeLogin("n"), true)); !errors.Is(err, keychain.ErrTooBig) ||
		mustRead(t, path) != full {
		t.Errorf("an entry that would pass the limit: %v", err)
	}
	mustWrite(t, path, full+"  ")
	var refused *atomicfile.RefusedError
	if _, err := c.Read(t.Context()); !errors.As(err, &refused) {
		t.Errorf("above the limit: %v", err)
	}
}

func TestUpdateWaitsForTheWriteLock(t *testing.T) {
	c, home := homeEntry(t)
	if err := os.Mkdir(home+"/.claude", 0o700); err != nil {
		t.Fatal(err)
	}
	lock := home + "/.claude/.storage-write.lock"
	makeLock(t, lock, 0)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	called := false
	_, err := c.Update(ctx, func(Entry) (Change, error) { called = true; return Change{}, nil })
	if !errors.Is(err, dirlock.ErrBusy) || called || !exists(lock) {
		t.Errorf("err = %v, decide called: %v", err, called)
	}
	_ = os.Remove(lock)
	_, err = c.Update(t.Context(), func(Entry) (Change, error) {
		if !exists(lock) {
			t.Error("decide runs without the lock")
		}
		return Change{}, nil
	})
	if err != nil || exists(lock) {
		t.Errorf("err = %v, lock left: %v", err, exists(lock))
	}
}

func TestUpdateStopsWhenTheLockIsLost(t *testing.T) {
	c, home := homeEntry(t)
	_ = os.Mkdir(home+"/.claude", 0o700)
	_, err := c.Update(t.Context(), func(Entry) (Change, error) {
		l := fakeLogin("n")
		return Change{SignIn: &l, NewLogin: true}, os.Remove(home + "/.claude/.storage-write.lock")
	})
	if !errors.Is(err, dirlock.ErrCompromised) || exists(home+"/.claude/.credentials.json") {
		t.Errorf("err = %v", err)
	}
}

func TestUpdatesDoNotLoseEachOther(t *testing.T) {
	c, _ := homeEntry(t)
	if _, err := c.Update(t.Context(), write(fakeLogin("n"), true)); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 5 {
				_, err := c.Update(context.Background(), func(now Entry) (Change, error) {
					l := now.Login
					l.Access = secret.New(l.Access.Reveal() + "+")
					return Change{SignIn: &l}, nil
				})
				if err != nil {
					t.Errorf("%d/%d: %v", i, j, err)
				}
			}
		})
	}
	all.Wait()
	e, err := c.Read(t.Context())
	if err != nil || e.Login.Access.Reveal() != "sk-ant-oat01-FAKE-n"+strings.Repeat("+", 20) {
		t.Errorf("%d of 20 survived: %v", strings.Count(e.Login.Access.Reveal(), "+"), err)
	}
}

func TestDisplacedLoginIsPutBack(t *testing.T) {
	c, home := homeEntry(t)
	_ = os.Mkdir(home+"/.claude", 0o700)
	path := home + "/.claude/.credentials.json"
	const old = `{"mcpOAuth":{"a":1},"claudeAiOauth":{"accessToken":"FAKE-o","n":1e2},"organizationUuid":"o"}`
	mustWrite(t, path, old)
	before, err := c.Update(t.Context(), write(fakeLogin("n"), true))
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Update(t.Context(), func(Entry) (Change, error) {
		return Change{Restore: before.Inner(), RestoreOrganization: before.topOrganization()}, nil
	})
	if got := mustRead(t, path); err != nil || got != old {
		t.Errorf("put back %s, %v", got, err)
	}
}

func macEntry(t *testing.T, f *fakeSecurity) (*Directory, string) {
	t.Helper()
	home := t.TempDir()
	if err := os.Mkdir(home+"/.claude", 0o700); err != nil {
		t.Fatal(err)
	}
	c, err := Find(Config{Home: home, GOOS: "darwin", LookupEnv: lookup(map[string]string{"USER": "tester"}),
		Security: f.run})
	if err != nil {
		t.Fatal(err)
	}
	return c, home + "/.claude/.credentials.json"
}

func TestMacReadsTheKeychainFirst(t *testing.T) {
	fileLogin := strings.ReplaceAll(login(""), "a1", "file")
	tests := map[string]struct {
		item, file string // "" is absent
		exit       int
		access     string
		err        error
	}{
		"both":                      {login(""), fileLogin, 0, "sk-ant-oat01-FAKE-a1", nil},
		"file only":                 {"", fileLogin, 0, "sk-ant-oat01-FAKE-file", nil},
		"neither":                   {"", "", 0, "", nil},
		"locked, file there":        {login(""), fileLogin, 36, "", keychain.ErrLocked},
		"denied, file there":        {login(""), fileLogin, 128, "", keychain.ErrDenied},
		"no keychain, file there":   {"", fileLogin, 37, "", keychain.ErrUnavailable},
		"damaged item, file there":  {`{"claudeAi`, fileLogin, 0, "", keychain.ErrDamaged},
		"go-keyring's item":         {"go-keyring-base64:e30=", fileLogin, 0, "", keychain.ErrDamaged},
		"printed as hex":            {login("") + "\n", "", 0, "sk-ant-oat01-FAKE-a1", nil},
		"an item of another person": {"", "", 44, "", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFakeSecurity()
			f.items["unknown\x00Claude Code-credentials"] = `{"mcpOAuth":{}}`
			c, path := macEntry(t, f)
			if tt.item != "" {
				f.items[itemKey] = tt.item
			}
			if tt.file != "" {
				mustWrite(t, path, tt.file)
			}
			f.findExit = tt.exit
			e, err := c.Read(t.Context())
			if !errors.Is(err, tt.err) || e.Login.Access.Reveal() != tt.access {
				t.Errorf("%v, %v", err, e.State)
			}
			if ok, _ := e.AcceptedByClient(); ok != (tt.access != "" && name != "printed as hex") {
				t.Errorf("accepted: %v", ok)
			}
			if err != nil {
				f.calls = nil
				if _, err := c.Update(t.Context(), write(fakeLogin("n"), true)); !errors.Is(err, tt.err) ||
					f.items[itemKey] != tt.item {
					t.Errorf("update: %v", err)
				}
				if tt.file != "" && mustRead(t, path) != tt.file {
					t.Error("update changed the file")
				}
			}
		})
	}
}

func TestMacUpdatesWhereTheEntryLives(t *testing.T) {
	const sibling = `{"mcpOAuth":{"é":1},`
	old := sibling + login("")[1:]
	want := `{"mcpOAuth":{"\u00e9":1},` + fullLogin[1:]
	tests := map[string]struct{ item, file, wantItem, wantFile string }{
		"nowhere":              {"", "", fullLogin, ""},
		"keychain":             {old, "", want, ""},
		"file":                 {"", old, "", want},
		"both, the same login": {old, login(""), want, fullLogin},
		"both, another login": {old, strings.ReplaceAll(login(""), "r1", "r2"), want,
			strings.ReplaceAll(login(""), "r1", "r2")},
		"both, the file damaged":     {old, "{", want, "{"},
		"only MCP logins in the one": {`{"mcpOAuth":{"é":1}}`, "", want, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFakeSecurity()
			c, path := macEntry(t, f)
			if tt.item != "" {
				f.items[itemKey] = tt.item
			}
			if tt.file != "" {
				mustWrite(t, path, tt.file)
			}
			if _, err := c.Update(t.Context(), write(fakeLogin("n"), true)); err != nil {
				t.Fatal(err)
			}
			if got := f.items[itemKey]; got != tt.wantItem {
				t.Errorf("item %s", got)
			}
			if tt.wantFile == "" {
				if exists(path) {
					t.Error("a file was made")
				}
			} else if got := mustRead(t, path); got != tt.wantFile {
				t.Errorf("file %s", got)
			}
			calls := len(f.calls)
			if _, err := c.Update(t.Context(), write(fakeLogin("n"), false)); err != nil || len(f.calls) != calls+1 {
				t.Errorf("the same again: %v, %d calls", err, len(f.calls)-calls)
			}
			for _, call := range f.calls {
				if strings.Contains(strings.Join(call, " "), "FAKE") ||
					(call[0] != "-i" && !slices.Contains(call, "-a")) {
					t.Errorf("call %q", call)
				}
			}
		})
	}
}

func TestMacHealsAnItemThatPrintsAsHex(t *testing.T) {
	f := newFakeSecurity()
	c, _ := macEntry(t, f)
	f.items[itemKey] = fullLogin + "\n"
	if _, err := c.Update(t.Context(), write(fakeLogin("n"), false)); err != nil || f.items[itemKey] != fullLogin {
		t.Errorf("%v: %q", err, f.items[itemKey])
	}
}

func TestMacTooBigIsRefusedBeforeAnythingChanges(t *testing.T) {
	f := newFakeSecurity()
	c, path := macEntry(t, f)
	old := `{"mcpOAuth":"` + strings.Repeat("x", 4000) + `"}`
	f.items[itemKey] = old
	if _, err := c.Update(t.Context(), write(fakeLogin("n"), true)); !errors.Is(err, keychain.ErrTooBig) ||
		f.items[itemKey] != old || exists(path) {
		t.Errorf("err = %v", err)
	}
}

func TestStamp(t *testing.T) {
	c, home := homeEntry(t)
	seen := map[string]bool{}
	look := func() {
		t.Helper()
		s, err := c.Stamp(t.Context())
		if err != nil || seen[s] {
			t.Errorf("%q again, %v", s, err)
		}
		seen[s] = true
	}
	look()
	for i := range 3 {
		if _, err := c.Update(t.Context(), write(fakeLogin(fmt.Sprint("n", i)), true)); err != nil {
			t.Fatal(err)
		}
		look()
	}
	if got := c.WatchPaths(); !reflect.DeepEqual(got, []string{filepath.Join(home, ".claude")}) {
		t.Errorf("watch %v", got)
	}
	f := newFakeSecurity()
	m, _ := macEntry(t, f)
	a, err1 := m.Stamp(t.Context())
	f.items[itemKey], f.findExit = "{}", 36
	b, err2 := m.Stamp(t.Context())
	if err := errors.Join(err1, err2); err != nil || a == b {
		t.Errorf("mac: %q %q %v", a, b, err)
	}
	for _, call := range f.calls {
		if slices.Contains(call, "-w") {
			t.Errorf("the secret was asked for: %q", call)
		}
	}
}

func TestWindowsCredentialManagerIsDeclined(t *testing.T) {
	const on = `{"cachedGrowthBookFeatures":{"tengu_windows_credman":true}}`
	tests := map[string]struct {
		goos     string
		env      map[string]string
		files    map[string]string
		declined bool
	}{
		"plain": {"windows", nil,
			map[string]string{".claude.json": `{"cachedGrowthBookFeatures":{"tengu_windows_credman":false}}`}, false},
		"forced":      {"windows", map[string]string{"CLAUDE_CODE_FORCE_WINDOWS_CREDMAN": "1"}, nil, true},
		"forced off":  {"windows", map[string]string{"CLAUDE_CODE_FORCE_WINDOWS_CREDMAN": "0"}, nil, false},
		"switched on": {"windows", nil, map[string]string{".claude.json": on}, true},
		"at the top": {"windows", nil, map[string]string{".claude.json": `{"tengu_windows_credman": true }`},
			true},
		".config.json wins": {"windows", nil, map[string]string{".claude.json": on, ".claude/.config.json": "{}"},
			false},
		".config.json says so": {"windows", nil, map[string]string{".claude.json": "{}", ".claude/.config.json": on},
			true},
		"an empty .config.json": {"windows", nil, map[string]string{".claude.json": on, ".claude/.config.json": ""},
			true},
		"not JSON": {"windows", nil, map[string]string{".claude.json": "tengu_windows_credman true"},
			false},
		"linux": {"linux", map[string]string{"CLAUDE_CODE_FORCE_WINDOWS_CREDMAN": "1"},
			map[string]string{".claude.json": on}, false},
		"a path of one's own": {"windows", map[string]string{"CLAUDE_CODE_AUTH_CREDENTIALS_PATH": "/nowhere/x"},
			map[string]string{".claude.json": on}, false},
	}
	for name, tt := range tests {
		home := t.TempDir()
		_ = os.Mkdir(home+"/.claude", 0o700)
		for file, text := range tt.files {
			mustWrite(t, filepath.Join(home, file), text)
		}
		c, err := Find(Config{Home: home, GOOS: tt.goos, LookupEnv: lookup(tt.env)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Read(t.Context())
		var unusable *UnusableError
		if errors.As(err, &unusable) != tt.declined || (!tt.declined && err != nil) {
			t.Errorf("%s: %v", name, err)
		}
		if tt.declined {
			if _, err := c.Update(t.Context(), write(fakeLogin("n"), true)); !errors.As(err, &unusable) ||
				exists(home+"/.claude/.credentials.json") {
				t.Errorf("%s: update: %v", name, err)
			}
		}
	}
}

// topOrganization returns the organization id beside the login object, which old
// clients wrote and a new login displaces, for Change.RestoreOrganization; or nothing.
func (e Entry) topOrganization() secret.String {
	return secret.New(string(e.document().get(organizationKey)))
}
