//go:build linux

package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/fakeclaude"
	"keytender/internal/ledger"
	"keytender/internal/secret"
	"keytender/internal/testguard"
	"keytender/keychain"
)

// Histories that lost something once, found by a reader who had not written the code.

func (r *rig) move(from, to string) {
	r.t.Helper()
	if err := os.Rename(from, to); err != nil {
		r.t.Fatal(err)
	}
}

// behindInWork is one login in two directories, of which the second was away during a renewal
// and is back.
func (r *rig) behindInWork() (newest keychain.Credential, home, work string) {
	r.t.Helper()
	_, home, work = r.inTwo("work")
	r.move(work, work+"-away")
	r.renewed("")
	r.move(work+"-away", work)
	return r.stored(), home, work
}

// Sign-out could take out neither the entry nor what was lent; both are free again.
func TestSignOutAgainWithLent(t *testing.T) {
	testguard.Slow(t)
	short(t)
	r := newRig(t)
	r.signIn(8 * time.Hour)
	dir := filepath.Join(t.TempDir(), "lent")
	r.lend(dir)
	lock, err := r.start().entry.LockRenewal(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, ".credentials.json")
	text, _ := os.ReadFile(file)
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); err == nil {
		t.Fatal("signed out")
	}
	_ = lock.Release()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("panic: %v", p)
		}
	}()
	if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); err != nil {
		t.Error(err)
	}
}

// The newest pair was copied by hand over one that was behind (TestNewestPairIsCopiedByHand),
// Claude Code renewed there, and its access token has ended since: nobody was asked, and yet it
// counts as refused.
func TestEndedAccessTokenCountsAsRefused(t *testing.T) {
	r := newRig(t)
	newest, home, work := r.behindInWork()
	r.goTo(work)
	r.writeEntry(r.renewElsewhere(newest))
	r.goTo(home)
	r.pass(9 * time.Hour)
	_, err := r.start().Renew(t.Context(), true)
	t.Logf("renew: %v", err)
	r.reused()
	r.goTo(work)
	r.alive(r.entry().Login)
}

// Claude Code's own login of the same person, which Keytender never took over, at sign-out.
func TestSignOutTakesClaudeCodesOwn(t *testing.T) {
	r := newRig(t)
	_, home, work := r.behindInWork()
	r.goTo(work)
	own := r.issued("a@example.com", time.Hour)
	r.writeEntry(own)
	r.goTo(home)
	r.pass(9 * time.Hour)                     // its access token has ended; the login lives
	_, _ = r.start().Renew(t.Context(), true) // nothing is sent while that is unknown
	if r.stored().SamePair(own) {
		t.Fatal("it was taken over")
	}
	_, _ = r.start().SignOut(t.Context(), SignOutOptions{})
	r.goTo(work)
	if !r.entry().Login.SamePair(own) {
		t.Error("Claude Code's own login, neither written nor taken over by us, was taken out; no copy is left")
	}
}

// Whether a place holds a newer pair could not be found out; sign-out says that all is done.
func TestSignOutOfUnknownSaysDone(t *testing.T) {
	r := newRig(t)
	newest, home, work := r.behindInWork()
	r.goTo(work)
	newer := r.renewElsewhere(newest) // copied by hand, and renewed there
	r.writeEntry(newer)
	r.goTo(home)
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"profile": 500} })
	steps, err := r.start().SignOut(t.Context(), SignOutOptions{})
	r.goTo(work)
	if left := r.entry().Login; !left.Refresh.IsZero() && err == nil {
		t.Errorf("success, and the login lies in %s, alive %v; told: %+v", work, r.server.Alive(left.Refresh.Reveal()),
			steps)
	}
}

// A login replaced by --replace goes on in another directory that the ledger knows.
func TestUndoPutsBackWhatWasRenewedElsewhere(t *testing.T) {
	r := newRig(t)
	a, home, work := r.inTwo("work")
	w := r.work()
	if _, _, err := w.takingIn().takeIn(t.Context(), takenIn{account: "default",
		c: r.issued("b@example.com", time.Hour), what: "signed-in", activate: true, carries: true}); err != nil {
		t.Fatal(err)
	}
	w.end()
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.goTo(work)
	newer := r.renewElsewhere(a)
	r.writeEntry(newer)
	r.goTo(home)
	sentence, err := r.start().Undo(t.Context())
	t.Logf("%v %v", sentence, err)
	login := r.entry().Login
	if r.server.Spent(login.Refresh.Reveal()) {
		t.Error("a spent pair was put back; Claude Code here sends it, and ends the living one in " + work)
	}
}

// Where nobody was before, an account of ours that cannot be used is no reason to sign Claude Code out.
func TestUndoSignsNobodyOutForAnAccountThatEnded(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	bob := r.other()
	r.keep("bob", bob)
	_, err := r.start().Mirror(t.Context())
	r.must(err)
	r.renewElsewhere(a)
	if _, err := r.start().On("default").Renew(t.Context(), true); exitOf(err) != ExitSignInAgain {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.start().Undo(t.Context()); exitOf(err) != ExitSignInAgain || !r.entry().Login.SamePair(bob) {
			t.Fatalf("%v, and the entry is signed in: %v", err, !r.entry().Login.Refresh.IsZero())
		}
	}
}

// A record that is no account's is not signed out of.
func TestSignOutOfARecordThatIsNoAccount(t *testing.T) {
	r := newRig(t)
	x := r.issued("x@example.com", time.Hour)
	r.writeEntry(x)
	c := r.signIn(time.Hour)
	r.must(r.vault().save(t.Context(), "old", c)) // as a rename that was killed leaves it
	for _, name := range []string{"old", displacedName(r.ledger().Displaced[0].ID), boundName(r.account)} {
		if steps, err := r.start().On(name).SignOut(t.Context(), SignOutOptions{Revoke: true}); err == nil {
			t.Errorf("%s: %v", name, steps)
		}
	}
	r.alive(r.stored())
	if !strings.Contains(r.storeText(), x.Refresh.Reveal()) {
		t.Error("a login that was displaced is gone")
	}
}

// A valid token asks nobody, so it follows nothing that it finds in an entry: what lies there may be another
// person's, or come out of a backup.
func TestValidTokenFollowsNothing(t *testing.T) {
	r := newRig(t)
	c, home, work := r.inTwo("work")
	r.goTo(work)
	theirs := r.other()
	theirs.Account = c.Account // a switcher exchanges the tokens alone
	r.writeEntry(theirs)
	r.goTo(home)
	asked := r.server.Count("profile")
	token, err := r.start().Token(t.Context(), time.Minute)
	r.must(err)
	if !token.Equal(c.Access) || !r.entry().Login.SamePair(c) || !r.stored().SamePair(c) {
		t.Error("our login was replaced by another person's")
	}
	if n := r.server.Count("profile") - asked; n > 0 {
		t.Errorf("the server was asked %d times", n)
	}
}

