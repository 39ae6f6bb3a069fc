package session

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/ledger"
	"keytender/internal/secret"
	"keytender/keychain"
)

// TestBlankedLoginOfAnother: what Claude Code was signed out of was bob's, by its ids.
func TestBlankedLoginOfAnother(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	bob := r.issued("bob@example.com", time.Hour)
	bob.Access, bob.Refresh, bob.AccessEnds = secret.String{}, secret.String{}, time.UnixMilli(0)
	r.writeEntry(bob)
	e := r.start()
	mended, err := e.Mend(t.Context(), e.Repairs(t.Context()))
	if r.entry().Login.SamePair(a) {
		t.Errorf("ours was written where bob's lay: %+v, %v", mended, err)
	}
}

// TestContestedWithoutAnEnd: another program renewed, put its pair without an end where ours was
// behind, and the access token has ended since: that the server refuses it says nothing.
func TestContestedWithoutAnEnd(t *testing.T) {
	r := newRig(t)
	newest, home, work := r.behindInWork()
	next := r.renewElsewhere(newest)
	r.goTo(work)
	r.writeEntry(next)
	r.damage(func(text string) string {
		return regexp.MustCompile(`"expiresAt":\d+,`).ReplaceAllString(text, "")
	})
	r.goTo(home)
	r.pass(9 * time.Hour)
	_, _ = r.start().Renew(t.Context(), true)
	r.reused()
	r.alive(next)
}

// TestDamagedByEncodingTwice: a script wrote what Claude Code renewed as one JSON string, or turned
// the quotes. All of it stands there.
func TestDamagedByEncodingTwice(t *testing.T) {
	for name, f := range map[string]func(string) string{
		"string": strconv.Quote,
		"quotes": func(text string) string { return strings.ReplaceAll(text, `"`, `'`) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			a := r.signIn(time.Hour)
			r.writeEntry(r.renewElsewhere(a))
			r.damage(f)
			e := r.start()
			mended, err := e.Mend(t.Context(), e.Repairs(t.Context()))
			if strings.Contains(r.entryText(), `"`+a.Refresh.Reveal()+`"`) {
				t.Errorf("the spent pair was written into the entry: %v, %v", mended, err)
			}
			_, _ = r.start().Renew(t.Context(), true)
			r.reused()
		})
	}
}

// TestDamagedEntryHoldsAnOlderUnknownPair: Claude Code's pair before the one that was imported
// lies before the living one. Nobody can tell which of them is newer.
func TestDamagedEntryHoldsAnOlderUnknownPair(t *testing.T) {
	for name, f := range map[string]func(old, now string) string{
		"old first": func(old, now string) string { return old + now },
		"old last":  func(old, now string) string { return now + old },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			first := r.issued("a@example.com", time.Hour)
			r.writeEntry(first)
			old := r.entryText()
			living := r.renewElsewhere(first)
			r.writeEntry(living)
			if _, err := r.start().ImportClaudeCode(t.Context(), ImportOptions{}); err != nil {
				t.Fatal(err)
			}
			r.damage(func(text string) string { return f(old, text) })
			e := r.start()
			mended, err := e.Mend(t.Context(), e.Repairs(t.Context()))
			if !r.stored().SamePair(living) {
				t.Errorf("the living pair is out of the store, for a spent one: %v, %v", mended, err)
			}
			if strings.Contains(r.entryText(), `"`+first.Refresh.Reveal()+`"`) && err == nil {
				t.Error("the spent pair was written into the entry")
			}
			_, _ = r.start().Renew(t.Context(), true)
			r.reused()
			r.alive(r.stored())
		})
	}
}

