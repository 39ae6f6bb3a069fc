package session

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/secret"
	"keytender/keychain"
)

// These hold one chain to one account: a pair that two of them hold is spent twice.

// mended fails unless nothing spent was sent and both copies of the login live.
func (r *rig) mended() {
	r.t.Helper()
	if n := r.server.Count("renew-reused"); n != 0 {
		r.t.Errorf("a spent refresh token was sent %d times", n)
	}
	r.alive(r.stored())
	r.alive(r.entry().Login)
}

// asJSON is a login as Claude Code's entry has it.
func asJSON(c keychain.Credential) secret.String {
	return secret.New(
		fmt.Sprintf(
			`{"claudeAiOauth":{"accessToken":%q,"refreshToken":%q,"expiresAt":%d,"scopes":["user:profile","user:inference"],"accountUuid":%q,"organizationUuid":%q}}`,
			c.Access.Reveal(), c.Refresh.Reveal(), c.AccessEnds.UnixMilli(), c.Account.ID, c.Account.OrganizationID))
}

func (r *rig) renewed(account string) {
	r.t.Helper()
	if _, err := r.start().On(account).Renew(r.t.Context(), true); err != nil {
		r.t.Error(err)
	}
}

func (r *rig) signedOut(o SignOutOptions) {
	r.t.Helper()
	if _, err := r.start().SignOut(r.t.Context(), o); err != nil {
		r.t.Fatal(err)
	}
}

func TestImportReplacesNoAccountByAnothersLogin(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	b := r.issued("b@example.com", time.Hour)
	r.keep("bob", b)
	done, err := r.start().ImportJSON(t.Context(), ImportOptions{Account: "bob", Replace: true}, asJSON(a))
	if err != nil || done.Account != "default" || !done.Already {
		t.Errorf("%+v %v", done, err)
	}
	unnamed := a
	unnamed.Account = keychain.Account{} // as OpenCode keeps it
	_, err = r.start().ImportJSON(t.Context(), ImportOptions{Account: "bob"}, asJSON(unnamed))
	if known := errorIn(err); known == nil || !strings.HasPrefix(known.Values.Person, "a@example.com") {
		t.Errorf("whose it is is known, and not said: %v", err)
	}
	r.renewed("default")
	r.renewed("bob")
	r.mended()
}

func TestImportOfWhatClaudeCodeKept(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.signedOut(SignOutOptions{KeepClaudeCode: true})
	if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	r.renewed("")
	r.mended()
}

func TestImportAfterSignOut(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	r.signedOut(SignOutOptions{})
	if _, err := r.start().ImportJSON(t.Context(), ImportOptions{}, asJSON(a)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.renewed("")
	r.mended()
}

// Claude Code goes on with the newer pair: the older one would end its login too.
func TestSpentPairOfNobodyIsNotImported(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	r.renewed("")
	r.signedOut(SignOutOptions{KeepClaudeCode: true})
	if _, err := r.start().ImportJSON(t.Context(), ImportOptions{}, asJSON(a)); exitOf(err) != ExitFailed {
		t.Errorf("%v", err)
	}
	r.alive(r.entry().Login)
}

// Somebody follows the entry while Claude Code still signs in.
func TestSamePairIsTakenInTwice(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	again := r.issued("a@example.com", time.Hour)
	r.writeEntry(again)
	if err := r.start().tending().follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.keep("default", again)
	r.writeEntry(r.renewElsewhere(again))
	r.renewed("")
	r.mended()
	if n := len(r.ledger().Chains); n != 1 {
		t.Errorf("%d chains", n)
	}
}

// Killed between the record and the ledger: the other person's copies stay theirs.
func TestKilledWhileALoginIsReplaced(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	if err := r.vault().save(t.Context(), "default", r.issued("b@example.com", time.Hour)); err != nil {
		t.Fatal(err)
	}
	r.renewed("")
	if !r.entry().Login.SamePair(a) {
		t.Error("the entry lost the login of the person before")
	}
}

// Killed between the copy and the ledger.
func TestCopyThatARenameLeft(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	if err := r.vault().save(t.Context(), "work", a); err != nil {
		t.Fatal(err)
	}
	r.renewed("default")
	if _, err := r.start().On("work").Renew(t.Context(), true); err == nil {
		t.Error("a spent copy was renewed")
	}
	r.mended()
}

// With --replace, while nobody can be asked who signed in.
func TestReplacedByNobodyKnown(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	b := r.issued("b@example.com", time.Hour)
	b.Account = keychain.Account{}
	w := r.work()
	_, former, err := w.takingIn().takeIn(t.Context(),
		takenIn{account: "default", c: b, what: "signed-in", activate: true, carries: true})
	w.end()
	if err != nil || !former {
		t.Fatal(former, err)
	}
	if err := r.start().tending().catchUp(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if !r.entry().Login.SamePair(a) {
		t.Error("another login was carried over that of the person before")
	}
	if known := r.ledger().Account("default").Person; known.Known() {
		t.Errorf("taken for %+v", known)
	}
}

// The ledger is lost, and with it that the entry holds our login. What tells nothing may be
// anybody's: it is asked whose it is before anything is sent, whoever's it may be first.
func TestLedgerIsLost(t *testing.T) {
	type person struct{ account, email string }
	for _, beside := range []person{{}, {"bob", "b@example.com"}, {"ci", "a@example.com"}} {
		for _, ids := range []bool{true, false} {
			r := newRig(t)
			switch beside.account {
			case "bob":
				r.keep(beside.account, r.issued(beside.email, time.Hour))
			case "ci":
				r.keepLongLived(beside.account, beside.email)
			}
			c := r.signIn(time.Hour)
			if err := os.Remove(filepath.Join(r.home, "state", ledgerFile)); err != nil {
				t.Fatal(err)
			}
			newer := r.renewElsewhere(c)
			if !ids {
				newer.Account = keychain.Account{}
				r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"profile": 500} })
			}
			r.writeEntry(newer)
			if _, err := r.start().On("default").Renew(t.Context(), true); (exitOf(err) == 0) != ids {
				t.Errorf("beside %q: %v", beside.account, err)
			}
			r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = nil })
			if _, err := r.start().On("default").Renew(t.Context(), true); err != nil {
				t.Errorf("beside %q: %v", beside.account, err)
			}
			r.mended()
		}
	}
}

