//go:build linux

package session

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/keychain"
)

// A hint that cannot be followed: a shell names a directory of which Keytender knows nothing, with an old
// entry of the same person that nobody can ask about. Nothing is sent there, for ever, and the way out
// that is told, `places forget`, says that there is no such place.
func TestHintForAnUnknownDirectory(t *testing.T) {
	r := newRig(t)
	r.writeEntry(r.issued("a@example.com", time.Hour))
	if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	r.goTo(r.mkdir("old"))
	r.writeEntry(r.issued("a@example.com", -24*time.Hour))
	_, err := r.start().Renew(t.Context(), true)
	known := &Error{}
	if !errors.As(err, &known) || known.Values.ID == "" {
		t.Skipf("another answer: %v", err)
	}
	if _, err := r.start().ForgetPlace(t.Context(), known.Values.ID); err != nil {
		t.Errorf("the place is called %q, and that answers: %v", known.Values.ID, err)
		return
	}
	if _, err := r.start().Renew(t.Context(), true); err != nil {
		t.Errorf("the place was let go of: %v", err)
	}
}

// Our own record is listed as a place, and the hint names what removes it.
func TestHintForAnOwnRecord(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	_, err := r.start().ForgetPlace(t.Context(), "record:default")
	if known := errorIn(err); known == nil || known.Fault != FaultOwnRecord || known.Values.Account != "default" {
		t.Errorf("%v", err)
	}
}

// Rule 13 and the promise of watch-only. The state folder is gone (a cleaner took ~/.local/state, or only
// the data came out of a backup); the file store is there, with the account under the name that a sign-in
// gives it. Nobody is signed in, says token; and watch-only is turned on over a living login.
func TestStateFolderIsLost(t *testing.T) {
	r := newRig(t)
	r.account = "a"
	c := r.signIn(time.Hour)
	if err := os.RemoveAll(filepath.Join(r.home, "state")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
		t.Errorf("the login lies in credentials.json, and token says: %v", err)
	}
	if problems := r.everybodyOut(); len(problems) == 0 {
		if data, err := os.ReadFile(r.storeFile()); err == nil && strings.Contains(string(data), c.Refresh.Reveal()) {
			t.Error("signed out of all, exit 0, and the living login lies in credentials.json")
		}
	}
	if err := r.start().SetWatch(t.Context(), true); err == nil {
		if data, err := os.ReadFile(r.storeFile()); err == nil && strings.Contains(string(data), c.Refresh.Reveal()) {
			t.Error("watch-only keeps no copy, it says, and a living login lies in credentials.json")
		}
	}
}

// Rule 1: Claude Code's locks of every directory that holds a full copy are held while the token is
// spent. With KEYTENDER_REFRESH_WITH=claude those of the others are given back before the client is
// started: a Claude Code in the other directory spends the same token meanwhile.
func TestRenewedByClaudeWithoutTheOthersLocks(t *testing.T) {
	r := newRig(t)
	_, home, work := r.inTwo("work")
	r.goTo(home)
	seen := filepath.Join(t.TempDir(), "seen")
	withClaude(t, `case "$1" in --version) echo 2.1.329;; -p) [ -d `+work+`/.oauth_refresh.lock ] && echo held > `+seen+
		` || echo free > `+seen+`;; esac`)
	r.environ["KEYTENDER_REFRESH_WITH"] = "claude"
	_, err := r.start().Renew(t.Context(), true)
	text, readErr := os.ReadFile(seen)
	if readErr != nil {
		t.Fatalf("the client was not started: %v, %v", err, readErr)
	}
	if strings.TrimSpace(string(text)) != "held" {
		t.Error("nothing keeps the other directory's Claude Code from spending the same refresh token")
	}
}