// TestDamagedInTheAccessToken: Claude Code renewed, and what it wrote can be made out in part. It is
// not what we wrote there, so ours may be spent.
func TestDamagedInTheAccessToken(t *testing.T) {
	for name, f := range map[string]func(text string, newest keychain.Credential) string{
		"cut in the access token": func(text string, c keychain.Credential) string {
			token := c.Access.Reveal()
			return text[:strings.Index(text, token)+len(token)-3]
		},
		"head is gone": func(text string, c keychain.Credential) string {
			return text[strings.Index(text, "AiOauth"):]
		},
		"byte in the access token": func(text string, c keychain.Credential) string {
			token := c.Access.Reveal()
			return strings.Replace(text, token, token[:len(token)-3]+"\n"+token[len(token)-2:], 1)
		},
		"byte in the key": func(text string, c keychain.Credential) string {
			return strings.Replace(text, `"claudeAiOauth"`, "\"claudeAi\x01auth\"", 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			a := r.signIn(time.Hour)
			newest := r.renewElsewhere(a)
			r.writeEntry(newest)
			r.damage(func(text string) string { return f(text, newest) })
			e := r.start()
			mended, err := e.Mend(t.Context(), e.Repairs(t.Context()))
			if strings.Contains(r.entryText(), `"`+a.Refresh.Reveal()+`"`) {
				t.Errorf("the spent pair was written into the entry: %v, %v", mended, err)
			}
			_, _ = r.start().Renew(t.Context(), true)
			r.reused()
		})
	}
}

// TestDamagedLoginOfAFormerAccount: the person left it to Claude Code, and gave its name to another.
func TestDamagedLoginOfAFormerAccount(t *testing.T) {
	for name, spoil := range map[string]func(r *rig, c keychain.Credential){
		"damaged": func(r *rig, _ keychain.Credential) { r.damage(cutOff) },
		"blanked": func(r *rig, c keychain.Credential) {
			c.Access, c.Refresh, c.AccessEnds = secret.String{}, secret.String{}, time.UnixMilli(0)
			r.writeEntry(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			a := r.signIn(time.Hour)
			if _, err := r.start().SignOut(t.Context(), SignOutOptions{KeepClaudeCode: true}); err != nil {
				t.Fatal(err)
			}
			if !r.entry().Login.SamePair(a) {
				t.Fatal("the test")
			}
			b := r.other()
			r.keep("default", b)
			if !r.entry().Login.SamePair(a) {
				t.Fatal("the test")
			}
			spoil(r, a)
			e := r.start()
			mended, err := e.Mend(t.Context(), e.Repairs(t.Context()))
			if now := r.entry().Login; now.Account.ID == b.Account.ID {
				t.Errorf("another person's login was written in its place: %+v, %v", mended, err)
			}
			if name == "damaged" {
				if _, err := r.start().Undo(t.Context()); err != nil || !r.entry().Login.SamePair(a) {
					t.Errorf("the login that lay there does not come back: %v", err)
				}
			}
		})
	}
}

