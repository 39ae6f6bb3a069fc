package session

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"keytender/internal/fakeclaude"
	"keytender/internal/secret"
	"keytender/internal/testguard"
	"keytender/keychain"
)

// damage changes the text of the entry.
func (r *rig) damage(f func(string) string) string {
	r.t.Helper()
	now := f(r.entryText())
	if err := os.WriteFile(r.entryFile(), []byte(now), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return now
}

func cutOff(text string) string { return text[:len(text)-1] }

func asUTF16(text string) string {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return string(out)
}

// twoDirectories signs two people in, each in a directory of its own; the first one is active,
// and the shell is in the second one's.
func (r *rig) twoDirectories() (second keychain.Credential) {
	r.t.Helper()
	r.signIn(time.Hour)
	home, work := r.claude, r.mkdir("work")
	r.goTo(work)
	second = r.other()
	r.keep("work", second)
	if _, err := r.start().Mirror(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.goTo(home)
	if _, err := r.start().Switch(r.t.Context(), "default"); err != nil {
		r.t.Fatal(err)
	}
	r.goTo(work)
	return second
}

// TestDamagedEntryInOtherShapes: whatever was done to the file that Claude Code renewed, the
// spent pair is neither written nor sent.
func TestDamagedEntryInOtherShapes(t *testing.T) {
	cutInTokens := func(text, token string, at int) string {
		return text[:strings.Index(text, token)+len(token)+at]
	}
	for name, f := range map[string]func(old, text string, newest keychain.Credential) string{
		"utf-16":        func(_, text string, _ keychain.Credential) string { return asUTF16(text) },
		"two documents": func(old, text string, _ keychain.Credential) string { return old + text },
		"old behind newest": func(old, text string, _ keychain.Credential) string {
			return text + old
		},
		"twice the same": func(_, text string, _ keychain.Credential) string { return text + text },
		"key twice": func(old, text string, _ keychain.Credential) string {
			return cutOff(old) + "," + text[1:]
		},
		"inner key twice": func(_, text string, _ keychain.Credential) string {
			return text[:len(text)-2] + `,"expiresAt":1}}`
		},
		"pasted into a line": func(_, text string, _ keychain.Credential) string {
			return "export CREDS='" + text + "'"
		},
		"cut behind the refresh token": func(_, text string, c keychain.Credential) string {
			return cutInTokens(text, c.Refresh.Reveal(), 1)
		},
		"cut in the refresh token": func(_, text string, c keychain.Credential) string {
			return cutInTokens(text, c.Refresh.Reveal(), -3)
		},
	} {
		unsure := []string{"two documents", "old behind newest", "key twice", "cut in the refresh token"}
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			a := r.signIn(time.Hour)
			old := r.entryText()
			newest := r.renewElsewhere(a)
			r.writeEntry(newest)
			r.damage(func(text string) string { return f(old, text, newest) })
			e := r.start()
			_, err := e.Mend(t.Context(), e.Repairs(t.Context()))
			if slices.Contains(unsure, name) { // which one is newer, nobody can tell
				if faultOf(err) != FaultDamagedUnknown {
					t.Errorf("what is not known is not told: %v", err)
				}
				return
			}
			if err != nil || !r.stored().SamePair(newest) {
				t.Errorf("the newest pair was not taken over: %v", err)
			}
			if _, err := r.start().Renew(t.Context(), true); err != nil {
				t.Error(err)
			}
			r.reused()
		})
	}
}

