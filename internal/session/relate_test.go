package session

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
	"keytender/internal/secret"
	"keytender/keychain"
)

// A renewal under Claude Code's locks finds what Claude Code got meanwhile, and takes
// it instead of spending the token.
func TestAdoptedNotRaced(t *testing.T) {
	r := newRig(t)
	ours := r.signIn(-time.Minute)
	theirs := r.renewElsewhere(ours)
	r.writeEntry(theirs)
	before := r.posts()
	got, err := r.start().Token(t.Context(), time.Minute)
	if err != nil || !got.Equal(theirs.Access) {
		t.Fatalf("token: %v", err)
	}
	if n := r.posts() - before; n != 0 || r.server.Count("renew-reused") != 0 {
		t.Errorf("%d renewals were sent", n)
	}
	if stored := r.stored(); !stored.SamePair(theirs) || stored.Account.Email != "a@example.com" {
		t.Errorf("our record after adopting: %+v", stored)
	}
	if st := r.start().Status(t.Context()); st.LastChange == nil || st.LastChange.Who != "Claude Code" ||
		st.ClaudeCode.State != "in-step" || st.Problem != nil {
		t.Errorf("status: %+v", st)
	}
	r.alive(r.stored())

	// An adopted pair that is not due is not renewed by refresh either, and with
	// --force it is.
	if again, err := r.start().Renew(t.Context(), false); err != nil || again.Done {
		t.Errorf("refresh after adopting: %+v, %v", again, err)
	}
	if forced, err := r.start().Renew(t.Context(), true); err != nil || !forced.Done || forced.Adopted {
		t.Errorf("refresh --force after adopting: %+v, %v", forced, err)
	}
	if !r.entry().Login.SamePair(r.stored()) {
		t.Error("the entry is not in step after the renewal")
	}
}

// Claude Code renewed while refresh --force waited for its locks.
func TestForcedRenewalAdopts(t *testing.T) {
	r := newRig(t)
	ours := r.signIn(time.Hour)
	theirs := r.renewElsewhere(ours)
	r.writeEntry(theirs)
	before := r.posts()
	got, err := r.start().Renew(t.Context(), true)
	if err != nil || !got.Done || !got.Adopted || r.posts() != before {
		t.Errorf("refresh --force: %+v, %v, %d sent", got, err, r.posts()-before)
	}
}

// What Claude Code renewed is taken over by a mirror: the plan of one changes nothing in the entry.
func TestPlanOfMirroringOverANewerPair(t *testing.T) {
	r := newRig(t)
	theirs := r.renewElsewhere(r.signIn(time.Hour))
	r.writeEntry(theirs)
	plan, err := r.start().MirrorPlan(t.Context())
	if err != nil || plan.State != Newer || len(plan.Changes) != 0 {
		t.Errorf("%+v, %v", plan, err)
	}
	r.must(second(r.start().Mirror(t.Context())))
	if !r.entry().Login.SamePair(theirs) {
		t.Error("the mirror wrote into the entry")
	}
}

