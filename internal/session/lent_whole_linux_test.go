package session

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/testguard"
	"keytender/keychain"
)

// `lend --back` of a whole copy while Claude Code holds its lock there: it stays a place of the login,
// and the next renewal is carried to it.
func TestTakeBackOfAWholeCopyThatIsLocked(t *testing.T) {
	testguard.Slow(t)
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	r.writeEntry(c)
	lock, err := r.start().entry.LockRenewal(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	r.goTo(home)
	if _, err := r.start().TakeBack(t.Context(), dir); err == nil {
		t.Error("success, and it lies there")
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	r.renewed(r.account)
	r.goTo(dir)
	r.alive(r.entry().Login)
}

// An import that is refused leaves the directory lent to: the next one knows that what lies there may
// be our own login, renewed, and carries it to the other places.
func TestImportAgainOfARenewedCopyInALentDirectory(t *testing.T) {
	r := newRig(t)
	r.keep("bob", r.other())
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	theirs := r.renewElsewhere(c)
	r.writeEntry(theirs)
	if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{Account: "bob"}); err == nil {
		t.Fatal("the test")
	}
	if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	r.goTo(home)
	if !r.entry().Login.SamePair(theirs) {
		t.Error("the other directory has the spent pair")
	}
	r.renewed(r.account)
	r.alive(r.entry().Login)
	r.reused()
}

// A lent place that was let go of holds no renewal up, whatever lies in it.
func TestWholeCopyWhereTheLentPlaceWasLetGoOf(t *testing.T) {
	restore(t, &entryWait, 50*time.Millisecond)
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	if _, err := r.start().ForgetPlace(t.Context(), lentTo{Dir: dir}.placeID(r.start().entries)); err != nil {
		t.Fatal(err)
	}
	r.goTo(dir)
	r.writeEntry(c)
	lock, err := r.start().entry.LockRenewal(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	r.goTo(home)
	r.renewed("")
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
}

// A directory that was let go of as an entry and is lent to now is no longer let go of.
func TestLentAfterLetGo(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.goTo(dir)
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().ForgetPlace(t.Context(), r.start().entry.ID()); err != nil {
		t.Fatal(err)
	}
	r.goTo(home)
	if _, err := r.start().Lend(t.Context(), LendOptions{Dir: dir, Replace: true}); err != nil {
		t.Fatal(err)
	}
	r.goTo(dir)
	r.writeEntry(c)
	r.goTo(home)
	r.renewed(r.account)
	r.goTo(dir)
	r.alive(r.entry().Login)
}

// The lent directory was moved and linked to.
func TestLentMovedAndLinked(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	r.writeEntry(c)
	if err := os.Rename(dir, r.beside("dots")); err != nil {
		t.Fatal(err)
	}
	link(t, r.beside("dots"), dir)
	r.goTo(home)
	r.renewed(r.account)
	r.goTo(dir)
	r.alive(r.entry().Login)
	if n := r.start().Status(t.Context()).Lent(); len(n) != 0 {
		t.Errorf("still lent %+v", n)
	}
	r.renewed(r.account)
	r.alive(r.entry().Login)
	if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); err != nil {
		t.Error(err)
	}
	if !r.lent(dir).Login.Refresh.IsZero() {
		t.Error("success, and it stays")
	}
}

// Signing out at once then.
func TestLentMovedAndLinkedSignOut(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	r.writeEntry(c)
	if err := os.Rename(dir, r.beside("dots")); err != nil {
		t.Fatal(err)
	}
	link(t, r.beside("dots"), dir)
	r.goTo(home)
	_, err := r.start().SignOut(t.Context(), SignOutOptions{})
	if !r.lent(dir).Login.Refresh.IsZero() || err != nil {
		t.Errorf("it stays: %v", err)
	}
}

// The directory with a whole copy was away at the sign-out: the next one takes it out, or says that it
// stays.
func TestSignOutAgainOfAWholeCopyInALentDirectory(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	r.writeEntry(c)
	r.goTo(home)
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	_, first := r.start().SignOut(t.Context(), SignOutOptions{})
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	_, _ = r.start().SignOut(t.Context(), SignOutOptions{})
	_, third := r.start().SignOut(t.Context(), SignOutOptions{})
	if first == nil {
		t.Fatal("the test")
	}
	if third == nil && !r.lent(dir).Login.Refresh.IsZero() {
		t.Error("success, and the login lies there and lives")
	}
}

// A copy that was renewed there may be ours: it is named until it is gone.
func TestSignOutAgainOfARenewedCopyInALentDirectory(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	r.writeEntry(r.renewElsewhere(c))
	r.goTo(home)
	for range 2 {
		if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); err == nil {
			t.Error("success, and the login lies there and lives")
		}
	}
	if _, err := r.start().TakeBack(t.Context(), dir); err == nil && !r.lent(dir).Login.Refresh.IsZero() {
		t.Error("taken back, and the login lies there")
	}
	r.goTo(dir)
	r.writeEntry(r.other())
	r.goTo(home)
	if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); err != nil {
		t.Errorf("somebody else's lies there now: %v", err)
	}
}