// TestDamagedLoginThatGoesItsOwnWay: the account goes on with another grant, and what lies there
// lies nowhere else.
func TestDamagedLoginThatGoesItsOwnWay(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	w := r.work()
	own := takenIn{account: "default", c: r.issued("a@example.com", time.Hour), what: "signed-in"}
	if _, _, err := w.takingIn().takeIn(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	w.end()
	apart := r.renewElsewhere(a)
	r.writeEntry(apart)
	r.renewed("")
	if !r.entry().Login.SamePair(apart) {
		t.Fatal("the test")
	}
	r.damage(cutOff)
	e := r.start()
	_, _ = e.Mend(t.Context(), e.Repairs(t.Context()))
	if strings.Contains(r.entryText(), apart.Refresh.Reveal()) {
		return
	}
	if _, err := r.start().Undo(t.Context()); err != nil || !r.entry().Login.SamePair(apart) {
		t.Errorf("the login that went its own way does not come back: %v; it holds %s", err, r.entryText())
	}
}

// TestDamagedLoginThatWasPutBack: bob's login made room, was put back, and lies there damaged.
func TestDamagedLoginThatWasPutBack(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	bob := r.issued("bob@example.com", time.Hour)
	r.writeEntry(bob)
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Undo(t.Context()); err != nil || !r.entry().Login.SamePair(bob) {
		t.Fatal(err)
	}
	r.damage(cutOff)
	r.mendAll()
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Undo(t.Context()); err != nil || !r.entry().Login.SamePair(bob) {
		t.Errorf("bob's login does not come back: %v", err)
	}
}

// TestDamagedRefreshTokenIsNotTaken: some bytes of it are gone, as a disk leaves them, and its
// access token is ours. That is no newer pair, and the whole one is kept.
func TestDamagedRefreshTokenIsNotTaken(t *testing.T) {
	r := newRig(t)
	c := r.signIn(time.Hour)
	token := c.Refresh.Reveal()
	r.damage(func(text string) string {
		at := strings.Index(text, token) + len(token) - 8
		return text[:at] + "\x00\x00\x00\x00" + text[at+4:]
	})
	e := r.start()
	mended, err := e.Mend(t.Context(), e.Repairs(t.Context()))
	if !r.stored().SamePair(c) {
		t.Errorf("the living pair is out of the store, for one that never was: %v, %v", mended, err)
	}
	if _, err := r.start().Renew(t.Context(), true); err != nil {
		t.Errorf("the login is lost: %v", err)
	}
}

// TestDamagedStoreHoldsDisplacedLogins: their only copies go aside with it, and that is told.
func TestDamagedStoreHoldsDisplacedLogins(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	bob := r.issued("bob@example.com", time.Hour)
	r.writeEntry(bob)
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(r.home, "credentials.json")
	text, err := os.ReadFile(store)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(store, text[:len(text)-2], 0o600); err != nil {
		t.Fatal(err)
	}
	e := r.start()
	mended, err := e.Mend(t.Context(), e.Repairs(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mended {
		if m.Remark == RemarkTakenOver {
			t.Errorf("bob's login was displaced and is in what was moved aside; told is %+v %+v", m.Said, *m.Values)
		}
	}
}

// TestDamagedWhereOursWasAboutToBe: a process was killed between noting what it was about to
// write and writing it; what lies there damaged is Claude Code's next pair.
func TestDamagedWhereOursWasAboutToBe(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	newest := r.renewElsewhere(a)
	r.writeEntry(newest)
	r.damage(func(text string) string {
		return text[:strings.Index(text, newest.Refresh.Reveal())+5]
	})
	w := r.work()
	p := w.place(w.entry)
	p.Empty(false)
	p.Next = w.l.ChainOf("default").ID
	if err := w.save(); err != nil {
		t.Fatal(err)
	}
	w.end()
	e := r.start()
	_, _ = e.Mend(t.Context(), e.Repairs(t.Context()))
	_, _ = r.start().Renew(t.Context(), true)
	r.reused()
}

// TestLedgerIsMendedBesideADamagedEntry: which of ours lies there nobody knows any more, and it
// cannot be read: it may hold the newest pair.
func TestLedgerIsMendedBesideADamagedEntry(t *testing.T) {
	for name, goAway := range map[string]bool{"in its shell": false, "in another shell": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			newest := r.renewElsewhere(r.signIn(time.Hour))
			r.writeEntry(newest)
			r.damage(cutOff)
			if err := os.WriteFile(r.ledgerFile(), []byte(`{"acc`), 0o600); err != nil {
				t.Fatal(err)
			}
			if goAway {
				r.goTo(r.mkdir("other"))
			}
			r.mendAll()
			_, _ = r.start().Renew(t.Context(), true)
			r.reused()
			r.alive(newest)
		})
	}
}

// TestMendNamesNobodyElse: the question stood, and Claude Code signed in as the one whom its state
// file names.
func TestMendNamesNobodyElse(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	x := r.issued("x@example.com", time.Hour)
	r.namedIn(r.claude, x)
	e := r.start()
	repairs := e.Repairs(t.Context())
	if len(repairs) == 0 {
		t.Fatal("the test")
	}
	r.writeEntry(x)
	_, err := e.Mend(t.Context(), repairs)
	if id, _ := r.start().entry.Identity(); id.AccountID == a.Account.ID {
		t.Errorf("Claude Code has x's login, and its state file names another account: %v", err)
	}
	if faultOf(err) != FaultMendedOtherwise {
		t.Error(err)
	}
}

// TestMendedAfterALogout: the question stood, and the person logged out of Claude Code. That is not
// what was found.
func TestMendedAfterALogout(t *testing.T) {
	for name, spoil := range map[string]func(r *rig){
		"damaged": func(r *rig) { r.damage(cutOff) },
		"blanked": func(r *rig) { r.blanked() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.signIn(time.Hour)
			spoil(r)
			e := r.start()
			repairs := e.Repairs(t.Context())
			if err := os.WriteFile(r.entryFile(), []byte(`{}`), 0o600); err != nil {
				t.Fatal(err)
			}
			mended, err := e.Mend(t.Context(), repairs)
			if !r.entry().Login.Refresh.IsZero() {
				t.Errorf("logged in again: %+v, %v", mended, err)
			}
		})
	}
}

