//go:build linux

package session

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/ledger"
	"keytender/internal/secret"
	"keytender/keychain"
)

// What a verb does beside its own business: places that it was not asked about, logins of
// persons whom nobody named.

// One login in two directories. Claude Code renews in the one in which the verb is run: the
// other one must not be left with what was spent.
func TestWhatAVerbTakesOverIsCarried(t *testing.T) {
	for name, verb := range map[string]func(*Engine) error{
		"undo":   func(e *Engine) error { _, err := e.Undo(t.Context()); return err },
		"mirror": func(e *Engine) error { _, err := e.Mirror(t.Context()); return err },
		"switch": func(e *Engine) error { _, err := e.Switch(t.Context(), "default"); return err },
		"switch to another": func(e *Engine) error {
			_, err := e.Switch(t.Context(), "bob")
			return err
		},
		"import": func(e *Engine) error { _, err := e.ImportClaudeCode(t.Context(), ImportOptions{}); return err },
		"renewal of another": func(e *Engine) error {
			_, err := e.On("bob").Renew(t.Context(), true)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			a, home, work := r.inTwo("work")
			w := r.work()
			_, _, err := w.takingIn().takeIn(t.Context(), takenIn{account: "bob", c: r.other(), what: "signed-in"})
			w.end()
			r.must(err)
			r.writeEntry(r.renewElsewhere(a))
			r.must(verb(r.start()))
			r.goTo(work)
			if now := r.entry().Login; !r.server.Alive(now.Refresh.Reveal()) {
				t.Errorf("Claude Code was left with spent tokens in %s", filepath.Base(work))
			}
			r.goTo(home)
			r.reused()
		})
	}
}

// What was not written was not about to come either: a login of Claude Code's own is not ours
// because a renewal looked at it.
func TestNothingWrittenNothingExpected(t *testing.T) {
	r := newRig(t)
	_, home, work := r.behindInWork()
	r.goTo(work)
	own := r.issued("a@example.com", time.Hour)
	r.writeEntry(own)
	r.goTo(home)
	r.pass(9 * time.Hour) // its access token has ended, so that nobody can be asked whose it is
	w := r.work()
	ours := r.stored()
	w.carrying().carry(t.Context(), "default", &ours, time.Second)
	w.end()
	for _, p := range r.ledger().Places {
		if p.Next != "" {
			t.Errorf("%s: %s is about to be written", p.ID, p.Next)
		}
	}
}

// An account's name is not the person: another one's login that had the name once stays kept.
func TestSignOutLeavesWhoeverHadTheNameBefore(t *testing.T) {
	t.Run("replaced", func(t *testing.T) {
		r := newRig(t)
		ann := r.signIn(8 * time.Hour)
		r.keep("default", r.other()) // as --replace does
		r.signedOut(SignOutOptions{})
		if _, err := r.start().Undo(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !r.entry().Login.SamePair(ann) {
			t.Error("the login that --replace kept did not come back")
		}
	})
	t.Run("left with Claude Code", func(t *testing.T) {
		r := newRig(t)
		ann := r.signIn(8 * time.Hour)
		r.signedOut(SignOutOptions{KeepClaudeCode: true})
		r.keep("default", r.other())
		if _, err := r.start().Mirror(t.Context()); err != nil { // makes room for it
			t.Fatal(err)
		}
		r.signedOut(SignOutOptions{})
		if _, err := r.start().Undo(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !r.entry().Login.SamePair(ann) {
			t.Error("the login that made room did not come back")
		}
	})
	t.Run("all", func(t *testing.T) {
		r := newRig(t)
		r.signIn(8 * time.Hour)
		r.keep("default", r.other())
		r.signedOut(SignOutOptions{All: true})
		if kept := r.ledger().Displaced; len(kept) != 0 {
			t.Errorf("kept: %d", len(kept))
		}
	})
}

// Claude Code signed out in one directory, and another account is used there since. The login
// that it signed out of is not written into a second directory without the server's word.
func TestSignedOutThereIsNotForgotten(t *testing.T) {
	r := newRig(t)
	a, home, work := r.inTwo("work")
	w := r.work()
	_, _, err := w.takingIn().takeIn(t.Context(), takenIn{account: "bob", c: r.other(), what: "signed-in"})
	w.end()
	r.must(err)
	r.must(os.Remove(r.entryFile()))
	r.server.RevokeFamily(a.Refresh.Reveal())
	_, err = r.start().Switch(t.Context(), "bob")
	r.must(err)
	r.goTo(work)
	if _, err := r.start().Switch(t.Context(), "default"); exitOf(err) != ExitSignInAgain {
		t.Errorf("%v", err)
	}
	r.goTo(home)
	if active := r.ledger().Active; active != "bob" {
		t.Errorf("%s is active", active)
	}
}

// The profile is out of reach: a renewal tells as well that the login lives.
func TestRenewalEndsTheDoubt(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	r.must(os.Remove(r.entryFile()))
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"profile": 500} })
	if _, err := r.start().Mirror(t.Context()); exitOf(err) != ExitTryLater {
		t.Fatalf("%v", err)
	}
	if p := r.start().Status(t.Context()).Problem; p == nil || p.Code != codeSignedOutThere {
		t.Errorf("told: %+v", p)
	}
	_, err := r.start().Renew(t.Context(), true)
	r.must(err)
	if p := r.start().Status(t.Context()).Problem; p != nil {
		t.Errorf("told on: %+v", p)
	}
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Errorf("what the hint says does not help: %v", err)
	}
	r.alive(r.entry().Login)
}

// The ledger is damaged, and Claude Code signs out before or after it is found again.
func TestRebuiltLedgerKnowsOfASignOut(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		t.Run(when, func(t *testing.T) {
			r := newRig(t)
			a := r.signIn(8 * time.Hour)
			out := func() {
				r.must(os.Remove(r.entryFile()))
				r.server.RevokeFamily(a.Refresh.Reveal())
			}
			r.must(os.WriteFile(r.ledgerFile(), []byte("{"), 0o600))
			if when == "before" {
				out()
			}
			r.mendAll()
			if when == "after" {
				out()
			}
			if _, err := r.start().Mirror(t.Context()); exitOf(err) != ExitSignInAgain {
				t.Errorf("%v", err)
			}
		})
	}
}

// What lies in the directory that is lent to is newer than ours, and makes room: the place gets
// the newest access token at once.
func TestLendReplacesANewerPair(t *testing.T) {
	r := newRig(t)
	a, home, work := r.inTwo("work")
	r.goTo(work)
	newer := r.renewElsewhere(a)
	r.writeEntry(newer)
	r.goTo(home)
	_, err := r.start().Lend(t.Context(), LendOptions{Dir: work, Replace: true})
	r.must(err)
	r.follows(work)
	if lent := r.lent(work).Login; !lent.Access.Equal(newer.Access) {
		t.Error("an older access token was lent")
	}
	r.alive(r.entry().Login)
	r.reused()
}

// Claude Code signs in anew where a former grant of the account lay once: that login is its own,
// and no background work writes over it, whether ours lives or not.
func TestOwnLoginWhereAFormerGrantLay(t *testing.T) {
	for _, ended := range []bool{false, true} {
		t.Run(fmt.Sprintf("ours ended %v", ended), func(t *testing.T) {
			r := newRig(t)
			_, home, work := r.inTwo("work")
			w := r.work()
			_, _, err := w.takingIn().takeIn(t.Context(), takenIn{account: "bob", c: r.other(), what: "signed-in"})
			w.end()
			r.must(err)
			r.goTo(work)
			_, err = r.start().Switch(t.Context(), "bob")
			r.must(err)
			r.goTo(home)
			again := r.issued("a@example.com", time.Hour)
			r.keep("default", again)
			_, err = r.start().Mirror(t.Context())
			r.must(err)
			if ended {
				r.must(os.Remove(r.entryFile()))
				r.server.RevokeFamily(again.Refresh.Reveal())
			}
			r.goTo(work)
			own := r.issued("a@example.com", 8*time.Hour)
			r.writeEntry(own)
			r.goTo(home)
			for range 2 {
				r.must(r.start().tending().follow(t.Context()))
			}
			_, err = r.start().Switch(t.Context(), "bob")
			r.must(err)
			r.goTo(work)
			if !r.entry().Login.SamePair(own) {
				t.Error("Claude Code's own login was written over")
			}
			r.goTo(home)
			r.reused()
		})
	}
}

// A login that Claude Code signed out of is carried nowhere either, until the server says that
// it lives.
func TestDoubtedLoginIsNotCarried(t *testing.T) {
	r := newRig(t)
	a, home, work := r.inTwo("work")
	r.move(work, work+"-away")
	r.renewed("")
	r.must(os.Remove(r.entryFile()))
	r.server.RevokeFamily(a.Refresh.Reveal())
	r.must(r.start().tending().follow(t.Context()))
	r.move(work+"-away", work)
	r.must(r.start().tending().follow(t.Context()))
	r.goTo(work)
	if !r.entry().Login.SamePair(a) {
		t.Error("a login that was ended was written")
	}
	r.goTo(home)
}

// What makes room in the entry is the only copy, or the newest: our store lost its own, cannot be
// read, or came out of a backup.
func TestOnlyCopyMakesNoRoom(t *testing.T) {
	for name, verb := range map[string]func(*Engine) error{
		"switch": func(e *Engine) error { _, err := e.Switch(t.Context(), "bob"); return err },
		"undo":   func(e *Engine) error { _, err := e.Undo(t.Context()); return err },
	} {
		for what, spoil := range map[string]func(*rig){
			"record gone": func(r *rig) { r.must(r.vault().drop(t.Context(), "default")) },
			"damaged":     func(r *rig) { r.must(os.WriteFile(r.storeFile(), []byte("{"), 0o600)) },
			"backup": func(r *rig) {
				restore := r.backup(r.storeFile())
				r.renewed("")
				restore()
			},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				r := newRig(t)
				r.keep("bob", r.other())
				r.signIn(8 * time.Hour)
				spoil(r)
				newest := r.entry().Login
				err := verb(r.start())
				if entry := r.entry().Login; entry.SamePair(newest) {
					return
				}
				kept, _ := os.ReadFile(r.storeFile())
				if !strings.Contains(string(kept), newest.Refresh.Reveal()) {
					t.Errorf("the living pair is nowhere: %v", err)
				}
			})
		}
	}
}

// A long-lived token and the daily login of one person are two accounts: the refusal says that,
// and not that the person is another one.
func TestLongLivedOfTheSamePersonIsNamedAsThat(t *testing.T) {
	r := newRig(t)
	w := r.work()
	defer w.end()
	token := r.issued("a@example.com", 8*time.Hour)
	token.Refresh = secret.String{}
	_, _, err := w.takingIn().takeIn(t.Context(), takenIn{account: "ci", c: token, what: "signed-in", longLived: true})
	r.must(err)
	daily := r.issued("a@example.com", 8*time.Hour)
	_, _, err = w.takingIn().takeIn(t.Context(), takenIn{account: "ann", c: daily, what: "signed-in", activate: true})
	r.must(err)
	_, _, err = w.takingIn().signsInTo(t.Context(), "ci", r.issued("a@example.com", time.Hour), false, false)
	if known := (&Error{}); !errors.As(err, &known) || known.Fault != FaultAccountIsLongLived {
		t.Errorf("%v", err)
	}
}

// A token for machines becomes active by nobody's word but the person's, and no login makes room
// for it in Claude Code's entry. While it is the only one the verbs work on it.
func TestLongLivedBecomesActiveByNobody(t *testing.T) {
	long := func(r *rig, noMirror bool) {
		token := r.issued("a@example.com", 8*time.Hour)
		token.Refresh, token.Scopes = secret.String{}, []string{"user:inference"}
		o := SignInOptions{Account: "ci", LongLived: 365 * 24 * time.Hour, NoMirror: noMirror}
		_, err := signIn{r.start(), o, func(Event) {}}.keepSignIn(r.t.Context(), token)
		r.must(err)
	}
	for name, c := range map[string]struct {
		do      func(*rig)
		entered bool // it lies in Claude Code's entry then
	}{
		"alone":     {func(r *rig) { long(r, false) }, true},
		"once more": {func(r *rig) { long(r, false); long(r, false) }, true},
		"unwritten": {func(r *rig) { long(r, true) }, false},
		"beside Claude Code's own login": {func(r *rig) {
			r.writeEntry(r.other())
			long(r, false)
		}, false},
		"after a sign-out": {func(r *rig) {
			r.signIn(time.Hour)
			long(r, false)
			_, err := r.start().On("default").SignOut(r.t.Context(), SignOutOptions{})
			r.must(err)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c.do(r)
			if l := r.ledger(); l.Active != "" {
				t.Errorf("active: %q", l.Active)
			}
			token, err := r.start().Token(t.Context(), time.Minute)
			if err != nil || !strings.Contains(r.storeText(), token.Reveal()) {
				t.Errorf("the only account's token is not printed: %v", err)
			}
			if text, _ := os.ReadFile(r.entryFile()); strings.Contains(string(text), token.Reveal()) != c.entered {
				t.Errorf("Claude Code's entry has it: %v, want %v", !c.entered, c.entered)
			}
		})
	}
}

// Of several tokens for machines none is active: each verb says so, and that nobody is signed in is
// not what it says.
func TestOneOfSeveralTokensIsToBeNamed(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"ci", "ci2"} {
		token := r.issued(name+"@example.com", 8*time.Hour)
		token.Refresh = secret.String{}
		_, err := signIn{r.start(), SignInOptions{Account: name, LongLived: time.Hour}, func(Event) {}}.
			keepSignIn(t.Context(), token)
		r.must(err)
	}
	_, tokenErr := r.start().Token(t.Context(), time.Minute)
	_, outErr := r.start().SignOut(t.Context(), SignOutOptions{})
	for verb, err := range map[string]error{"token": tokenErr, "logout": outErr} {
		if known := errorIn(err); known == nil || known.Fault != FaultNoneActive {
			t.Errorf("%s: %v", verb, err)
		}
	}
	if p := r.start().Status(t.Context()).Problem; p == nil || p.Code != CodeNoAccount {
		t.Errorf("status: %+v", p)
	}
}

// A daily sign-in that was killed before it was known is the active account beside a token for machines.
func TestKilledSignInBesideATokenIsActive(t *testing.T) {
	r := newRig(t)
	token := r.issued("b@example.com", 8*time.Hour)
	token.Refresh = secret.String{}
	_, err := signIn{r.start(), SignInOptions{Account: "ci", LongLived: time.Hour}, func(Event) {}}.
		keepSignIn(t.Context(), token)
	r.must(err)
	r.killedBeforeItIsKnown("ann", r.issued("a@example.com", time.Hour))
	r.renewed("")
	if l := r.ledger(); l.Active != "ann" {
		t.Errorf("active: %q of %v", l.Active, l.Names())
	}
}

// The next token for machines that tells nobody takes the place of the one before, although the
// server could tell whose that one is.
func TestLongLivedThatTellsNobodyIsRenewed(t *testing.T) {
	r := newRig(t)
	for range 2 {
		token := r.issued("a@example.com", 8*time.Hour)
		token.Refresh, token.Account = secret.String{}, keychain.Account{}
		o := SignInOptions{Account: "ci", LongLived: 365 * 24 * time.Hour}
		_, err := signIn{r.start(), o, func(Event) {}}.keepSignIn(t.Context(), token)
		r.must(err)
		if got, err := r.start().Token(t.Context(), time.Minute); err != nil || !got.Equal(token.Access) {
			t.Errorf("it is not the account's: %v", err)
		}
	}
}

// Where the server cannot be asked the place stays behind, and is told; once it says that the
// login lives the place is brought up without a renewal.
func TestDoubtedLoginIsCarriedOnceItLives(t *testing.T) {
	r := newRig(t)
	_, home, work := r.inTwo("work")
	r.move(work, work+"-away")
	r.renewed("")
	r.must(os.Remove(r.entryFile())) // by hand: nothing was ended
	r.must(r.start().tending().follow(t.Context()))
	r.move(work+"-away", work)
	sent := r.posts()
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"profile": 500} })
	_ = r.start().tending().follow(t.Context())
	if l := r.ledger(); !slices.ContainsFunc(l.Places, l.Behind) {
		t.Error("it is not behind")
	}
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = nil })
	r.must(r.start().tending().follow(t.Context()))
	r.goTo(work)
	r.alive(r.entry().Login)
	r.goTo(home)
	if r.posts() != sent {
		t.Error("a token was spent for it")
	}
}

// What undoing gave back to Claude Code stays there, though the account of that person goes on
// with another login.
func TestFormerLoginOfOnePersonIsBackForGood(t *testing.T) {
	for _, what := range []string{"signed-in", "imported"} {
		t.Run(what, func(t *testing.T) {
			r := newRig(t)
			daily := r.signIn(8 * time.Hour)
			next := r.issued("a@example.com", 8*time.Hour)
			w := r.work()
			if what == "signed-in" {
				next.Refresh = secret.String{}
			}
			_, kept, err := w.takingIn().takeIn(t.Context(), takenIn{account: "default", c: next,
				what:      ledger.ChangeKind(what),
				longLived: what == "signed-in", activate: true, carries: true})
			w.end()
			if err != nil || !kept {
				t.Fatalf("%v, kept %v", err, kept)
			}
			_, err = r.start().Mirror(t.Context())
			r.must(err)
			_, err = r.start().Undo(t.Context())
			r.must(err)
			for range 2 {
				r.must(r.start().tending().follow(t.Context()))
				_, _ = r.start().Renew(t.Context(), true)
			}
			if !r.entry().Login.SamePair(daily) {
				t.Error("it was written over")
			}
			r.reused()
		})
	}
}

// An entry whose access token is empty is no login to Claude Code. Its refresh token may live.
func TestRefreshTokenWithoutAnAccessTokenIsKept(t *testing.T) {
	r := newRig(t)
	x := r.issued("x@example.com", 8*time.Hour)
	r.must(os.WriteFile(r.entryFile(), []byte(`{"claudeAiOauth":{"accessToken":"","refreshToken":"`+x.Refresh.Reveal()+
		`","scopes":["user:inference"]}}`), 0o600))
	was := r.entryText()
	r.signIn(8 * time.Hour)
	_, err := r.start().Undo(t.Context())
	r.must(err)
	if now := r.entryText(); now != was {
		t.Errorf("%d bytes are back, of %d", len(now), len(was))
	}
}
