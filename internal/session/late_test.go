package session

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/fakeclaude"
	"keytender/internal/testguard"
	"keytender/keychain"
)

// failsLate makes the disk fail after it exchanged a file of the folder: the new content is there.
func failsLate(t *testing.T, dir string) (mend func()) {
	t.Helper()
	restore(t, &atomicfile.Disk, atomicfile.Disk)
	before := atomicfile.Disk.SyncDir
	atomicfile.Disk.SyncDir = func(of string) error {
		if filepath.Clean(of) == filepath.Clean(dir) {
			return syscall.EIO
		}
		return before(of)
	}
	return func() { atomicfile.Disk.SyncDir = before }
}

// A write that fails when it is done already displaces a login all the same.
func TestStrangerOutlivesAWriteThatFailsLate(t *testing.T) {
	r := newRig(t)
	x := r.issued("x@example.com", time.Hour)
	r.writeEntry(x)
	a := r.issued("a@example.com", time.Hour)
	r.keep("default", a)
	mend := failsLate(t, r.claude)
	if _, err := r.start().Mirror(t.Context()); err == nil {
		t.Fatal("nothing is said of the disk")
	}
	mend()
	if !r.entry().Login.SamePair(a) {
		t.Fatal("the test did not have the entry written")
	}
	if _, err := r.start().Undo(t.Context()); err != nil || !r.entry().Login.Refresh.Equal(x.Refresh) {
		t.Errorf("the login that made room is gone: %v", err)
	}
}

// The same for an account whose name another person's login takes, by way of our own file.
func TestReplacedAccountOutlivesAWriteThatFailsLate(t *testing.T) {
	r := newRig(t)
	a, b := r.issued("a@example.com", time.Hour), r.issued("b@example.com", time.Hour)
	r.keep("default", a)
	restore(t, &atomicfile.Disk, atomicfile.Disk)
	rename, syncDir, done := atomicfile.Disk.Rename, atomicfile.Disk.SyncDir, 0
	atomicfile.Disk.Rename = func(from, to string) error {
		if strings.HasSuffix(to, "credentials.json") {
			done++
		}
		return rename(from, to)
	}
	atomicfile.Disk.SyncDir = func(of string) error {
		if filepath.Clean(of) == r.home && done == 2 { // the copy of what makes room came first
			done++
			return syscall.EIO
		}
		return syncDir(of)
	}
	_, err := r.start().ImportJSON(t.Context(), ImportOptions{Account: "default", Replace: true}, asJSON(b))
	if err == nil || done < 3 {
		t.Fatalf("the test did not have the disk fail: %v", err)
	}
	atomicfile.Disk.SyncDir = syncDir
	kept, err := os.ReadFile(filepath.Join(r.home, "credentials.json"))
	if err != nil || !strings.Contains(string(kept), a.Refresh.Reveal()) || len(r.ledger().Displaced) != 1 {
		t.Errorf("the login that was replaced is gone: %v", err)
	}
}

// Between the last note and the first byte a laptop may sleep: Claude Code wakes first, takes the
// old lock over, and spends the token.
func TestLockThatIsLostWhileTheConnectionIsMade(t *testing.T) {
	r := newRig(t)
	a := r.signIn(-time.Minute)
	e := r.start()
	e.crash = func(step string) {
		if step != "intent" {
			return
		}
		lock := filepath.Join(r.claude, ".oauth_refresh.lock")
		if err := errors.Join(os.Remove(lock), os.Mkdir(lock, 0o700)); err != nil {
			t.Fatal(err)
		}
		r.writeEntry(r.renewElsewhere(a))
	}
	if _, err := e.Token(t.Context(), time.Minute); exitOf(err) != ExitBusy {
		t.Errorf("%v", err)
	}
	if n := r.posts(); n != 1 {
		t.Errorf("%d sent", n)
	}
	if err := os.Remove(filepath.Join(r.claude, ".oauth_refresh.lock")); err != nil {
		t.Fatal(err)
	}
	got, err := r.start().Token(t.Context(), time.Minute)
	if err != nil || r.posts() != 1 || !r.entry().Login.Access.Equal(got) || r.chain().Intent != nil {
		t.Errorf("afterwards: %v, %d sent", err, r.posts())
	}
}