// TestMendingIsBrokenOff while the server is asked whose the login is: nothing was moved.
func TestMendingIsBrokenOff(t *testing.T) {
	r := newRig(t)
	newest := r.renewElsewhere(r.signIn(time.Hour))
	r.writeEntry(newest)
	damaged := r.damage(cutOff)
	e := r.start()
	repairs := e.Repairs(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{})
	r.server.Set(func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{{On: "profile", Delay: 20 * time.Second, Times: 20}}
	})
	go func() {
		defer close(asked)
		for r.server.Count("profile") == 0 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	if mended, err := e.Mend(ctx, repairs); err == nil || len(mended) != 0 {
		t.Errorf("%v, %v", mended, err)
	}
	cancel()
	<-asked
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Faults = nil })
	if r.entryText() != damaged {
		t.Error("the entry is not as it was")
	}
	r.mendAll()
	if !r.stored().SamePair(newest) || !r.entry().Login.SamePair(newest) {
		t.Error("the newest pair is lost")
	}
}

// TestMendingIsKilledBeforeTheMove: what was taken in is not forgotten, and whoever mends then
// comes to the same end.
func TestMendingIsKilledBeforeTheMove(t *testing.T) {
	r := newRig(t)
	newest := r.renewElsewhere(r.signIn(time.Hour))
	r.writeEntry(newest)
	r.damage(cutOff)
	w := r.work()
	if _, err := w.settling().settleDamaged(t.Context(), w.entry); err != nil {
		t.Fatal(err)
	}
	w.place(w.entry).Empty(false)
	w.end()
	if st := r.start().Status(t.Context()); st.State != SignedIn {
		t.Errorf("%+v", st)
	}
	r.mendAll()
	if !r.stored().SamePair(newest) || !r.entry().Login.SamePair(newest) {
		t.Error("the newest pair is lost")
	}
}

// TestDamagedLoginOfAnother is kept, and ours is not written in its place.
func TestDamagedLoginOfAnother(t *testing.T) {
	for name, f := range map[string]func(string) string{
		"cut":    cutOff,
		"a mark": func(text string) string { return "\xef\xbb\xbf" + text },
	} {
		for _, seen := range []bool{false, true} {
			r := newRig(t)
			r.signIn(time.Hour)
			bob := r.issued("bob@example.com", time.Hour)
			r.writeEntry(bob)
			if seen { // by the app, or by a command
				r.renewed("")
			}
			r.damage(f)
			e := r.start()
			mended, err := e.Mend(t.Context(), e.Repairs(t.Context()))
			if err != nil || len(mended) != 1 || mended[0].Remark != RemarkUnreadKept ||
				mended[0].Values.Owner == "" {
				t.Errorf("%s, seen %v: %+v, %v", name, seen, mended, err)
			}
			if entry, err := r.start().readEntry(t.Context()); err != nil || !entry.Login.Access.IsZero() {
				t.Errorf("%s, seen %v: a login was written in the place of another person's: %v", name, seen, err)
			}
			if _, err := r.start().Undo(t.Context()); err != nil || !r.entry().Login.SamePair(bob) {
				t.Errorf("%s, seen %v: bob's login does not come back: %v", name, seen, err)
			}
		}
	}
}

// TestMendedInAnotherAccountsDirectory: each directory gets the login that lay there, whichever
// account is active.
func TestMendedInAnotherAccountsDirectory(t *testing.T) {
	for name, spoil := range map[string]func(r *rig, c keychain.Credential){
		"damaged": func(r *rig, _ keychain.Credential) { r.damage(cutOff) },
		"blanked": func(r *rig, c keychain.Credential) {
			c.Access, c.Refresh, c.AccessEnds = secret.String{}, secret.String{}, time.UnixMilli(0)
			r.writeEntry(c)
		},
	} {
		r := newRig(t)
		second := r.twoDirectories()
		spoil(r, second)
		r.mendAll()
		if now := r.entry().Login; now.Account.ID != second.Account.ID {
			t.Errorf("%s: it holds the login of %q now", name, now.Account.ID)
		}
	}
}