// Rules 4 and 12: since when a place is behind was noted while the clock was ahead. Nobody is told of
// it before that time has come.
func TestBehindSinceTomorrow(t *testing.T) {
	for _, off := range []time.Duration{0, 365 * 24 * time.Hour} {
		r := newRig(t)
		_, _, work := r.inTwo("work")
		r.move(work, work+"-away")
		if _, err := r.wrongClock(off).Renew(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		r.pass(10 * time.Minute)
		if st := r.start().Status(t.Context()); st.Problem == nil || st.Problem.Code != "place-behind" {
			t.Errorf("clock ahead by %v at the renewal: ten minutes behind, and status says %+v", off, st.Problem)
		}
	}
}

// spoiled are entries that cannot be read, whatever is tried.
var spoiled = map[string]func(file string) error{
	"damaged": func(file string) error { return os.WriteFile(file, []byte("{broken"), 0o600) },
	"a link that leads nowhere": func(file string) error {
		return errors.Join(os.Remove(file), os.Symlink("nowhere", file))
	},
	"too large": func(file string) error { return os.Truncate(file, 17<<20) },
}

// Whoever follows the hint of a place that cannot be read, and lets go of it, gets on.
func TestLetGoOfWhatCannotBeRead(t *testing.T) {
	for name, spoil := range spoiled {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			_, _, work := r.inTwo("work")
			r.keep("bob", r.issued("bob@example.com", time.Hour))
			r.must(second(r.start().Mirror(t.Context())))
			r.must(spoil(filepath.Join(work, ".credentials.json")))
			verbs := map[string]func() error{
				"switch": func() error { return second(r.start().Switch(t.Context(), r.account)) },
				"mirror": func() error { return second(r.start().On(r.account).Mirror(t.Context())) },

				"undo": func() error { return second(r.start().Undo(t.Context())) },
				"import": func() error {
					pasted := asJSON(r.issued("a@example.com", time.Hour))
					return second(r.start().ImportJSON(t.Context(), ImportOptions{}, pasted))
				},
			}
			known := &Error{}
			for verb, run := range verbs {
				if err := run(); !errors.As(err, &known) || known.Code != codePlaceUnwritable {
					t.Fatalf("%s: %v", verb, err)
				}
			}
			r.must(second(r.start().ForgetPlace(t.Context(), known.Values.ID)))
			for _, verb := range []string{"undo", "mirror", "switch", "import"} {
				if err := verbs[verb](); err != nil {
					t.Errorf("%s, after it was let go of: %v", verb, err)
				}
			}
		})
	}
}

// What kept a renewal from being sent is told no more once the person let go of it.
func TestLetGoOfWhatIsInTheWay(t *testing.T) {
	r := newRig(t)
	_, _, work := r.inTwo("work")
	r.must(spoiled["damaged"](filepath.Join(work, ".credentials.json")))
	_, err := r.start().Renew(t.Context(), true)
	known := &Error{}
	if p := r.start().Status(t.Context()).Problem; !errors.As(err, &known) || p == nil || p.Code != known.Code {
		t.Fatalf("%v, told %+v", err, p)
	}
	r.must(second(r.start().ForgetPlace(t.Context(), known.Values.ID)))
	if p := r.start().Status(t.Context()).Problem; p != nil {
		t.Errorf("told on: %+v", p)
	}
}

// What stands in the place of Claude Code's folder or file, and is not moved aside by doctor --fix, is told
// with what helps there, whoever looks.
func TestHintOfWhatStandsInTheWay(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*rig) error
		hint  string
	}{
		"a file for the folder": {func(r *rig) error {
			return errors.Join(os.RemoveAll(r.claude), os.WriteFile(r.claude, nil, 0o600))
		}, "move 'DIR' away"},
		"a folder that links to itself": {func(r *rig) error {
			return errors.Join(os.RemoveAll(r.claude), os.Symlink(r.claude, r.claude))
		}, "move 'DIR' away"},
		"a folder for the file": {func(r *rig) error {
			return errors.Join(os.Remove(r.entryFile()), os.Mkdir(r.entryFile(), 0o700))
		}, "put a plain file of your own in its place"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.signIn(time.Hour)
			r.must(c.spoil(r))
			want := strings.ReplaceAll(c.hint, "DIR", r.claude)
			st := r.start().Status(t.Context())
			if known := errorIn(st.Problem.Err); known.Fault == FaultEntryBroken ||
				!strings.Contains(known.Values.Repair, want) {
				t.Errorf("status: %v, %+v", known.Fault, known.Values)
			}
			_, err := r.start().Mirror(t.Context())
			if known := errorIn(err); known == nil || !strings.Contains(known.Values.Repair, want) {
				t.Errorf("mirror: %+v", known)
			}
			for _, check := range r.start().doctor().checkEntry(t.Context(), st) {
				if check.Values == nil || !strings.Contains(check.Values.Repair, want) {
					t.Errorf("doctor: %+v", check)
				}
			}
		})
	}
}

// A sign-out that cannot take a login out says what helps with what stands there.
func TestHintOfASignOut(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*rig) error
		fault Fault
		hint  string
	}{
		"another name": {func(r *rig) error { return os.Link(r.entryFile(), r.beside("other")) },
			FaultEntryStays, "put a plain file of your own in its place"},
		"a link that leads nowhere": {func(r *rig) error { return spoiled["a link that leads nowhere"](r.entryFile()) },
			FaultEntryStays, "put a plain file of your own in its place"},
		"nobody knows whose": {func(r *rig) error {
			x := r.issued("x@example.com", time.Hour)
			x.Account = keychain.Account{}
			r.writeEntry(x)
			r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"profile": 503} })
			return nil
		}, FaultTokensSince, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.signIn(time.Hour)
			r.must(c.spoil(r))
			_, err := r.start().SignOut(t.Context(), SignOutOptions{})
			told := several{}
			known := &Error{}
			if !errors.As(err, &told) || !errors.As(told[0], &known) || known.Fault != c.fault ||
				c.hint != "" && known.Values.Repair != c.hint {
				t.Errorf("%v: %+v", err, known)
			}
		})
	}
}