// A laptop wakes while Claude Code is in the middle of a renewal: its lock is as old as the sleep
// was long, until it shows a sign of life.
func TestLockOfAHolderThatWakes(t *testing.T) {
	r := newRig(t)
	a := r.signIn(-time.Minute)
	lock := filepath.Join(r.claude, ".oauth_refresh.lock")
	long := time.Now().Add(-8 * time.Hour)
	if err := errors.Join(os.Mkdir(lock, 0o700), os.Chtimes(lock, long, long)); err != nil {
		t.Fatal(err)
	}
	restore(t, &lifesign, 500*time.Millisecond)
	looks := 0
	restore(t, &slept, func() time.Duration { looks++; return time.Duration(min(looks-1, 1)) * 8 * time.Hour })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); r.start().Tend(ctx, nil) }()
	time.Sleep(200 * time.Millisecond) // it wakes a moment later
	now := time.Now()
	if err := os.Chtimes(lock, now, now); err != nil {
		t.Errorf("the lock was taken over: %v", err)
	}
	r.writeEntry(r.renewElsewhere(a))
	_ = os.Remove(lock)
	for end := time.Now().Add(testguard.Patience); !r.stored().Access.Equal(r.entry().Login.Access); {
		if time.Sleep(10 * time.Millisecond); time.Now().After(end) {
			t.Fatal("the pair is not taken over")
		}
	}
	cancel()
	<-ended
	if n := r.posts(); n != 1 {
		t.Errorf("%d sent", n)
	}
}

// The time that the machine is awake goes on as the clock does, on every system: else the clock
// would say at each look, or never, that the machine had slept.
func TestNobodySleptWhileAwake(t *testing.T) {
	before, since := slept(), awake()
	time.Sleep(100 * time.Millisecond)
	if more := slept() - before; more.Abs() > time.Second || awake()-since < 50*time.Millisecond {
		t.Errorf("of 100ms awake %v were slept, and the machine was awake %v", more, awake()-since)
	}
}

// An account gets another name while its renewal waits for the lock: nobody is signed out by that.
func TestRenamedWhileARenewalWaits(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	w := r.work()
	got := make(chan error, 1)
	go func() { _, err := r.start().On("default").Renew(t.Context(), true); got <- err }()
	time.Sleep(200 * time.Millisecond) // by now it waits
	if err := w.moveRecords(t.Context(), w.vault(w.l), "default", "other"); err != nil {
		t.Fatal(err)
	}
	w.end()
	if err := <-got; exitOf(err) != ExitFailed || r.posts() != 0 {
		t.Errorf("%v, %d sent", err, r.posts())
	}
}

// A token that was lent by a write that failed late is taken back by whoever signs out.
func TestLentByAWriteThatFailsLate(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	dir := r.mkdir("lent")
	mend := failsLate(t, dir)
	if _, err := r.start().Lend(t.Context(), LendOptions{Dir: dir}); err == nil {
		t.Fatal("nothing is said of the disk")
	}
	mend()
	access := r.stored().Access.Reveal()
	holds := func() bool {
		text, _ := os.ReadFile(filepath.Join(dir, ".credentials.json"))
		return strings.Contains(string(text), access)
	}
	if !holds() {
		t.Fatal("the test did not have the entry written")
	}
	r.signedOut(SignOutOptions{})
	if holds() {
		t.Error("the token lies there still")
	}
}

// whileFull has each write of Claude Code's entry fail while do runs.
func (r *rig) whileFull(do func() error) {
	r.t.Helper()
	r.whileFullAt(r.entryFile(), do)
}

func (r *rig) whileFullAt(file string, do func() error) {
	r.t.Helper()
	rename := atomicfile.Disk.Rename
	atomicfile.Disk.Rename = func(from, to string) error {
		if to == file {
			return syscall.ENOSPC
		}
		return rename(from, to)
	}
	defer func() { atomicfile.Disk.Rename = rename }()
	if do() == nil {
		r.t.Fatal("it was written")
	}
}

// A write that failed takes nothing away: the first mirror over an entry that held nobody can still be
// undone.
func TestUndoAfterAWriteThatFailed(t *testing.T) {
	for name, do := range map[string]func(*Engine) error{
		"undo":   func(e *Engine) error { _, err := e.Undo(t.Context()); return err },
		"mirror": func(e *Engine) error { _, err := e.Mirror(t.Context()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.signIn(time.Hour)
			if name == "mirror" {
				r.keep("bob", r.other())
			}
			r.whileFull(func() error { return do(r.start()) })
			if said, err := r.start().Undo(t.Context()); err != nil || said.Remark != RemarkNoneBefore {
				t.Errorf("%v, %v", said.Remark, err)
			}
		})
	}
}

