//go:build linux

package session

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keytender/internal/ledger"
	"keytender/internal/testbus"
	"keytender/keychain"
)

// Copies, backups and clocks: what is spent looks alive for hours.

// backup keeps files as they are, to be put back later.
func (r *rig) backup(paths ...string) (restore func()) {
	r.t.Helper()
	kept := map[string][]byte{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			r.t.Fatal(err)
		}
		kept[path] = data
	}
	return func() {
		for path, data := range kept {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				r.t.Fatal(err)
			}
		}
	}
}

func (r *rig) ledgerFile() string { return filepath.Join(r.home, "state", "ledger.json") }

func (r *rig) storeFile() string { return filepath.Join(r.home, "credentials.json") }

// lives fails unless the newest pair of c's grant is alive, and lies in our store or in one of
// the directories.
func (r *rig) lives(c keychain.Credential, dirs ...string) {
	r.t.Helper()
	newest := r.server.Newest(c.Refresh.Reveal())
	if newest == "" {
		r.t.Errorf("the login was ended (a spent token was sent %d times)", r.server.Count("renew-reused"))
		return
	}
	if stored, err := r.vault().load(r.t.Context(), r.ledger().Choose("")); err == nil &&
		stored.Refresh.Reveal() == newest {
		return
	}
	for _, dir := range dirs {
		if data, err := os.ReadFile(filepath.Join(dir, ".credentials.json")); err == nil &&
			strings.Contains(string(data), newest) {
			return
		}
	}
	r.t.Errorf("the newest pair lies nowhere any more")
}

// Rules 1 and 5. The directory was copied some hours ago (cp -r ~/.claude ~/.claude-work), and
// Claude Code went on in the first one. The copy's refresh token is spent, but its access token
// lives on, as servers let it: that the server takes it says nothing about the refresh token.
// The person loses the login everywhere.
func TestOldCopyWithALivingAccessToken(t *testing.T) {
	r := newRig(t)
	home, work := r.claude, r.mkdir("work")
	first := r.issued("a@example.com", time.Hour)
	r.goTo(work)
	r.writeEntry(first)
	r.goTo(home)
	r.writeEntry(r.renewElsewhere(first))
	if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	r.goTo(work) // a shell with CLAUDE_CONFIG_DIR
	_, err := r.start().Renew(t.Context(), false)
	t.Log("refresh, not due:", err)
	r.lives(first, home, work)
	_, err = r.start().Renew(t.Context(), true)
	t.Log("refresh --force:", err)
	r.lives(first, home, work)
	r.reused()
}

// Rules 1 and 5. The same where the state folder came out of a backup: two directories, one of
// which was away during the last renewal.
func TestOldLedgerAndAPlaceBehind(t *testing.T) {
	for _, second := range []string{"a-first", "z-last"} {
		t.Run(second, func(t *testing.T) {
			r := newRig(t)
			a, home, work := r.inTwo(second)
			back := r.backup(r.ledgerFile(), r.storeFile())
			r.renewed("")
			r.move(work, work+"-away")
			r.renewed("")
			r.move(work+"-away", work)
			back()
			_, err := r.start().Renew(t.Context(), true)
			t.Log(err)
			_, err = r.start().Renew(t.Context(), true)
			t.Log(err)
			r.lives(a, home, work)
			r.reused()
		})
	}
}

// The ledger alone is old, the store is new.
func TestOldLedgerNewStoreAndAPlaceBehind(t *testing.T) {
	r := newRig(t)
	a, home, work := r.inTwo("work")
	back := r.backup(r.ledgerFile())
	r.renewed("")
	r.move(work, work+"-away")
	r.renewed("")
	r.move(work+"-away", work)
	back()
	_, err := r.start().Renew(t.Context(), true)
	t.Log(err)
	_, err = r.start().Renew(t.Context(), true)
	t.Log(err)
	r.lives(a, home, work)
	r.reused()
}

// The ledger is lost (or damaged, and doctor moved it aside) while a place is behind.
func TestLostLedgerAndAPlaceBehind(t *testing.T) {
	r := newRig(t)
	a, home, work := r.inTwo("work")
	r.renewed("")
	r.move(work, work+"-away")
	r.renewed("")
	r.move(work+"-away", work)
	if err := os.Remove(r.ledgerFile()); err != nil {
		t.Fatal(err)
	}
	r.goTo(work)
	_, err := r.start().Renew(t.Context(), true)
	t.Log(err)
	_, err = r.start().Renew(t.Context(), true)
	t.Log(err)
	r.lives(a, home, work)
	r.reused()
}

// Rule 12: no clock decides which pair is newer. The clock was a year ahead at the last sign-in
// (an empty battery), was set right since, and the person signs in again while the keychain
// takes nothing: the new login waits in the spill file, and the next command throws it away for
// the old one.
func TestSpilledSignInAndAClockThatWasAhead(t *testing.T) {
	r, service := keychainRig(t)
	r.pass(365 * 24 * time.Hour)
	former := r.signIn(time.Hour)
	r.pass(-365 * 24 * time.Hour)
	r.server.RevokeFamily(former.Refresh.Reveal())
	service.Behave(at("CreateItem", testbus.Step{Err: "org.freedesktop.Secret.Error.IsLocked"}))
	fresh := r.issued("a@example.com", time.Hour)
	r.keep("default", fresh)
	service.Behave(nil)
	_, err := r.start().Renew(t.Context(), false)
	t.Log(err)
	if got := r.stored(); !got.SamePair(fresh) {
		t.Errorf("the login that was just granted is gone; the former one's refresh token is alive: %v",
			r.server.Alive(got.Refresh.Reveal()))
	}
}