// Who gives the place up, or is told by the server that the login there is another person's, is not asked
// about it again.
func TestSignOutEndsBesideALoginThatWasNotLent(t *testing.T) {
	for _, email := range []string{"a@example.com", "b@example.com"} {
		t.Run(email, func(t *testing.T) {
			r := newRig(t)
			r.signIn(8 * time.Hour)
			home, dir := r.claude, r.mkdir("lent")
			r.lend(dir)
			own := r.issued(email, 8*time.Hour)
			plain := own
			plain.Account = keychain.Account{}
			r.goTo(dir)
			r.writeEntry(plain)
			r.goTo(home)
			_, err := r.start().SignOut(t.Context(), SignOutOptions{})
			if same := email == "a@example.com"; same != (err != nil) {
				t.Fatal(err)
			} else if same {
				_, err = r.start().ForgetPlace(t.Context(), dir)
				r.must(err)
			}
			_, err = r.start().SignOut(t.Context(), SignOutOptions{})
			r.must(err)
			if !r.lent(dir).Login.SamePair(own) {
				t.Error("the login there is not what it was")
			}
		})
	}
}

// What was lent is not another person's who gets the account's name.
func TestLentIsNotOfTheNextAccountOfThatName(t *testing.T) {
	for name, replace := range map[string]func(*rig, keychain.Credential) error{
		"signed in": func(r *rig, bob keychain.Credential) error {
			told := false
			s := signIn{Engine: r.start(), options: SignInOptions{Account: "default", Replace: true},
				tell: func(e Event) { told = told || e.Said.Remark == RemarkBehind }}
			if _, err := s.keepSignIn(r.t.Context(), bob); err != nil || told {
				return err
			}
			return errors.New("nobody was told")
		},
		"imported": func(r *rig, bob keychain.Credential) error {
			o := ImportOptions{Account: "default", Replace: true}
			if done, err := r.start().ImportJSON(r.t.Context(), o, asJSON(bob)); err != nil ||
				done.Note.Remark == RemarkBehind {
				return err
			}
			return errors.New("nobody was told")
		},
		"after a sign-out": func(r *rig, bob keychain.Credential) error {
			r.signedOut(SignOutOptions{KeepClaudeCode: true})
			r.keep("default", bob)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.signIn(8 * time.Hour)
			dir := r.mkdir("lent")
			r.lend(dir)
			r.must(replace(r, r.other()))
			_ = r.start().tending().follow(t.Context())
			r.start().tending().tendNow(t.Context())
			if r.lent(dir).Login.Access.Equal(r.stored().Access) {
				t.Error("another person's token lies where nobody lent it")
			}
			listed, err := r.start().Lent(t.Context())
			r.must(err)
			for _, p := range listed {
				if p.State != PlaceUnwritable || p.Account != "" {
					t.Errorf("told as %+v", p)
				}
			}
			r.signedOut(SignOutOptions{All: true})
			if !r.lent(dir).Login.Access.IsZero() {
				t.Error("signed out of all, and the former person's token stays where it was lent")
			}
		})
	}
}