// An account of ours that nobody can use any more does not keep a login from being put back that lay there
// before it.
func TestUndoPassesOverAnAccountThatCannotBeUsed(t *testing.T) {
	for name, spoil := range map[string]func(*rig){
		"ended at the server": func(r *rig) {
			c, err := r.vault().load(r.t.Context(), "default")
			r.must(err)
			r.renewElsewhere(c)
			if _, err := r.start().On("default").Renew(r.t.Context(), true); exitOf(err) != ExitSignInAgain {
				r.t.Fatal(err)
			}
		},
		"ended by time": func(r *rig) {
			c, err := r.vault().load(r.t.Context(), "default")
			r.must(err)
			c.LoginEnds, c.LoginEndsEstimated = r.now().Add(-time.Minute), false
			r.must(r.vault().save(r.t.Context(), "default", c))
		},
		"no record": func(r *rig) { r.must(r.vault().drop(r.t.Context(), "default")) },
		"its name is another person's": func(r *rig) {
			r.must(r.vault().drop(r.t.Context(), "default")) // else its login is kept, and put back first
			w := r.work()
			defer w.end()
			_, _, err := w.takingIn().takeIn(r.t.Context(), takenIn{account: "default",
				c: r.issued("carol@example.com", time.Hour), what: "signed-in"})
			r.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			x := r.issued("x@example.com", time.Hour)
			r.writeEntry(x)
			r.signIn(time.Hour)
			r.keep("bob", r.other())
			_, err := r.start().Mirror(t.Context())
			r.must(err)
			spoil(r)
			_, err = r.start().Undo(t.Context())
			r.must(err)
			if !r.entry().Login.SamePair(x) {
				t.Error("the login that can be used is not put back")
			}
		})
	}
}

// An undo that fails forgets no account that it passed over: each is there for the next one.
func TestUndoThatFailsForgetsNobody(t *testing.T) {
	r := newRig(t)
	for name, email := range map[string]string{"alice": "a@example.com", "bob": "b@example.com"} {
		r.keep(name, r.issued(email, time.Hour))
		_, err := r.start().Mirror(t.Context())
		r.must(err)
	}
	r.keep("carol", r.issued("carol@example.com", time.Hour))
	_, err := r.start().Mirror(t.Context())
	r.must(err)
	displaced := func() (own []string) {
		for _, d := range r.ledger().Displaced {
			own = append(own, d.Own)
		}
		return own
	}
	before := displaced()
	for _, name := range []string{"alice", "bob"} {
		c, err := r.vault().load(t.Context(), name)
		r.must(err)
		c.LoginEnds, c.LoginEndsEstimated = r.now().Add(-time.Minute), false
		r.must(r.vault().save(t.Context(), name, c))
	}
	if _, err := r.start().Undo(t.Context()); exitOf(err) != ExitSignInAgain {
		t.Error(err)
	}
	if after := displaced(); !slices.Equal(after, before) {
		t.Errorf("%q before, %q after", before, after)
	}
}

// What made room is put back, newest first, our own accounts with what they have by then. That nobody was there
// before the first of them signs nobody out.
func TestUndoGoesBackOverOwnAccounts(t *testing.T) {
	for name, before := range map[string]string{"over a stranger": "x@example.com", "over nobody": ""} {
		for _, signedOut := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, signed out %v", name, signedOut), func(t *testing.T) {
				r := newRig(t)
				if before != "" {
					r.writeEntry(r.issued(before, time.Hour))
				}
				r.signIn(time.Hour)
				r.keep("bob", r.other())
				for range 2 { // and there and back once more
					_, err := r.start().Mirror(t.Context())
					r.must(err)
					_, err = r.start().Switch(t.Context(), "default")
					r.must(err)
					_, err = r.start().Switch(t.Context(), "bob")
					r.must(err)
				}
				want := []string{"a@example.com"}
				if before != "" {
					want = append(want, before)
				}
				_, err := r.start().On("default").Renew(t.Context(), true)
				r.must(err)
				if signedOut {
					_, err := r.start().On("default").SignOut(t.Context(), SignOutOptions{})
					r.must(err)
					want = want[1:]
				}
				for _, email := range want {
					said, err := r.start().Undo(t.Context())
					r.must(err)
					login := r.entry().Login
					own := said.Values.Owner == "a@example.com"
					if own != (email == "a@example.com") || said.Remark != RemarkBack {
						t.Errorf("want %q, got %v %v", email, said.Remark, said.Values.Owner)
					}
					r.alive(login)
				}
				if said, err := r.start().Undo(t.Context()); err == nil || r.entry().Login.Refresh.IsZero() {
					t.Errorf("there is still something to undo: %v", said.Remark)
				}
				r.reused()
			})
		}
	}
}

// A stranger's login in two directories, both displaced; one put back and renewed.
func TestUndoInTwoDirectories(t *testing.T) {
	r := newRig(t)
	home, work := r.claude, r.beside("work")
	x := r.issued("x@example.com", time.Hour)
	r.writeEntry(x)
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	r.goTo(work)
	r.writeEntry(x)
	r.goTo(home)
	r.signIn(time.Hour)
	r.goTo(work)
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.writeEntry(r.renewElsewhere(r.entry().Login))
	r.goTo(home)
	_, err := r.start().Undo(t.Context())
	t.Logf("%v", err)
	if r.server.Spent(r.entry().Login.Refresh.Reveal()) {
		t.Error("a spent pair was put back")
	}
}

func (r *rig) blanked() {
	r.t.Helper()
	r.writeEntry(keychain.Credential{Scopes: []string{"user:inference"}, AccessEnds: time.UnixMilli(0)})
}

func (r *rig) mendAll() {
	r.t.Helper()
	e := r.start()
	mended, err := e.Mend(r.t.Context(), e.Repairs(r.t.Context()))
	if err != nil || len(mended) == 0 {
		r.t.Fatalf("%+v %v", mended, err)
	}
}