// Another process holds our lock for longer than a command waits: a silent token server, a
// renewal through the client. A login whose code was spent is not thrown away for that.
func TestGrantedWhileTheLockIsHeld(t *testing.T) {
	r := newRig(t)
	synctest.Test(t, func(t *testing.T) {
		release, err := r.start().lock(t.Context(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(100*time.Second, release)
		said := 0
		w, err := signIn{Engine: r.start(), tell: func(Event) { said++ }}.beginGranted(t.Context())
		if err != nil || said != 2 {
			t.Fatalf("told %d times: %v", said, err)
		}
		w.end()
	})
}

// The same: --replace keeps the former login aside first, and where the store takes that no more
// the granted one is thrown away with it.
func TestGrantedAndTheFormerCannotBeKept(t *testing.T) {
	r, service := keychainRig(t)
	r.signIn(time.Hour)
	fresh := r.issued("b@example.com", time.Hour)
	service.Behave(at("CreateItem", testbus.Step{Err: "org.freedesktop.Secret.Error.IsLocked"}))
	_, err := signIn{r.start(), SignInOptions{Account: "default", Replace: true},
		func(Event) {}}.keepSignIn(t.Context(), fresh)
	service.Behave(nil)
	found := false
	paths, _ := filepath.Glob(r.state("spill-*.json"))
	for _, path := range paths {
		if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), fresh.Refresh.Reveal()) {
			found = true
		}
	}
	if c := r.stored(); !c.SamePair(fresh) && !found {
		t.Errorf("the granted login lies nowhere: %v", err)
	}
}

// Rule 4. A server that leaves the refresh token as it is; killed between the store and the
// ledger. The chain never learns the new access token: what is lent keeps the old one until it
// has ended, and nobody is told.
func TestKilledWhereTheRefreshTokenStays(t *testing.T) {
	r := newRig(t)
	first := r.signIn(time.Hour)
	dir := r.beside("lent")
	if _, err := r.start().Lend(t.Context(), LendOptions{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	w := r.work()
	next := r.issued("a@example.com", 8*time.Hour)
	next.Refresh, next.Issued = first.Refresh, first.Issued.Add(time.Minute)
	c := w.l.ChainOf("default")
	c.Intent = &ledger.Intent{Refresh: pairOf(&first).Refresh, At: w.wall(), Sends: 1}
	if err := w.save(); err != nil {
		t.Fatal(err)
	}
	if err := w.vault(w.l).save(t.Context(), "default", next); err != nil {
		t.Fatal(err)
	}
	w.end()
	if _, err := r.start().Renew(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if got := r.lent(dir).Login; !got.Access.Equal(next.Access) {
		t.Error("what is lent keeps the old access token")
	}
	if got := r.entry().Login; !got.Access.Equal(next.Access) {
		t.Error("Claude Code's entry keeps the old access token")
	}
	if c := r.chain(); c.Intent != nil {
		t.Error("each command goes on finishing the renewal, for ever")
	}
}

// The ledger was lost and found again; Claude Code renewed meanwhile, and the server granted a
// shorter life than before: that ours outlives it does not make ours the newest.
func TestRebuiltLedgerAndAShorterLife(t *testing.T) {
	for _, before := range []bool{true, false} {
		r := newRig(t)
		a := r.signIn(8 * time.Hour)
		renew := func() {
			b := r.renewElsewhere(a)
			b.AccessEnds = r.now().Add(time.Hour)
			r.writeEntry(b)
		}
		if before {
			renew()
		}
		if err := os.WriteFile(r.state(ledgerFile), []byte(`{"version":2,"acc`), 0o600); err != nil {
			t.Fatal(err)
		}
		r.mendAll()
		if !before {
			renew()
		}
		_, err := r.start().Renew(t.Context(), true)
		t.Logf("renewed before the ledger was lost %v: %v", before, err)
		r.reused()
		r.alive(r.entry().Login)
	}
}

// The same, and the server takes the access token no more: the refresh token may live.
func TestRebuiltLedgerAndAnEndedAccessToken(t *testing.T) {
	r := newRig(t)
	newest := r.renewElsewhere(r.signIn(time.Hour))
	newest.AccessEnds = r.now().Add(20 * time.Hour)
	r.writeEntry(newest)
	if err := os.WriteFile(r.state(ledgerFile), []byte(`{"version":2,"acc`), 0o600); err != nil {
		t.Fatal(err)
	}
	r.pass(9 * time.Hour)
	r.mendAll()
	if _, err := r.start().Renew(t.Context(), true); exitOf(err) != ExitTryLater {
		t.Errorf("%v", err)
	}
	if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{Account: "default"}); err != nil {
		t.Error(err)
	}
	r.renewed("")
	r.mended()
}