// Who leaves the login to Claude Code leaves it to none to whom it was lent.
func TestSignOutThatKeepsTakesBackWhatWasLent(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	dir := r.mkdir("lent")
	r.lend(dir)
	steps, err := r.start().SignOut(t.Context(), SignOutOptions{KeepClaudeCode: true})
	r.must(err)
	if !r.lent(dir).Login.Access.IsZero() || steps[0].Remark != RemarkTakenBack {
		t.Errorf("%v", steps[0].Remark)
	}
	if kept := steps[1]; kept.Remark != RemarkClaudeKeeps || kept.Values.Place != r.entryFile() {
		t.Errorf("%v %v", kept.Remark, kept.Values)
	}
}

// Who leaves the login to Claude Code leaves it a pair that lives, in a lent directory too.
func TestSignOutKeepsWithAWholeCopyInALentDirectory(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	r.writeEntry(c)
	r.goTo(home)
	r.writeEntry(r.renewElsewhere(c))
	_, _ = r.start().SignOut(t.Context(), SignOutOptions{KeepClaudeCode: true})
	r.goTo(dir)
	r.alive(r.entry().Login)
}

// And names it.
func TestSignOutNamesAWholeCopyInALentDirectory(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	r.writeEntry(c)
	r.goTo(home)
	steps, err := r.start().SignOut(t.Context(), SignOutOptions{KeepClaudeCode: true})
	named := false
	for _, s := range steps {
		named = named || s.Values != nil && strings.Contains(s.Values.Place, dir)
	}
	if err == nil && !named && !r.lent(dir).Login.Refresh.IsZero() {
		t.Error("the whole copy in the lent directory stays and is not named")
	}
}

// The server is silent while a renewed copy without ids is imported: it makes no second account.
func TestImportOfARenewedCopyWithoutIds(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	dir := r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	theirs := r.renewElsewhere(c)
	theirs.Account.ID, theirs.Account.OrganizationID = "", ""
	r.writeEntry(theirs)
	r.faults(fakeclaude.Fault{On: "profile", Status: 503, Times: 50})
	_, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{})
	r.faults()
	if !isUnknown(err) || len(r.ledger().Accounts) != 1 {
		t.Errorf("%v, %v", r.ledger().Names(), err)
	}
}

// The lent entry is a link to the one of the other directory.
func TestLentEntryIsALink(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	if err := os.Remove(filepath.Join(dir, ".credentials.json")); err != nil {
		t.Fatal(err)
	}
	link(t, r.entryFile(), filepath.Join(dir, ".credentials.json"))
	r.renewed("")
	r.alive(r.entry().Login)
	r.writeEntry(r.renewElsewhere(r.entry().Login))
	_ = r.start().tending().follow(t.Context())
	r.renewed("")
	r.alive(r.entry().Login)
	r.goTo(dir)
	r.renewed("")
	r.alive(r.entry().Login)
	r.goTo(home)
	r.reused()
	r.signedOut(SignOutOptions{})
	if strings.Contains(r.entryText(), "refreshToken") {
		t.Error("stays")
	}
}

// A directory whose entry is a link to Claude Code's own is not lent to, whatever is replaced.
func TestNothingIsLentThroughALink(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	dir := r.mkdir("lent")
	link(t, r.entryFile(), filepath.Join(dir, ".credentials.json"))
	for _, replace := range []bool{false, true} {
		_, err := r.start().Lend(t.Context(), LendOptions{Dir: dir, Replace: replace})
		if known := errorIn(err); known == nil || known.Code != codeOwnEntry {
			t.Errorf("replace %v: %v", replace, err)
		}
		if !r.entry().Login.SamePair(c) {
			t.Fatal("Claude Code's own login is not what it was")
		}
	}
}