// Doctor --fix wrote ann's login anew; the person switched to bob; doctor --undo.
func TestUnmendSignsOutAnother(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.blanked()
	r.mendAll()
	r.keep("bob", r.other())
	if _, err := r.start().Switch(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	undone, err := r.start().Unmend(t.Context())
	if r.entry().Login.Refresh.IsZero() {
		t.Errorf("bob was signed out of Claude Code: %v %v", undone, err)
	}
}

// The same from a shell that names another directory.
func TestUnmendInAnotherDirectory(t *testing.T) {
	r := newRig(t)
	_, home, work := r.inTwo("work")
	r.goTo(home)
	r.blanked()
	r.mendAll()
	r.goTo(work)
	undone, err := r.start().Unmend(t.Context())
	if r.entry().Login.Refresh.IsZero() {
		t.Errorf("the login in %s was taken out, which doctor never touched: %v %v", work, undone, err)
	}
}

// The credentials file is damaged; Claude Code renewed before doctor --fix, and after it.
func TestMendedCredentialsAndTwoRenewals(t *testing.T) {
	for _, pass := range []time.Duration{0, 9 * time.Hour} {
		r := newRig(t)
		a := r.signIn(time.Hour)
		b := r.renewElsewhere(a)
		r.writeEntry(b)
		if err := os.WriteFile(filepath.Join(r.home, "credentials.json"), []byte(`{"default":{"acc`),
			0o600); err != nil {
			t.Fatal(err)
		}
		r.mendAll()
		r.writeEntry(r.renewElsewhere(b))
		r.pass(pass)
		_, err := r.start().Renew(t.Context(), true)
		t.Logf("%v: %v", pass, err)
		r.mended()
	}
}

// Login --no-mirror while a place is behind: it is never brought up, and nobody is told.
func TestNotMirroredLeavesAPlaceBehind(t *testing.T) {
	r := newRig(t)
	_, home, work := r.behindInWork()
	w := r.work()
	if _, _, err := w.takingIn().takeIn(t.Context(),
		takenIn{account: "default", c: r.issued("a@example.com", time.Hour), what: "signed-in"}); err != nil {
		t.Fatal(err)
	}
	w.end()
	r.renewed("")
	if err := r.start().tending().catchUp(t.Context(), time.Second); err != nil {
		t.Error(err)
	}
	living := r.entry().Login
	r.goTo(work)
	spent := r.entry().Login
	if r.server.Spent(spent.Refresh.Reveal()) {
		r.t.Errorf("%s keeps a spent pair of the chain that lives in %s; status: %+v", work, home,
			r.start().Status(t.Context()).Problem)
	}
	_ = living
}

// Somebody's long-lived token without a refresh token lies where we lend to.
func TestLendOverATokenWithoutRefresh(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	dir := filepath.Join(t.TempDir(), "lent")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	text := `{"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE-year","scopes":["user:inference"],"accountUuid":"xia"},"trustedDeviceToken":"xia-device","mcpOAuth":{"a":1}}`
	file := filepath.Join(dir, ".credentials.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Lend(t.Context(), LendOptions{Dir: dir}); err != nil {
		t.Logf("refused: %v", err)
		return
	}
	now, _ := os.ReadFile(file)
	if !strings.Contains(string(now), "FAKE-year") &&
		!slices.ContainsFunc(r.ledger().Displaced, func(d *ledger.Displaced) bool { return !d.Nothing }) {
		t.Errorf("a stranger's token was written over without --replace and is kept nowhere (device token kept: %v)",
			strings.Contains(string(now), "xia-device"))
	}
}

// Claude Code is renewing in a directory while it is lent to with --replace.
func TestLendReplacesDuringARenewal(t *testing.T) {
	testguard.Slow(t)
	short(t)
	r := newRig(t)
	_, home, work := r.inTwo("work")
	r.pass(0)
	r.goTo(work)
	e := r.start()
	lock, err := e.entry.LockRenewal(t.Context(), time.Second) // Claude Code has sent the token
	if err != nil {
		t.Fatal(err)
	}
	before := r.entry().Login
	r.goTo(home)
	_, err = r.start().Lend(t.Context(), LendOptions{Dir: work, Replace: true})
	r.goTo(work)
	if err == nil && r.entry().Login.Refresh.IsZero() {
		newer := r.renewElsewhere(before) // the response comes; Claude Code's compare-and-swap drops it
		_ = newer
		t.Error("the login was taken out under Claude Code's renewal locks")
		_ = lock.Release()
		r.goTo(home)
		_, err := r.start().Renew(t.Context(), true)
		t.Logf("then: %v, reused %d", err, r.server.Count("renew-reused"))
		return
	}
	_ = lock.Release()
}

// What was lent lies in a directory that is away at sign-out.
func TestSignOutOfALentPlaceThatIsAway(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	dir := filepath.Join(t.TempDir(), "lent")
	r.lend(dir)
	r.move(dir, dir+"-away")
	steps, err := r.start().SignOut(t.Context(), SignOutOptions{})
	r.move(dir+"-away", dir)
	if token := r.lent(dir).Login.Access; err == nil && !token.IsZero() && r.server.Alive(token.Reveal()) {
		t.Errorf("success, and a living token lies there; told: %+v; places: %d", steps, len(r.ledger().Places))
	}
}

// Claude Code keeps the former login after login --no-mirror; import takes nothing over.
func TestImportOfTheFormerLogin(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	w := r.work()
	if _, _, err := w.takingIn().takeIn(t.Context(),
		takenIn{account: "default", c: r.issued("a@example.com", time.Hour), what: "signed-in"}); err != nil {
		t.Fatal(err)
	}
	w.end()
	done, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{})
	if err == nil && !r.stored().SamePair(a) {
		t.Errorf("success (already: %v), and our store holds another login", done.Already)
	}
}

// a lock that doctor moved aside is put over one that Claude Code holds.
func TestUnmendPutsALockOverALivingOne(t *testing.T) {
	testguard.Slow(t)
	r := newRig(t)
	r.signIn(time.Hour)
	path := filepath.Join(r.claude, ".storage-write.lock")
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	_ = os.Chtimes(path, old, old)
	r.mendAll()
	if err := os.Mkdir(path, 0o700); err != nil { // Claude Code takes it
		t.Fatal(err)
	}
	info, _ := os.Lstat(path)
	undone, err := r.start().Unmend(t.Context())
	now, _ := os.Lstat(path)
	t.Logf("%v %v", undone, err)
	if !os.SameFile(info, now) {
		t.Errorf("Claude Code's lock was replaced: %v %v", undone, err)
	}
}

// The ledger is damaged and rebuilt while a stranger's login is displaced.
func TestRebuiltLedgerKnowsTheDisplaced(t *testing.T) {
	r := newRig(t)
	x := r.issued("x@example.com", time.Hour)
	r.writeEntry(x)
	r.signIn(time.Hour)
	if err := os.WriteFile(r.state(ledgerFile), []byte(`{"version":2,"acc`), 0o600); err != nil {
		t.Fatal(err)
	}
	r.mendAll()
	for _, name := range []string{"y@example.com", "z@example.com"} {
		r.writeEntry(r.issued(name, time.Hour))
		if _, err := r.start().Mirror(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if _, err := r.start().Undo(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if !r.entry().Login.SamePair(x) {
		t.Error("it is not back")
	}
}

// Lending another account to a place failed; nothing was lent, it said.
func TestLendThatFailedGoesOn(t *testing.T) {
	testguard.Slow(t)
	r := newRig(t)
	a := r.signIn(8 * time.Hour)
	dir := filepath.Join(t.TempDir(), "lent")
	r.lend(dir)
	r.keep("bob", r.other())
	lock := filepath.Join(dir, ".storage-write.lock") // Claude Code writes there
	if err := os.Mkdir(lock, 0o700); err != nil {
		t.Fatal(err)
	}
	limited, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := r.start().On("bob").Lend(limited, LendOptions{Dir: dir}); err == nil {
		t.Fatal("lent")
	} else {
		t.Logf("%v", err)
	}
	_ = os.Remove(lock)
	r.renewed("default")
	r.renewed("bob")
	if id := r.lent(dir).Login.Account.ID; id != a.Account.ID {
		t.Errorf("the place now has bob's token, although nothing was lent")
	}
}

// Claude Code was refused and blanked its entry; nobody can be asked whether the login lives.
func TestMirrorOfADeadLogin(t *testing.T) {
	for _, name := range []string{"profile down", "access ended", "gone and ended"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			a := r.signIn(time.Hour)
			r.server.RevokeFamily(a.Refresh.Reveal())
			r.blanked()
			switch name {
			case "profile down":
				r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"profile": 500} })
			case "gone and ended":
				_ = os.Remove(r.entryFile())
				r.pass(9 * time.Hour)
			default:
				r.pass(9 * time.Hour)
			}
			sentence, err := r.start().Mirror(t.Context())
			if login := r.entry().Login; !login.Refresh.IsZero() && !r.server.Alive(login.Refresh.Reveal()) {
				t.Errorf("a dead pair was written: %v %v", sentence, err)
			}
		})
	}
}

