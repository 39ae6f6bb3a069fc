package claudecode

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keytender/internal/secret"
	"keytender/keychain"
)

func TestProveAndUpdateIn(t *testing.T) {
	c, home := homeEntry(t)
	if _, err := c.Prove(t.Context(), fakeLogin("n")); !errors.Is(err, fs.ErrNotExist) || exists(home+"/.claude") {
		t.Errorf("without a directory: %v", err)
	}
	_ = os.Mkdir(home+"/.claude", 0o700)
	path := home + "/.claude/.credentials.json"
	mustWrite(t, path, login(""))
	reserved, err := c.Prove(t.Context(), fakeLogin("n"))
	if err != nil || mustRead(t, path) != login("") {
		t.Fatal(err)
	}
	if _, err := c.UpdateIn(t.Context(), reserved, write(fakeLogin("n"), true)); err != nil ||
		mustRead(t, path) != fullLogin {
		t.Errorf("into the reservation: %v", err)
	}
	if _, err := c.UpdateIn(t.Context(), reserved, write(fakeLogin("m"), true)); err != nil ||
		mustRead(t, path) == fullLogin {
		t.Errorf("once more: %v", err)
	}
	reserved.Discard()
	unused, err := c.Prove(t.Context(), fakeLogin("n"))
	if err != nil {
		t.Fatal(err)
	}
	unused.Discard()
	unused.Discard()
	if got := names(t, home+"/.claude"); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}

func TestProveNamesWhatStandsInTheWay(t *testing.T) {
	tests := map[string]struct {
		make  func(dir string)
		cause error
		says  string
	}{
		"damage": {func(dir string) { mustWrite(t, dir+"/.credentials.json", "{") }, keychain.ErrDamaged,
			"not valid JSON"},
		"a folder":   {func(dir string) { _ = os.Mkdir(dir+"/.credentials.json", 0o700) }, nil, "directory"},
		"stuck lock": {func(dir string) { mustWrite(t, dir+"/.storage-write.lock", "") }, nil, "no directory"},
	}
	for name, tt := range tests {
		c, home := homeEntry(t)
		_ = os.Mkdir(home+"/.claude", 0o700)
		tt.make(home + "/.claude")
		_, err := c.Prove(t.Context(), fakeLogin("n"))
		var unwritable *UnwritableError
		if !errors.As(err, &unwritable) || unwritable.Place != c.Place() || unwritable.Hint == "" ||
			!strings.Contains(unwritable.Reason, tt.says) ||
			(tt.cause != nil && !errors.Is(err, tt.cause)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An item that is too long for stdin goes as the client's own goes, or nowhere: at the
// proof already, so that nothing is spent for it.
func TestMacItemThatIsTooLongForStdin(t *testing.T) {
	whole := `{"mcpOAuth":"` + strings.Repeat("x", 5000) + `",` + login("")[1:]
	for name, allowed := range map[string]bool{"as claude code": true, "never": false} {
		f := newFakeSecurity()
		c, path := macEntry(t, f)
		c.item.argvAllowed = allowed
		f.items[itemKey] = whole
		reserved, err := c.Prove(t.Context(), fakeLogin("n"))
		_, updated := c.UpdateIn(t.Context(), reserved, write(fakeLogin("n"), true))
		reserved.Discard()
		if exists(path) {
			t.Errorf("%s: a file was made", name)
		}
		if allowed {
			if got := f.items[itemKey]; errors.Join(err, updated) != nil || !strings.HasSuffix(got, fullLogin[1:]) {
				t.Errorf("%s: %v, %v", name, err, updated)
			}
			if add := f.calls[len(f.calls)-2]; add[0] != "add-generic-password" || f.stdins[len(f.calls)-2] != "" ||
				strings.Contains(strings.Join(add, " "), "FAKE") {
				t.Errorf("%s: called %q", name, add)
			}
			continue
		}
		for _, err := range []error{err, updated} {
			var unwritable *UnwritableError
			if !errors.As(err, &unwritable) || !errors.Is(err, keychain.ErrTooBig) ||
				!strings.Contains(unwritable.Hint, "KEYTENDER_KEYCHAIN_ARGV") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if f.items[itemKey] != whole {
			t.Errorf("%s: the item changed", name)
		}
	}
	f := newFakeSecurity()
	c, _ := macEntry(t, f)
	c.item.argvAllowed = true
	f.items[itemKey] = `{"mcpOAuth":"` + strings.Repeat("x", longestArgument/2) + `"}`
	if _, err := c.Prove(t.Context(), fakeLogin("n")); !errors.Is(err, keychain.ErrTooBig) {
		t.Errorf("more than any argument: %v", err)
	}
}

// The file beside the item holds the same pair and is written with it, so it is proved too.
func TestMacProvesTheFileBesideTheItem(t *testing.T) {
	for name, tt := range map[string]struct {
		file     string
		reserved bool
	}{"the same login": {login(""), true}, "another": {strings.ReplaceAll(login(""), "r1", "r2"), false}} {
		f := newFakeSecurity()
		c, path := macEntry(t, f)
		f.items[itemKey] = login("")
		mustWrite(t, path, tt.file)
		reserved, err := c.Prove(t.Context(), fakeLogin("n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := len(names(t, filepath.Dir(path))) == 2; got != tt.reserved {
			t.Errorf("%s: reservation beside it: %v", name, got)
		}
		if _, err := c.UpdateIn(t.Context(), reserved, write(fakeLogin("n"), true)); err != nil ||
			(mustRead(t, path) == fullLogin) != tt.reserved {
			t.Errorf("%s: %v, then %s", name, err, mustRead(t, path))
		}
		reserved.Discard()
	}
	f := newFakeSecurity()
	c, _ := macEntry(t, f)
	f.findExit = 36
	if _, err := c.Prove(t.Context(), fakeLogin("n")); !errors.Is(err, keychain.ErrLocked) {
		t.Errorf("a locked keychain: %v", err)
	}
}

func TestLargeEntries(t *testing.T) {
	c, home := homeEntry(t)
	_ = os.Mkdir(home+"/.claude", 0o700)
	path := home + "/.claude/.credentials.json"
	mustWrite(t, path, `{"mcpOAuth":"`+strings.Repeat("x", 3<<20)+`",`+login("")[1:])
	reserved, err := c.Prove(t.Context(), fakeLogin("n"))
	if err != nil {
		t.Fatal(err)
	}
	defer reserved.Discard()
	if _, err := c.UpdateIn(t.Context(), reserved, write(fakeLogin("n"), true)); err != nil {
		t.Fatal(err)
	}
	e, err := c.Read(t.Context())
	if err != nil || !e.Login.Access.Equal(secret.New("sk-ant-oat01-FAKE-n")) || len(mustRead(t, path)) < 3<<20 {
		t.Errorf("%v, %v", e.State, err)
	}
}
