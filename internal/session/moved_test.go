package session

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"keytender/internal/testguard"
)

func link(t *testing.T, target, path string) {
	t.Helper()
	_ = os.Remove(path)
	if err := testguard.Symlink(target, path); err != nil {
		t.Skip("no links here:", err)
	}
}

func (r *rig) beside(name string) string { return filepath.Join(filepath.Dir(r.claude), name) }

// Many keep ~/.claude among their dotfiles and link to it.
func TestDirectoryIsMovedAndLinkedTo(t *testing.T) {
	short(t)
	r := newRig(t)
	r.signIn(time.Hour)
	if err := os.Rename(r.claude, r.beside("dotfiles")); err != nil {
		t.Fatal(err)
	}
	link(t, r.beside("dotfiles"), r.claude)
	r.renewed("")
	r.mended()
	if n := len(r.ledger().Places); n != 1 {
		t.Errorf("%d places", n)
	}
	// And back, which another process sees while the ledger has the former name.
	if err := os.Remove(r.claude); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(r.beside("dotfiles"), r.claude); err != nil {
		t.Fatal(err)
	}
	r.renewed("")
	r.mended()
}

// Some change between accounts by turning a link: the copy stays where it led.
func TestLinkIsTurned(t *testing.T) {
	short(t)
	r := newRig(t)
	for _, path := range []string{r.beside("one"), r.beside("two")} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	link(t, r.beside("one"), r.claude)
	r.signIn(time.Hour)
	link(t, r.beside("two"), r.claude)
	r.renewed("")
	link(t, r.beside("one"), r.claude)
	r.mended()
}

// CLAUDE_CODE_AUTH_CREDENTIALS_PATH names the file, so it is there without the directory.
func TestEntryWithoutItsDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials.json")
	r := newRig(t, "CLAUDE_CODE_AUTH_CREDENTIALS_PATH="+file)
	r.signIn(time.Hour)
	if err := os.RemoveAll(r.claude); err != nil {
		t.Fatal(err)
	}
	r.renewed("")
	r.mended()
}

func short(t *testing.T) {
	t.Helper()
	former := entryWait
	entryWait = 2 * time.Second
	t.Cleanup(func() { entryWait = former })
}

// An app that was never signed in runs while a link is turned: the login that comes then is
// known to lie where it was written.
func TestLinkTurnedBeforeTheFirstSignIn(t *testing.T) {
	short(t)
	r := newRig(t)
	_ = os.RemoveAll(r.claude)
	for _, path := range []string{r.beside("one"), r.beside("two")} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	link(t, r.beside("one"), r.claude)
	app := r.start()
	app.Status(t.Context())
	link(t, r.beside("two"), r.claude)
	w, err := app.begin(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	c := r.issued("a@example.com", time.Hour)
	if _, _, err := w.takingIn().takeIn(t.Context(),
		takenIn{account: "default", c: c, what: "signed-in", activate: true, carries: true}); err != nil {
		t.Fatal(err)
	}
	w.takingIn().tellMirror(t.Context(), true, "default", func(Event) {})
	w.end()

	link(t, r.beside("one"), r.claude)
	r.renewed("")
	link(t, r.beside("two"), r.claude)
	if !r.entry().Login.SamePair(r.stored()) {
		t.Error("what was written at the sign-in holds a spent refresh token, and nobody knows of it")
	}
	r.mended()
}