// The second sign-out says that Claude Code is to keep it.
func TestSignOutAgainKeepsClaudeCode(t *testing.T) {
	testguard.Slow(t)
	short(t)
	r := newRig(t)
	r.signIn(time.Hour)
	lock, err := r.start().entry.LockRenewal(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = r.start().SignOut(t.Context(), SignOutOptions{})
	_ = lock.Release()
	steps, err := r.start().SignOut(t.Context(), SignOutOptions{KeepClaudeCode: true})
	if r.entry().Login.Refresh.IsZero() {
		t.Errorf("--keep-claude-code, and it was taken out: %+v %v", steps, err)
	}
}

// Claude Code signs in anew where an earlier sign-out could not take ours out.
func TestSignOutAgainAfterClaudeCodesOwnSignIn(t *testing.T) {
	testguard.Slow(t)
	short(t)
	r := newRig(t)
	r.signIn(time.Hour)
	lock, err := r.start().entry.LockRenewal(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = r.start().SignOut(t.Context(), SignOutOptions{})
	_ = lock.Release()
	own := r.issued("a@example.com", time.Hour)
	r.writeEntry(own)
	steps, err := r.start().SignOut(t.Context(), SignOutOptions{})
	if r.entry().Login.Refresh.IsZero() {
		t.Errorf("Claude Code's own new login was taken out: %+v %v", steps, err)
	}
}

// Where ours was taken out by --undo, a dead login of the same person turns up.
func TestDeadLoginWhereOursWasOnce(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	if _, err := r.start().Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.renewed("")
	living := r.stored()
	dead := r.issued("a@example.com", time.Hour)
	r.server.RevokeFamily(dead.Refresh.Reveal())
	r.writeEntry(dead)
	if err := r.start().tending().follow(t.Context()); err != nil {
		t.Log(err)
	}
	if !r.stored().SamePair(living) {
		t.Error("a dead pair took the place of the living one in our store, which was nowhere else")
	}
}

// The person of an account logs Claude Code out and in as a dead backup in one of two.
func TestDeadBackupIsCarried(t *testing.T) {
	r := newRig(t)
	_, home, work := r.inTwo("work")
	dead := r.issued("a@example.com", time.Hour)
	r.server.RevokeFamily(dead.Refresh.Reveal())
	r.goTo(work)
	living := r.stored()
	r.writeEntry(dead)
	if _, err := r.start().Renew(t.Context(), false); err != nil {
		t.Log(err)
	}
	r.goTo(home)
	if !r.entry().Login.SamePair(living) {
		t.Errorf("a dead pair was carried over the living one in %s", home)
	}
	r.alive(r.stored())
}

// The person copied the whole login into a lent directory.
func TestWholeLoginInALentPlace(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	dir := filepath.Join(t.TempDir(), "lent")
	r.lend(dir)
	text, _ := os.ReadFile(r.entryFile())
	if err := os.WriteFile(filepath.Join(dir, ".credentials.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	r.renewed("")
	left := r.lent(dir).Login
	if !r.server.Spent(left.Refresh.Reveal()) {
		return
	}
	st := r.start().Status(t.Context())
	t.Errorf("a known place keeps a spent pair of our own login; places %+v; problem %+v", st.Places, st.Problem)
	_, _ = r.start().client.Renew(t.Context(), left.Refresh, nil)
	r.alive(r.stored())
}

// A command that fails, in a shell that names a lent directory.
func TestLentPlaceIsForgotten(t *testing.T) {
	for name, do := range map[string]func(*Engine) error{
		"undo":   func(e *Engine) error { _, err := e.Undo(t.Context()); return err },
		"import": func(e *Engine) error { _, err := e.ImportClaudeCode(t.Context(), ImportOptions{}); return err },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.signIn(8 * time.Hour)
			home, dir := r.claude, filepath.Join(t.TempDir(), "lent")
			r.lend(dir)
			r.goTo(dir)
			err := do(r.start())
			t.Logf("%v", err)
			r.goTo(home)
			r.renewed("")
			r.follows(dir)
		})
	}
}

// Login --long-lived --account ann --replace, where ann is a daily login of the same person.
func TestLongLivedReplacesTheDailyOne(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	long := r.issued("a@example.com", 365*24*time.Hour)
	long.Refresh, long.Scopes = secret.String{}, []string{"user:inference"}
	e := r.start()
	s := signIn{e, SignInOptions{Account: "default", Replace: true, LongLived: 365 * 24 * time.Hour}, func(Event) {}}
	if _, err := s.keepSignIn(t.Context(), long); err != nil {
		t.Logf("refused: %v", err)
		return
	}
	store, _ := os.ReadFile(filepath.Join(r.home, "credentials.json"))
	if !strings.Contains(string(store), a.Refresh.Reveal()) && !r.entry().Login.SamePair(a) {
		t.Error("the daily login is kept nowhere")
	}
}

// Signed out of ann while the entry was busy; bob signs in over it and out again.
func TestSignedOutLoginIsKeptAside(t *testing.T) {
	testguard.Slow(t)
	short(t)
	r := newRig(t)
	a := r.signIn(time.Hour)
	lock, err := r.start().entry.LockRenewal(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = r.start().SignOut(t.Context(), SignOutOptions{})
	_ = lock.Release()
	r.keep("bob", r.other())
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	steps, err := r.start().SignOut(t.Context(), SignOutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	store, _ := os.ReadFile(filepath.Join(r.home, "credentials.json"))
	if strings.Contains(string(store), a.Refresh.Reveal()) {
		t.Errorf("signed out of everything, and a login that was signed out of lies in our store: %+v", steps)
	}
}

// A directory of the person's own is closed to others although nothing is lent to it.
func TestRefusedLendChangesTheDirectory(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	home, work := r.claude, r.beside("work")
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	r.goTo(work)
	r.writeEntry(r.other())
	r.goTo(home)
	if _, err := r.start().Lend(t.Context(), LendOptions{Dir: work}); err == nil {
		t.Fatal("lent")
	}
	if info, _ := os.Stat(work); info.Mode().Perm() != 0o755 {
		t.Errorf("refused, and the mode became %v", info.Mode())
	}
}

// a login kept apart is left while ours lives, and gone on with when ours is dead.
func TestAnotherTakesWhatThePersonKeptApart(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour) // in the entry, Claude Code's from now on
	w := r.work()
	own := r.issued("a@example.com", time.Hour)
	if _, _, err := w.takingIn().takeIn(t.Context(),
		takenIn{account: "default", c: own, what: "signed-in"}); err != nil {
		t.Fatal(err)
	}
	w.end()
	newer := r.renewElsewhere(a)
	r.writeEntry(newer)
	r.renewed("")
	if r.stored().SamePair(newer) {
		t.Error("the login that was kept apart was taken over, over a living one")
	}
	r.server.RevokeFamily(own.Refresh.Reveal())
	_, err := r.start().Renew(t.Context(), true)
	t.Logf("%v", err)
	_, err = r.start().Renew(t.Context(), true)
	t.Logf("%v", err)
	r.mended()
}

// Logout --keep-claude-code while the entry is behind and busy: ours is the only living pair.
func TestSignOutKeepsWhatItCouldNotCarry(t *testing.T) {
	testguard.Slow(t)
	short(t)
	r := newRig(t)
	r.signIn(time.Hour)
	r.move(r.claude, r.claude+"-away")
	r.renewed("")
	r.move(r.claude+"-away", r.claude)
	living := r.stored()
	lock, err := r.start().entry.LockRenewal(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := r.start().SignOut(t.Context(), SignOutOptions{KeepClaudeCode: true})
	_ = lock.Release()
	store, _ := os.ReadFile(filepath.Join(r.home, "credentials.json"))
	if login := r.entry().Login; r.server.Spent(login.Refresh.Reveal()) &&
		!strings.Contains(string(store), living.Refresh.Reveal()) {
		t.Errorf("Claude Code keeps a spent pair, and the living one is held nowhere: %v %+v", err, steps)
	}
}

// a place was brought up, but the last step of writing failed; Claude Code renews there.
func TestCarriedButNotNoted(t *testing.T) {
	r := newRig(t)
	newest, home, work := r.behindInWork()
	former := atomicfile.Disk.SyncDir
	atomicfile.Disk.SyncDir = func(dir string) error {
		if strings.HasPrefix(dir, work) {
			return errors.New("input/output error")
		}
		return former(dir)
	}
	err := r.start().tending().catchUp(t.Context(), time.Second)
	atomicfile.Disk.SyncDir = former
	t.Logf("%v", err)
	r.goTo(work)
	if !r.entry().Login.SamePair(newest) {
		t.Skip("it was not written")
	}
	t.Logf("%+v", *r.ledger().Places[len(r.ledger().Places)-1])
	r.writeEntry(r.renewElsewhere(newest))
	r.goTo(home)
	r.pass(9 * time.Hour)
	_, err = r.start().Renew(t.Context(), true)
	t.Logf("%v", err)
	r.mended()
}

// watch-only, and a sign-in in two steps is begun.
func TestWatchBeginsASignIn(t *testing.T) {
	r := newRig(t)
	if err := r.start().SetWatch(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().BeginSignIn(t.Context(), SignInOptions{}, func(Event) {}); err == nil {
		t.Error("a link is given whose code nobody will take")
	}
}

// What a sign-out left, where Claude Code has renewed it, while nobody can be asked.
func TestSignOutAgainOffline(t *testing.T) {
	testguard.Slow(t)
	short(t)
	r := newRig(t)
	a := r.signIn(time.Hour)
	lock, err := r.start().entry.LockRenewal(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = r.start().SignOut(t.Context(), SignOutOptions{})
	_ = lock.Release()
	newer := r.renewElsewhere(a)
	newer.Account = keychain.Account{}
	r.writeEntry(newer)
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"profile": 500} })
	steps, err := r.start().SignOut(t.Context(), SignOutOptions{})
	t.Logf("%+v %v", steps, err)
	if !r.entry().Login.Refresh.IsZero() && err == nil {
		t.Error("it stays, and success is reported")
	}
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = nil })
	steps, err = r.start().SignOut(t.Context(), SignOutOptions{})
	t.Logf("%+v %v", steps, err)
	if !r.entry().Login.Refresh.IsZero() && err == nil {
		t.Error("it stays for good, and success is reported")
	}
}

// two refused attempts to sign out: the account of that name comes back as another person.
func TestLeavingIsSomeoneElsesNow(t *testing.T) {
	testguard.Slow(t)
	short(t)
	r := newRig(t)
	_, home, work := r.inTwo("work")
	r.goTo(work)
	lock, err := r.start().entry.LockRenewal(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	r.goTo(home)
	_, _ = r.start().SignOut(t.Context(), SignOutOptions{})
	_ = lock.Release()
	// Claude Code signs in there as somebody else.
	x := r.issued("x@example.com", time.Hour)
	r.goTo(work)
	r.writeEntry(x)
	r.goTo(home)
	steps, err := r.start().SignOut(t.Context(), SignOutOptions{})
	t.Logf("%+v %v", steps, err)
	r.goTo(work)
	if !r.entry().Login.SamePair(x) {
		t.Error("another person's login was taken out")
	}
	steps, err = r.start().SignOut(t.Context(), SignOutOptions{})
	t.Logf("%+v %v", steps, err)
}

// What a sign-out could not take out is taken out when it can be, whoever has the account's name by then, and
// nothing else is: neither the login that was made since, nor what came there, nor what was given up.
func TestWhatWasLeftIsTakenOutWhenItCanBe(t *testing.T) {
	nothing := func(*rig) {}
	anew := func(r *rig) { r.signIn(time.Hour) }
	other := func(r *rig) {
		r.keep("default", r.other())
		_, err := r.start().Mirror(r.t.Context())
		r.must(err)
	}
	renewed := func(r *rig) { r.writeEntry(r.renewElsewhere(r.entry().Login)) }
	stranger := func(r *rig) { r.writeEntry(r.issued("x@example.com", time.Hour)) }
	again := func(r *rig) { r.writeEntry(r.issued("a@example.com", 8*time.Hour)) }
	unnamed := func(r *rig) {
		login := r.issued("a@example.com", 8*time.Hour)
		login.Account = keychain.Account{}
		r.writeEntry(login)
	}
	follow := func(r *rig) error { return r.start().tending().follow(r.t.Context()) }
	renew := func(r *rig) error {
		_, err := r.start().Renew(r.t.Context(), true)
		return err
	}
	for name, c := range map[string]struct {
		meanwhile, there func(*rig)
		then             func(*rig) error
		stays            bool
	}{
		"nobody signed in, the app looks":       {nothing, nothing, follow, false},
		"signed in anew, the app looks":         {anew, nothing, follow, false},
		"signed in anew, a command":             {anew, nothing, renew, false},
		"another person signed in, a command":   {other, nothing, renew, false},
		"Claude Code renewed there":             {anew, renewed, follow, true},
		"Claude Code renewed there, a command":  {anew, renewed, renew, true},
		"the same person signed in there":       {anew, again, follow, true},
		"the same person, a command":            {other, again, renew, true},
		"the same person, without ids":          {other, unnamed, renew, true},
		"Claude Code signed in there":           {anew, stranger, follow, true},
		"it was taken over there":               {nothing, (*rig).imported, renew, true},
		"it was given up":                       {anew, (*rig).letGo, follow, true},
		"it was given up, and nobody signed in": {nothing, (*rig).letGo, follow, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			_, home, work := r.inTwo("work")
			r.move(work, work+"-away")
			r.goTo(home)
			if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); exitOf(err) != ExitFailed {
				t.Fatal(err)
			}
			c.meanwhile(r)
			login := r.entry().Login
			r.move(work+"-away", work)
			r.goTo(work)
			c.there(r)
			r.goTo(home)
			before := len(r.historyOf())
			for range 3 {
				r.must(c.then(r))
			}
			r.goTo(work)
			if stays := !r.entry().Login.Refresh.IsZero(); stays != c.stays {
				t.Errorf("in the other directory: stays %t", stays)
			}
			if !c.stays && !slices.Contains(r.historyOf()[before:], string(ledger.ChangeSignedOut)) {
				t.Error("it was taken out without a word in the history")
			}
			for _, p := range r.places() {
				if c.stays && filepath.Dir(p.Place) == work && p.Because != nil && p.Because.Remark == RemarkLeaving {
					t.Error("what came there since is told as what was left")
				}
			}
			r.goTo(home)
			if now := r.entry().Login; now.Refresh.IsZero() != login.Refresh.IsZero() {
				t.Error("signed out of the login that was made since")
			} else if !now.Refresh.IsZero() {
				r.alive(now)
				r.alive(r.stored())
			}
		})
	}
}

