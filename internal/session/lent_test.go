package session

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"keytender/internal/ledger"
	"keytender/keychain/claudecode"
)

// lent is what lies in a lent directory.
func (r *rig) lent(dir string) claudecode.Entry {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, ".credentials.json"))
	if err != nil {
		r.t.Fatal(err)
	}
	entry, err := claudecode.DecodeEntry(text)
	if err != nil {
		r.t.Fatal(err)
	}
	return entry
}

func (r *rig) lend(dir string) {
	r.t.Helper()
	if _, err := r.start().Lend(r.t.Context(), LendOptions{Dir: dir}); err != nil {
		r.t.Fatal(err)
	}
}

// follows fails unless the directory holds the newest access token and nothing that renews.
func (r *rig) follows(dir string) {
	r.t.Helper()
	login := r.lent(dir).Login
	if want := r.stored(); !login.Access.Equal(want.Access) {
		r.t.Errorf("%s holds %v, not the newest %v", dir, login.Access.Masked(), want.Access.Masked())
	}
	if !login.Refresh.IsZero() || !login.LoginEnds.IsZero() {
		r.t.Errorf("%s holds a refresh token or its end", dir)
	}
}

// TestLendKeepsTheModeOfADirectoryInUse: others may need what else is in it.
func TestLendKeepsTheModeOfADirectoryInUse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	r := newRig(t)
	r.signIn(8 * time.Hour)
	for name, want := range map[string]os.FileMode{"in use": 0o755, "empty": 0o700} {
		dir := filepath.Join(t.TempDir(), "lent")
		err := errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o755))
		if name == "in use" {
			err = errors.Join(err, os.WriteFile(filepath.Join(dir, "index.html"), nil, 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
		r.lend(dir)
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: the mode is %v, %v", name, info.Mode().Perm(), err)
		}
	}
}

// TestTakenDirectories: what has another use is not made a configuration directory of Claude Code's.
func TestTakenDirectories(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	home := r.mkdir("home")
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	e := r.start()
	for dir, want := range map[string]bool{filepath.VolumeName(home) + string(filepath.Separator): true, home: true,
		filepath.Join(home, "lent"): false, r.home: true, filepath.Join(r.home, "state"): true} {
		if got := e.lending().isTaken(dir); got != want { // asked alone: nobody tries to lend to a whole machine
			t.Errorf("%s: %v", dir, got)
		}
	}
	if _, err := e.Lend(t.Context(), LendOptions{Dir: home}); errorIn(err) == nil ||
		errorIn(err).Fault != FaultLendTaken {
		t.Errorf("the home was lent to: %v", err)
	}
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("in the home lie %v, %v", left, err)
	}
}

func TestLentPlacesFollowEachRenewal(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	var dirs []string
	for i := range 20 {
		dirs = append(dirs, filepath.Join(t.TempDir(), strconv.Itoa(i)))
		r.lend(dirs[i])
	}
	for range 3 {
		r.pass(5 * time.Hour) // more than half of the token's life: nothing but lending makes it due
		if done, err := r.start().Renew(t.Context(), false); err != nil || !done.Done {
			t.Fatalf("not renewed: %+v %v", done, err)
		}
		for _, dir := range dirs {
			r.follows(dir)
		}
	}
	if r.posts() != 3 {
		t.Errorf("%d renewals for three", r.posts())
	}
	for _, p := range r.ledger().Places {
		if p.Kind == ledger.Lent && (p.Full() || p.Pair.Refresh != "") {
			t.Errorf("%s counts as a full copy", p.ID)
		}
	}
}

// TestTendingRenewsWhatIsLent: the app, too, renews at half the token's life.
func TestTendingRenewsWhatIsLent(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	dir := filepath.Join(t.TempDir(), "lent")
	r.lend(dir)
	e := r.start()
	if wait := e.tending().tendNow(t.Context()); wait < 3*time.Hour || wait > 4*time.Hour {
		t.Errorf("nothing is due for %v, want a bit less than 4 h", wait)
	}
	r.pass(4*time.Hour + time.Minute)
	e.tending().tendNow(t.Context())
	if r.posts() != 1 {
		t.Fatalf("%d renewals at half the life", r.posts())
	}
	r.follows(dir)
}

