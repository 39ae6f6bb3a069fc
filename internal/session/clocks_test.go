//go:build linux

package session

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
	"keytender/internal/ledger"
	"keytender/keychain"
)

// wrongClock is a start of the program whose clock is off; the server's is right.
func (r *rig) wrongClock(off time.Duration) *Engine {
	e := r.start()
	e.now = func() time.Time { return r.now().Add(off) }
	e.client.Now = e.now
	return e
}

// A machine without a clock of its own (a Raspberry Pi, a VM) starts with last
// year's date, the agent renews, and a minute later the clock is set right. The login's end was
// counted from the wrong clock, is earlier than any, and wins for ever: the person is told that a
// living login has ended, and neither mirror nor switch write it any more.
func TestClockThatWasBehindAtARenewal(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	if _, err := r.wrongClock(-365*24*time.Hour).Renew(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.start().Renew(t.Context(), true); err != nil {
			t.Fatal(err)
		}
	}
	r.alive(r.stored())
	if st := r.start().Status(t.Context()); st.State != SignedIn {
		t.Errorf("the login lives, and status says %s: %+v", st.State, st.Problem)
	}
	other := r.mkdir("work")
	r.goTo(other)
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Errorf("mirror: %v", err)
	}
}

// The same at a sign-in with a clock that is behind: no later renewal moves the end.
func TestClockThatWasBehindAtTheSignIn(t *testing.T) {
	r := newRig(t)
	code := r.begin(SignInOptions{}) // same process clock in both steps
	e := r.start()
	input := make(chan string, 1)
	input <- code
	close(input)
	if _, err := e.FinishSignIn(t.Context(), input, func(Event) {}); err != nil {
		t.Fatal(err)
	}
	w := r.work()
	name := w.l.Choose("")
	c, err := w.vault(w.l).load(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	// As a sign-in with a clock of last year would have left it.
	off := -365 * 24 * time.Hour
	c.AccessEnds, c.LoginEnds, c.LoginEndsEstimated = c.AccessEnds.Add(off), r.now().Add(fallbackLogin+off), false
	if err := w.vault(w.l).save(t.Context(), name, c); err != nil {
		t.Fatal(err)
	}
	w.end()
	for range 2 {
		if _, err := r.start().Renew(t.Context(), true); err != nil {
			t.Fatal(err)
		}
	}
	if st := r.start().Status(t.Context()); st.State != SignedIn {
		t.Errorf("the login lives, and status says %s: %+v", st.State, st.Problem)
	}
}

// The clock was ahead at a renewal whose response tells no end of the login: the known end is kept.
func TestClockThatWasAheadAtARenewal(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	ends := r.stored().LoginEnds
	r.faults(faults.Without("refresh_token_expires_in").Repeat(fakeclaude.Forever))
	if _, err := r.wrongClock(40*24*time.Hour).Renew(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Renew(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if told := r.stored().LoginEnds; !told.Equal(ends) {
		t.Errorf("the login ends at %v, and %v is told", ends, told)
	}
}

// Only the store came out of a backup (credentials.json, or the keychain's file),
// from before the last sign-in: its pair is of the former grant and long ended. It is taken for the
// newest of the new chain and sent, and the person is told to sign in again while the living pair lies
// in Claude Code's entry.
func TestStoreOfTheFormerGrant(t *testing.T) {
	for name, leave := range map[string]func(*rig){
		"signed in anew": func(r *rig) { r.renewed("") },
		"signed out and in": func(r *rig) {
			_, err := r.start().SignOut(r.t.Context(), SignOutOptions{})
			r.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) { storeOfTheFormerGrant(t, leave) })
	}
}

func storeOfTheFormerGrant(t *testing.T, leave func(*rig)) {
	r := newRig(t)
	former := r.signIn(time.Hour)
	back := r.backup(r.storeFile())
	leave(r)
	fresh := r.signIn(time.Hour)
	back()
	_, err := r.start().Renew(t.Context(), true)
	if exitOf(err) == ExitSignInAgain {
		t.Errorf("Claude Code's entry holds a living pair of the account (%v), and the person is told: %v",
			r.server.Alive(r.entry().Login.Refresh.Reveal()), err)
	}
	r.lives(fresh, r.claude)
	if n := r.server.Count("renew-reused"); n != 0 {
		t.Errorf("a spent token was sent %d times (of the former grant: %v)", n,
			r.server.FamilyRevoked(former.Refresh.Reveal()))
	}
	if now := r.entry().Login; !r.server.Alive(now.Refresh.Reveal()) {
		t.Error("Claude Code's entry holds no living login any more")
	}
}

// A person who cannot open the keychain signs in with the file as the store; the
// other accounts' records stay in the keychain, which nobody is told. Signing out of all then says
// that they were removed "from the file", exit 0, and their living tokens stay in the keychain.
func TestRecordsThatStayedInALockedKeychain(t *testing.T) {
	r, service := keychainRig(t)
	ann := r.issued("a@example.com", time.Hour)
	r.keep("ann", ann)
	r.keep("bob", r.issued("b@example.com", time.Hour))
	service.Lock(true)
	r.environ["KEYTENDER_STORE"] = "file"
	r.keep("bob", r.issued("b@example.com", time.Hour))
	service.Lock(false)
	if c, err := r.vault().load(t.Context(), "ann"); err != nil {
		t.Logf("ann's login is not found any more, although the keychain is open: %v %v", c.Account.Email, err)
	}
	places, _ := r.start().Places(t.Context())
	in := map[string]bool{}
	for _, p := range places {
		in[p.ID+" file"] = strings.HasPrefix(p.Place, "file ")
	}
	if in["record:ann file"] || !in["record:bob file"] {
		t.Errorf("told where each record lies: %+v", places)
	}
	if st := r.start().On("ann").Status(t.Context()); st.Stores[0].State != "ok" || st.Stores[1].State != "not-used" {
		t.Errorf("told where ann's record lies: %+v", st.Stores)
	}
	steps, err := r.start().On("ann").SignOut(t.Context(), SignOutOptions{})
	if !slices.ContainsFunc(steps, func(s Step) bool {
		return s.Remark == RemarkRemoved && !strings.Contains(s.Values.Place, "credentials.json")
	}) {
		t.Errorf("removed from the keychain, told: %+v", steps)
	}
	if record, found := service.Record("ann" + r.start().config.Paths.ItemSuffix); err == nil && found &&
		strings.Contains(record, ann.Refresh.Reveal()) {
		t.Error("signed out, exit 0, and the living refresh token lies in the keychain")
	}
}

// A sign-out that a locked keychain stops is none: the history does not tell of one, and the
// reason is told once, however many records it keeps.
func TestSignOutThatALockedKeychainStops(t *testing.T) {
	r, service := keychainRig(t)
	r.keep("ann", r.issued("a@example.com", time.Hour))
	service.Lock(true)
	_, err := r.start().On("ann").SignOut(t.Context(), SignOutOptions{})
	if exitOf(err) != ExitFailed {
		t.Fatalf("signed out of a locked keychain: %v", err)
	}
	if said := err.Error(); strings.Count(said, "deleting from the keychain") != 1 {
		t.Errorf("told more than once: %s", said)
	}
	signedOut := func() bool {
		records, _ := r.start().History()
		return slices.ContainsFunc(records, func(r Record) bool { return r.What == "signed-out" })
	}
	if signedOut() {
		t.Error("the history says that ann was signed out")
	}
	service.Lock(false)
	if _, err := r.start().On("ann").SignOut(t.Context(), SignOutOptions{}); err != nil || !signedOut() {
		t.Errorf("signed out: %v, told in the history: %v", err, signedOut())
	}
}

// The person goes back to the keychain when it is open: nothing is looked for in the file then.
func TestNothingStaysOnTheWayBack(t *testing.T) {
	r, service := keychainRig(t)
	r.keep("ann", r.issued("a@example.com", time.Hour))
	r.keep("bob", r.issued("b@example.com", time.Hour))
	service.Lock(true)
	r.environ["KEYTENDER_STORE"] = "file"
	r.keep("bob", r.issued("b@example.com", time.Hour))
	service.Lock(false)
	if stayed := r.ledger().Stayed; !slices.Contains(stayed, "ann") {
		t.Fatalf("stayed: %v", stayed)
	}
	r.environ["KEYTENDER_STORE"] = "keychain"
	r.keep("bob", r.issued("b@example.com", time.Hour))
	if l := r.ledger(); l.Store != "keychain" || len(l.Stayed) > 0 {
		t.Errorf("the store %s, stayed: %v", l.Store, l.Stayed)
	}
	for _, name := range []string{"ann", "bob"} {
		if _, err := r.start().On(name).Renew(t.Context(), true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if data, _ := os.ReadFile(r.storeFile()); strings.Contains(string(data), "sk-ant-ort01-") {
		t.Error("a refresh token is left in the file")
	}
}

// The same, and the person switches to the other account: it is forgotten.
func TestSwitchForgetsWhatStayedInTheKeychain(t *testing.T) {
	r, service := keychainRig(t)
	ann := r.issued("a@example.com", time.Hour)
	r.keep("ann", ann)
	r.keep("bob", r.issued("b@example.com", time.Hour))
	service.Lock(true)
	r.environ["KEYTENDER_STORE"] = "file"
	r.keep("bob", r.issued("b@example.com", time.Hour))
	service.Lock(false)
	_, err := r.start().Switch(t.Context(), "ann")
	t.Log(err)
	if r.ledger().Account("ann") == nil {
		t.Error("the account is forgotten while its living login lies in the keychain")
	}
}

// what was cut off in an account's spill file lies under its former name after a
// rename, and no sign-out takes it out.
func TestDamagedCopyOfARenamedAccount(t *testing.T) {
	r := newRig(t)
	r.account = "ann"
	c := r.signIn(time.Hour)
	record, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	path := r.state("spill-ann.json.damaged")
	if err := os.WriteFile(path, []byte(record.Reveal()[:len(record.Reveal())-2]), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.start().RenameAccount(t.Context(), "ann", "work"); err != nil {
		t.Fatal(err)
	}
	steps, err := r.start().SignOut(t.Context(), SignOutOptions{})
	if data, readErr := os.ReadFile(path); readErr == nil && strings.Contains(string(data), c.Refresh.Reveal()) &&
		err == nil {
		t.Errorf("signed out, and the refresh token lies in %s: %+v", path, steps)
	}
}

// a disk is away for a moment, and the clock jumps a year ahead for a moment. The
// place is forgotten for good, and stays with a spent token in silence when it is back.
func TestClockForgetsAPlace(t *testing.T) {
	r := newRig(t)
	a, home, work := r.inTwo("work")
	r.move(work, work+"-away")
	r.renewed("")
	if _, err := r.wrongClock(365*24*time.Hour).Renew(t.Context(), true); err != nil {
		t.Log(err)
	}
	r.move(work+"-away", work)
	for range 2 {
		if _, err := r.start().Renew(t.Context(), true); err != nil {
			t.Log(err)
		}
	}
	r.goTo(work)
	r.alive(r.entry().Login)
	r.lives(a, home, work)
}

// A place that has been away for a month is told no more: neither as behind, nor by a sign-out.
// Should it come back after that, the next sign-out takes the login out of it.
func TestAwayForAMonth(t *testing.T) {
	r := newRig(t)
	_, home, work := r.inTwo("work")
	r.goTo(home)
	r.move(work, work+"-away")
	r.renewed("")
	w := r.work()
	for _, p := range w.l.Places {
		if strings.Contains(p.ID, "work") {
			p.Gone, p.Behind = r.now().Add(-31*24*time.Hour), r.now().Add(-31*24*time.Hour)
		}
	}
	w.end()
	r.renewed("")
	st := r.start().Status(t.Context())
	if st.Problem != nil || slices.ContainsFunc(st.Places,
		func(p PlaceStatus) bool { return strings.Contains(p.ID, "work") }) {
		t.Errorf("%+v %+v", st.Problem, st.Places)
	}
	if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); err != nil {
		t.Error(err)
	}
	r.move(work+"-away", work)
	if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); err != nil {
		t.Error(err)
	}
	r.goTo(work)
	if !r.entry().Login.Refresh.IsZero() {
		t.Error("a refresh token is left in the place that came back")
	}
}

// the ledger is damaged, and `doctor --fix` does as its hint says. The other
// directory is forgotten without a word: the next renewal leaves it with a spent token, which its
// Claude Code sends, and that ends the login for all.
func TestRebuiltLedgerForgetsPlaces(t *testing.T) {
	r := newRig(t)
	_, _, work := r.inTwo("work")
	if err := os.WriteFile(r.ledgerFile(), []byte(`{"version":2,"acc`), 0o600); err != nil {
		t.Fatal(err)
	}
	e := r.start()
	if _, err := e.Mend(t.Context(), e.Repairs(t.Context())); err != nil {
		t.Fatal(err)
	}
	r.renewed("")
	r.goTo(work)
	r.alive(r.entry().Login)
}

// A ledger that a later version wrote is whole: nothing is mended, and nothing is sent.
func TestLedgerOfALaterVersion(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	data, err := os.ReadFile(r.ledgerFile())
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(data), `"version":2`, `"version":3`, 1)
	if err := os.WriteFile(r.ledgerFile(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if repairs := r.start().Repairs(t.Context()); len(repairs) != 0 {
		t.Errorf("to be mended: %+v", repairs)
	}
	_, err = r.start().Renew(t.Context(), true)
	if known := (&Error{}); !errors.As(err, &known) || known.Code != "later-version" || r.posts() != 0 {
		t.Errorf("%v, %d requests", err, r.posts())
	}
}

// the person's Claude Code holds a login of its own (a stranger to Keytender); `login
// --method claude-code --expect` runs the client, somebody else signs in, and the answer is no. The
// login that lay there is gone: it was not kept before the client was let at the entry.
func TestClaudeSignInThatWasNotExpected(t *testing.T) {
	r := newRig(t)
	stranger := r.issued("yan@example.com", time.Hour)
	r.writeEntry(stranger)
	other := r.issued("b@example.com", time.Hour)
	file := filepath.Join(t.TempDir(), "new.json")
	at := r.claude
	r.claude = filepath.Dir(file)
	r.writeEntry(other)
	if err := os.Rename(r.entryFile(), file); err != nil {
		t.Fatal(err)
	}
	r.claude = at
	withClaude(t, `case "$1" in --version) echo 2.1.329;; auth) cp `+file+` `+r.entryFile()+`;; esac`)
	_, err := r.start().SignInWithClaude(t.Context(), SignInOptions{Expect: "a@example.com"}, Terminal{},
		func(Event) {})
	t.Log(err)
	r.start()
	data, _ := os.ReadFile(r.storeFile())
	entry, _ := os.ReadFile(r.entryFile())
	if !strings.Contains(string(data)+string(entry), stranger.Refresh.Reveal()) {
		t.Errorf("the login that lay in the entry is nowhere; undo: %v",
			func() error { _, err := r.start().Undo(t.Context()); return err }())
	}
}

// everybodyOut is `logout --all`: each account of the ledger, and once where there is none.
func (r *rig) everybodyOut() (problems []error) {
	r.t.Helper()
	names, _, err := r.start().AccountNames()
	if err != nil {
		r.t.Fatal(err)
	}
	if len(names) == 0 {
		names = []string{""}
	}
	for _, name := range names {
		if _, err := r.start().On(name).SignOut(r.t.Context(), SignOutOptions{}); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

// A sign-out of ann left her login in an entry that was busy, which was said. Later
// the person signs out of all, bob is the last account: exit 0, and ann's living login is still there,
// although nothing stands in the way any more.
func TestSignOutOfAllLeavesWhatWasLeft(t *testing.T) {
	short := entryWait
	entryWait = 50 * time.Millisecond
	t.Cleanup(func() { entryWait = short })
	r := newRig(t)
	r.account = "ann"
	ann := r.signIn(time.Hour)
	home := r.claude
	lock, err := r.start().entry.LockRenewal(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	r.goTo(r.mkdir("work"))
	r.keep("bob", r.issued("b@example.com", time.Hour))
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().On("ann").SignOut(t.Context(), SignOutOptions{}); err == nil {
		t.Fatal("it was busy")
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	problems := r.everybodyOut()
	r.goTo(home)
	if r.entry().Login.SamePair(ann) || len(problems) > 0 {
		t.Errorf("ann's login is still there, or: %v", problems)
	}
}

// What ann signed in to by herself in Claude Code, after her account had made room or was signed out of,
// is none of ours: no sign-out takes it out, and displaced it stays. Nor is what a sign-out of all left
// with Claude Code taken out by the next one.
func TestSignOutOfAllTakesNoLoginOfHerOwn(t *testing.T) {
	mirrored := func(r *rig, account, email string) {
		r.keep(account, r.issued(email, time.Hour))
		_, err := r.start().Mirror(r.t.Context())
		r.must(err)
	}
	own := func(r *rig) keychain.Credential {
		login := r.issued("a@example.com", time.Hour)
		r.writeEntry(login)
		return login
	}
	all := func(r *rig, o SignOutOptions) {
		o.All = true
		_, err := r.start().SignOut(r.t.Context(), o)
		r.must(err)
	}
	for name, do := range map[string]func(*rig) keychain.Credential{
		"another person took the name": func(r *rig) keychain.Credential {
			mirrored(r, "main", "a@example.com")
			mirrored(r, "main", "b@example.com")
			login := own(r)
			all(r, SignOutOptions{})
			return login
		},
		"displaced": func(r *rig) keychain.Credential {
			mirrored(r, "ann", "a@example.com")
			all(r, SignOutOptions{KeepClaudeCode: true})
			mirrored(r, "bob", "b@example.com")
			login := own(r)
			_, err := r.start().Mirror(r.t.Context())
			r.must(err)
			all(r, SignOutOptions{})
			_, err = r.start().Undo(r.t.Context())
			r.must(err)
			return login
		},
		"left with Claude Code": func(r *rig) keychain.Credential {
			mirrored(r, "main", "a@example.com")
			login := r.entry().Login
			w := r.work()
			_, _, err := w.takingIn().takeIn(r.t.Context(), takenIn{account: "main",
				c: r.issued("b@example.com", time.Hour), what: ledger.ChangeSignedIn, activate: true})
			r.must(err)
			w.end()
			all(r, SignOutOptions{KeepClaudeCode: true})
			r.keep("carol", r.issued("c@example.com", time.Hour))
			all(r, SignOutOptions{})
			return login
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			if login := do(r); !r.entry().Login.SamePair(login) {
				t.Error("it is gone")
			}
		})
	}
}

// killedBeforeItIsKnown leaves what a process does that is killed between writing a record and
// saying whose it is.
func (r *rig) killedBeforeItIsKnown(account string, c keychain.Credential) {
	r.t.Helper()
	w := r.work()
	w.l.Coming = account
	if err := errors.Join(w.save(), w.vault(w.l).save(r.t.Context(), account, c)); err != nil {
		r.t.Fatal(err)
	}
	w.end()
}

// `login` as a second account is killed between the record and the ledger: no
// command finds the login, and a sign-out of all leaves it in the store.
func TestKilledBetweenStoreAndLedgerOfASecondAccount(t *testing.T) {
	r := newRig(t)
	r.account = "ann"
	r.signIn(time.Hour)
	bob := r.issued("b@example.com", time.Hour)
	r.killedBeforeItIsKnown("bob", bob)
	_, _ = r.start().Renew(t.Context(), false) // the next command
	names, _, _ := r.start().AccountNames()
	problems := r.everybodyOut()
	if data, err := os.ReadFile(r.storeFile()); err == nil && strings.Contains(string(data), bob.Refresh.Reveal()) &&
		len(problems) == 0 {
		t.Errorf("signed out of all (%v), exit 0, and a living login lies in the store", names)
	}
}

// The same for `accounts rename`, which copies first and notes then.
func TestKilledInARename(t *testing.T) {
	r := newRig(t)
	r.account = "ann"
	ann := r.signIn(time.Hour)
	r.killedBeforeItIsKnown("work", ann)
	_, _ = r.start().Renew(t.Context(), false)
	problems := r.everybodyOut()
	if data, err := os.ReadFile(r.storeFile()); err == nil && strings.Contains(string(data), ann.Refresh.Reveal()) &&
		len(problems) == 0 {
		t.Error("signed out of all, exit 0, and the living login lies in the store under the other name")
	}
}

// since when a place is behind was noted while the clock was a year ahead. Nobody is told
// for a year.
func TestBehindSinceNextYear(t *testing.T) {
	r := newRig(t)
	_, _, work := r.inTwo("work")
	r.move(work, work+"-away")
	if _, err := r.wrongClock(365*24*time.Hour).Renew(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Renew(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	r.pass(10 * time.Minute)
	if _, err := r.start().Renew(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if st := r.start().Status(t.Context()); st.Problem == nil || st.Problem.Code != "place-behind" {
		t.Errorf("ten minutes behind, and status says %+v; %+v", st.Problem, st.Places)
	}
}

// Claude Code renewed while the clock was a year ahead, and the pair was taken over. The
// clock is right again; its access token is handed out for a year, and nobody renews.
func TestAdoptedFromAClockThatWasAhead(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	b := r.renewElsewhere(a)
	b.AccessEnds = b.AccessEnds.Add(365 * 24 * time.Hour)
	r.writeEntry(b)
	if err := r.start().tending().follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.pass(30 * time.Hour)
	before := r.posts()
	token, err := r.start().Token(t.Context(), time.Minute)
	if err == nil && r.posts() == before && token.Equal(b.Access) {
		t.Error("a token that ended a day ago is handed out, exit 0, and nothing is renewed for a year")
	}
}