func (r *rig) imported() {
	r.t.Helper()
	_, err := r.start().ImportClaudeCode(r.t.Context(), ImportOptions{})
	r.must(err)
}

func (r *rig) letGo() {
	r.t.Helper()
	_, err := r.start().ForgetPlace(r.t.Context(), r.start().entry.ID())
	r.must(err)
}

// A login that the server does not rotate: the stranger's older access token is no spent pair.
func TestStrangerWhoseRefreshTokenStays(t *testing.T) {
	r := newRig(t)
	x := r.issued("x@example.com", time.Hour)
	r.writeEntry(x)
	r.signIn(time.Hour) // x is displaced
	if _, err := r.start().Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Omit = []string{"refresh_token"} })
	same := r.renewElsewhere(x)
	if same.Refresh.IsZero() {
		same.Refresh = x.Refresh
	}
	r.writeEntry(same)
	if err := r.start().tending().follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.writeEntry(x) // a backup of an hour ago; the refresh token is the living one
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	store, _ := os.ReadFile(filepath.Join(r.home, "credentials.json"))
	if r.server.Alive(x.Refresh.Reveal()) && !strings.Contains(string(store), x.Refresh.Reveal()) {
		t.Error("a stranger's living login was written over and is kept nowhere")
	}
}

// E9: Claude Code signs in where our long-lived token of the same person was mirrored.
func TestLongLivedIsSucceededByAnything(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	long := r.issued("a@example.com", 300*24*time.Hour)
	long.Refresh, long.Scopes, long.Lifetime = secret.String{}, []string{"user:inference"}, 300*24*time.Hour
	w := r.work()
	if _, _, err := w.takingIn().takeIn(t.Context(),
		takenIn{account: "ci", c: long, what: "signed-in", longLived: true}); err != nil {
		t.Fatal(err)
	}
	w.end()
	if _, err := r.start().Switch(t.Context(), "ci"); err != nil {
		t.Fatal(err)
	}
	own := r.issued("a@example.com", time.Hour)
	r.writeEntry(own)
	if err := r.start().tending().follow(t.Context()); err != nil {
		t.Log(err)
	}
	c, err := r.vault().load(t.Context(), "ci")
	if err != nil || !c.Access.Equal(long.Access) {
		t.Errorf("the long-lived token was written over by a login for daily work: %v", err)
	}
}