// What came after a sign-out that could not write is not what it left, also when the mirror that was
// to displace it could not write either.
func TestNewSignInAfterTwoWritesThatFailed(t *testing.T) {
	for _, anew := range []bool{false, true} {
		r := newRig(t)
		login := r.signIn(time.Hour)
		r.whileFull(func() error { _, err := r.start().SignOut(t.Context(), SignOutOptions{}); return err })
		if anew {
			login = r.issued("a@example.com", time.Hour)
		} else {
			login = r.renewElsewhere(login)
		}
		r.writeEntry(login)
		r.keep("bob", r.other())
		r.whileFull(func() error { _, err := r.start().Mirror(t.Context()); return err })
		r.renewed("")
		r.must(r.start().tending().follow(t.Context()))
		if !r.entry().Login.SamePair(login) {
			t.Errorf("anew: %v: it is gone", anew)
		}
	}
}

// A former login of an account is not put back over a later grant of its person, which may be its next
// generation: a copy of a directory was copied back, say, or Claude Code went on with what is no more ours. So
// also where another one lies between them, where the later one became an account's, and where only the records
// tell what was displaced.
func TestUndoPutsNoFormerLoginOverALaterOne(t *testing.T) {
	for _, tc := range []struct {
		name     string
		stranger bool // whose login was the first there
		follows  bool // Claude Code goes on with the former login, else a copy of it comes back
		imported bool
		lost     func(r *rig)
	}{
		{name: "copied back"},
		{name: "over a stranger's", stranger: true},
		{name: "imported", imported: true},
		{name: "ledger lost", lost: (*rig).loseLedger},
		{name: "went on", follows: true},
		{name: "went on, ledger lost", follows: true, lost: (*rig).loseLedger},
		{name: "ledger damaged and mended", lost: (*rig).damageLedger},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			if tc.stranger {
				r.writeEntry(r.issued("x@example.com", time.Hour))
			}
			ann := r.issued("a@example.com", time.Hour)
			r.keep("work", ann)
			r.mirrored()
			if tc.follows {
				r.replacedAside("work", r.issued("b@example.com", time.Hour))
			} else {
				r.keep("work", r.issued("b@example.com", time.Hour))
				r.mirrored()
			}
			later := r.renewElsewhere(ann)
			later.AccessEnds = r.now().Add(8 * time.Hour)
			r.writeEntry(later)
			if tc.follows {
				r.must(r.start().tending().follow(t.Context()))
			}
			if tc.imported {
				_, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{Account: "ann"})
				r.must(err)
			}
			if tc.lost != nil {
				tc.lost(r)
			}
			r.mirrored()
			back := false
			for range 5 {
				_, err := r.start().Undo(t.Context())
				t.Logf("undo: %v", err)
				login := r.entry().Login
				if !login.Refresh.IsZero() && r.server.Spent(login.Refresh.Reveal()) {
					t.Fatal("a spent pair was put back")
				}
				back = back || login.SamePair(later)
			}
			if !back {
				t.Error("the later one was never put back")
			}
		})
	}
}

// What a stranger renewed in another directory is not put back in its former state, whether or not the
// ledger still knows what lies there, or the entries tell whose it is.
func TestUndoAfterAStrangerRenewedElsewhere(t *testing.T) {
	for n := range 4 {
		lost, named := n%2 == 1, n < 2
		r := newRig(t)
		x := r.issued("x@example.com", time.Hour)
		if !named {
			x.Account = keychain.Account{}
		}
		r.writeEntry(x)
		here := r.claude
		r.keep("work", r.issued("a@example.com", time.Hour))
		r.goTo(r.mkdir("two"))
		two := r.claude
		r.writeEntry(x)
		r.mirrored()
		_, err := r.start().Undo(t.Context())
		r.must(err)
		r.goTo(here)
		r.mirrored()
		r.goTo(two)
		r.writeEntry(r.renewElsewhere(x))
		r.must(r.start().tending().follow(t.Context()))
		r.goTo(here)
		if lost {
			r.loseLedger()
		}
		_, err = r.start().Undo(t.Context())
		if login := r.entry().Login; r.server.Spent(login.Refresh.Reveal()) || faultOf(err) != FaultNothingDisplaced {
			t.Errorf("lost: %v, named: %v: %v", lost, named, err)
		}
	}
}

