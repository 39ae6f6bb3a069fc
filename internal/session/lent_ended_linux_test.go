package session

import (
	"os"
	"testing"
	"time"

	"keytender/keychain"
)

// storeText is all that the store holds.
func (r *rig) storeText() string {
	text, _ := os.ReadFile(r.storeFile())
	return string(text)
}

// endedCopy is what may be our login, renewed in a lent directory, without ids and with an access token that ended.
func (r *rig) endedCopy() (home string, theirs keychain.Credential) {
	r.t.Helper()
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	theirs = r.renewElsewhere(c)
	theirs.Account.ID, theirs.Account.OrganizationID = "", ""
	r.writeEntry(theirs)
	r.pass(9 * time.Hour)
	r.server.Expire(theirs.Access.Reveal())
	return home, theirs
}

// An ended copy without ids in a lent directory becomes no second account.
func TestEndedCopyUnderAnotherName(t *testing.T) {
	r := newRig(t)
	home, theirs := r.endedCopy()
	if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{Account: "x"}); err != nil {
		return
	}
	r.goTo(home)
	_, err := r.start().On("default").Renew(t.Context(), true)
	if r.server.FamilyRevoked(theirs.Refresh.Reveal()) {
		t.Errorf("a spent token was sent, and the login is lost: %v", err)
	}
}

// Taken over with --replace it is carried to the other places.
func TestEndedCopyReplaced(t *testing.T) {
	r := newRig(t)
	home, _ := r.endedCopy()
	if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{Account: "default", Replace: true}); err != nil {
		t.Fatal(err)
	}
	r.goTo(home)
	r.alive(r.entry().Login)
	r.renewed("default")
	r.alive(r.entry().Login)
}

// The hint of a mirror that is refused there works.
func TestEndedCopyWithoutIds(t *testing.T) {
	r := newRig(t)
	r.endedCopy()
	if _, err := r.start().Mirror(t.Context()); !isUnknown(err) {
		t.Fatal("the test", err)
	}
	if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{Account: "default"}); err != nil {
		t.Errorf("what the hint says is refused: %v", err)
	}
}

// What was let go of is the login that was lent, not another account's copy.
func TestLetGoOfLentWithBobsCopy(t *testing.T) {
	r := newRig(t)
	bob := r.other()
	r.keep("bob", bob)
	r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	if _, err := r.start().ForgetPlace(t.Context(), lentTo{Dir: dir}.placeID(r.start().entries)); err != nil {
		t.Fatal(err)
	}
	r.goTo(dir)
	r.writeEntry(bob)
	r.goTo(home)
	r.renewed("bob")
	r.goTo(dir)
	r.alive(r.entry().Login)
}