// E14: one directory under two names (a bind mount, as containers have it).
func TestOneDirectoryUnderTwoNames(t *testing.T) {
	short(t)
	r := newRig(t)
	r.signIn(time.Hour)
	home, other := r.claude, r.beside("other")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount(home, other, "", syscall.MS_BIND, ""); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = unmount(other) })
	r.goTo(other)
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := r.start().Renew(t.Context(), true)
	if err != nil {
		t.Errorf("%v", err)
	}
	r.goTo(home)
	r.mended()
}

// the record is gone from our store; the entry's login is imported anew.
func TestForgottenPlaceKeepsTheOnlyLivingPair(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	// The record is gone from our store (somebody cleaned it up); the entry still has the login.
	r.writeEntry(r.renewElsewhere(a))
	_ = os.Remove(filepath.Join(r.home, "credentials.json"))
	_, err := r.start().Switch(t.Context(), "default")
	t.Logf("%v; accounts %v", err, r.ledger().Names())
	done, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{})
	t.Logf("%+v %v", done, err)
	if err == nil {
		r.renewed("")
		r.mended()
	}
}

// a login that was left to Claude Code on the person's word stays its own.
func TestKeepClaudeCodeThenSignOutAgainOnAnother(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	r.signedOut(SignOutOptions{KeepClaudeCode: true})
	r.keep("default", r.issued("a@example.com", time.Hour)) // the same person signs in anew, elsewhere
	w := r.work()
	w.end()
	newer := r.renewElsewhere(a)
	r.writeEntry(newer)
	r.renewed("")
	r.reused()
	r.signedOut(SignOutOptions{})
	if !r.entry().Login.SamePair(newer) {
		t.Error("a login that was left to Claude Code on the person's word was taken out or written over")
	}
}

// F21: a sign-in that tells no ids, mirrored over an account of the same person; Claude Code
// renews and writes whose it is.
func TestSuccessorGoesToTheFormerAccount(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	b := r.issued("a@example.com", time.Hour)
	ids := b.Account
	b.Account = keychain.Account{}
	e := r.start()
	s := signIn{Engine: e, tell: func(Event) {}}
	if _, err := s.keepSignIn(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	t.Logf("accounts %v, active %s", r.ledger().Names(), r.ledger().Active)
	active := r.ledger().Active
	newer := r.renewElsewhere(r.entry().Login)
	newer.Account = ids
	r.writeEntry(newer)
	_, err := r.start().On(active).Renew(t.Context(), true)
	t.Logf("%v", err)
	r.reused()
	r.alive(r.entry().Login)
	c, err := r.vault().load(t.Context(), "default")
	t.Logf("default is theirs %v %v", c.SamePair(newer), err)
}

// two processes finish one sign-in at once.
func TestTwoStepsTwice(t *testing.T) {
	r := newRig(t)
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Account = "a@example.com" })
	begun, err := r.start().BeginSignIn(t.Context(), SignInOptions{}, func(Event) {})
	if err != nil {
		t.Fatal(err)
	}
	code, err := r.server.Approve(t.Context(), begun.PasteURL)
	if err != nil {
		t.Skip(err)
	}
	t.Logf("%s", code)
	finish := func() error {
		lines := make(chan string, 1)
		lines <- code
		close(lines)
		_, err := r.start().FinishSignIn(t.Context(), lines, func(Event) {})
		return err
	}
	ended := make(chan error, 2)
	go func() { ended <- finish() }()
	go func() { ended <- finish() }()
	one, two := <-ended, <-ended
	t.Logf("%v / %v", one, two)
	if n := r.server.Count("exchange"); n > 1 {
		t.Errorf("the code was sent %d times", n)
	}
	if one != nil && two != nil {
		t.Error("neither signed in")
	}
}