// While our request is on its way somebody writes into the entry without a lock.
func TestEntryChangedDuringRenewal(t *testing.T) {
	stub := func(r *rig, c keychain.Credential) {
		blank := c
		blank.Access, blank.Refresh, blank.AccessEnds = secret.String{}, secret.String{}, time.UnixMilli(0)
		r.writeEntry(blank)
	}
	for _, c := range []struct {
		name   string
		change func(r *rig, c keychain.Credential)
		step   bool // whether the entry ends in step
	}{
		{"nothing changes", func(*rig, keychain.Credential) {}, true},
		{"blanked by the client", stub, false},
		{"logged out: the file is gone", func(r *rig, _ keychain.Credential) { _ = os.Remove(r.entryFile()) }, false},
		{"signed in to another account", func(r *rig, _ keychain.Credential) { r.writeEntry(r.other()) }, false},
		{"signed in anew to the same account", func(r *rig,
			_ keychain.Credential) {
			r.writeEntry(r.issued("a@example.com", time.Hour))
		}, false},
		{"damaged", func(r *rig, _ keychain.Credential) {
			_ = os.WriteFile(r.entryFile(), []byte(`{"claudeAiOauth":`), 0o600)
		}, false},
		{"an MCP login beside it", func(r *rig, c keychain.Credential) {
			data, _ := os.ReadFile(r.entryFile())
			data = bytes.Replace(data, []byte(`{"claudeAiOauth"`),
				[]byte(`{"mcpOAuth":{"server":{"token":"FAKE-mcp"}},"claudeAiOauth"`), 1)
			_ = os.WriteFile(r.entryFile(), data, 0o600)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			ours := r.signIn(-time.Minute)
			var changed []byte
			r.server.Set(func(b *fakeclaude.Behaviour) {
				b.OnToken = func(string) {
					c.change(r, ours)
					changed, _ = os.ReadFile(r.entryFile())
				}
			})
			got, err := r.start().Token(t.Context(), time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if stored := r.stored(); !stored.Access.Equal(got) {
				t.Error("our own store does not hold the new pair")
			}
			r.alive(r.stored())
			after, _ := os.ReadFile(r.entryFile())
			if !c.step {
				if !bytes.Equal(changed, after) {
					t.Errorf("a renewal replaced what another program had written:\n%s\n%s", changed, after)
				}
				return
			}
			if !r.entry().Login.SamePair(r.stored()) {
				t.Error("the entry is not in step")
			}
			if bytes.Contains(changed, []byte("mcpOAuth")) && !bytes.Contains(after, []byte("FAKE-mcp")) {
				t.Errorf("the MCP login was lost: %s", after)
			}
		})
	}
}

// other is another person's login.
func (r *rig) other() keychain.Credential { return r.issued("b@example.com", 8*time.Hour) }

// A blanked entry stays blanked over renewals; the verb mirror fills it again.
func TestBlankedEntryIsLeftAlone(t *testing.T) {
	r := newRig(t)
	r.signIn(-time.Minute)
	blank := keychain.Credential{Scopes: []string{"user:inference"}, AccessEnds: time.UnixMilli(0)}
	r.writeEntry(blank)
	before, _ := os.ReadFile(r.entryFile())
	for range 2 {
		if _, err := r.start().Renew(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if err := r.start().tending().follow(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if after, _ := os.ReadFile(r.entryFile()); !bytes.Equal(before, after) {
		t.Errorf("a renewal wrote into a blanked entry: %s", after)
	}
	if st := r.start().Status(t.Context()); st.ClaudeCode.State != "signed-out" {
		t.Errorf("status of the entry: %s", st.ClaudeCode.State)
	}
	if _, err := r.start().Mirror(t.Context()); err != nil || !r.entry().Login.SamePair(r.stored()) {
		t.Errorf("mirror: %v", err)
	}
}

// Another login in the entry is never touched by background work, and is put aside by
// the person's own word.
func TestOtherLoginIsNeverReplacedByRenewal(t *testing.T) {
	r := newRig(t)
	r.signIn(-time.Minute)
	theirs := r.other()
	r.writeEntry(theirs)
	for range 2 {
		if _, err := r.start().Renew(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		_ = r.start().tending().follow(t.Context())
		_ = r.start().tending().tendNow(t.Context())
	}
	if !r.entry().Login.SamePair(theirs) {
		t.Fatal("background work replaced another login")
	}
	if st := r.start().Status(t.Context()); st.ClaudeCode.State != "other-login" {
		t.Errorf("status of the entry: %s", st.ClaudeCode.State)
	}
	said, err := r.start().Mirror(t.Context())
	if err != nil || said.Remark != RemarkReplaced {
		t.Errorf("mirror: %v, %v", said, err)
	}
	if _, err := r.start().Undo(t.Context()); err != nil || !r.entry().Login.SamePair(theirs) {
		t.Errorf("undo: %v", err)
	}
}

// The entry of the account that was signed in before, whose pairs the journal knows,
// is another login too: it is kept aside and never replaced by a renewal.
func TestFormerAccountIsAnotherLogin(t *testing.T) {
	r := newRig(t)
	former := r.signIn(time.Hour)
	r.setMirror(false)
	r.keep("default", func() keychain.Credential {
		c := r.other()
		c.AccessEnds = r.now().Add(-time.Minute)
		return c
	}())
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if !r.entry().Login.SamePair(former) {
		t.Fatal("a renewal of another account replaced the former account's login")
	}
	r.setMirror(true)
	if _, err := r.start().Renew(t.Context(), true); err != nil || !r.entry().Login.SamePair(former) {
		t.Fatalf("a renewal of another account replaced the former account's login (%v)", err)
	}
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Undo(t.Context()); err != nil || !r.entry().Login.SamePair(former) {
		t.Errorf("undo: %v", err)
	}
}

// With the mirror switched off the entry may still share our chain. Left with a token
// that we spent, Claude Code would be logged out by us.
func TestMirrorOffStillCarriesASharedChain(t *testing.T) {
	r := newRig(t)
	r.signIn(-time.Minute)
	if _, err := r.start().SetMirror(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if !r.entry().Login.SamePair(r.stored()) {
		t.Error("the entry was left with a spent token")
	}
}

// A program that takes no locks renewed first: the server calls our token spent, and
// the newer pair in the entry is taken over without an alarm.
func TestSpentButRenewedElsewhere(t *testing.T) {
	r := newRig(t)
	ours := r.signIn(-time.Minute)
	theirs := r.issued("a@example.com", 8*time.Hour)
	r.server.RevokeFamily(ours.Refresh.Reveal())
	r.server.Set(func(b *fakeclaude.Behaviour) { b.OnToken = func(string) { r.writeEntry(theirs) } })
	got, err := r.start().Token(t.Context(), time.Minute)
	if err != nil || !got.Equal(theirs.Access) {
		t.Fatalf("token: %v", err)
	}
	if st := r.start().Status(t.Context()); st.State != SignedIn || st.Problem != nil {
		t.Errorf("status: %+v", st)
	}
	if r.posts() != 1 {
		t.Errorf("%d renewals were sent", r.posts())
	}
}

// The same while a lost response is waited for: the entry is looked at before the resend.
func TestLostResponseButRenewedElsewhere(t *testing.T) {
	r := newRig(t)
	r.signIn(-time.Minute)
	theirs := r.issued("a@example.com", 8*time.Hour)
	r.faults(faults.Lost())
	r.server.Set(func(b *fakeclaude.Behaviour) { b.OnToken = func(string) { r.writeEntry(theirs) } })
	got, err := r.start().Token(t.Context(), time.Minute)
	if err != nil || !got.Equal(theirs.Access) || r.posts() != 1 {
		t.Fatalf("token: %v, %d sent", err, r.posts())
	}
}

// A pair without ids lies where ours lay, and nobody can be asked whose it is: it may be
// the newest of our chain. Nothing is sent and nothing overwritten until that is known.
func TestUnknownPairStopsEverything(t *testing.T) {
	r := newRig(t)
	ours := r.signIn(-time.Minute)
	theirs := r.renewElsewhere(ours)
	theirs.Account, theirs.AccessEnds = keychain.Account{}, r.now().Add(-time.Second) // too late to ask whose it is
	r.writeEntry(theirs)
	before := r.posts()
	if _, err := r.start().Token(t.Context(), time.Minute); exitOf(err) != ExitTryLater {
		t.Errorf("token: %v", err)
	}
	if _, err := r.start().Renew(t.Context(), true); exitOf(err) != ExitTryLater {
		t.Errorf("refresh --force: %v", err)
	}
	if _, err := r.start().Mirror(t.Context()); exitOf(err) != ExitTryLater {
		t.Errorf("mirror: %v", err)
	}
	if st := r.start().Status(t.Context()); st.ClaudeCode.State != UnknownLogin || st.Problem == nil ||
		st.Problem.Code != "unknown-login" {
		t.Errorf("status: %s, %+v", st.ClaudeCode.State, st.Problem)
	}
	if r.posts() != before || !r.entry().Login.SamePair(theirs) {
		t.Fatal("something was sent or overwritten on a guess")
	}
	theirs.AccessEnds = r.now().Add(time.Hour) // it can be asked again
	r.writeEntry(theirs)
	if got, err := r.start().Token(t.Context(), time.Minute); err != nil || !got.Equal(theirs.Access) ||
		r.posts() != before {
		t.Errorf("once it is known: %v", err)
	}
	r.alive(r.stored())
}

// The store was put back to an older state, by a backup or a roaming profile: its
// refresh token is spent, and sending it would end the login.
func TestStoreWasPutBack(t *testing.T) {
	r := newRig(t)
	r.signIn(-time.Minute)
	backup, err := os.ReadFile(r.home + "/credentials.json")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	newest := r.stored()
	putBack := func() {
		if err := os.WriteFile(r.home+"/credentials.json", backup, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	putBack()
	got, err := r.start().Token(t.Context(), time.Minute)
	if err != nil || !got.Equal(newest.Access) || r.posts() != 1 {
		t.Errorf("the entry holds the newest pair; token: %v, %d sent", err, r.posts())
	}
	putBack()
	_ = os.Remove(r.entryFile())
	if _, err := r.start().Token(t.Context(), time.Minute); exitOf(err) != ExitSignInAgain || r.posts() != 1 ||
		r.server.Count("renew-reused") != 0 {
		t.Errorf("nothing holds the newest pair; token: %v, %d sent", err, r.posts())
	}
	r.alive(newest)
}

// Two accounts have two chains; switching between them mixes nothing.
func TestTwoAccounts(t *testing.T) {
	r := newRig(t)
	first := r.signIn(-time.Minute)
	second := r.other()
	second.AccessEnds = r.now().Add(-time.Minute)
	r.keep("work", second)
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil { // work is active now
		t.Fatal(err)
	}
	if r.server.Spent(first.Refresh.Reveal()) || !r.server.Spent(second.Refresh.Reveal()) {
		t.Fatal("the wrong account's token was spent")
	}
	if r.entry().Login.Account.ID != first.Account.ID {
		t.Error("renewing an account replaced the login of another one")
	}
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Faults = []fakeclaude.Fault{faults.Throttle("600")} })
	if _, err := r.start().Renew(t.Context(), true); exitOf(err) != ExitTryLater {
		t.Fatal(err)
	}
	if _, err := r.start().Switch(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
		t.Errorf("the pause of one account holds up the other: %v", err)
	}
	if !r.entry().Login.SamePair(r.stored()) || r.stored().Account.Email != "a@example.com" {
		t.Error("after switching the entry is not in step")
	}
	data, _ := os.ReadFile(r.home + "/credentials.json")
	var file struct{ Accounts map[string]json.RawMessage }
	if err := json.Unmarshal(data, &file); err != nil || len(file.Accounts) != 2 {
		t.Errorf("the file store: %s", data)
	}
}

// A renewal that is refused for want of Claude Code's locks sends nothing.
func TestBusyClaudeCode(t *testing.T) {
	r := newRig(t)
	r.signIn(-time.Minute)
	lock, err := r.start().entry.LockRenewal(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := r.start().Token(ctx, time.Minute); exitOf(err) != ExitBusy || r.posts() != 0 {
		t.Errorf("token: %v, %d sent", err, r.posts())
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
		t.Errorf("after the release: %v", err)
	}
}

// Another program took the locks from us, say while the machine slept: nothing is sent.
func TestLocksLostBeforeTheSend(t *testing.T) {
	r := newRig(t)
	r.signIn(-time.Minute)
	e := r.start()
	e.crash = func(step string) {
		if step == "prepared" {
			_ = os.Remove(r.claude + "/.oauth_refresh.lock")
		}
	}
	if _, err := e.Token(t.Context(), time.Minute); exitOf(err) != ExitBusy || r.posts() != 0 {
		t.Errorf("token: %v, %d sent", err, r.posts())
	}
	if c := r.chain(); c.Intent != nil {
		t.Errorf("the journal speaks of a send: %+v", c.Intent)
	}
	_ = os.Remove(r.claude + ".lock")
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
		t.Error(err)
	}
}

// A guess of ours stays one when it comes back from Claude Code's entry; what the client
// was told replaces it.
func TestGuessedLoginEndComesBack(t *testing.T) {
	for _, told := range []bool{false, true} {
		r := newRig(t)
		c := r.issued("a@example.com", time.Hour)
		c.LoginEndsEstimated = true
		r.keep("default", c)
		if _, err := r.start().Mirror(t.Context()); err != nil {
			t.Fatal(err)
		}
		newer := r.renewElsewhere(c)
		newer.AccessEnds = newer.AccessEnds.Add(time.Minute)
		data, err := os.ReadFile(r.entryFile())
		if err != nil {
			t.Fatal(err)
		}
		entry := string(data)
		for _, pair := range [][2]string{{c.Access.Reveal(), newer.Access.Reveal()},
			{c.Refresh.Reveal(), newer.Refresh.Reveal()},
			{strconv.FormatInt(c.AccessEnds.UnixMilli(), 10), strconv.FormatInt(newer.AccessEnds.UnixMilli(), 10)}} {
			entry = strings.Replace(entry, pair[0], pair[1], 1)
		}
		if told {
			ends := c.LoginEnds.UnixMilli()
			entry = strings.Replace(entry, strconv.FormatInt(ends, 10),
				strconv.FormatInt(ends+time.Hour.Milliseconds(), 10), 1)
		}
		if err := atomicfile.Write(r.entryFile(), []byte(entry)); err != nil {
			t.Fatal(err)
		}
		if err := r.start().tending().follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := r.stored(); !got.SamePair(newer) || got.LoginEndsEstimated == told {
			t.Errorf("told %v: adopted %v, estimated %v", told, got.SamePair(newer), got.LoginEndsEstimated)
		}
	}
}

func (r *rig) setMirror(on bool) {
	r.t.Helper()
	w := r.work()
	w.l.Mirror = &on
	w.end()
}

// TestSuccessorThatTellsNoEnd: its access token has ended long ago, which the server says of it, and
// its refresh token is the newest.
func TestSuccessorThatTellsNoEnd(t *testing.T) {
	r := newRig(t)
	newest := r.renewElsewhere(r.signIn(-time.Minute))
	newest.AccessEnds = time.Time{}
	r.writeEntry(newest)
	text, err := os.ReadFile(r.entryFile())
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`"expiresAt":-?\d+,`).ReplaceAll(text, nil)
	if err := os.WriteFile(r.entryFile(), text, 0o600); err != nil {
		t.Fatal(err)
	}
	r.pass(4 * 24 * time.Hour)
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
		t.Errorf("the login lives, and no token comes: %v", err)
	}
	if n := r.server.Count("renew-reused"); n != 0 {
		t.Errorf("a spent refresh token was sent %d times", n)
	}
}