// TestMendedMeanwhile: the question whether to mend stood for a while, and Claude Code signed in.
func TestMendedMeanwhile(t *testing.T) {
	for name, spoil := range map[string]func(r *rig){
		"damaged": func(r *rig) { r.damage(cutOff) },
		"blanked": func(r *rig) { r.blanked() },
	} {
		r := newRig(t)
		r.signIn(time.Hour)
		spoil(r)
		e := r.start()
		repairs := e.Repairs(t.Context())
		bob := r.issued("bob@example.com", time.Hour)
		if err := os.Remove(r.entryFile()); err != nil {
			t.Fatal(err)
		}
		r.writeEntry(bob)
		if _, err := e.Mend(t.Context(), repairs); faultOf(err) != FaultMendedOtherwise {
			t.Errorf("%s: %v", name, err)
		}
		if !r.entry().Login.SamePair(bob) {
			t.Errorf("%s: the new login was taken out of the entry", name)
		}
	}
}

// TestStoreIsWholeAgain: the person put the store back out of a backup while the question stood.
func TestStoreIsWholeAgain(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	bob := r.other()
	r.keep("bob", bob)
	if _, err := r.start().Switch(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(r.home, "credentials.json")
	good, err := os.ReadFile(store)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(store, good[:len(good)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	e := r.start()
	repairs := e.Repairs(t.Context())
	if err := os.WriteFile(store, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Mend(t.Context(), repairs); faultOf(err) != FaultMendedOtherwise {
		t.Error(err)
	}
	if c, err := r.vault().load(t.Context(), "bob"); err != nil || !c.SamePair(bob) {
		t.Errorf("the other account's login is out of the store: %v", err)
	}
}

// TestStoreAndEntryAreDamaged: what can be made out in the entry is kept anew, newer or not.
func TestStoreAndEntryAreDamaged(t *testing.T) {
	r := newRig(t)
	newest := r.renewElsewhere(r.signIn(time.Hour))
	r.writeEntry(newest)
	r.damage(cutOff)
	if err := os.WriteFile(filepath.Join(r.home, "credentials.json"), []byte(`{"default":{"acc`), 0o600); err != nil {
		t.Fatal(err)
	}
	r.mendAll()
	if _, err := r.start().Mirror(t.Context()); err != nil {
		t.Error(err)
	}
	if !r.stored().SamePair(newest) || !r.entry().Login.SamePair(newest) {
		t.Error("the newest pair is lost")
	}
}

// TestStoreIsMendedWithOthersTokens: they lie in the entry under our ids, and are not taken for ours.
func TestStoreIsMendedWithOthersTokens(t *testing.T) {
	r := newRig(t)
	ours := r.signIn(time.Hour)
	x := r.issued("x@example.com", 2*time.Hour)
	x.Account = ours.Account
	r.writeEntry(x)
	store, damaged := filepath.Join(r.home, "credentials.json"), `{"default":{"acc`
	if err := os.WriteFile(store, []byte(damaged), 0o600); err != nil {
		t.Fatal(err)
	}
	e := r.start()
	if mended, err := e.Mend(t.Context(), e.Repairs(t.Context())); faultOf(err) != FaultMendedOtherwise {
		t.Errorf("%v, %v", mended, err)
	}
	if text, _ := os.ReadFile(store); string(text) != damaged {
		t.Errorf("the store is %s now", text)
	}
}

// TestDamagedAndDead: nobody can use what lies in the entry, or tell whose it is. Whoever signs
// in anew gets out of it.
func TestDamagedAndDead(t *testing.T) {
	for _, told := range []bool{true, false} {
		r := newRig(t)
		a := r.signIn(time.Hour)
		newest := r.renewElsewhere(a)
		if !told {
			newest.Account.ID, newest.Account.OrganizationID = "", ""
		}
		r.writeEntry(newest)
		r.damage(cutOff)
		if told {
			_, _ = r.start().client.Renew(t.Context(), a.Refresh, nil) // ends the family
		} else {
			r.pass(30 * time.Hour)
		}
		e := r.start()
		if mended, err := e.Mend(t.Context(), e.Repairs(t.Context())); err == nil && r.entry().Login.SamePair(a) {
			t.Errorf("told %v: the spent pair was written: %v", told, mended)
		}
		c := r.issued("a@example.com", time.Hour)
		r.keep("default", c)
		e = r.start()
		if _, err := e.Mend(t.Context(), e.Repairs(t.Context())); err != nil {
			t.Errorf("told %v: %v", told, err)
		}
		if _, err := r.start().Mirror(t.Context()); err != nil || !r.entry().Login.SamePair(c) {
			t.Errorf("told %v: no way out: %v", told, err)
		}
	}
}

// TestMendedAndTakenBackBesides: what stands beside a login in the entry is there after
// `doctor --fix`, after its --undo, and after another one.
func TestMendedAndTakenBackBesides(t *testing.T) {
	const beside = `"trustedDeviceToken":"FAKE-device"`
	for name, spoil := range map[string]func(r *rig, c keychain.Credential){
		"blanked": func(r *rig, c keychain.Credential) { // as the client does: the rest of it stays
			c.Access, c.Refresh, c.AccessEnds = secret.String{}, secret.String{}, time.UnixMilli(0)
			r.writeEntry(c)
		},
		"blanked without ids": func(r *rig, _ keychain.Credential) { r.blanked() },
		"no scopes": func(r *rig, c keychain.Credential) {
			c.Scopes = nil
			r.writeEntry(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c := r.signIn(time.Hour)
			r.damage(func(text string) string { return cutOff(text) + `,` + beside + `}` })
			spoil(r, c)
			still := func(after string) {
				t.Helper()
				if !strings.Contains(r.entryText(), beside) {
					t.Errorf("%s dropped it: %s", after, r.entryText())
				}
			}
			still("the test")
			r.mendAll()
			still("doctor --fix")
			if _, err := r.start().Unmend(t.Context()); err != nil {
				t.Error(err)
			}
			still("doctor --undo")
			if _, err := r.start().Mirror(t.Context()); err != nil {
				t.Error(err)
			}
			still("mirror")
		})
	}
}

// TestUnmendNamesNobodyElse: the person switched since the repair.
func TestUnmendNamesNobodyElse(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	b := r.other()
	r.keep("bob", b)
	if _, err := r.start().Switch(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	r.namedIn(r.claude, r.issued("x@example.com", time.Hour))
	r.mendAll()
	if _, err := r.start().Switch(t.Context(), "bob"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Unmend(t.Context()); faultOf(err) != FaultEntryChangedSince {
		t.Error(err)
	}
	if id, _ := r.start().entry.Identity(); id.AccountID != b.Account.ID {
		t.Error("Claude Code has bob's login, and its state file names another account again")
	}
}

// TestUnmendedEntryIsKnown: what lies in it after --undo is known as it was before, so that a
// sign-out of all leaves no grant of the account's.
func TestUnmendedEntryIsKnown(t *testing.T) {
	for _, mended := range []bool{false, true} {
		r := newRig(t)
		first := r.signIn(time.Hour)
		text := r.entryText()
		r.damage(func(text string) string { return "\xef\xbb\xbf" + text })
		r.keep("default", r.issued("a@example.com", time.Hour))
		r.keep("cat", r.other())
		if mended {
			r.mendAll()
			if _, err := r.start().Unmend(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		r.damage(func(string) string { return text })
		first = r.renewElsewhere(first)
		r.writeEntry(first)
		if _, err := r.start().Switch(t.Context(), "default"); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"cat", "default"} {
			if _, err := r.start().On(name).SignOut(t.Context(), SignOutOptions{All: true}); err != nil {
				t.Fatal(err)
			}
		}
		stored, _ := os.ReadFile(filepath.Join(r.home, "credentials.json"))
		if r.server.Alive(first.Refresh.Reveal()) && strings.Contains(string(stored), first.Refresh.Reveal()) {
			t.Errorf("mended %v: a living grant is in our store after the sign-out of all", mended)
		}
	}
}

// TestSignOutNamesWhatWasMovedAside, also while another account stays.
func TestSignOutNamesWhatWasMovedAside(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	r.keep("bob", r.other())
	if _, err := r.start().Switch(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	r.damage(cutOff)
	r.mendAll()
	steps, err := r.start().On("default").SignOut(t.Context(), SignOutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(steps, func(s Step) bool { return s.Remark == RemarkAsideStays }) {
		t.Errorf("a living pair of the account stays aside, and nobody is told: %+v", steps)
	}
}

// TestDamagedEntryByAnotherName: a link of the person's own, and a file that is mounted, stay
// what they are, and what they lead to is mended and put back.
func TestDamagedEntryByAnotherName(t *testing.T) {
	for name, lead := range map[string]func(t *testing.T, r *rig, target string){
		"link": func(t *testing.T, r *rig, target string) {
			if err := os.Symlink(target, r.entryFile()); err != nil {
				t.Fatal(err)
			}
		},
		"mount": func(t *testing.T, r *rig, target string) {
			if err := os.WriteFile(r.entryFile(), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			testguard.Bind(t, target, r.entryFile())
		},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "mount" && !testguard.Mounting(t) {
				return
			}
			r := newRig(t)
			newest := r.renewElsewhere(r.signIn(time.Hour))
			r.writeEntry(newest)
			target := r.beside("dotfiles")
			r.move(r.entryFile(), target)
			lead(t, r, target)
			damaged := r.damage(cutOff)
			before, err := os.Lstat(r.entryFile())
			if err != nil {
				t.Fatal(err)
			}
			same := func() {
				t.Helper()
				if now, err := os.Lstat(r.entryFile()); err != nil || !os.SameFile(before, now) {
					t.Errorf("it is a file of its own now: %v", err)
				}
			}
			r.mendAll()
			same()
			if !r.entry().Login.SamePair(newest) {
				t.Error("the newest pair is lost")
			}
			if _, err := r.start().Unmend(t.Context()); err != nil {
				t.Error(err)
			}
			same()
			if text, err := os.ReadFile(target); err != nil || string(text) != damaged {
				t.Errorf("undone, it holds %s, %v", text, err)
			}
		})
	}
}

// What is others' than the login's in a damaged entry stays in it as far as it stands whole, and
// what belongs to the account stays beside its login; undoing brings the file back as it was.
func TestDamagedEntryKeepsWhatIsOthers(t *testing.T) {
	for name, f := range map[string]func(string) string{
		"a mark":         func(text string) string { return "\xef\xbb\xbf" + text },
		"a trailing NUL": func(text string) string { return text + "\x00" },
		"a line behind":  func(text string) string { return text + "\nx" },
		"cut":            cutOff,
	} {
		for _, linked := range []bool{false, true} {
			r := newRig(t)
			ours := r.signIn(time.Hour)
			r.besides(map[string]string{"mcpOAuth": "Zoë 🔑", "trustedDeviceToken": "FAKE-device"})
			r.damage(func(text string) string { // the login last, as a client may write it
				login := strings.Index(text, `"claudeAiOauth"`)
				end := strings.Index(text, "},") + 1
				return "{" + text[end+1:len(text)-1] + "," + text[login:end] + "}"
			})
			if linked {
				r.move(r.entryFile(), r.entryFile()+".mine")
				if err := os.Symlink(r.entryFile()+".mine", r.entryFile()); err != nil {
					t.Fatal(err)
				}
			}
			damaged := r.damage(f)
			r.mendAll()
			for _, kept := range []string{`"mcpOAuth":"Zo`, "FAKE-device"} {
				if !strings.Contains(r.entryText(), kept) {
					t.Errorf("%s, linked %v: %s is gone", name, linked, kept)
				}
			}
			if !r.entry().Login.SamePair(ours) {
				t.Errorf("%s, linked %v: the login is gone", name, linked)
			}
			if _, err := r.start().Unmend(t.Context()); err != nil || r.entryText() != damaged {
				t.Errorf("%s, linked %v: undone: %v", name, linked, err)
			}
		}
	}
}