// killed between the record and the ledger.
func TestKilledBetweenStoreAndLedgerWithoutMirror(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	// login --no-mirror, killed between the record and the ledger
	if err := r.vault().save(t.Context(), "default", r.issued("a@example.com", time.Hour)); err != nil {
		t.Fatal(err)
	}
	newer := r.renewElsewhere(a) // Claude Code goes on with its own
	r.writeEntry(newer)
	r.renewed("")
	r.renewed("")
	r.reused()
	r.alive(r.entry().Login)
	r.alive(r.stored())
}

// Claude Code renews a displaced-and-put-back login of an account that --replace parted.
func TestReplacedLoginIsPutBackAndGoesOn(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	w := r.work()
	if _, _, err := w.takingIn().takeIn(t.Context(),
		takenIn{account: "default", c: r.other(), what: "signed-in", activate: true, carries: true}); err != nil {
		t.Fatal(err)
	}
	w.end()
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !r.entry().Login.SamePair(a) {
		t.Fatal("not put back")
	}
	newer := r.renewElsewhere(a)
	r.writeEntry(newer)
	done, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{})
	t.Logf("%+v %v", done, err)
	r.renewed("default")
	if done.Account != "" {
		r.renewed(done.Account)
	}
	r.reused()
}

// F26: our login was imported at home; a shell names another directory, in which Claude Code has
// a login of its own of the same person, living or long ended.
func TestImportedLoginAndAnOldDirectory(t *testing.T) {
	for _, dead := range []bool{false, true} {
		r := newRig(t)
		a := r.issued("a@example.com", time.Hour)
		r.writeEntry(a)
		if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{}); err != nil {
			t.Fatal(err)
		}
		home, old := r.claude, r.beside("old")
		if err := os.Mkdir(old, 0o700); err != nil {
			t.Fatal(err)
		}
		r.goTo(old)
		own := r.issued("a@example.com", -24*time.Hour)
		r.writeEntry(own)
		if dead {
			r.server.RevokeFamily(own.Refresh.Reveal())
		}
		_, err := r.start().Renew(t.Context(), true)
		t.Logf("dead %v: %v", dead, err)
		r.goTo(home)
		if now := r.entry().Login; !r.server.Alive(now.Refresh.Reveal()) {
			t.Errorf("dead %v: home lost its living login; our store alive: %v", dead,
				r.server.Alive(r.stored().Refresh.Reveal()))
		}
		if !r.server.Alive(r.stored().Refresh.Reveal()) {
			t.Errorf("dead %v: our store lost the living login", dead)
		}
		if r.server.Alive(a.Refresh.Reveal()) &&
			r.server.Newest(a.Refresh.Reveal()) != r.entry().Login.Refresh.Reveal() {
			t.Errorf("dead %v: home's living login was written over by the other directory's", dead)
		}
	}
}

// F27: the entry of our imported login, and the other directory is looked at by following alone.
func TestFollowInAnOldDirectory(t *testing.T) {
	r := newRig(t)
	a := r.issued("a@example.com", time.Hour)
	r.writeEntry(a)
	if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	home, old := r.claude, r.beside("old")
	_ = os.Mkdir(old, 0o700)
	r.goTo(old)
	own := r.issued("a@example.com", -24*time.Hour)
	r.server.RevokeFamily(own.Refresh.Reveal())
	r.writeEntry(own)
	done, err := r.start().Renew(t.Context(), false)
	t.Logf("%+v %v", done, err)
	r.goTo(home)
	r.alive(r.entry().Login)
	r.alive(r.stored())
}

// F28: the SignOut of the account that holds both.
func TestSignOutTakesTheOtherDirectorysOwn(t *testing.T) {
	r := newRig(t)
	a := r.issued("a@example.com", time.Hour)
	r.writeEntry(a)
	if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	work := r.beside("work")
	_ = os.Mkdir(work, 0o700)
	r.goTo(work)
	own := r.issued("a@example.com", time.Hour)
	r.writeEntry(own) // Claude Code's own, of which Keytender never heard
	steps, err := r.start().SignOut(t.Context(), SignOutOptions{})
	if !r.entry().Login.SamePair(own) {
		t.Errorf("Claude Code's own login was taken out: %+v %v", steps, err)
	}
}

// Claude Code was signed out in one directory, which ended the login; the person mirrors it
// into another one.
func TestMirrorOfALoginSignedOutElsewhere(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	r.server.RevokeFamily(a.Refresh.Reveal())
	_ = os.Remove(r.entryFile())
	r.goTo(r.mkdir("work"))
	b := r.issued("b@example.com", time.Hour)
	r.writeEntry(b)
	if sentence, err := r.start().Mirror(t.Context()); exitOf(err) != ExitSignInAgain || !r.entry().Login.SamePair(b) {
		t.Errorf("%v, %v, and the other login is in its place: %t", sentence, err, r.entry().Login.SamePair(b))
	}
}

// An account takes the name under which an API key is kept.
func TestRenameOverAnAPIKey(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	keys := map[string]string{"default": "sk-ant-api03-FAKE-one", "ci": "sk-ant-api03-FAKE-two"}
	for name, key := range keys {
		if _, err := r.start().SetAPIKey(t.Context(), name, secret.New(key)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.start().RenameAccount(t.Context(), "default", "ci"); exitOf(err) != ExitFailed {
		t.Error(err)
	}
	for name, key := range keys {
		if kept, err := r.start().APIKey(t.Context(), name); err != nil || kept.Reveal() != key {
			t.Errorf("the key of %s is lost: %v", name, err)
		}
	}
}

// The ledger is damaged after many sign-ins: a displaced login has a high number, and API keys
// have none.
func TestRebuiltLedgerKnowsWhatNoNumberFinds(t *testing.T) {
	r := newRig(t)
	x := r.issued("x@example.com", time.Hour)
	r.writeEntry(x)
	for range 18 {
		r.keep("default", r.issued("a@example.com", time.Hour))
	}
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().SetAPIKey(t.Context(), "ci", secret.New("sk-ant-api03-FAKE-key")); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it has a higher one after the first time
		if err := os.WriteFile(r.state(ledgerFile), []byte(`{"version":2,"acc`), 0o600); err != nil {
			t.Fatal(err)
		}
		r.mendAll()
	}
	if err := r.start().KnowsAccount("ci"); err != nil {
		t.Errorf("the API key is not known: %v", err)
	}
	if _, err := r.start().Undo(t.Context()); err != nil || !r.entry().Login.SamePair(x) {
		t.Errorf("the displaced login is not back: %v", err)
	}
}

// A writer was killed before it could rename what it had written; then everybody signs out.
func TestSignOutTakesWhatWasHalfWritten(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	paths := []string{filepath.Join(r.home, "credentials.json.tmp.0badcafe"),
		r.state("spill-default.json.tmp.0badcafe"), r.entryFile() + ".room.0badcafe"}
	for _, path := range paths {
		if err := os.WriteFile(path, []byte(`{"refresh":"FAKE`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.signedOut(SignOutOptions{})
	for _, path := range paths {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s stays", path)
		}
	}
}

// A stranger signed in anew where a login of theirs was displaced, and nobody can be asked: the
// hint names no account, since there is none to take it into.
func TestHintForAStrangerWhoCameBack(t *testing.T) {
	r := newRig(t)
	r.writeEntry(r.issued("x@example.com", time.Hour))
	r.signIn(time.Hour)
	r.writeEntry(r.issued("x@example.com", time.Hour))
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"profile": 500} })
	_, err := r.start().Mirror(t.Context())
	known := &Error{}
	if !errors.As(err, &known) || known.Exit != ExitTryLater || known.Fault != FaultUnknownFormer {
		t.Errorf("%+v", known)
	}
}

