//go:build unix

package claudecode

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/secret"
	"keytender/keychain"
)

// shells are those of this machine that a host may have.
func shells(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for name, args := range map[string][]string{"sh": {"sh"}, "dash": {"dash"}, "bash": {"bash", "--posix"},
		"busybox": {"busybox", "sh"}, "mksh": {"mksh"}, "ksh": {"ksh"}, "zsh": {"zsh", "--emulate", "sh"}} {
		if path, err := exec.LookPath(args[0]); err == nil {
			found[name] = append([]string{path}, args[1:]...)
		}
	}
	return found
}

// inShell runs the script in a home and lets use speak with it.
func inShell(t *testing.T, shell []string, home string, s Shell, use func(Shell) error) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), shell[0], append(append([]string{}, shell[1:]...), "-c", ShellScript())...)
	cmd.Env = []string{"HOME=" + home, "PATH=/usr/bin:/bin"}
	cmd.Stderr = os.Stderr
	s.In, _ = cmd.StdinPipe()
	s.Out, _ = cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err := use(s)
	_ = s.In.Close()
	_ = cmd.Wait()
	return err
}

// TestShellScriptIsOneLine: any login shell hands it on between quotes.
func TestShellScriptIsOneLine(t *testing.T) {
	if i := strings.IndexAny(ShellScript(), "\n'\\!\x00"); i >= 0 {
		t.Errorf("%q at %d", ShellScript()[i], i)
	}
}

func TestShellUpdatesAnEntry(t *testing.T) {
	lent := keychain.Credential{Access: secret.New("FAKE-access"), AccessEnds: time.UnixMilli(4102444800000),
		Scopes: []string{requiredScope}}
	signIn := func(Entry) (Change, bool, error) { return Change{SignIn: &lent, NewLogin: true}, false, nil }
	const login = `{"claudeAiOauth":{"accessToken":"FAKE-access","expiresAt":4102444800000,"scopes":["user:inference"]}}`
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			entry := filepath.Join(home, ".claude", ".credentials.json")
			update := func(make Making, decide func(Entry) (Change, bool, error)) (kept string, err error) {
				err = inShell(t, shell, home, Shell{Make: make}, func(s Shell) (err error) {
					_, kept, err = s.UpdateEntry(decide)
					return err
				})
				return kept, err
			}
			if _, err := update(MakeNothing, signIn); !errors.Is(err, ErrShellGone) || len(names(t, home)) != 0 {
				t.Errorf("without a directory: %v, %v", err, names(t, home))
			}
			if _, err := update(MakeLent, signIn); err != nil || mustRead(t, entry) != login {
				t.Errorf("%v: %s", err, mustRead(t, entry))
			}
			mustWrite(t, entry, "{\n  \"mcpOAuth\": {\"n\": 12345678901234567890}\n}\n")
			if _, err := update(MakeNothing, signIn); err != nil ||
				mustRead(t, entry) != `{"mcpOAuth":{"n":12345678901234567890},`+login[1:] {
				t.Errorf("merged: %v: %s", err, mustRead(t, entry))
			}
			no := errors.New("no")
			if _, err := update(MakeNothing, func(Entry) (Change, bool, error) {
				return Change{}, false,
					no
			}); !errors.Is(err, no) {
				t.Errorf("refused: %v", err)
			}
			before := mustRead(t, entry)
			if kept, err := update(MakeNothing, func(Entry) (Change, bool, error) {
				return Change{SignOut: true}, true,
					nil
			}); err != nil || mustRead(t, kept) != before ||
				mustRead(t, entry) != `{"mcpOAuth":{"n":12345678901234567890}}` {
				t.Errorf("kept: %v: %s, %s", err, mustRead(t, kept), mustRead(t, entry))
			}
			mustWrite(t, entry, `{"mcpOAuth":`)
			if _, err := update(MakeNothing, signIn); !errors.Is(err, keychain.ErrDamaged) ||
				mustRead(t, entry) != `{"mcpOAuth":` {
				t.Errorf("damaged: %v", err)
			}
			if got := names(t, filepath.Dir(entry)); len(got) != 2 {
				t.Errorf("left behind: %v", got)
			}
			err := inShell(t, shell, home, Shell{}, func(s Shell) error { return s.Introduce(ann) })
			if want := `{"hasCompletedOnboarding":true,"oauthAccount":` + annCompact + `}`; err != nil ||
				mustRead(t, home+"/.claude.json") != want {
				t.Errorf("introduced: %v: %s", err, mustRead(t, home+"/.claude.json"))
			}
		})
	}
}