// TestUnwritableLentPlaceHoldsNothingUp: it is never proved before a send.
func TestUnwritableLentPlaceHoldsNothingUp(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	dir := filepath.Join(t.TempDir(), "lent")
	r.lend(dir)
	aside := dir + ".aside"
	if err := os.Rename(dir, aside); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // no directory any more
		t.Fatal(err)
	}
	if _, err := r.start().Renew(t.Context(), true); err != nil {
		t.Fatalf("the renewal was held up: %v", err)
	}
	if st := r.start().Status(t.Context()); st.Problem != nil {
		t.Errorf("told before its token has ended: %+v", st.Problem)
	}
	r.pass(9 * time.Hour)
	_, _ = r.start().Renew(t.Context(), true)
	if st := r.start().Status(t.Context()); st.Problem == nil || st.Problem.Code != "place-behind" {
		t.Errorf("not told after its token has ended: %+v", st.Problem)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(aside, dir); err != nil {
		t.Fatal(err)
	}
	r.start().tending().tendNow(t.Context())
	r.follows(dir)

	// Away for good: given up after 30 days.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	_, _ = r.start().Renew(t.Context(), true)
	r.pass(31 * 24 * time.Hour)
	w := r.work()
	issued := r.issued("a@example.com", time.Hour)
	w.lentCopies().lentOr(w.l.LentTo(r.account)[0], &issued, errGone)
	w.end()
	if left, _ := r.start().Lent(t.Context()); len(left) != 0 {
		t.Errorf("still lent: %+v", left)
	}
}