// A directory was copied, and what Claude Code renewed there tells nothing: it may be of each
// login that was taken over.
func TestCopyOfOneOfTwoLoginsTakenOver(t *testing.T) {
	r := newRig(t)
	_, err := r.start().ImportJSON(t.Context(), ImportOptions{Account: "bob"},
		asJSON(r.issued("b@example.com", time.Hour)))
	r.must(err)
	c := r.issued("a@example.com", -time.Minute)
	r.writeEntry(c)
	_, err = r.start().ImportClaudeCode(t.Context(), ImportOptions{Account: "default"})
	r.must(err)
	r.goTo(r.mkdir("two"))
	newer := r.renewElsewhere(c)
	newer.Account = keychain.Account{}
	r.writeEntry(newer)
	_, err = r.start().On("default").Token(t.Context(), time.Minute)
	r.must(err)
	r.reused()
	r.alive(newer)
}

// A backup of three weeks ago, when a login is renewed every eight hours.
func TestOldBackupOfAnEntry(t *testing.T) {
	r := newRig(t)
	backup := r.signIn(time.Hour)
	for range 70 {
		r.renewed("")
	}
	r.writeEntry(backup)
	r.renewed("")
	r.mended()
}

// A client that drops the ids has renewed, and nobody can be asked whose the pair is.
func TestImportOfAPairThatMayBeOurs(t *testing.T) {
	for _, name := range []string{"entry", "input"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c := r.signIn(time.Hour)
			newer := r.renewElsewhere(c)
			newer.Account = keychain.Account{}
			r.writeEntry(newer)
			r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"profile": 500} })
			take := func(account string) (Imported, error) {
				o := ImportOptions{Account: account}
				if name == "input" {
					return r.start().ImportJSON(t.Context(), o, asJSON(newer))
				}
				return r.start().ImportClaudeCode(t.Context(), o)
			}
			for _, account := range []string{"", "work"} {
				if done, err := take(account); exitOf(err) != ExitTryLater {
					t.Errorf("%q: %+v %v", account, done, err)
				}
			}
			if done, err := take("default"); err != nil || !done.Already {
				t.Errorf("%+v %v", done, err)
			}
			r.renewed("")
			r.mended()
		})
	}
}

// Claude Code goes on in a place that the person let go of.
func TestNewerPairWhereThePersonLetGo(t *testing.T) {
	r := newRig(t)
	c := r.signIn(time.Hour)
	if _, err := r.start().ForgetPlace(t.Context(), r.ledger().Places[0].ID); err != nil {
		t.Fatal(err)
	}
	r.writeEntry(r.renewElsewhere(c))
	r.renewed("")
	if r.mended(); r.posts() != 1 { // Claude Code's own
		t.Errorf("%d renewals", r.posts())
	}
}

// The entry tells an id, and our login an e-mail alone.
func TestPersonsThatTellDifferentThings(t *testing.T) {
	r := newRig(t)
	c := r.issued("a@example.com", time.Hour)
	ids := c.Account
	c.Account = keychain.Account{Email: "a@example.com"}
	r.keep("default", c)
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	newer := r.renewElsewhere(c)
	newer.Account = ids
	r.writeEntry(newer)
	r.renewed("")
	r.mended()
}

// What an entry tells beside its tokens must not keep us from reading our own files.
func TestEntryWithAnEndlessName(t *testing.T) {
	r := newRig(t)
	c := r.issued("a@example.com", time.Hour)
	r.keep("default", c)
	x := r.issued("x@example.com", time.Hour)
	x.Account.ID = strings.Repeat("x", 2<<20)
	r.writeEntry(x)
	if _, err := r.start().Mirror(t.Context()); err == nil {
		t.Error("a login that cannot be put back was displaced")
	}
	if !r.entry().Login.SamePair(x) {
		t.Error("it is gone")
	}
	if token, err := r.start().Token(t.Context(), 0); err != nil || !token.Equal(c.Access) {
		t.Errorf("%v", err)
	}
}

func TestRenamedAccountKeepsWhatWasDisplaced(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.keep("default", r.issued("b@example.com", time.Hour))
	r.keep("default", r.issued("a@example.com", time.Hour)) // whose former login was displaced
	if err := r.start().RenameAccount(t.Context(), "default", "ann"); err != nil {
		t.Fatal(err)
	}
	r.account = "ann"
	if _, err := r.start().On("ann").SignOut(t.Context(), SignOutOptions{}); err != nil {
		t.Fatal(err)
	}
	if left := r.ledger().Displaced; len(left) != 1 || left[0].Person.Email != "b@example.com" {
		t.Errorf("%d logins stay", len(left))
	}
}