// A sign-in over another person's name that was killed before the ledger knew of it is the newest login
// of its person, whoever's was set aside before.
func TestKilledSignInOverAnotherPerson(t *testing.T) {
	r := newRig(t)
	r.writeEntry(r.issued("b@example.com", time.Hour))
	r.keep("work", r.issued("a@example.com", time.Hour))
	_, err := r.start().On("work").Mirror(t.Context()) // bob's own is set aside
	r.must(err)
	r.must(r.vault().save(t.Context(), "work", r.issued("b@example.com", 8*time.Hour)))
	_, err = r.start().On("work").Renew(t.Context(), true)
	r.must(err)
	_, err = r.start().On("work").Mirror(t.Context())
	r.must(err)
}

// replacedAside gives the account to another person by a sign-in that mirrors nothing.
func (r *rig) replacedAside(account string, c keychain.Credential) {
	r.t.Helper()
	w := r.work()
	defer w.end()
	_, _, err := w.takingIn().takeIn(r.t.Context(), takenIn{account: account, c: c, what: "signed-in", activate: true})
	r.must(err)
}

// What Claude Code keeps is said to have been ended where the server ended that one.
func TestKeptIsSaidToHaveEndedWhereItDid(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prepare func(r *rig)
		ended   bool
	}{
		{"told", func(*rig) {}, true},
		{"unreached", func(r *rig) { r.faults(fakeclaude.Fault{On: "revoke", Status: 503, Times: 9}) }, false},
		{"another person's", func(r *rig) { r.replacedAside("default", r.issued("b@example.com", time.Hour)) }, false},
	} {
		r := newRig(t)
		login := r.signIn(time.Hour)
		tc.prepare(r)
		steps, err := r.start().SignOut(t.Context(), SignOutOptions{All: true, KeepClaudeCode: true, Revoke: true})
		r.must(err)
		said := slices.ContainsFunc(steps, func(s Step) bool { return s.Remark == RemarkClaudeKeepsEnded })
		if alive := r.server.Alive(login.Refresh.Reveal()); said != tc.ended || alive == tc.ended {
			t.Errorf("%s: said to have ended: %v, lives: %v", tc.name, said, alive)
		}
	}
}

// A token for machines takes nothing of its person's with it that was never its account's.
func TestSignOutOfATokenForMachinesLeavesTheDisplaced(t *testing.T) {
	r := newRig(t)
	ann := r.issued("a@example.com", time.Hour)
	r.keep("work", ann)
	r.mirrored()
	r.keep("work", r.issued("b@example.com", time.Hour))
	r.mirrored()
	r.keepLongLived("ci", "a@example.com")
	_, err := r.start().On("ci").SignOut(t.Context(), SignOutOptions{})
	r.must(err)
	_, err = r.start().Undo(t.Context())
	if r.must(err); !r.entry().Login.SamePair(ann) {
		t.Error("the displaced login is gone")
	}
}

// A displaced login that could not be removed is not said to be.
func TestSignOutOfAllSaysWhatWasRemoved(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.keep("default", r.issued("b@example.com", time.Hour))
	r.mirrored()
	_, err := r.start().SignOut(t.Context(), SignOutOptions{})
	r.must(err)
	r.whileFullAt(r.start().config.Paths.Credentials, func() error {
		steps, err := r.start().SignOut(t.Context(), SignOutOptions{All: true})
		if len(steps) > 0 {
			t.Errorf("said: %v", steps[0].Remark)
		}
		return err
	})
}

// What a sign-out leaves in this shell's own entry is named, although nobody noted the directory.
func TestSignOutNamesWhatThisShellsEntryHolds(t *testing.T) {
	r := newRig(t)
	login := r.issued("a@example.com", time.Hour)
	r.writeEntry(login)
	_, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{})
	r.must(err)
	r.goTo(r.mkdir("copy"))
	later := r.renewElsewhere(login)
	later.AccessEnds = r.now().Add(8 * time.Hour)
	r.writeEntry(later)
	steps, err := r.start().SignOut(t.Context(), SignOutOptions{})
	r.must(err)
	if !slices.ContainsFunc(steps, func(s Step) bool {
		return s.Remark == RemarkOtherLeft && s.Values.Place == r.start().entry.Place()
	}) {
		t.Errorf("its login lives on, and nothing is said of it: %v", steps)
	}
}