// A pair of a family that was revoked, and the account signed in anew.
func TestDeadCopyInALentDirectory(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	_, _ = r.start().client.Renew(t.Context(), c.Refresh, nil)
	_, _ = r.start().client.Renew(t.Context(), c.Refresh, nil) // ends the family
	_, _ = r.start().Renew(t.Context(), true)
	again := r.issued("a@example.com", 8*time.Hour)
	r.keep("default", again)
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.lend(dir)
	r.goTo(dir)
	r.writeEntry(c)
	r.goTo(home)
	r.renewed("")
	r.goTo(dir)
	if r.entry().Login.SamePair(c) {
	} else {
		r.alive(r.entry().Login)
	}
	r.goTo(home)
	r.renewed("")
	r.alive(r.entry().Login)
	_ = r.server.Count("renew-reused")
	r.signedOut(SignOutOptions{})
	if !r.lent(dir).Login.Refresh.IsZero() {
		t.Error("stays")
	}
}

// A mirror does not write our spent pair over what may be our own login, renewed.
func TestNoMirrorOverARenewedCopyInALentDirectory(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	dir := r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	theirs := r.renewElsewhere(c)
	r.writeEntry(theirs)
	_, err := r.start().Mirror(t.Context())
	if err == nil {
		r.alive(r.entry().Login)
	}
}

// Nor does `lend --replace` displace it.
func TestNoLendingOverARenewedCopy(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	theirs := r.renewElsewhere(c)
	r.writeEntry(theirs)
	r.goTo(home)
	_, err := r.start().Lend(t.Context(), LendOptions{Dir: dir, Replace: true})
	if !isUnknown(err) || !r.lent(dir).Login.SamePair(theirs) {
		t.Errorf("the only living pair is displaced: %v", err)
	}
}

// The account that was lent there has another name now.
func TestWholeCopyOfARenamedAccount(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	r.writeEntry(c)
	r.goTo(home)
	if err := r.start().RenameAccount(t.Context(), "default", "ann"); err != nil {
		t.Fatal(err)
	}
	r.renewed("ann")
	r.goTo(dir)
	r.alive(r.entry().Login)
	theirs := r.renewElsewhere(r.entry().Login)
	r.writeEntry(theirs)
	r.goTo(home)
	r.renewed("ann")
	r.reused()
	if _, err := r.start().On("ann").SignOut(t.Context(), SignOutOptions{}); err != nil {
		t.Error(err)
	}
	if !r.lent(dir).Login.Refresh.IsZero() {
		t.Error("stays")
	}
}

// Another person's login in a lent directory, taken over under the name of the account that was lent
// there, displaces nothing elsewhere.
func TestImportReplacesTheLentAccount(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	bob := r.other()
	r.writeEntry(bob)
	_, _ = r.start().ImportClaudeCode(t.Context(), ImportOptions{Account: "default", Replace: true})
	r.goTo(home)
	if !r.entry().Login.SamePair(c) {
		t.Error("the other directory's login of another person was displaced")
	}
	r.renewed("default")
	r.goTo(dir)
	r.alive(r.entry().Login)
	r.goTo(home)
	r.alive(r.entry().Login)
}

// Claude Code's own grant of the same person in the lent directory: the former grant of the account is
// kept, as Claude Code renewed it meanwhile.
func TestImportKeepsTheFormerGrant(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	r.writeEntry(r.issued("a@example.com", time.Hour))
	r.goTo(home)
	former := r.renewElsewhere(c)
	r.writeEntry(former)
	r.goTo(dir)
	_, _ = r.start().ImportClaudeCode(t.Context(), ImportOptions{})
	r.alive(former)
	r.goTo(home)
	text, _ := os.ReadFile(r.storeFile())
	if !r.entry().Login.SamePair(former) && !strings.Contains(string(text), former.Refresh.Reveal()) {
		t.Error("the former grant is lost")
	}
	r.renewed("")
	r.alive(r.entry().Login)
	r.reused()
}

