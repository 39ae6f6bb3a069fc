package session

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/keychain"
)

// Somebody signs in in Claude Code while the server is asked whose the damaged login is: that login
// stays.
func TestSignedInWhileMending(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	cat := r.issued("cat@example.com", time.Hour)
	bob := r.issued("bob@example.com", time.Hour)
	bob.Account.ID, bob.Account.OrganizationID = "", ""
	r.writeEntry(bob)
	r.damage(cutOff)
	e := r.start()
	repairs := e.Repairs(t.Context())
	before := r.server.Count("profile")
	r.server.Set(func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{{On: "profile", Delay: time.Second, Times: 20}}
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for end := time.Now().Add(3 * time.Second); r.server.Count("profile") == before && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
		_ = os.Remove(r.entryFile())
		r.writeEntry(cat)
	}()
	_, _ = e.Mend(t.Context(), repairs)
	<-done
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Faults = nil })
	if entry, err := r.start().readEntry(t.Context()); err != nil || !entry.Login.SamePair(cat) {
		t.Errorf("the login that Claude Code wrote meanwhile is out of its entry: %v", err)
	}
}

// A file that Claude Code reads although it counts as damaged, a key twice, is not put back with a pair
// that was spent since.
func TestUnmendBringsNoSpentPairBack(t *testing.T) {
	r := newRig(t, "KEYTENDER_MIRROR=true")
	c := r.signIn(time.Hour)
	r.environ["KEYTENDER_MIRROR"] = "false"
	r.damage(func(text string) string {
		return strings.Replace(text, `"claudeAiOauth":{`, `"claudeAiOauth":{"expiresAt":1,`, 1)
	})
	r.mendAll()
	r.renewed(r.account)
	if _, err := r.start().Unmend(t.Context()); faultOf(err) != FaultAsideSpent {
		t.Errorf("told: %v", err)
	}
	if strings.Contains(r.entryText(), c.Refresh.Reveal()) {
		t.Error("the spent pair is back")
	}
}

// What Claude Code wrote beside the login since is not lost.
func TestUnmendKeepsWhatWasWrittenSince(t *testing.T) {
	for _, mirror := range []string{"true", "false"} {
		r := newRig(t)
		r.signIn(time.Hour)
		r.environ["KEYTENDER_MIRROR"] = mirror
		r.damage(cutOff)
		r.mendAll()
		if mirror == "false" {
			if err := os.WriteFile(r.entryFile(), []byte(`{"enterpriseGateway":{"token":"FAKE-new"},"trustedDeviceToken":"FAKE-new"}`), 0o600); err != nil {
				t.Fatal(err)
			}
		} else {
			r.besides(map[string]string{"trustedDeviceToken": "FAKE-new"})
		}
		_, err := r.start().Unmend(t.Context())
		if err == nil && !strings.Contains(r.entryText(), "FAKE-new") {
			t.Errorf("mirror %s: success, and what Claude Code wrote since is gone: %s", mirror, r.entryText())
		}
	}
}

// The same login twice is one, with what belongs to its account.
func TestBoundBesideTheSameLoginTwice(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.besides(map[string]string{"trustedDeviceToken": "FAKE-device"})
	text := r.entryText()
	inner := r.entry().Inner().Reveal()
	r.damage(func(string) string { return cutOff(text) + `,"claudeAiOauth":` + inner + `}` })
	r.mendAll()
	if !strings.Contains(r.entryText(), "FAKE-device") {
		t.Errorf("gone: %s", r.entryText())
	}
}

// What belongs to the account stays beside its login, which is cut.
func TestBoundBesideACutToken(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	inner := r.entry().Inner().Reveal()
	r.damage(func(string) string {
		text := `{"trustedDeviceToken":"FAKE-device","claudeAiOauth":` + inner + `}`
		return text[:strings.Index(text, a.Access.Reveal())+len(a.Access.Reveal())-2]
	})
	r.mendAll()
	if !r.entry().Login.SamePair(a) {
		t.Fatal("the test")
	}
	if !strings.Contains(r.entryText(), "FAKE-device") {
		t.Errorf("gone: %s", r.entryText())
	}
}

