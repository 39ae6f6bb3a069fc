package session

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/testbus"
	"keytender/internal/testguard"
	"keytender/keychain"
)

// broken is what a power cut leaves of a file.
const broken = `{"default":{"acc`

func (r *rig) breakFiles(paths ...string) {
	r.t.Helper()
	for _, path := range paths {
		r.must(os.WriteFile(path, []byte(broken), 0o600))
	}
}

// mend does what `doctor --fix` does, and returns how many repairs there were.
func (r *rig) mend(ctx context.Context) (repairs int, err error) {
	e := r.start()
	found := e.Repairs(r.t.Context())
	_, err = e.Mend(ctx, found)
	return len(found), err
}

// lockedByClaude holds the entry's lock until the returned call.
func (r *rig) lockedByClaude() (release func()) {
	r.t.Helper()
	lock, err := r.start().entry.LockRenewal(r.t.Context(), time.Second)
	if err != nil {
		r.t.Fatal(err)
	}
	return func() { r.must(lock.Release()) }
}

// TestStoreIsMendedWholeOrNotAtAll: where the copies cannot be taken over now, the damaged store
// stays, and the next `doctor --fix` takes them over.
func TestStoreIsMendedWholeOrNotAtAll(t *testing.T) {
	restore(t, &entryWait, 50*time.Millisecond)
	for _, tc := range []struct {
		name  string
		limit time.Duration // until Ctrl-C
		two   bool          // accounts, in two directories
	}{{"Claude Code renews", time.Minute, false}, {"Ctrl-C", 10 * time.Millisecond, false},
		{"another account's directory is busy", time.Minute, true}} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			names := []string{"default"}
			if tc.two {
				r.twoDirectories()
				names = append(names, "work")
			} else {
				r.signIn(time.Hour)
			}
			release := r.lockedByClaude()
			if tc.two {
				r.goTo(r.beside("claude"))
			}
			r.breakFiles(r.storeFile())
			ctx, cancel := context.WithTimeout(t.Context(), tc.limit)
			defer cancel()
			if n, err := r.mend(ctx); n != 1 || err == nil || r.storeText() != broken {
				t.Errorf("%d repairs, %v; the store: %q", n, err, r.storeText())
			}
			release()
			if n, err := r.mend(t.Context()); n != 1 || err != nil {
				t.Errorf("once more: %d repairs, %v", n, err)
			}
			for _, name := range names {
				if _, err := r.start().On(name).Token(t.Context(), time.Minute); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// TestStoreIsMendedWithWhatStandsWhole in it, whether an entry holds that too or not.
func TestStoreIsMendedWithWhatStandsWhole(t *testing.T) {
	noEnd := func(text, name string) string {
		before, rest, _ := strings.Cut(text, `"`+name+`"`)
		return before + `"` + name + `"` + strings.Replace(rest, "}", "", 1)
	}
	for name, damage := range map[string]func(text string) string{
		"its end is cut":             func(text string) string { return text[:len(text)-3] },
		"a login lacks its end":      func(text string) string { return noEnd(text, "anna") },
		"what is displaced does":     func(text string) string { return noEnd(text, "other") },
		"something stands before it": func(text string) string { return "<<<<<<< mine" + text },
		"the last login is cut": func(text string) string {
			return text[:strings.Index(text, `"other"`)-20]
		},
	} {
		for _, entry := range []string{"in step", "renewed", "gone"} {
			t.Run(name+", entry "+entry, func(t *testing.T) {
				r := newRig(t)
				work := r.issued("w@example.com", time.Hour)
				r.keep("anna", r.issued("a@example.com", time.Hour))
				r.keep("work", work)
				r.writeEntry(r.issued("x@example.com", time.Hour))
				c := r.signIn(time.Hour)
				r.must(os.WriteFile(r.storeFile(), []byte(damage(r.storeText())), 0o600))
				switch entry {
				case "renewed":
					c = r.renewElsewhere(c)
					r.writeEntry(c)
				case "gone":
					r.must(os.Remove(r.entryFile()))
				}
				if n, err := r.mend(t.Context()); n != 1 || err != nil {
					t.Fatalf("%d repairs, %v", n, err)
				}
				for account, want := range map[string]keychain.Credential{"default": c, "work": work} {
					cut := account == "work" && name == "the last login is cut"
					e := r.start().On(account)
					token, err := e.Token(t.Context(), time.Minute)
					if (err == nil) == cut || !cut && !token.Equal(want.Access) {
						t.Errorf("%s: %v", account, err)
					}
					if _, err := e.Renew(t.Context(), true); (err == nil) == cut {
						t.Errorf("%s: %v", account, err)
					}
				}
				r.reused()
			})
		}
	}
}

// TestStoreIsMendedOnAFullDisk or stays until there is room.
func TestStoreIsMendedOnAFullDisk(t *testing.T) {
	if !testguard.Mounting(t) {
		return
	}
	r := newRig(t)
	r.must(os.Mkdir(r.home, 0o700))
	testguard.Tmpfs(t, r.home, "256k")
	var disk syscall.Statfs_t
	if err := syscall.Statfs(r.home, &disk); err != nil || disk.Blocks*uint64(disk.Bsize) > 1<<20 {
		t.Fatal("there is no small disk", err)
	}
	a := r.signIn(time.Hour)
	r.breakFiles(r.storeFile())
	free := fill(t, r.home)
	if _, err := r.mend(t.Context()); err == nil || r.storeText() != broken {
		t.Errorf("mended on a full disk: %v", err)
	}
	free()
	if _, err := r.mend(t.Context()); err != nil {
		t.Error(err)
	}
	if token, err := r.start().Token(t.Context(), time.Minute); err != nil || !token.Equal(a.Access) {
		t.Error(err)
	}
}

// TestStoreIsMendedAfterAKilledRenewal: the newest pair lies beside the damaged store, or in it alone.
// That of before, in the entry, is spent.
func TestStoreIsMendedAfterAKilledRenewal(t *testing.T) {
	beside := func(file string) func(r *rig, a keychain.Credential) keychain.Credential {
		return func(r *rig, a keychain.Credential) keychain.Credential {
			newest := r.renewElsewhere(a)
			newest.Issued = r.now().Round(0)
			r.put(r.state(file), newest)
			return newest
		}
	}
	killed := func(at string) func(r *rig, a keychain.Credential) keychain.Credential {
		return func(r *rig, _ keychain.Credential) keychain.Credential {
			r.child(at).end()
			r.ageLocks(time.Hour)
			return r.stored()
		}
	}
	for name, tc := range map[string]struct {
		renew func(r *rig, a keychain.Credential) (newest keychain.Credential)
		found bool
	}{
		"in the room for it": {beside("reserve-default.json"), true},
		"in the spill file":  {beside("spill-default.json"), true},
		"as it was written":  {killed("written"), true},
		"as it was kept":     {killed("kept"), false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			newest := tc.renew(r, r.signIn(-time.Minute))
			r.breakFiles(r.storeFile())
			if _, err := r.mend(t.Context()); err != nil || (r.storeText() == broken) == tc.found {
				t.Errorf("%v; the store: %q", err, r.storeText())
			}
			if tc.found && !r.stored().SamePair(newest) {
				t.Error("another pair is kept than the newest")
			}
			_, _ = r.start().Renew(t.Context(), true)
			r.reused()
		})
	}
}

// TestStoreIsMendedAfterAKill at any step of mending it.
func TestStoreIsMendedAfterAKill(t *testing.T) {
	for _, steps := range []int{1, 2, 3} {
		r := newRig(t)
		a := r.signIn(time.Hour)
		r.breakFiles(r.storeFile())
		w := r.work()
		copies, release, err := w.holdCopies(t.Context())
		if err != nil || len(copies) != 1 {
			t.Fatal(copies, err)
		}
		r.must(w.keepCopy(copies[0]))
		if steps > 1 {
			_, err := (fixing{w.doctor()}).copyAside(r.storeFile())
			r.must(err)
		}
		if steps > 2 {
			r.must(os.WriteFile(r.storeFile(), []byte("{}"), 0o600))
		}
		release()
		w.release()
		if token, err := r.start().Token(t.Context(), time.Minute); err != nil || !token.Equal(a.Access) {
			t.Errorf("after %d steps: %v", steps, err)
		}
		_, err = r.mend(t.Context())
		if r.renewed(""); err != nil || !strings.Contains(r.storeText(), r.stored().Refresh.Reveal()) {
			t.Errorf("after %d steps, mended: %v", steps, err)
		}
	}
}

// TestStoreIsMendedWhileADiskIsAway: what lies there is another matter, and its directory is not
// made anew: when the disk is back it is brought up, since nobody signed out of it.
func TestStoreIsMendedWhileADiskIsAway(t *testing.T) {
	r := newRig(t)
	_, home, work := r.inTwo("work")
	r.goTo(home)
	r.move(work, work+"-away")
	r.breakFiles(r.storeFile())
	if n, err := r.mend(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d repairs, %v", n, err)
	}
	if _, err := os.Stat(work); err == nil {
		t.Error("the directory of the disk that is away was made anew")
	}
	r.renewed("")
	r.move(work+"-away", work)
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	r.goTo(work)
	r.alive(r.entry().Login)
}

// TestStoreIsMendedBesideALockThatIsNone: the other directory has the login too.
func TestStoreIsMendedBesideALockThatIsNone(t *testing.T) {
	restore(t, &entryWait, 50*time.Millisecond)
	r := newRig(t)
	a, home, work := r.inTwo("work")
	r.goTo(home)
	r.must(os.WriteFile(filepath.Join(work, ".oauth_refresh.lock"), nil, 0o600))
	r.breakFiles(r.storeFile())
	if _, err := r.mend(t.Context()); err != nil {
		t.Log(err) // of the lock itself
	}
	if token, err := r.start().Token(t.Context(), time.Minute); err != nil || !token.Equal(a.Access) {
		t.Error(err)
	}
}

// TestLedgerAndStoreDamaged at once, by a power cut: in the end what Claude Code has can be taken over.
func TestLedgerAndStoreDamaged(t *testing.T) {
	for _, store := range []string{"file", "auto"} {
		t.Run(store, func(t *testing.T) {
			r := newRig(t)
			r.signIn(time.Hour)
			r.environ["KEYTENDER_STORE"] = store
			r.breakFiles(r.state(ledgerFile), r.storeFile())
			for n, err := r.mend(t.Context()); n > 0; n, err = r.mend(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
			}
			if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{}); err != nil {
				t.Fatal(err)
			}
			if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLedgerIsNotMadeOutOfSilence: a keychain that does not answer says nothing about who is signed in.
func TestLedgerIsNotMadeOutOfSilence(t *testing.T) {
	const bus = "DBUS_SESSION_BUS_ADDRESS"
	for name, tc := range map[string]struct{ quiet, answering func(*testbus.Service) }{
		"locked": {func(s *testbus.Service) { s.Lock(true) }, func(s *testbus.Service) { s.Lock(false) }},
		"silent": {func(s *testbus.Service) { s.Behave(at("SearchItems", testbus.Step{Hang: true})) },
			func(s *testbus.Service) { s.Behave(nil) }},
		"not there": {func(*testbus.Service) { t.Setenv(bus, "unix:path=/dev/null") }, func(*testbus.Service) {}},
	} {
		t.Run(name, func(t *testing.T) {
			r, service := keychainRig(t)
			address := os.Getenv(bus)
			r.keep("bob", r.other())
			r.must(os.WriteFile(r.storeFile(), []byte("{}"), 0o600)) // where nobody's login lies
			r.signIn(time.Hour)
			r.lend(r.mkdir("lent"))
			r.breakFiles(r.state(ledgerFile))
			tc.quiet(service)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := r.mend(ctx); err == nil {
				t.Error("mended, with nobody to ask")
			}
			if text, _ := os.ReadFile(r.state(ledgerFile)); string(text) != broken {
				t.Errorf("the ledger: %q", text)
			}
			t.Setenv(bus, address)
			tc.answering(service)
			if n, err := r.mend(t.Context()); n != 1 || err != nil {
				t.Errorf("once more: %d repairs, %v", n, err)
			}
			names, _, _ := r.start().AccountNames()
			lent, _ := r.start().Lent(t.Context())
			if len(names) != 2 || len(lent) != 1 {
				t.Errorf("accounts %v, lent to %d", names, len(lent))
			}
		})
	}
}

// TestLedgerIsMendedInTheStoreThatWasChosen: neither a pair that spilled nor a record that stayed in the
// former store changes which that is, and nobody is left out.
func TestLedgerIsMendedInTheStoreThatWasChosen(t *testing.T) {
	spilled := func(file string) func(*rig) {
		return func(r *rig) {
			c := r.signIn(time.Hour)
			c.Issued = c.Issued.Add(time.Minute)
			r.put(r.state(file), c)
		}
	}
	without := func(file string, f func(*rig)) func(*rig) {
		return func(r *rig) { f(r); r.must(os.Remove(r.state(file))) }
	}
	for name, tc := range map[string]struct {
		since func(r *rig)
		store string
	}{
		"a spilled pair":                      {spilled("spill-default.json"), "keychain"},
		"a spilled pair, and nothing to tell": {without(placesFile, spilled("reserve-default.json")), "keychain"},
		"no history":                          {without(historyFile, spilled("reserve-default.json")), "keychain"},
		"a spilled pair alone": {func(r *rig) {
			spilled("spill-default.json")(r)
			r.must(r.vault().drop(r.t.Context(), "default"))
		}, "keychain"},
		"a record that stayed": {func(r *rig) {
			r.environ["KEYTENDER_STORE"] = "auto"
			w := r.work()
			w.l.Store, w.l.Stayed = "file", []string{"bob"}
			w.end()
			r.signIn(time.Hour)
		}, "file"},
		"a record that stayed in the file": {func(r *rig) {
			w := r.work()
			record, err := w.vault(w.l).record(r.t.Context(), "bob")
			r.must(err)
			r.must(w.vault(w.l).drop(r.t.Context(), "bob"))
			r.must(w.file.Save(r.t.Context(), "bob", record))
			w.l.Stayed = []string{"bob"}
			w.end()
			r.signIn(time.Hour)
		}, "keychain"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := keychainRig(t)
			r.keep("bob", r.other())
			tc.since(r)
			r.breakFiles(r.state(ledgerFile))
			if n, err := r.mend(t.Context()); n != 1 || err != nil {
				t.Fatalf("%d repairs, %v", n, err)
			}
			if l := r.ledger(); l.Store != tc.store || len(l.Accounts) != 2 {
				t.Errorf("store %q, accounts %v", l.Store, l.Names())
			}
			for _, name := range []string{"bob", "default"} {
				if _, err := r.start().On(name).Token(t.Context(), time.Minute); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			if _, err := r.start().file.Load(t.Context(), "default"); (err == nil) != (tc.store == "file") {
				t.Errorf("in the file store: %v", err)
			}
		})
	}
}

// TestLedgerIsMendedWithTheActiveAccount, whoever was renewed or told last, and without the history too.
func TestLedgerIsMendedWithTheActiveAccount(t *testing.T) {
	for _, account := range []string{"default", "alice"} {
		for _, history := range []bool{true, false} {
			r := newRig(t)
			r.keep("bob", r.other())
			r.account = account
			a := r.signIn(time.Hour)
			r.renewed("bob")
			if !history {
				r.must(os.Remove(r.state(historyFile)))
			}
			r.breakFiles(r.state(ledgerFile))
			r.mendAll()
			if token, err := r.start().Token(t.Context(), time.Minute); err != nil || !token.Equal(a.Access) {
				t.Errorf("%s, history %v: active is %s, %v", account, history, r.ledger().Active, err)
			}
		}
	}
}

// TestLedgerIsMendedOnAFullDisk or stays until there is room, which is what the hint says.
func TestLedgerIsMendedOnAFullDisk(t *testing.T) {
	if !testguard.Mounting(t) {
		return
	}
	r := newRig(t)
	r.must(os.Mkdir(r.home, 0o700))
	testguard.Tmpfs(t, r.home, "256k")
	a := r.signIn(time.Hour)
	r.breakFiles(r.state(ledgerFile))
	free := fill(t, r.home)
	e := r.start()
	mended, err := e.Mend(t.Context(), e.Repairs(t.Context()))
	if faultOf(err) != FaultStateUnwritten || len(mended) > 0 {
		t.Errorf("on a full disk: %v, %v", mended, err)
	}
	free()
	if n, err := r.mend(t.Context()); n != 1 || err != nil {
		t.Errorf("%d repairs, %v", n, err)
	}
	if token, err := r.start().Token(t.Context(), time.Minute); err != nil || !token.Equal(a.Access) {
		t.Error(err)
	}
}

// TestLedgerThatIsNotWrittenIsNotMended: nothing is told as done.
func TestLedgerThatIsNotWrittenIsNotMended(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.breakFiles(r.state(ledgerFile))
	restore(t, &atomicfile.Disk.Rename, func(from, to string) error {
		if to == r.state(ledgerFile) {
			return syscall.EIO
		}
		return os.Rename(from, to)
	})
	e := r.start()
	if mended, err := e.Mend(t.Context(), e.Repairs(t.Context())); err == nil || len(mended) > 0 {
		t.Errorf("%v, %v", mended, err)
	}
}

// TestLedgerIsGone, say moved away by hand: the part of it that stands in another file says where the
// login lies besides, and who is active.
func TestLedgerIsGone(t *testing.T) {
	r := newRig(t)
	r.account = "alice"
	_, home, work := r.inTwo("work")
	r.keep("bob", r.other())
	if _, err := r.start().Switch(t.Context(), "alice"); err != nil {
		t.Fatal(err)
	}
	r.must(os.Remove(r.state(ledgerFile)))
	r.renewed("")
	if names, active, err := r.start().AccountNames(); len(names) != 2 || active != "alice" {
		t.Errorf("%v, active %s, %v", names, active, err)
	}
	for _, dir := range []string{home, work} {
		r.goTo(dir)
		r.alive(r.entry().Login)
	}
}

// TestLedgerIsGoneBesideDisplacedLogins: the next one is not kept in the place of one of them.
func TestLedgerIsGoneBesideDisplacedLogins(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	var displaced []keychain.Credential
	for _, email := range []string{"bob@example.com", "cat@example.com", "dan@example.com", "eve@example.com"} {
		displaced = append(displaced, r.issued(email, time.Hour))
		r.writeEntry(displaced[len(displaced)-1])
		if email[0] > 'c' {
			r.must(os.Remove(r.state(ledgerFile)))
		}
		if _, err := r.start().Mirror(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range displaced {
		if !strings.Contains(r.storeText(), c.Refresh.Reveal()) {
			t.Errorf("nobody has the login of %s any more", c.Account.Email)
		}
	}
}

// TestLedgerIsGoneBesideTwoDirectories: what was displaced goes back where it lay.
func TestLedgerIsGoneBesideTwoDirectories(t *testing.T) {
	r := newRig(t)
	home, work := r.claude, r.mkdir("work")
	x, y := r.issued("x@example.com", time.Hour), r.issued("y@example.com", time.Hour)
	r.writeEntry(x)
	r.signIn(time.Hour)
	r.goTo(work)
	r.writeEntry(y)
	_, err := r.start().Mirror(t.Context())
	r.must(err)
	r.must(os.Remove(r.state(ledgerFile)))
	r.renewed("")
	for dir, login := range map[string]keychain.Credential{home: x, work: y} {
		r.goTo(dir)
		if _, err := r.start().Undo(t.Context()); err != nil || !r.entry().Login.SamePair(login) {
			t.Errorf("%s: %v, %s", dir, err, whose(personOf(r.entry().Login.Account)))
		}
	}
}

// TestStateIsGoneBesideTheKeychain, which cannot be listed: what Claude Code renewed makes room as somebody's who
// is not known. As soon as the account is heard of nothing older is written or sent; put back, it goes into the
// account where the server takes it and it lives longer.
func TestStateIsGoneBesideTheKeychain(t *testing.T) {
	for name, life := range map[string]time.Duration{"ends later": 8 * time.Hour, "ends sooner": 30 * time.Minute,
		"has ended": time.Second} {
		t.Run(name, func(t *testing.T) {
			r, _ := keychainRig(t)
			bob := r.issued("b@example.com", time.Hour)
			r.keep("ann", r.issued("a@example.com", time.Hour))
			r.keep("bob", bob)
			r.must(os.RemoveAll(r.state("")))
			renewed := r.renewElsewhere(bob)
			renewed.AccessEnds = r.now().Add(life)
			r.writeEntry(renewed)
			_, err := r.start().Switch(t.Context(), "ann")
			r.must(err)
			r.pass(time.Minute)
			takes := func(when string, want bool) {
				_, err := r.start().Switch(t.Context(), "bob")
				if _, renewing := r.start().On("bob").Renew(t.Context(), true); err == nil {
					err = renewing
				}
				if (err == nil) != want || err != nil && errorIn(err).Code != codeUnknownLogin {
					t.Errorf("%s: %v", when, err)
				}
			}
			takes("set aside", false)
			_, err = r.start().Undo(t.Context())
			r.must(err)
			takes("put back", name == "ends later")
			r.alive(r.entry().Login)
			r.keep("bob", r.issued("b@example.com", time.Hour))
			takes("after a new sign-in", true)
			r.reused()
		})
	}
}

// TestPartOfTheLedgerIsKept where it is damaged and there is nothing else.
func TestPartOfTheLedgerIsKept(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.must(os.Remove(r.state(ledgerFile)))
	r.breakFiles(r.state(placesFile))
	if n, err := r.mend(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d repairs, %v", n, err)
	}
	kept, _ := filepath.Glob(r.state(placesFile) + asideInfix + "*")
	if len(kept) != 1 {
		t.Errorf("kept: %v", kept)
	}
	r.renewed("")
	if part, err := r.start().readLedger(placesFile); err != nil || len(part.Places) == 0 {
		t.Error(err)
	}
}

// TestPartOfTheLedgerIsWrittenAnew where it was damaged, with the next change.
func TestPartOfTheLedgerIsWrittenAnew(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.breakFiles(r.state(placesFile))
	r.renewed("")
	if part, err := r.start().readLedger(placesFile); err != nil || len(part.Places) == 0 {
		t.Error(err)
	}
}

// TestLedgerStandsUntilTheNewOneIsThere: whoever is killed meanwhile leaves a damaged one, not none,
// with which nobody would know of the other directory.
func TestLedgerStandsUntilTheNewOneIsThere(t *testing.T) {
	r := newRig(t)
	_, home, work := r.inTwo("work")
	r.breakFiles(r.state(ledgerFile))
	f := fixing{r.start().doctor()}
	if _, err := f.copyLedger(); err != nil { // and killed
		t.Fatal(err)
	}
	r.goTo(home)
	if n, err := r.mend(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d repairs, %v", n, err)
	}
	r.renewed("")
	r.goTo(work)
	r.alive(r.entry().Login)
}

// TestUndoLeavesASignInThatCameBetween: another repair waited while somebody signed in.
func TestUndoLeavesASignInThatCameBetween(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	r.namedIn(r.claude, r.other()) // a stale one
	r.breakFiles(r.storeFile())
	e := r.start()
	repairs := e.Repairs(t.Context())
	lock := filepath.Join(r.claude, ".claude.json.lock") // Claude Code writes its state file
	r.must(os.Mkdir(lock, 0o700))
	bob, done := r.issued("bob@example.com", time.Hour), make(chan struct{})
	go func() {
		defer close(done)
		for end := time.Now().Add(testguard.Patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if strings.Contains(r.storeText(), a.Refresh.Reveal()) {
				break
			}
		}
		r.keep("bob", bob)
		_ = os.Remove(lock)
	}()
	_, err := e.Mend(t.Context(), repairs)
	<-done
	if err != nil || !strings.Contains(r.storeText(), bob.Refresh.Reveal()) {
		t.Fatal(err)
	}
	if _, err := r.start().Unmend(t.Context()); faultOf(err) != FaultChangedSince {
		t.Error(err)
	}
	if !strings.Contains(r.storeText(), bob.Refresh.Reveal()) {
		t.Error("nobody has bob's living pair any more")
	}
}

// TestUndoLeavesASignInRightAfterARepair, by whoever waited for our lock, before the repair was noted.
func TestUndoLeavesASignInRightAfterARepair(t *testing.T) {
	for _, file := range []string{"credentials.json", filepath.Join("state", ledgerFile)} {
		r := newRig(t)
		r.signIn(time.Hour)
		r.breakFiles(filepath.Join(r.home, file))
		bob := r.issued("bob@example.com", time.Hour)
		e := r.start()
		repairs := e.Repairs(t.Context())
		do := repairs[0].do
		repairs[0].do = func(ctx context.Context) (Mended, error) {
			defer r.keep("bob", bob)
			return do(ctx)
		}
		if _, err := e.Mend(t.Context(), repairs); err != nil {
			t.Fatal(err)
		}
		if _, err := r.start().Unmend(t.Context()); faultOf(err) != FaultChangedSince {
			t.Errorf("%s: %v", file, err)
		}
		if token, err := r.start().On("bob").Token(t.Context(), time.Minute); err != nil || !token.Equal(bob.Access) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestUndoGoesOnWhereItWasBrokenOff: the step that was done is told, and the next one is taken back;
// also where what a step is about was removed by hand.
func TestUndoGoesOnWhereItWasBrokenOff(t *testing.T) {
	takenBack := func(r *rig, step undoStep) {
		_, err := (fixing{r.start().doctor()}).takeBack(r.t.Context(), step)
		r.must(err)
	}
	for name, tc := range map[string]struct {
		spoil func(r *rig)
		since func(r *rig, last undoStep)
	}{
		"killed": {func(r *rig) { r.damage(cutOff) }, takenBack},
		"the former file is gone": {func(r *rig) { r.damage(cutOff) },
			func(r *rig, s undoStep) { r.must(os.Remove(s.Aside)) }},
		"an entry that was closed is gone": {func(r *rig) { r.must(os.Chmod(r.entryFile(), 0o644)) },
			func(r *rig, s undoStep) { r.must(os.Remove(s.Path)) }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.signIn(time.Hour)
			r.must(os.Chmod(r.storeFile(), 0o644))
			r.environ["KEYTENDER_MIRROR"] = "false"
			tc.spoil(r)
			r.mendAll()
			var last lastMended
			r.must(r.start().readState(mendedFile, &last))
			tc.since(r, last.Steps[len(last.Steps)-1])
			if _, err := r.start().Unmend(t.Context()); faultOf(err) != FaultAsideGone {
				t.Error(err)
			}
			if undone, err := r.start().Unmend(t.Context()); err != nil || len(undone) != 1 {
				t.Errorf("the next: %v, %v", undone, err)
			}
		})
	}
}

// TestUndoAfterSignOut: what was signed out of here is not put back.
func TestUndoAfterSignOut(t *testing.T) {
	r := newRig(t)
	r.keep("bob", r.other())
	r.signIn(time.Hour)
	r.damage(cutOff)
	r.mendAll()
	if _, err := r.start().On("default").SignOut(t.Context(), SignOutOptions{}); err != nil {
		t.Fatal(err)
	}
	r.must(os.Remove(r.entryFile()))
	if _, err := r.start().Unmend(t.Context()); faultOf(err) != FaultEntryChangedSince {
		t.Error(err)
	}
	if _, err := os.Stat(r.entryFile()); !errors.Is(err, os.ErrNotExist) {
		t.Error("the login lies there again")
	}
}

// TestUndoAfterClaudeCodeSignedOut: the login that comes back with the file is written nowhere before
// the server was asked whether it lives.
func TestUndoAfterClaudeCodeSignedOut(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	r.damage(cutOff)
	r.mendAll()
	r.must(os.Remove(r.entryFile()))
	r.must(r.start().client.Revoke(t.Context(), a.Refresh))
	if _, err := r.start().Unmend(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := r.mend(t.Context())
	if text, _ := os.ReadFile(r.entryFile()); strings.Contains(string(text), a.Refresh.Reveal()) {
		t.Errorf("a revoked login was written for Claude Code: %v", err)
	}
}

// TestFixKeepsInMindWhoSignedOut of our login, also when it moves away what came there after.
func TestFixKeepsInMindWhoSignedOut(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.must(os.WriteFile(r.entryFile(), []byte(`{}`), 0o600))
	r.must(r.start().tending().follow(t.Context()))
	bob := r.issued("bob@example.com", time.Hour)
	bob.Account.ID, bob.Account.OrganizationID = "", ""
	r.writeEntry(bob)
	r.damage(func(s string) string {
		return s[:strings.Index(s, bob.Access.Reveal())+len(bob.Access.Reveal())-3]
	})
	for _, undo := range []bool{true, false} {
		if _, err := r.mend(t.Context()); err != nil {
			t.Fatal(err)
		}
		if text, _ := os.ReadFile(r.entryFile()); strings.Contains(string(text), "refreshToken") {
			t.Error("ours is written where somebody signed out of it")
		}
		if undo {
			if _, err := r.start().Unmend(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.pass(2 * time.Second)
		}
	}
}

// TestSignOutAfterAFix names what was moved aside, and is no success while the login lies there.
func TestSignOutAfterAFix(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.damage(cutOff)
	if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); err == nil {
		t.Fatal("the damaged entry was not told")
	}
	if _, err := r.mend(t.Context()); err != nil {
		t.Fatal(err)
	}
	steps, err := r.start().SignOut(t.Context(), SignOutOptions{})
	told := false
	for _, s := range steps {
		told = told || s.Remark == RemarkAsideStays && s.Undone
	}
	if err != nil || !told {
		t.Errorf("%v, %v", steps, err)
	}
}

func TestSignOutWhereAFixWasKilled(t *testing.T) {
	r := newRig(t)
	r.keep("bob", r.other())
	a := r.signIn(time.Hour)
	r.damage(cutOff)
	w := r.work() // as far as mendEntry comes before it moves the file
	if _, err := w.settling().settleDamaged(t.Context(), w.entry); err != nil {
		t.Fatal(err)
	}
	place := w.place(w.entry)
	chain := place.Chain
	place.Empty(false)
	place.Next = chain
	w.end()
	if _, err := r.start().On("default").SignOut(t.Context(), SignOutOptions{}); err == nil &&
		strings.Contains(r.entryText(), a.Refresh.Reveal()) {
		t.Error("success, and the living login lies in the entry")
	}
}

// TestRenewedCopyWhereItIsLentIsKeptInMind, whatever else is tried there: nothing is written over it.
func TestRenewedCopyWhereItIsLentIsKeptInMind(t *testing.T) {
	for by, try := range map[string]func(*rig, string) error{
		"mirror --undo": func(r *rig, _ string) error {
			_, err := r.start().Undo(r.t.Context())
			return err
		},
		"lend --back": func(r *rig, dir string) error {
			_, err := r.start().TakeBack(r.t.Context(), dir)
			return err
		},
		"doctor --fix": func(r *rig, _ string) error {
			text := r.entryText()
			r.damage(cutOff)
			_, err := r.mend(r.t.Context())
			r.must(os.WriteFile(r.entryFile(), []byte(text), 0o600))
			return err
		},
	} {
		t.Run(by, func(t *testing.T) {
			r := newRig(t)
			c := r.signIn(8 * time.Hour)
			dir := r.mkdir("lent")
			r.lend(dir)
			r.goTo(dir)
			r.writeEntry(r.renewElsewhere(c))
			if err := try(r, dir); err == nil {
				t.Error("success")
			}
			if _, err := r.start().Mirror(t.Context()); !isUnknown(err) {
				t.Errorf("mirror: %v", err)
			}
			r.alive(r.entry().Login)
		})
	}
}

// TestWholeCopyInADamagedLentEntry: Claude Code reads a file with a key that stands twice.
func TestWholeCopyInADamagedLentEntry(t *testing.T) {
	r := newRig(t)
	c := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	r.writeEntry(c)
	r.damage(func(text string) string {
		return strings.Replace(text, `"claudeAiOauth":{`, `"claudeAiOauth":{"expiresAt":1,`, 1)
	})
	r.goTo(home)
	_, err := r.start().Renew(t.Context(), true)
	if r.server.Spent(c.Refresh.Reveal()) {
		t.Errorf("spent under Claude Code in the lent directory: %v", err)
	}
	if errors.Is(err, keychain.ErrNotFound) {
		t.Error(err)
	}
}