// TestMendedAndStillNotAccepted: who is told that it is written finds it so.
func TestMendedAndStillNotAccepted(t *testing.T) {
	r := newRig(t)
	newest := r.renewElsewhere(r.signIn(time.Hour))
	newest.Scopes = nil
	r.writeEntry(newest)
	e := r.start()
	repairs := e.Repairs(t.Context())
	mended, err := e.Mend(t.Context(), repairs)
	if accepted, why := r.entry().AcceptedByClient(); !accepted {
		t.Errorf("%d repairs, told %+v, %v; Claude Code still takes it for none: %v", len(repairs), mended, err, why)
	}
}

// TestMendedLockIsToldNoMore: nothing is in the way of a renewal any more, so nothing is said to be.
func TestMendedLockIsToldNoMore(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.must(os.WriteFile(filepath.Join(r.claude, ".storage-write.lock"), nil, 0o600))
	if _, err := r.start().Renew(t.Context(), true); err == nil {
		t.Fatal("the test")
	}
	r.mendAll()
	if p := r.start().Status(t.Context()).Problem; p != nil {
		t.Errorf("told on: %+v", p)
	}
}

// TestMendedLockIsHeldMeanwhile: the question stood, and Claude Code took the lock that was left.
func TestMendedLockIsHeldMeanwhile(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	lock := r.locks()[0]
	if err := os.Mkdir(lock, 0o700); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(lock, old, old); err != nil {
		t.Fatal(err)
	}
	e := r.start()
	repairs := e.Repairs(t.Context())
	if len(repairs) == 0 {
		t.Fatal("the test")
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(lock, 0o700); err != nil { // as Claude Code does before it renews
		t.Fatal(err)
	}
	mended, err := e.Mend(t.Context(), repairs)
	if _, gone := os.Lstat(lock); gone != nil {
		t.Errorf("the lock of a renewal that goes on was removed: %+v, %v", mended, err)
	}
}

// TestMendedWherePersonLetGo: the question stood, and the person let go of the place.
func TestMendedWherePersonLetGo(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.blanked()
	e := r.start()
	repairs := e.Repairs(t.Context())
	w := r.work()
	w.place(w.entry).Let = true
	if err := w.save(); err != nil {
		t.Fatal(err)
	}
	w.end()
	_, err := e.Mend(t.Context(), repairs)
	if !r.entry().Login.Refresh.IsZero() || !r.ledger().Place(r.start().entry.ID()).Let {
		t.Errorf("written all the same: %v", err)
	}
}

// TestMirrorOffWhileAsked: the person turned the mirror off while the question stood.
func TestMirrorOffWhileAsked(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.damage(cutOff)
	e := r.start()
	repairs := e.Repairs(t.Context())
	if _, err := r.start().SetMirror(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	mended, err := e.Mend(t.Context(), repairs)
	if strings.Contains(r.entryText(), "refreshToken") {
		t.Errorf("mirrored all the same: %v %v", mended, err)
	}
}

// TestRenewedBesideWhatWasAboutToBeWritten: a process was killed between noting what it was about to
// write and the note that it was; Claude Code renewed that since, and it is damaged.
func TestRenewedBesideWhatWasAboutToBeWritten(t *testing.T) {
	r := newRig(t)
	newest := r.renewElsewhere(r.signIn(time.Hour))
	r.writeEntry(newest)
	r.damage(cutOff)
	w := r.work()
	p := w.place(w.entry)
	p.Empty(false)
	p.Next = w.l.ChainOf("default").ID
	if err := w.save(); err != nil {
		t.Fatal(err)
	}
	w.end()
	_, _ = r.start().Renew(t.Context(), true)
	r.reused()
	r.alive(newest)
}

// TestStoreIsMendedWithTheNewestOfTwo: Claude Code renewed in the one directory; in the other the
// spent pair lies.
func TestStoreIsMendedWithTheNewestOfTwo(t *testing.T) {
	for _, second := range []string{"a-first", "z-last"} {
		t.Run(second, func(t *testing.T) {
			r := newRig(t)
			a, home, work := r.inTwo(second)
			r.goTo(work)
			newest := r.renewElsewhere(a)
			r.writeEntry(newest)
			r.goTo(home)
			if err := os.WriteFile(r.storeFile(), []byte(`{"default":{"acc`), 0o600); err != nil {
				t.Fatal(err)
			}
			r.mendAll()
			if !r.stored().SamePair(newest) {
				t.Error("the spent pair was kept anew, and the newest was at hand")
			}
			_, _ = r.start().Renew(t.Context(), true)
			r.reused()
			r.lives(r.stored(), home, work)
		})
	}
}

// TestTakenBackWhereAWholeLoginLies: the person copied the whole entry there. It is not taken out,
// which is told, and goes on as a place.
func TestTakenBackWhereAWholeLoginLies(t *testing.T) {
	r := newRig(t)
	a := r.signIn(8 * time.Hour)
	home, dir := r.claude, r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	r.writeEntry(a)
	r.goTo(home)
	if back, err := r.start().TakeBack(t.Context(), dir); err == nil || len(back) != 0 {
		t.Errorf("told as taken back: %+v, %v", back, err)
	}
	if left, err := r.start().Lent(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("still lent to: %+v, %v", left, err)
	}
	r.renewed("")
	r.goTo(dir)
	if r.server.Spent(r.entry().Login.Refresh.Reveal()) {
		t.Error("the copy there is spent")
	}
}

// TestTamperedRefreshTokenInAWholeEntry beside our own access token.
func TestTamperedRefreshTokenInAWholeEntry(t *testing.T) {
	r := newRig(t)
	c := r.signIn(time.Hour)
	token := c.Refresh.Reveal()
	r.damage(func(text string) string { return strings.Replace(text, token, token[:len(token)-4], 1) })
	_, err := r.start().Renew(t.Context(), true)
	if !r.server.Alive(r.stored().Refresh.Reveal()) {
		t.Errorf("the living pair is out of the store: %v", err)
	}
}

// TestUnmendInTheOtherShell takes back nothing, or all.
func TestUnmendInTheOtherShell(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.damage(cutOff)
	r.mendAll()
	home, before := r.claude, r.entryText()
	r.goTo(r.mkdir("other"))
	_, _ = r.start().Unmend(t.Context())
	r.goTo(home)
	if r.entryText() != before && r.entry().Login.Refresh.IsZero() {
		t.Errorf("half undone: Claude Code has neither login: %s", r.entryText())
	}
}

// TestUnmendOfTheStoreKeepsWhatWasDisplaced: a stranger's damaged login goes into the new store, and --undo
// puts the damaged store over it.
func TestUnmendOfTheStoreKeepsWhatWasDisplaced(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	work := r.mkdir("work")
	r.goTo(work)
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	bob := r.issued("bob@example.com", time.Hour)
	r.writeEntry(bob)
	r.damage(cutOff)
	if err := os.WriteFile(r.storeFile(), []byte(`{"default":{"acc`), 0o600); err != nil {
		t.Fatal(err)
	}
	r.mendAll()
	cat := r.issued("cat@example.com", time.Hour)
	r.writeEntry(cat) // Claude Code signs in anew
	_, _ = r.start().Unmend(t.Context())
	store, _ := os.ReadFile(r.storeFile())
	if !strings.Contains(string(store)+r.entryText(), bob.Refresh.Reveal()) {
		t.Error("bob's displaced login is overwritten")
	}
}

// TestUnmendStopsWhereAStepFails: the living pair stays in the store or in the entry.
func TestUnmendStopsWhereAStepFails(t *testing.T) {
	r := newRig(t)
	newest := r.renewElsewhere(r.signIn(time.Hour))
	r.writeEntry(newest)
	r.damage(cutOff)
	if err := os.WriteFile(r.storeFile(), []byte(`{"default":{"acc`), 0o600); err != nil {
		t.Fatal(err)
	}
	r.mendAll()
	home := r.claude
	r.goTo(r.mkdir("other"))
	_, _ = r.start().Unmend(t.Context())
	r.goTo(home)
	store, _ := os.ReadFile(r.storeFile())
	if token := newest.Refresh.Reveal(); !strings.Contains(string(store)+r.entryText(), token) {
		t.Error("the living pair is neither in the store nor in the entry")
	}
}

// TestUnmendWhereKeysMoveWithTheAccount: what was kept beside the login is written with it, and
// does not keep --undo from putting the damaged file back.
func TestUnmendWhereKeysMoveWithTheAccount(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.besides(map[string]string{"trustedDeviceToken": "FAKE-device"})
	r.keep("bob", r.other())
	if _, err := r.start().Switch(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Switch(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.entryText(), "FAKE-device") {
		t.Fatal("the test")
	}
	damaged := r.damage(cutOff)
	r.mendAll()
	if _, err := r.start().Unmend(t.Context()); err != nil {
		t.Error(err)
	}
	if r.entryText() != damaged {
		t.Errorf("undone, it holds %s", r.entryText())
	}
}

// TestWatchOnlyKeepsNoCopyOfADamagedLogin, of a damaged entry neither.
func TestWatchOnlyKeepsNoCopyOfADamagedLogin(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := r.start().SetWatch(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	bob := r.issued("bob@example.com", time.Hour)
	r.writeEntry(bob)
	r.damage(cutOff)
	e := r.start()
	_, _ = e.Mend(t.Context(), e.Repairs(t.Context()))
	if text, _ := os.ReadFile(r.storeFile()); strings.Contains(string(text), bob.Refresh.Reveal()) {
		t.Error("it only watches, and keeps a copy")
	}
}

// TestUnmendAfterAKill: a process that is killed between two repairs leaves none that cannot be
// taken back; and a mode that was changed since is the person's.
func TestUnmendAfterAKill(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	if err := os.Chmod(r.storeFile(), 0o644); err != nil {
		t.Fatal(err)
	}
	mode := func() os.FileMode {
		info, err := os.Stat(r.storeFile())
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	e := r.start()
	killed := Repair{do: func(ctx context.Context) (Mended, error) {
		if _, err := r.start().Unmend(ctx); err != nil || mode() != 0o644 {
			t.Errorf("the first repair is not taken back: %v, %v", mode(), err)
		}
		return Mended{}, nil
	}}
	if _, err := e.Mend(t.Context(), append(e.Repairs(t.Context()), killed)); err != nil {
		t.Fatal(err)
	}
	r.mendAll()
	if err := os.Chmod(r.storeFile(), 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Unmend(t.Context()); faultOf(err) != FaultEntryChangedSince || mode() != 0o400 {
		t.Errorf("a mode that was changed since: %v, %v", mode(), err)
	}
}

// TestMovedAsideTwiceInOneSecond keeps both.
func TestMovedAsideTwiceInOneSecond(t *testing.T) {
	r := newRig(t)
	f := fixing{r.start().doctor()}
	path := filepath.Join(t.TempDir(), "x")
	kept := map[string]bool{}
	for _, text := range []string{"1", "2", "3"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := f.moveAside(path, "")
		if err != nil {
			t.Fatal(err)
		}
		kept[m.undo[0].Aside] = true
	}
	if len(kept) != 3 {
		t.Errorf("%v", kept)
	}
}

// What keeps an entry from being written is told before a renewal finds it out.
func TestEntryThatCannotBeWrittenIsTold(t *testing.T) {
	for name, spoil := range map[string]func(r *rig, dir string) error{
		"another name": func(r *rig, dir string) error {
			return os.Link(filepath.Join(dir, ".credentials.json"), r.beside("other"))
		},
		"a folder for reading": func(_ *rig, dir string) error { return os.Chmod(dir, 0o500) },
	} {
		for _, second := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t)
				_, home, work := r.inTwo("work")
				dir := home
				if second {
					dir = work
				}
				r.must(spoil(r, dir))
				t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
				if name == "a folder for reading" && atomicfile.Writable(dir) {
					t.Skip("root may write anywhere")
				}
				told := PlaceStatus{}
				for _, p := range r.places() {
					if filepath.Dir(p.Place) == dir && p.Kind == ledger.Entry {
						told = p
					}
				}
				if told.State != PlaceUnwritable || told.Because == nil || told.Because.Text == "" {
					t.Errorf("told as %+v", told)
				}
				failed := slices.ContainsFunc(r.start().Examine(t.Context()), func(c Check) bool {
					return c.State == CheckFail && c.Name == "places"
				})
				if !failed {
					t.Error("doctor finds nothing")
				}
			})
		}
	}
}