// The person let go of a place, and mirrors into it again while it still holds the newest pair.
func TestMirrorIntoAPlaceThatWasLetGo(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	if _, err := r.start().ForgetPlace(t.Context(), r.start().entry.ID()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.renewed("")
	r.mended()
}

// Claude Code renewed, the ledger was damaged and rebuilt, and the person mirrors into another
// directory before anybody looked at the first one.
func TestMirrorAfterARebuiltLedger(t *testing.T) {
	r := newRig(t)
	r.writeEntry(r.renewElsewhere(r.signIn(time.Hour)))
	if err := os.WriteFile(r.state(ledgerFile), []byte(`{"version":2,"acc`), 0o600); err != nil {
		t.Fatal(err)
	}
	r.mendAll()
	home := r.claude
	r.goTo(r.mkdir("work"))
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.mended()
	r.goTo(home)
	r.mended()
}

// The ledger is damaged. What the person chose about copies still holds.
func TestRebuiltLedgerKnowsWhatWasChosen(t *testing.T) {
	damage := func(r *rig) {
		if err := os.WriteFile(r.state(ledgerFile), []byte(`{"version":2,"acc`), 0o600); err != nil {
			r.t.Fatal(err)
		}
		r.mendAll()
	}
	t.Run("watch-only", func(t *testing.T) {
		r := newRig(t)
		r.writeEntry(r.issued("a@example.com", time.Hour))
		if err := r.start().SetWatch(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		damage(r)
		if l, err := r.start().ledger(); err != nil || !l.WatchOnly {
			t.Errorf("a login would be kept: %v", err)
		}
	})
	for _, on := range []bool{true, false} {
		t.Run(fmt.Sprintf("mirror %t", on), func(t *testing.T) {
			r := newRig(t)
			r.signIn(time.Hour)
			if _, err := r.start().SetMirror(t.Context(), on); err != nil {
				t.Fatal(err)
			}
			damage(r)
			if l, err := r.start().ledger(); err != nil || l.Mirror == nil || *l.Mirror != on {
				t.Errorf("the choice is forgotten: %v", err)
			}
		})
	}
	t.Run("a place that was let go of", func(t *testing.T) {
		r := newRig(t)
		r.signIn(time.Hour)
		if _, err := r.start().Mirror(t.Context()); err != nil {
			t.Fatal(err)
		}
		id := r.start().entry.ID()
		if _, err := r.start().ForgetPlace(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		damage(r)
		if l, err := r.start().ledger(); err != nil || l.Place(id) == nil || !l.Place(id).Let {
			t.Errorf("it is taken up again: %v", err)
		}
	})
}

// The app asked whose the newest pair is, and took it over; then Claude Code signed out of it, which
// ends the login at the server. What the server said before does not say that it lives.
func TestOldAnswerRevivesNoSignedOutLogin(t *testing.T) {
	r := newRig(t)
	a, home, work := r.inTwo("work")
	app := r.start()
	r.move(work, work+"-away")
	r.goTo(home)
	newest := r.renewElsewhere(a)
	r.writeEntry(newest)
	if err := app.tending().follow(t.Context()); err != nil || !r.stored().SamePair(newest) {
		t.Fatalf("not taken over: %v", err)
	}
	if err := os.Remove(r.entryFile()); err != nil { // claude auth logout
		t.Fatal(err)
	}
	r.server.RevokeFamily(newest.Refresh.Reveal())
	r.move(work+"-away", work)
	if err := app.tending().follow(t.Context()); err != nil {
		t.Log(err)
	}
	app.tending().tendNow(t.Context())
	r.goTo(work)
	if r.entry().Login.SamePair(newest) {
		t.Error("the app wrote the ended login into the other directory")
	}
	r.goTo(home)
	if said, err := r.start().Mirror(t.Context()); err == nil {
		t.Errorf("mirror wrote the ended login where Claude Code signed out of it: %v", said)
	}
}

// A sign-in that was granted is written where it can be, whatever is wrong in another directory; and what is
// said of the entry is how it is.
func TestSignInBesideAPlaceThatCannotBeRead(t *testing.T) {
	for _, over := range []string{"a@example.com", "bob@example.com"} {
		t.Run(over, func(t *testing.T) {
			r := newRig(t)
			_, _, work := r.inTwo("work")
			if over != "a@example.com" {
				r.keep("bob", r.issued(over, time.Hour))
				r.must(second(r.start().Mirror(t.Context())))
			}
			r.must(os.WriteFile(filepath.Join(work, ".credentials.json"), []byte("{broken"), 0o600))
			fresh := r.issued("a@example.com", time.Hour)
			var said []Event
			s := signIn{Engine: r.start(), tell: func(e Event) { said = append(said, e) }}
			r.must(second(s.keepSignIn(t.Context(), fresh)))
			if !r.entry().Login.SamePair(fresh) {
				t.Error("the entry does not hold it")
			}
			behind := false
			for _, e := range said {
				behind = behind || e.Said.Remark == RemarkStillBehind && e.Warn
				if e.Kind == EventClaudeCode && (e.Err != nil || e.Warn) {
					t.Errorf("it was written, and is told as not: %v", e.Err)
				}
			}
			if !behind {
				t.Error("nothing is said of the other place")
			}
		})
	}
}

// An entry that is in use while somebody signs in, and free by the time that the login is carried.
func TestSignInIsWrittenLate(t *testing.T) {
	testguard.Slow(t)
	r := newRig(t)
	r.signIn(time.Hour)
	lock, err := r.start().entry.LockRenewal(t.Context(), time.Second)
	r.must(err)
	former := entryWait
	entryWait = 100 * time.Millisecond
	t.Cleanup(func() { entryWait = former })
	time.AfterFunc(time.Second, func() { _ = lock.Release() })
	fresh := r.issued("a@example.com", time.Hour)
	s := signIn{Engine: r.start(), tell: func(e Event) {
		if e.Kind == EventClaudeCode && (e.Err != nil || e.Said.Remark != RemarkInStep) {
			t.Errorf("told as %+v", e)
		}
	}}
	r.must(second(s.keepSignIn(t.Context(), fresh)))
	if !r.entry().Login.SamePair(fresh) {
		t.Error("the entry does not hold it")
	}
}