// TestLendLeavesNoRefreshToken sweeps all that lending writes for one.
func TestLendLeavesNoRefreshToken(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	root := t.TempDir()
	r.lend(filepath.Join(root, "lent"))
	if _, err := r.start().Renew(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, token := range []string{c.Refresh.Reveal(), r.stored().Refresh.Reveal(), "refreshToken"} {
			if strings.Contains(string(text), token) {
				t.Errorf("%s holds what renews a login", path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// BenchmarkCarryToTwenty is what twenty lent places cost a renewal.
func BenchmarkCarryToTwenty(b *testing.B) {
	r := newRig(b)
	c := r.signIn(8 * time.Hour)
	root := b.TempDir()
	for i := range 20 {
		r.lend(filepath.Join(root, strconv.Itoa(i)))
	}
	w := r.work()
	defer w.end()
	for b.Loop() {
		b.StopTimer()
		for _, p := range w.l.LentTo(r.account) {
			p.Pair = ledger.Pair{}
			_ = os.WriteFile(filepath.Join(lentWhere(p).Dir, ".credentials.json"), []byte(`{"mcpOAuth":{}}`), 0o600)
		}
		b.StartTimer()
		w.lentCopies().carryLent(context.Background(), r.account, &c)
	}
	if places, _ := json.Marshal(w.l.LentTo(r.account)); strings.Contains(string(places), "reason") {
		b.Error("a place was not carried to")
	}
}

// Who mirrors into a directory that is lent to wants the whole login there.
func TestMirrorIntoALentDirectory(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	dir := filepath.Join(t.TempDir(), "lent")
	r.lend(dir)
	r.goTo(dir)
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !r.lent(dir).Login.SamePair(r.stored()) {
		t.Error("the entry has no refresh token")
	}
	for _, p := range r.ledger().Places {
		if p.Kind == ledger.Lent {
			t.Errorf("%s counts as lent to", p.ID)
		}
	}
	if _, err := r.start().Renew(t.Context(), true); err != nil || !r.lent(dir).Login.SamePair(r.stored()) {
		t.Errorf("after a renewal: %v", err)
	}
}

// Claude Code in a directory that is lent to signs in by itself, and that login is taken over:
// the directory is a place of it from then on.
func TestImportFromALentDirectory(t *testing.T) {
	for _, email := range []string{"carl@example.com", "a@example.com"} {
		r := newRig(t)
		r.signIn(8 * time.Hour)
		home, dir := r.claude, r.mkdir("lent")
		r.lend(dir)
		r.goTo(dir)
		r.writeEntry(r.issued(email, time.Hour))
		if places := r.start().Status(t.Context()).Lent(); len(places) != 1 || places[0].State != PlaceOtherLogin {
			t.Errorf("%s: before the import: %+v", email, places)
		}
		done, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if places := r.start().Status(t.Context()).Lent(); len(places) != 0 {
			t.Errorf("%s: it counts as lent to: %+v", email, places)
		}
		r.goTo(home)
		r.renewed(done.Account)
		r.goTo(dir)
		r.alive(r.entry().Login)
		r.renewed(done.Account)
		r.alive(r.entry().Login)
	}
}

// A whole login of ours that was copied into a lent directory ends with the others: of the
// account that was lent there, or of another one.
func TestWholeLoginInALentDirectory(t *testing.T) {
	copied := func(t *testing.T) (r *rig, home, dir string) {
		r = newRig(t)
		bob := r.other()
		r.keep("bob", bob)
		r.signIn(8 * time.Hour)
		home, dir = r.claude, r.mkdir("lent")
		r.lend(dir)
		r.goTo(dir)
		r.writeEntry(bob)
		r.goTo(home)
		return r, home, dir
	}
	t.Run("renewed", func(t *testing.T) {
		r, home, dir := copied(t)
		r.renewed(r.account)
		r.renewed("bob")
		r.goTo(dir)
		r.alive(r.entry().Login)
		r.goTo(home)
		r.alive(r.entry().Login)
	})
	t.Run("signed out", func(t *testing.T) {
		r, _, dir := copied(t)
		if _, err := r.start().On("bob").SignOut(t.Context(), SignOutOptions{}); err != nil {
			t.Fatal(err)
		}
		if !r.lent(dir).Login.Refresh.IsZero() {
			t.Error("success, and the login stays there")
		}
	})
	t.Run("switched", func(t *testing.T) {
		r, home, dir := copied(t)
		r.goTo(dir)
		if _, err := r.start().Switch(t.Context(), "bob"); err != nil {
			t.Fatal(err)
		}
		r.goTo(home)
		r.renewed("bob")
		r.goTo(dir)
		r.alive(r.entry().Login)
	})
}

// Claude Code signs in by itself where an imported login is lent to, as the same person: nobody
// knows which of the two goes on, so it is not written over.
func TestOwnLoginInALentDirectoryIsLeftAlone(t *testing.T) {
	r := newRig(t)
	r.writeEntry(r.issued("a@example.com", 8*time.Hour))
	if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	own := r.issued("a@example.com", time.Hour)
	r.writeEntry(own)
	r.goTo(home)
	r.renewed("")
	if !r.lent(dir).Login.SamePair(own) {
		t.Error("it was written over")
	}
	if places := r.start().Status(t.Context()).Lent(); len(places) != 0 {
		t.Errorf("it counts as lent to: %+v", places)
	}
}

// A whole copy of a login of ours in a lent directory is a place of it from the next look on: a
// renewal takes its locks, and follows what Claude Code renews there.
func TestCopyInALentDirectoryIsLookedAfter(t *testing.T) {
	looks := map[string]func(r *rig){
		"renewed": func(r *rig) { r.renewed(r.account) },
		"followed": func(r *rig) { // since something else changed
			r.writeEntry(r.renewElsewhere(r.entry().Login))
			_ = r.start().tending().follow(r.t.Context())
		},
	}
	for name, look := range looks {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c := r.signIn(8 * time.Hour)
			home, dir := r.claude, r.mkdir("lent")
			r.lend(dir)
			r.goTo(dir)
			r.writeEntry(c)
			r.goTo(home)
			look(r)
			r.goTo(dir)
			theirs := r.renewElsewhere(r.entry().Login)
			r.writeEntry(theirs)
			r.goTo(home)
			r.renewed(r.account)
			r.alive(r.entry().Login)
			r.goTo(dir)
			r.alive(r.entry().Login)
			r.renewed(r.account)
			r.reused()
		})
	}
}

// Claude Code may be renewing a copy in a lent directory right now.
func TestCopyInALentDirectoryHoldsARenewalUp(t *testing.T) {
	restore(t, &entryWait, 50*time.Millisecond)
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
	if _, err := r.start().Renew(t.Context(), true); err == nil || r.posts() != 0 {
		t.Errorf("%d renewals while it holds the lock: %v", r.posts(), err)
	}
	theirs := r.renewElsewhere(c)
	r.goTo(dir)
	r.writeEntry(theirs)
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	r.goTo(home)
	r.renewed(r.account)
	r.reused()
}

// A copy in a lent directory that Claude Code renewed before anybody looked is taken over by an
// import, and the other places have it at once.
func TestImportOfARenewedCopyInALentDirectory(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	theirs := r.renewElsewhere(c)
	r.writeEntry(theirs)
	if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	r.goTo(home)
	if !r.entry().Login.SamePair(theirs) {
		t.Error("the other directory has the spent pair")
	}
	r.renewed(r.account)
	r.reused()
}

// Who lists what is lent is told what became of it, before the next renewal finds it out.
func TestLentIsLookedAt(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	gone, taken, home := r.beside("gone"), r.beside("taken"), r.claude
	r.lend(gone)
	r.lend(taken)
	r.must(os.RemoveAll(gone))
	r.goTo(taken)
	r.writeEntry(r.issued("x@example.com", time.Hour))
	r.goTo(home)
	listed, err := r.start().Lent(t.Context())
	r.must(err)
	for _, lent := range [][]PlaceStatus{listed, r.start().Status(t.Context()).Lent()} {
		if len(lent) != 2 || lent[0].State != PlaceUnreachable || lent[1].State != PlaceOtherLogin ||
			!lent[1].RefreshToken {
			t.Errorf("told as %+v", lent)
		}
	}
}