// Nor is it forgotten where nobody knew of it before, since the ledger was lost, and the server could not be asked.
func TestSignOutAfterALostLedgerIsTriedAgain(t *testing.T) {
	r := newRig(t)
	later := r.renewElsewhere(r.signIn(time.Hour))
	r.writeEntry(later)
	r.loseLedger()
	r.faults(fakeclaude.Fault{On: "profile", Status: 503, Times: 50})
	_, first := r.start().SignOut(t.Context(), SignOutOptions{})
	r.faults()
	_, second := r.start().SignOut(t.Context(), SignOutOptions{})
	if r.entry().Login.SamePair(later) && (first == nil || second == nil) {
		t.Errorf("it lives on: %v, then %v", first, second)
	}
}

// A directory was copied over another one after Claude Code had renewed in it, and the copy was seen first: it
// is no grant of its own, also when Claude Code has renewed in the first one again.
func TestCopySeenBeforeWhatItIsACopyOf(t *testing.T) {
	r := newRig(t)
	copied := r.claude
	r.keep("ann", r.issued("a@example.com", 8*time.Hour))
	r.mirrored()
	bob := r.issued("b@example.com", 8*time.Hour)
	r.goTo(r.mkdir("work"))
	work := r.claude
	r.keep("bob", bob)
	r.mirrored()
	bob = r.renewElsewhere(bob)
	r.writeEntry(bob)
	r.goTo(copied)
	r.writeEntry(bob)
	r.must(r.start().tending().follow(t.Context()))
	r.goTo(work)
	r.writeEntry(r.renewElsewhere(bob))
	r.goTo(copied)
	r.must(r.start().tending().follow(t.Context()))
	r.alive(r.entry().Login)
}

// After the ledger was lost nobody knows which pairs a login had before: one that is put back out of a backup
// is no newer one because it lies where ours stood.
func TestBackupAfterTheLedgerWasLost(t *testing.T) {
	r := newRig(t)
	backup := r.signIn(time.Hour)
	r.renewed("")
	newest := r.entry().Login
	r.loseLedger()
	r.must(r.start().tending().follow(t.Context()))
	r.writeEntry(backup)
	_, err := r.start().Renew(t.Context(), true)
	t.Logf("%v", err)
	r.reused()
	if c, err := r.vault().load(t.Context(), "default"); err != nil || !r.server.Alive(c.Refresh.Reveal()) {
		t.Errorf("the newest pair is gone: %v", err)
	}
	r.alive(newest)
}

// The ledger or the whole state folder is gone, and with it what was displaced of our accounts: a sign-out of
// all takes that too, and what Claude Code renewed of it meanwhile.
func TestSignOutOfAllAfterALoss(t *testing.T) {
	for name, lose := range map[string]func(*rig){
		"state": func(r *rig) { r.must(os.RemoveAll(r.state(""))) }, "ledger": (*rig).loseLedger,
		"damaged": (*rig).damageLedger,
	} {
		for _, as := range []string{"a@example.com", "b@example.com"} {
			r := newRig(t)
			former := r.signIn(time.Hour)
			_, err := r.start().ImportJSON(t.Context(), ImportOptions{Account: "default", Replace: true},
				asJSON(r.issued(as, time.Hour))) // the former one is kept by its name
			r.must(err)
			lose(r)
			later := r.renewElsewhere(former)
			r.writeEntry(later)
			r.mirrored() // and what became of it comes out of the entry
			_, err = r.start().SignOut(t.Context(), SignOutOptions{All: true})
			r.must(err)
			text, err := os.ReadFile(r.start().config.Paths.Credentials)
			kept := func(c keychain.Credential) bool { return strings.Contains(string(text), c.Refresh.Reveal()) }
			// Whether another person's later pair follows what we had nobody can tell where nothing is known.
			if err != nil || kept(former) || kept(later) && (as == "a@example.com" || name == "damaged") {
				t.Errorf("%s, %s: a former login is still kept: %v", name, as, err)
			}
		}
	}
}