// No login at all, a sign-in through a gateway instead.
func TestGatewayInADamagedEntry(t *testing.T) {
	r := newRig(t)
	if err := os.WriteFile(r.entryFile(), []byte(`{"enterpriseGateway":{"url":"https://g","token":"FAKE-g"},"mcpOAuth":{"x":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	e := r.start()
	_, _ = e.Mend(t.Context(), e.Repairs(t.Context()))
	if !strings.Contains(r.entryText(), "FAKE-g") {
		t.Errorf("gone: %s", r.entryText())
	}
}

// Keys, numbers and escapes of others stay to the letter.
func TestOthersStayAsTheyAre(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	const others = `"n":1.0e+5,"big":123456789012345678901234567890,"esc":"\u00e9\/\ud800","é":"é","mcpOAuth":{"a":1,"a":2}`
	r.damage(func(text string) string { return `{` + others + `,` + text[1:len(text)-1] })
	r.mendAll()
	for _, want := range []string{`1.0e+5`, `123456789012345678901234567890`, `\ud800`, `{"a":1,"a":2}`} {
		if !strings.Contains(r.entryText(), want) {
			t.Errorf("%s is not in %s", want, r.entryText())
		}
	}
}

// An old login stands in the file whole, and part of a newer, unknown token beside it: nobody can tell
// that the old one is not spent.
func TestPartOfAnUnknownTokenBesideTheOldLogin(t *testing.T) {
	for name, f := range map[string]func(old, text string, newest keychain.Credential) string{
		"old, then cut": func(old, text string, c keychain.Credential) string {
			return old + text[:strings.Index(text, c.Access.Reveal())+len(c.Access.Reveal())-3]
		},
		"cut, then old": func(old, text string, c keychain.Credential) string {
			return text[:strings.Index(text, c.Access.Reveal())+len(c.Access.Reveal())-3] + old
		},
		"written over as far as into the access token": func(old, text string, c keychain.Credential) string {
			n := strings.Index(text, c.Access.Reveal()) + len(c.Access.Reveal()) - 3
			return cutOff(text[:n] + old[n:])
		},
		"written over as far as behind the access token": func(old, text string, c keychain.Credential) string {
			n := strings.Index(text, c.Access.Reveal()) + len(c.Access.Reveal())
			return cutOff(text[:n] + old[n:])
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			a := r.signIn(time.Hour)
			r.writeEntry(a)
			old := r.entryText()
			newest := r.renewElsewhere(a)
			r.writeEntry(newest)
			r.damage(func(text string) string { return f(old, text, newest) })
			e := r.start()
			mended, err := e.Mend(t.Context(), e.Repairs(t.Context()))
			if strings.Contains(r.entryText(), `"`+a.Refresh.Reveal()+`"`) && err == nil {
				t.Errorf("the spent pair was written into the entry: %v, %v", mended, err)
			}
			if !r.stored().SamePair(a) && !r.stored().SamePair(newest) {
				t.Errorf("our record is a pair that never was")
			}
			_, _ = r.start().Renew(t.Context(), true)
			r.reused()
		})
	}
}

// A letter of the access token is another one: it does not take the place of the token that works, whether
// the store can be read or not.
func TestDamagedLetterInTheAccessToken(t *testing.T) {
	for _, store := range []bool{false, true} {
		r := newRig(t)
		a := r.signIn(time.Hour)
		r.damage(func(text string) string {
			token := a.Access.Reveal()
			return cutOff(strings.Replace(text, token, token[:len(token)-2]+"zz", 1))
		})
		if store {
			if err := os.WriteFile(r.storeFile(), []byte(`{"default":{"acc`), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		e := r.start()
		_, err := e.Mend(t.Context(), e.Repairs(t.Context()))
		if err == nil && !r.stored().Access.Equal(a.Access) {
			t.Errorf("store %v: `token` prints one that never was: %v", store, err)
		}
	}
}

// Part of a newer token, with the store lost too.
func TestStoreAndPartOfAnUnknownToken(t *testing.T) {
	r := newRig(t)
	a := r.signIn(time.Hour)
	r.writeEntry(a)
	old := r.entryText()
	newest := r.renewElsewhere(a)
	r.writeEntry(newest)
	r.damage(func(text string) string {
		return old + text[:strings.Index(text, newest.Refresh.Reveal())+len(newest.Refresh.Reveal())-3]
	})
	if err := os.WriteFile(r.storeFile(), []byte(`{"default":{"acc`), 0o600); err != nil {
		t.Fatal(err)
	}
	e := r.start()
	_, _ = e.Mend(t.Context(), e.Repairs(t.Context()))
	_, _ = r.start().Renew(t.Context(), true)
	r.reused()
}

// Mended, undone, and mended again; after a renewal it is not undone.
func TestFixUndoFix(t *testing.T) {
	r := newRig(t)
	newest := r.renewElsewhere(r.signIn(time.Hour))
	r.writeEntry(newest)
	r.besides(map[string]string{"mcpOAuth": "FAKE-m", "designOauth": "FAKE-d"})
	damaged := r.damage(cutOff)
	for range 2 {
		r.mendAll()
		if text := r.entryText(); !strings.Contains(text, "FAKE-m") || !strings.Contains(text, "FAKE-d") {
			t.Error(text)
		}
		if _, err := r.start().Unmend(t.Context()); err != nil {
			t.Error(err)
		}
		if r.entryText() != damaged {
			t.Error(r.entryText())
		}
		r.pass(2 * time.Second)
	}
	r.mendAll()
	r.renewed("")
	if _, err := r.start().Unmend(t.Context()); err == nil {
		t.Error("undone after a renewal")
	}
	r.alive(r.entry().Login)
	r.reused()
}

// Where the damaged file cannot be put back, since Claude Code wrote there or it is gone, our login stays
// in the entry.
func TestUnmendLeavesOurLogin(t *testing.T) {
	for name, since := range map[string]func(r *rig){
		"another MCP login": func(r *rig) { r.besides(map[string]string{"mcpOAuth": "FAKE-new"}) },
		"no damaged file": func(r *rig) {
			all, _ := filepath.Glob(r.entryFile() + ".aside-*")
			for _, path := range all {
				_ = os.Remove(path)
			}
		},
	} {
		r := newRig(t)
		a := r.signIn(time.Hour)
		r.damage(cutOff)
		r.mendAll()
		since(r)
		_, err := r.start().Unmend(t.Context())
		if entry, _ := r.start().readEntry(t.Context()); err != nil && !entry.Login.SamePair(a) {
			t.Errorf("%s: nothing is put back, and Claude Code is signed out: %v", name, err)
		}
		if p := r.ledger().Place(r.start().entry.ID()); name == "another MCP login" && p.Next != "" {
			t.Errorf("%s: it counts as being put back", name)
		}
	}
}

// An MCP login that Claude Code signed out of since does not come back.
func TestUnmendBringsNoMCPLoginBack(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.besides(map[string]string{"mcpOAuth": "FAKE-mcp"})
	r.environ["KEYTENDER_MIRROR"] = "false"
	r.damage(cutOff)
	r.mendAll()
	if !strings.Contains(r.entryText(), "FAKE-mcp") {
		t.Fatal("the test")
	}
	if err := os.WriteFile(r.entryFile(), []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Unmend(t.Context()); err == nil && strings.Contains(r.entryText(), "FAKE-mcp") {
		t.Error("it is back")
	}
}

// The entry is a link of the person's own, with others' beside it.
func TestMoveAsideOfALink(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.besides(map[string]string{"mcpOAuth": "FAKE-mcp"})
	damaged := r.damage(cutOff)
	target := r.beside("target.json")
	if err := os.Rename(r.entryFile(), target); err != nil {
		t.Fatal(err)
	}
	link(t, target, r.entryFile())
	if err := os.WriteFile(r.entryFile()+".aside-19990101-000000", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.mendAll()
	if info, err := os.Lstat(r.entryFile()); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is gone")
	}
	if !strings.Contains(r.entryText(), "FAKE-mcp") || r.entry().Login.Access.IsZero() {
		t.Error(r.entryText())
	}
	if _, err := r.start().Unmend(t.Context()); err != nil {
		t.Error(err)
	}
	if info, err := os.Lstat(r.entryFile()); err != nil || info.Mode()&os.ModeSymlink == 0 || r.entryText() != damaged {
		t.Error("the link is gone", r.entryText())
	}
}

// Killed before the move of a file that Claude Code reads all the same: it holds renewals up still.
func TestMendingIsKilledWhereClaudeCodeReadsIt(t *testing.T) {
	r := newRig(t)
	c := r.signIn(time.Hour)
	r.damage(func(text string) string {
		return strings.Replace(text, `"claudeAiOauth":{`, `"claudeAiOauth":{"expiresAt":1,`, 1)
	})
	if _, err := r.start().Renew(t.Context(), true); err == nil {
		t.Fatal("the test: a damaged entry holds a renewal up")
	}
	w := r.work()
	if _, err := w.settling().settleDamaged(t.Context(), w.entry); err != nil {
		t.Fatal(err)
	}
	place := w.place(w.entry)
	chain := place.Chain
	place.Empty(false)
	place.Next = chain
	w.end()
	_, _ = r.start().Renew(t.Context(), true)
	if strings.Contains(r.entryText(), c.Refresh.Reveal()) && r.server.Spent(c.Refresh.Reveal()) {
		t.Error("Claude Code reads a spent pair")
	}
}

// What was lent to a directory comes back when the entry there was damaged.
func TestMendedLentEntry(t *testing.T) {
	r := newRig(t)
	r.signIn(8 * time.Hour)
	dir := r.mkdir("lent")
	r.lend(dir)
	r.goTo(dir)
	r.damage(cutOff)
	r.mendAll()
	_ = r.start().tending().follow(t.Context())
	r.start().tending().tendNow(t.Context())
	if entry, err := r.start().readEntry(t.Context()); err != nil || entry.Login.Access.IsZero() {
		t.Errorf("told as mended, and Claude Code is signed out there: %v", err)
	}
}

// A renewed copy in a lent directory, damaged: the only pair that lives is kept.
func TestMendedRenewedCopyInALentDirectory(t *testing.T) {
	for _, ids := range []bool{true, false} {
		r := newRig(t)
		c := r.signIn(8 * time.Hour)
		home, dir := r.claude, r.mkdir("lent")
		r.lend(dir)
		r.goTo(dir)
		theirs := r.renewElsewhere(c)
		if !ids {
			theirs.Account.ID, theirs.Account.OrganizationID = "", ""
		}
		r.writeEntry(theirs)
		r.damage(cutOff)
		e := r.start()
		_, err := e.Mend(t.Context(), e.Repairs(t.Context()))
		r.goTo(home)
		text, _ := os.ReadFile(r.storeFile())
		if err == nil && !strings.Contains(string(text), theirs.Refresh.Reveal()) {
			t.Errorf("ids %v: nobody has the living pair but a file that was moved aside", ids)
		}
	}
}