// `lend --back` of a whole copy while our store cannot be read.
func TestTakeBackOfAWholeCopyWithoutTheStore(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	r.writeEntry(c)
	r.goTo(home)
	good, err := os.ReadFile(r.storeFile())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.storeFile(), []byte(`{"def`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().TakeBack(t.Context(), dir); err == nil {
		t.Error("success, and it lies there")
	}
	if err := os.WriteFile(r.storeFile(), good, 0o600); err != nil {
		t.Fatal(err)
	}
	r.renewed(r.account)
	r.goTo(dir)
	r.alive(r.entry().Login)
}

// An import that could not be stored leaves the directory lent to.
func TestImportThatWasNotStored(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	theirs := r.renewElsewhere(c)
	r.writeEntry(theirs)
	good, err := os.ReadFile(r.storeFile())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.storeFile(), []byte(`{"def`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{}); err == nil {
		t.Fatal("the test")
	}
	if err := os.WriteFile(r.storeFile(), good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	r.goTo(home)
	r.alive(r.entry().Login)
}

// A copy of a chain that goes its own way, renewed here or there.
func TestApartCopyInALentDirectory(t *testing.T) {
	for _, there := range []bool{false, true} {
		r := newRig(t)
		a := r.signIn(8 * time.Hour)
		w := r.work()
		own := takenIn{account: "default", c: r.issued("a@example.com", 8*time.Hour), what: "signed-in"}
		if _, _, err := w.takingIn().takeIn(t.Context(), own); err != nil {
			t.Fatal(err)
		}
		w.end()
		home, dir := r.claude, r.mkdir("lent")
		r.lend(dir)
		r.goTo(dir)
		r.writeEntry(a)
		r.goTo(home)
		r.renewed("")
		if there {
			r.goTo(dir)
		}
		r.writeEntry(r.renewElsewhere(r.entry().Login))
		r.goTo(home)
		_ = r.start().tending().follow(t.Context())
		r.renewed("")
		r.alive(r.entry().Login)
		r.goTo(dir)
		r.alive(r.entry().Login)
		r.goTo(home)
		r.reused()
		if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); err != nil {
			t.Error(err)
		}
		if !r.lent(dir).Login.Refresh.IsZero() {
			t.Error("stays in the lent directory")
		}
		if !r.entry().Login.Refresh.IsZero() {
			t.Error("stays at home")
		}
	}
}

// Import and switch in the shell whose directory is lent to.
func TestEnvironmentIsTheLentDirectory(t *testing.T) {
	r := newRig(t)
	bob := r.other()
	r.keep("bob", bob)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	r.writeEntry(c)
	_, _ = r.start().ImportClaudeCode(t.Context(), ImportOptions{Account: "bob", Replace: true})
	r.renewed("default")
	r.alive(r.entry().Login)
	if _, err := r.start().Switch(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	r.renewed("default")
	r.renewed("bob")
	r.alive(r.entry().Login)
	r.goTo(home)
	r.alive(r.entry().Login)
	r.reused()
}

// Another account's copy there is signed out while Claude Code holds its lock.
func TestSignOutOfACopyThatIsInUse(t *testing.T) {
	restore(t, &entryWait, 50*time.Millisecond)
	r := newRig(t)
	bob := r.other()
	r.keep("bob", bob)
	r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	r.writeEntry(bob)
	lock, err := r.start().entry.LockRenewal(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	r.goTo(home)
	_, _ = r.start().On("bob").SignOut(t.Context(), SignOutOptions{})
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	_, second := r.start().On("bob").SignOut(t.Context(), SignOutOptions{})
	if second == nil && !r.lent(dir).Login.Refresh.IsZero() {
		t.Error("stays")
	}
}

// A whole copy where it was lent to on another machine: `lend --back` and `logout` tell that it stays.
func TestWholeCopyElsewhere(t *testing.T) {
	for _, by := range []string{"lend --back", "logout"} {
		r := newRig(t)
		c := r.signIn(8 * time.Hour)
		home := t.TempDir()
		withSSH(t, "HOME='"+home+"' exec sh -c \"$command\"\n")
		r.lendTo("host")
		dir, here := filepath.Join(home, ".claude"), r.claude
		r.goTo(dir)
		r.writeEntry(c)
		r.goTo(here)
		var err error
		if by == "logout" {
			_, err = r.start().SignOut(t.Context(), SignOutOptions{})
		} else {
			_, err = r.start().TakeBack(t.Context(), "ssh:host")
		}
		if err == nil && !r.lent(dir).Login.Refresh.IsZero() {
			t.Errorf("%s: success, and the whole login lies there", by)
		}
	}
}