// TestShellWritesAsTheOwner: root of a container leaves nothing there that the home's owner
// could not read.
func TestShellWritesAsTheOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root writes for others")
	}
	const owner = 12345
	home := t.TempDir()
	if err := os.Chown(home, owner, owner); err != nil {
		t.Skip(err)
	}
	lent := keychain.Credential{Access: secret.New("FAKE-access"), Scopes: []string{requiredScope}}
	err := inShell(t, []string{"/bin/sh"}, home, Shell{Dir: "new/work", Make: MakeLent}, func(s Shell) error {
		_, _, err := s.UpdateEntry(func(Entry) (Change, bool, error) {
			return Change{SignIn: &lent, NewLogin: true},
				false, nil
		})
		return err
	})
	if err == nil {
		err = inShell(t, []string{"/bin/sh"}, home, Shell{Dir: "~/new/work", Make: MakeNothing},
			func(s Shell) error { return s.Introduce(ann) })
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"new", "new/work", "new/work/.credentials.json", "new/work/.claude.json"} {
		info, err := os.Stat(filepath.Join(home, name))
		if err != nil {
			t.Fatal(err)
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid != owner || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is of %d, mode %v", name, uid, info.Mode())
		}
	}
}

// cutShort closes the way to the shell after so many bytes.
type cutShort struct {
	io.WriteCloser
	left int
}

func (c *cutShort) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.left -= n
	if _, err := c.WriteCloser.Write(p[:n]); err != nil || n == len(p) {
		return n, err
	}
	_ = c.Close()
	return n, io.ErrClosedPipe
}

// TestShellLosesItsConnection: wherever the way to it breaks, the entry is the old one or the
// new one, whole, and nothing is left beside it.
func TestShellLosesItsConnection(t *testing.T) {
	lent := keychain.Credential{Access: secret.New("FAKE-access"), Scopes: []string{requiredScope}}
	home := t.TempDir()
	entry := filepath.Join(home, ".claude", ".credentials.json")
	const before = `{"mcpOAuth":{}}`
	if err := os.MkdirAll(filepath.Dir(entry), 0o700); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, entry, before)
	whole := false
	for cut := 0; !whole && cut < 200; cut++ {
		err := inShell(t, []string{"/bin/sh"}, home, Shell{Make: MakeNothing}, func(s Shell) error {
			s.In = &cutShort{s.In, cut}
			_, _, err := s.UpdateEntry(func(Entry) (Change, bool, error) {
				return Change{SignIn: &lent, NewLogin: true},
					false, nil
			})
			return err
		})
		whole = err == nil
		if got := mustRead(t, entry); whole == (got == before) {
			t.Fatalf("after %d bytes: %v, and the entry is %s", cut, err, got)
		}
		if got := names(t, filepath.Dir(entry)); len(got) != 1 {
			t.Fatalf("after %d bytes there are %v", cut, got)
		}
	}
	if !whole {
		t.Error("it never came through")
	}
}

// FuzzShellAnswers: whatever the other side prints, nothing is taken for an entry that was not
// told as one, and the answer comes to an end.
func FuzzShellAnswers(f *testing.F) {
	for _, seed := range []string{"", "hello\nkeytender-begins\nnone\ndone\n",
		"keytender-begins\nsize 2\n{}aside /x\ndone\n", "keytender-begins\nsize -1\n", "keytender-begins\nsize 99\n{}",
		"none\n", "keytender-begins\ngone\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, out []byte) {
		asked := false
		s := Shell{In: discard{}, Out: bytes.NewReader(out)}
		_, _, err := s.UpdateEntry(func(Entry) (Change, bool, error) { asked = true; return Change{}, false, nil })
		if err == nil && (!asked || !bytes.Contains(out, []byte("done"))) {
			t.Errorf("taken for done: %q", out)
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }
