package session

import (
	"fmt"
	"os"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/testguard"
	"keytender/keychain"
)

// Two pairs that both seem to follow one generation, and logins of nobody that come back: at
// most one is the successor, and no living one is written over.

// inTwo is one login in two directories; the second one's name is given.
func (r *rig) inTwo(second string) (a keychain.Credential, home, work string) {
	r.t.Helper()
	home, work = r.claude, r.beside(second)
	a = r.signIn(time.Hour)
	if err := os.Mkdir(work, 0o700); err != nil {
		r.t.Fatal(err)
	}
	r.goTo(work)
	if _, err := r.start().Mirror(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.goTo(home)
	return a, home, work
}

// A configuration directory was copied, and a command ran there: the renewals that follow are carried
// there too, whether the copy holds the newest pair or the one before.
func TestCopiedDirectoryIsCarried(t *testing.T) {
	ctx := t.Context()
	for name, look := range map[string]func(*Engine){
		"token":  func(e *Engine) { _, _ = e.Token(ctx, time.Minute) },
		"status": func(e *Engine) { e.Status(ctx) },
		"places": func(e *Engine) { _, _ = e.Places(ctx) },
	} {
		for _, older := range []bool{false, true} {
			if older && name != "token" {
				continue // TestOldCopyIsLeftAsItIs
			}
			t.Run(fmt.Sprintf("%s, older: %v", name, older), func(t *testing.T) {
				r := newRig(t)
				r.signIn(time.Hour)
				home, copied := r.claude, r.mkdir("copied")
				login := r.entry().Login
				if older {
					r.renewed("")
				}
				r.goTo(copied)
				r.writeEntry(login)
				look(r.start())
				r.goTo(home)
				r.renewed("")
				r.goTo(copied)
				if !r.inStep() {
					t.Error("it was left with a spent pair")
				}
			})
		}
	}
}

// A look at an old copy of a directory writes no living login into it, then or later.
func TestOldCopyIsLeftAsItIs(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	home, old := r.claude, r.mkdir("old")
	login := r.entry().Login
	r.renewed("")
	r.goTo(old)
	r.writeEntry(login)
	r.start().Status(t.Context())
	_, err := r.start().Places(t.Context())
	r.must(err)
	r.goTo(home)
	r.renewed("")
	r.goTo(old)
	if !r.entry().Login.SamePair(login) {
		t.Error("a login that nobody asked for lies in it")
	}
}

// A copy that cannot be written, in a backup whose files are linked to each other, say: whoever looks
// at it stops no renewal by that.
func TestBackupStopsNoRenewal(t *testing.T) {
	for _, older := range []bool{false, true} {
		r := newRig(t)
		r.signIn(time.Hour)
		home, backup := r.claude, r.mkdir("backup")
		login := r.entry().Login
		if older {
			r.renewed("")
		}
		r.goTo(backup)
		r.writeEntry(login)
		r.must(os.Link(r.entryFile(), r.beside("yesterday")))
		r.start().Status(t.Context())
		_, err := r.start().Token(t.Context(), time.Minute)
		r.must(err)
		r.goTo(home)
		r.renewed("")
	}
}

// Claude Code renews in one directory; in the other the person signs out, which ends the
// login, and in again. Which of the two is looked at first depends on their names.
func TestRenewedHereAndSignedInAnewThere(t *testing.T) {
	for _, second := range []string{"a-first", "z-last"} {
		t.Run(second, func(t *testing.T) {
			r := newRig(t)
			a, home, work := r.inTwo(second)
			r.goTo(work)
			r.writeEntry(r.renewElsewhere(a))
			r.server.RevokeFamily(a.Refresh.Reveal())
			r.goTo(home)
			r.writeEntry(r.issued("a@example.com", time.Hour))
			r.renewed("") // what was taken over first may be the dead one
			r.alive(r.entry().Login)
			r.renewed("")
			r.mended()
		})
	}
}

// The second directory was away meanwhile.
func TestRenewedWhereNobodyLooked(t *testing.T) {
	r := newRig(t)
	a, home, work := r.inTwo("work")
	r.goTo(work)
	r.writeEntry(r.renewElsewhere(a))
	r.server.RevokeFamily(a.Refresh.Reveal())
	if err := os.Rename(work, work+"-away"); err != nil {
		t.Fatal(err)
	}
	r.goTo(home)
	r.writeEntry(r.issued("a@example.com", time.Hour))
	r.renewed("")
	if err := os.Rename(work+"-away", work); err != nil {
		t.Fatal(err)
	}
	r.renewed("")
	r.mended()
}

// The person copied the newest pair by hand over one that was behind.
func TestNewestPairIsCopiedByHand(t *testing.T) {
	for _, second := range []string{"a-first", "z-last"} {
		t.Run(second, func(t *testing.T) {
			r := newRig(t)
			a, home, work := r.inTwo(second)
			r.writeEntry(r.renewElsewhere(a)) // taken over here, and not carried there
			w := r.work()
			s, err := w.see(t.Context(), w.entry, true)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.settling().settle(t.Context(), &s); err != nil {
				t.Fatal(err)
			}
			w.end()
			newest := r.renewElsewhere(r.stored())
			r.writeEntry(newest)
			r.goTo(work)
			r.writeEntry(newest)
			r.goTo(home)
			r.renewed("")
			r.mended()
			r.goTo(work)
			r.mended()
		})
	}
}

// A login that was put back by hand and went on is the one that was kept aside.
func TestStrangerIsDisplacedTwice(t *testing.T) {
	r := newRig(t)
	x := r.issued("x@example.com", time.Hour)
	r.writeEntry(x)
	r.signIn(time.Hour)
	r.writeEntry(r.renewElsewhere(x))
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	back := 0
	for range 3 {
		if _, err := r.start().Undo(t.Context()); err == nil {
			back++
		}
		r.alive(r.entry().Login)
	}
	if back != 1 {
		t.Errorf("%d logins were put back", back)
	}
}

// One account in two organisations: a pair that names the account alone may be of either.
func TestPairThatNamesNoOrganisation(t *testing.T) {
	r := newRig(t)
	a := r.issued("a@example.com", time.Hour)
	r.keep("one", a)
	if _, err := r.start().On("one").Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := r.issued("a@example.com", time.Hour)
	b.Account.OrganizationID = "org-two"
	r.keep("two", b)
	if _, err := r.start().Switch(t.Context(), "two"); err != nil {
		t.Fatal(err)
	}
	newer := r.renewElsewhere(a)
	newer.Account = keychain.Account{ID: a.Account.ID}
	r.writeEntry(newer)
	r.renewed("two")
	r.renewed("one")
	if n := r.server.Count("renew-reused"); n != 0 {
		t.Errorf("a spent refresh token was sent %d times", n)
	}
	for _, name := range []string{"one", "two"} {
		c, err := r.vault().load(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		r.alive(c)
	}
}

// A login that names the account alone, where that is known in two organisations, takes the
// place of neither: it may be the other one's.
func TestLoginThatNamesNoOrganisation(t *testing.T) {
	for name, come := range map[string]func(r *rig, c keychain.Credential) error{
		"signed in": func(r *rig, c keychain.Credential) error {
			_, err := signIn{r.start(), SignInOptions{NoMirror: true}, func(Event) {}}.keepSignIn(t.Context(), c)
			return err
		},
		"imported": func(r *rig, c keychain.Credential) error {
			_, err := r.start().ImportJSON(t.Context(), ImportOptions{}, asJSON(c))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			one, two := r.issued("a@example.com", time.Hour), r.issued("a@example.com", time.Hour)
			two.Account.OrganizationID = "org-two"
			r.keep("one", one)
			r.keep("two", two)
			c := r.issued("a@example.com", time.Hour)
			c.Account = keychain.Account{ID: c.Account.ID, Email: c.Account.Email}
			r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"profile": 503} })
			if err := come(r, c); err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]keychain.Credential{"one": one, "two": two} {
				if c, err := r.vault().load(t.Context(), name); err != nil || !c.SamePair(want) {
					t.Errorf("%s holds another login now (%v)", name, err)
				}
			}
			for _, name := range []string{"a", "default"} { // after the e-mail, which an import does not tell
				kept, err := r.vault().load(t.Context(), name)
				if err == nil && kept.SamePair(c) {
					return
				}
			}
			t.Error("the new login is not kept")
		})
	}
}

// Where the server can be asked, an import goes to the account of its organisation.
func TestImportAsksInWhichOrganisation(t *testing.T) {
	r := newRig(t)
	other := r.issued("a@example.com", time.Hour)
	other.Account.OrganizationID = "org-two"
	r.keep("a-other", other)
	r.keep("own", r.issued("a@example.com", time.Hour))
	c := r.issued("a@example.com", time.Hour)
	c.Account = keychain.Account{ID: c.Account.ID}
	done, err := r.start().ImportJSON(t.Context(), ImportOptions{}, asJSON(c))
	if err != nil || done.Account != "own" {
		t.Errorf("it went to %q: %v", done.Account, err)
	}
}

// With one organisation known it is the same account, but the former login is kept: it may be
// another organisation's.
func TestSignInThatNamesNoOrganisationKeepsTheFormer(t *testing.T) {
	r := newRig(t)
	former := r.signIn(time.Hour)
	c := r.issued("a@example.com", time.Hour)
	c.Account = keychain.Account{ID: c.Account.ID}
	r.keep(r.account, c)
	if !r.stored().SamePair(c) {
		t.Error("the new login is not the account's")
	}
	d := r.ledger().LastDisplaced(r.start().entry.ID())
	if d == nil || d.Pair != pairOf(&former) {
		t.Errorf("the former login is lost: %+v", d)
	}
	r.keep(r.account, r.issued("a@example.com", time.Hour))
	r.keep(r.account, r.issued("a@example.com", time.Hour))
	if n := len(r.ledger().Displaced); n > 3 { // nothing lay there, the former, the one of no organisation
		t.Errorf("%d logins are kept", n)
	}
}

// Another program exchanged the tokens in the entry alone: the ids beside them are those of the
// login that was there. It is no successor of ours, which lives on.
func TestTokensOfAnotherBesideOurIDs(t *testing.T) {
	for _, other := range []bool{false, true} {
		r := newRig(t)
		ours := r.signIn(time.Hour)
		x := r.issued("x@example.com", 2*time.Hour)
		if other { // an account of ours that lay there before
			r.keep("other", r.other())
			if _, err := r.start().Switch(t.Context(), "other"); err != nil {
				t.Fatal(err)
			}
		}
		x.Account = ours.Account
		r.writeEntry(x)
		r.renewed(r.account)
		r.alive(r.stored())
		if r.stored().SamePair(x) || !r.entry().Login.SamePair(x) {
			t.Error("it was taken for ours, or written over")
		}
		if _, err := r.start().On(r.account).Mirror(t.Context()); err != nil {
			t.Error(err)
		}
		r.alive(r.entry().Login)
		if _, err := r.start().Undo(t.Context()); err != nil || !r.entry().Login.SamePair(x) {
			t.Errorf("it cannot be put back: %v", err)
		}
	}
}

// The same, found in the entry of another account by a renewal.
func TestTokensOfAnotherInTheEntryOfAnAccount(t *testing.T) {
	r := newRig(t)
	ours := r.signIn(time.Hour)
	r.keep("other", r.other())
	x := r.issued("x@example.com", 2*time.Hour)
	x.Account = ours.Account
	r.writeEntry(x)
	r.renewed("other")
	if c, err := r.vault().load(t.Context(), r.account); err != nil || !c.SamePair(ours) {
		t.Errorf("the account's login is lost: %v", err)
	}
	r.renewed(r.account)
}

// Whom an entry's login belongs to is asked once.
func TestStrangerWithoutIDsIsKnownAgain(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	x := r.issued("x@example.com", time.Hour)
	x.Account = keychain.Account{}
	r.writeEntry(x)
	r.renewed("")
	asked := r.server.Count("profile")
	if st := r.start().Status(t.Context()); st.ClaudeCode.State != OtherLogin {
		t.Errorf("%s", st.ClaudeCode.State)
	}
	r.renewed("")
	if n := r.server.Count("profile"); n != asked {
		t.Errorf("asked %d times more", n-asked)
	}
}

// What a sign-out could not take out is taken out by the next one.
func TestSignOutAgain(t *testing.T) {
	testguard.Slow(t)
	short(t)
	r := newRig(t)
	r.signIn(time.Hour)
	lock, err := r.start().entry.LockRenewal(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); exitOf(err) != ExitFailed {
		t.Errorf("%v", err)
	}
	_ = lock.Release()
	r.signedOut(SignOutOptions{})
	if !r.entry().Login.Refresh.IsZero() {
		t.Error("the login stays")
	}
}

// Who is left alone with the login gets the newest pair of it.
func TestSignOutThatKeepsAnEntryThatIsBehind(t *testing.T) {
	short(t)
	r := newRig(t)
	_, home, work := r.inTwo("work")
	r.goTo(work)
	w := r.work()
	lock, err := w.entry.LockRenewal(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	place := w.l.Place(w.entry.ID())
	place.Let = true // so that the renewal leaves it behind
	w.end()
	r.goTo(home)
	r.renewed("")
	_ = lock.Release()
	w = r.work()
	w.l.Place(place.ID).Let = false
	w.end()
	r.signedOut(SignOutOptions{KeepClaudeCode: true})
	for _, dir := range []string{home, work} {
		r.goTo(dir)
		r.alive(r.entry().Login)
	}
}

// A login that goes its own way lies in two directories: whoever renews, both go on.
func TestApartInTwoDirectories(t *testing.T) {
	r := newRig(t)
	a, home, work := r.inTwo("work")
	w := r.work()
	own := takenIn{account: "default", c: r.issued("a@example.com", time.Hour), what: "signed-in"}
	if _, _, err := w.takingIn().takeIn(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	w.end()
	r.writeEntry(r.renewElsewhere(a))
	r.renewed("")
	r.goTo(work)
	r.alive(r.entry().Login)
	r.writeEntry(r.renewElsewhere(r.entry().Login))
	r.renewed("")
	r.goTo(home)
	r.alive(r.entry().Login)
	if r.stored().SamePair(r.entry().Login) {
		t.Error("it was taken for the account's own")
	}
}

// Claude Code renewed in one directory, and the person mirrors into the other: what lay there
// was the newest pair until the first one was looked at.
func TestMirrorBesideARenewal(t *testing.T) {
	for _, second := range []string{"a-first", "z-last"} {
		t.Run(second, func(t *testing.T) {
			r := newRig(t)
			a, home, work := r.inTwo(second)
			r.goTo(home)
			r.writeEntry(r.renewElsewhere(a))
			r.goTo(work)
			if said, err := r.start().Mirror(t.Context()); err != nil || !r.entry().Login.SamePair(r.stored()) {
				t.Errorf("%v, %v, and a spent pair stays", said, err)
			}
			r.alive(r.entry().Login)
		})
	}
}
