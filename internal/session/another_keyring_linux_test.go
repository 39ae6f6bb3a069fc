package session

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"keytender/internal/ledger"
	"keytender/internal/secret"
	"keytender/internal/testbus"
	"keytender/keychain"
)

// otherKeyring puts an empty Secret Service in the place of the one that holds all records. back
// brings that one again.
func otherKeyring(t *testing.T, begin func(*rig)) (r *rig, back func() *testbus.Service) {
	t.Helper()
	address := testbus.Start(t)
	first := testbus.Serve(t, address)
	r = newRig(t, "KEYTENDER_STORE=keychain")
	begin(r)
	gone := func(s *testbus.Service) *testbus.Service {
		s.Leave()
		bus, err := dbus.Connect(address)
		if err != nil {
			t.Fatal(err)
		}
		defer bus.Close()
		for owned := true; owned; {
			if err := bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0,
				"org.freedesktop.secrets").Store(&owned); err != nil {
				t.Fatal(err)
			}
		}
		return testbus.Serve(t, address)
	}
	other := gone(first)
	return r, func() *testbus.Service {
		again := gone(other)
		for line := range strings.Lines(first.Text()) {
			user, text, _ := strings.Cut(strings.TrimSpace(line), " ")
			again.Put(user, text)
		}
		return again
	}
}

// A keyring that lacks what was written into it says nothing of it: nobody is signed out.
func TestAnotherKeyringAnswers(t *testing.T) {
	var login keychain.Credential
	r, back := otherKeyring(t, func(r *rig) { login = r.signIn(time.Hour) })
	st := r.start().Status(t.Context())
	_, err := r.start().Token(t.Context(), time.Minute)
	if exitOf(err) != ExitTryLater || faultOf(err) != FaultStoreLacks || st.State != TryLater || st.Problem == nil ||
		st.Problem.Code != CodeUnavailable {
		t.Errorf("token: %v; status: %s, %+v", err, st.State, st.Problem)
	}
	if err := r.start().RenameAccount(t.Context(), "default", "work"); faultOf(err) != FaultStoreLacks {
		t.Errorf("renamed: %v", err)
	}
	back()
	if token, err := r.start().Token(t.Context(), time.Minute); err != nil || !token.Equal(login.Access) {
		t.Errorf("the first is back: %v", err)
	}
}

// The person signs in meanwhile, as the hint says. The former login, which is there again after
// that, is told of.
func TestSignedInWhileAnotherKeyringAnswers(t *testing.T) {
	r, back := otherKeyring(t, func(r *rig) { r.keep("default", r.issued("a@example.com", -time.Minute)) })
	r.keep("default", r.issued("a@example.com", -time.Minute))
	if _, err := r.start().Token(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	back()
	_, err := r.start().Token(t.Context(), time.Minute)
	if st := r.start().Status(t.Context()); exitOf(err) != ExitSignInAgain || st.State != SignInAgain {
		t.Errorf("token: %v; status: %s, %+v", err, st.State, st.Problem)
	}
	r.reused()
}

// The person leaves the keychain meanwhile. What it lacks is looked for there later.
func TestStoreLeftWhileAnotherKeyringAnswers(t *testing.T) {
	r, back := otherKeyring(t, func(r *rig) {
		r.keep("second", r.issued("second@example.com", time.Hour))
		r.keep("default", r.issued("default@example.com", time.Hour))
	})
	r.environ["KEYTENDER_STORE"] = "file"
	r.keep("default", r.issued("default@example.com", time.Hour))
	service := back()
	if _, err := r.vault().load(t.Context(), "second"); err != nil {
		t.Errorf("the other account's login: %v", err)
	}
	for _, name := range []string{"default", "second"} {
		if _, err := r.start().On(name).SignOut(t.Context(), SignOutOptions{}); err != nil {
			t.Error(err)
		}
	}
	if strings.Contains(service.Text(), "FAKE") {
		t.Errorf("signed out, and the keychain holds: %s", service.Text())
	}
}

// A sign-out names what it could not find. The next one takes it out, or gives it up where it is
// not there again: the keyring was made anew. Signing in helps then.
func TestSignOutWhileAnotherKeyringAnswers(t *testing.T) {
	for _, again := range []bool{true, false} {
		r, back := otherKeyring(t, func(r *rig) {
			r.writeEntry(r.issued("stranger@example.com", time.Hour))
			r.signIn(time.Hour)
		})
		_, err := r.start().SignOut(t.Context(), SignOutOptions{})
		if exitOf(err) != ExitFailed || r.ledger().Account("default") == nil {
			t.Errorf("signed out: %v, accounts %v", err, r.ledger().Names())
		}
		if again {
			service := back()
			if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); err != nil {
				t.Error(err)
			}
			if strings.Contains(service.Text(), "default..") {
				t.Errorf("signed out, and the keychain holds: %s", service.Text())
			}
			continue
		}
		if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); err != nil || len(r.ledger().Accounts) > 0 {
			t.Errorf("given up: %v, accounts %v", err, r.ledger().Names())
		}
		login := r.signIn(time.Hour)
		if token, err := r.start().Token(t.Context(), time.Minute); err != nil || !token.Equal(login.Access) {
			t.Errorf("signed in again: %v", err)
		}
	}
}

// Only the account's own record is waited for: one that was displaced is told, and the account is gone.
func TestSignOutWhereADisplacedLoginIsLacking(t *testing.T) {
	take := func(r *rig, what ledger.ChangeKind) {
		w := r.work()
		defer w.end()
		_, _, err := w.takingIn().takeIn(t.Context(), takenIn{account: "default",
			c: r.issued("a@example.com", time.Hour), what: what, activate: true})
		r.must(err)
	}
	r, _ := otherKeyring(t, func(r *rig) {
		take(r, ledger.ChangeSignedIn)
		take(r, ledger.ChangeImported)
	})
	take(r, ledger.ChangeSignedIn)
	_, err := r.start().SignOut(t.Context(), SignOutOptions{})
	if err == nil || strings.Contains(err.Error(), string(FaultStoreLacks)) { // which is about an account's own
		t.Errorf("told: %v", err)
	}
	if st := r.start().Status(t.Context()); st.State != SignedOut || len(r.ledger().Accounts) > 0 {
		t.Errorf("%v: %v, accounts %v", err, st.State, r.ledger().Names())
	}
	if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); err != nil {
		t.Error(err)
	}
}

// The keyring is back that holds a login which the account left meanwhile. It is as if it were not there:
// never given out, never sent, and what Claude Code has of the account's own is taken over.
func TestALoginThatWasLeftIsBack(t *testing.T) {
	signOut := func(o SignOutOptions) func(*rig) {
		return func(r *rig) {
			for range 2 { // told, and given up
				_, _ = r.start().On("default").SignOut(r.t.Context(), o)
			}
			if r.ledger().Account("default") != nil {
				r.t.Fatal("not given up")
			}
		}
	}
	signIn := func(r *rig) keychain.Credential { return r.signIn(time.Hour) }
	bob := func(r *rig) keychain.Credential {
		login := r.issued("b@example.com", time.Hour)
		r.keep("default", login)
		_, err := r.start().Mirror(r.t.Context())
		r.must(err)
		return login
	}
	for name, way := range map[string]struct {
		leave func(*rig)
		next  func(*rig) keychain.Credential // nil: nobody has the name
	}{
		"signed out":                 {signOut(SignOutOptions{}), nil},
		"signed out of one of two":   {signOut(SignOutOptions{}), nil},
		"signed in again":            {signOut(SignOutOptions{}), signIn},
		"another person signs in":    {signOut(SignOutOptions{}), bob},
		"another person's, replaced": {func(*rig) {}, bob},
		"left with Claude Code": {signOut(SignOutOptions{KeepClaudeCode: true}), func(r *rig) keychain.Credential {
			home := r.claude
			r.goTo(r.mkdir("work"))
			login := r.signIn(time.Hour)
			work := r.claude
			r.goTo(home)
			r.writeEntry(r.renewElsewhere(r.entry().Login))
			r.goTo(work)
			return login
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var left keychain.Credential
			r, back := otherKeyring(t, func(r *rig) {
				left = r.signIn(time.Hour)
				if name == "signed out of one of two" {
					r.keep("second", r.other())
				}
			})
			r.t = t
			way.leave(r)
			var own keychain.Credential
			if way.next != nil {
				own = way.next(r)
			}
			service := back()
			if way.next == nil {
				if token, err := r.start().On("default").Token(t.Context(), time.Minute); err == nil {
					t.Errorf("signed out, and a token is given out: %v", token.Equal(left.Access))
				}
				_, err := r.start().On("default").SignOut(t.Context(), SignOutOptions{Revoke: true})
				if strings.Contains(service.Text(), "default..") {
					t.Errorf("signed out again: %v; the keychain holds: %s", err, service.Text())
				}
				return
			}
			if token, err := r.start().Token(t.Context(), time.Minute); err != nil || !token.Equal(own.Access) {
				t.Errorf("token: %v, that which was left %v", err, token.Equal(left.Access))
			}
			r.pass(2 * time.Hour)
			if _, err := r.start().Token(t.Context(), time.Minute); err != nil || r.posts() == 0 {
				t.Errorf("renewed: %v", err)
			}
			if a := r.ledger().Account("default"); a.Person.Email != own.Account.Email {
				t.Errorf("the account is %s's", a.Person.Email)
			}
			if name != "left with Claude Code" && r.server.Spent(left.Refresh.Reveal()) {
				t.Error("the login that was left was spent")
			}
			r.lives(own)
			r.alive(r.entry().Login)
			r.reused()
		})
	}
}

// Nothing of the account lies anywhere: it is told as what the keychain does not hold, and goes at a sign-out.
func TestALoginThatWasLeftIsAllThereIs(t *testing.T) {
	r, back := otherKeyring(t, func(r *rig) { r.signIn(time.Hour) })
	r.keep("default", r.issued("b@example.com", time.Hour))
	service := back()
	e := r.start()
	_, renewErr := e.Renew(t.Context(), true)
	_, mirrorErr := e.Mirror(t.Context())
	_, _, exportErr := e.ExportToken(t.Context(), "default")
	_, err := e.Token(t.Context(), time.Minute)
	for _, err := range []error{err, renewErr, mirrorErr, exportErr} {
		if exitOf(err) != ExitTryLater || !errors.Is(err, errLacking) {
			t.Error(err)
		}
	}
	if st := e.Status(t.Context()); st.State != TryLater || st.Problem == nil || st.Problem.Code != CodeUnavailable {
		t.Errorf("status: %s, %+v", st.State, st.Problem)
	}
	if r.posts() != 0 {
		t.Error("it was sent")
	}
	for again := range 2 {
		if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); (err == nil) != (again == 1) {
			t.Errorf("sign-out %d: %v", again+1, err)
		}
	}
	if strings.Contains(service.Text(), "default..") {
		t.Errorf("signed out, and the keychain holds: %s", service.Text())
	}
}

// The login lies in Claude Code's entry, which does not tell all of it: it is taken over from there, and what
// was known of it stays. The next time that it is lacking is told again.
func TestTakenOverWhereTheKeychainLacksTheLogin(t *testing.T) {
	for name, take := range map[string]func(*rig, keychain.Credential) error{
		"imported": func(r *rig, login keychain.Credential) error {
			r.writeEntry(login)
			_, err := r.start().ImportClaudeCode(r.t.Context(), ImportOptions{})
			return err
		},
		"renewed by Claude Code": func(r *rig, login keychain.Credential) error {
			r.writeEntry(r.renewElsewhere(login))
			return r.start().tending().follow(r.t.Context())
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := otherKeyring(t, func(r *rig) { r.signIn(time.Hour) })
			r.t = t
			login, before := r.entry().Login, r.ledger().Account("default")
			if name == "imported" { // a sign-out takes it out of the entry
				if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); err == nil {
					t.Error("signed out")
				}
			}
			login.Account = keychain.Account{}
			r.must(take(r, login))
			c, after := r.stored(), r.ledger().Account("default")
			if !c.SamePair(r.entry().Login) {
				t.Error("it was not taken over")
			}
			if after.Lacking || after.Person != before.Person || after.Plan != before.Plan ||
				after.Organization != before.Organization || !after.LoginEnds.Equal(before.LoginEnds) ||
				after.LoginEstimated != before.LoginEstimated {
				t.Errorf("%+v, %+v before", after, before)
			}
			if personOf(c.Account) != before.Person || !c.LoginEnds.Equal(before.LoginEnds) {
				t.Errorf("the record has %v, %v", c.Account, c.LoginEnds)
			}
			w := r.work()
			defer w.end()
			if name, _, err := w.takingIn().signsInTo(t.Context(), "", r.issued("a@example.com", time.Hour), false,
				false); err != nil || name != "default" {
				t.Errorf("the person signs in to %q, %v", name, err)
			}
		})
	}
}

// What was displaced can be put back as soon as the keyring that holds it is there again.
func TestUndoWhileAnotherKeyringAnswers(t *testing.T) {
	var stranger keychain.Credential
	r, back := otherKeyring(t, func(r *rig) {
		stranger = r.issued("stranger@example.com", time.Hour)
		r.writeEntry(stranger)
		r.signIn(time.Hour)
	})
	if _, err := r.start().Undo(t.Context()); faultOf(err) != FaultDisplacedLacks {
		t.Errorf("undone: %v", err)
	}
	back()
	if _, err := r.start().Undo(t.Context()); err != nil || !r.entry().Login.SamePair(stranger) {
		t.Errorf("undone when it was back: %v", err)
	}
}

// A displaced login that is lacking for good is given up as the hint says, and the keyring is named.
func TestADisplacedLoginThatIsLackingIsGivenUp(t *testing.T) {
	r, _ := otherKeyring(t, func(r *rig) {
		r.writeEntry(r.issued("stranger@example.com", time.Hour))
		r.signIn(time.Hour)
	})
	_, err := r.start().Undo(t.Context())
	known := &Error{}
	if !errors.As(err, &known) || known.Values.ID == "" {
		t.Fatalf("undone: %v", err)
	}
	p, err := r.start().ForgetPlace(t.Context(), known.Values.ID)
	if err != nil || p.Because == nil || p.Because.Remark != RemarkRecordGivenUp {
		t.Errorf("given up: %v, told %+v", err, p.Because)
	}
	if offer := r.start().Status(t.Context()).PutBack; offer != nil {
		t.Error("it is offered on")
	}
}

// A displaced login of the account goes with it: while the account is kept for the keyring that has both,
// so is the other, and one that the keyring took along for good is given up together with the account.
func TestSignOutOfADisplacedLoginThatIsLacking(t *testing.T) {
	for _, again := range []bool{true, false} {
		r, back := otherKeyring(t, func(r *rig) {
			for range 2 {
				w := r.work()
				_, _, err := w.takingIn().takeIn(t.Context(), takenIn{account: "default",
					c: r.issued("a@example.com", time.Hour), what: ledger.ChangeImported, activate: true})
				w.end()
				r.must(err)
			}
		})
		if _, err := r.start().SignOut(t.Context(), SignOutOptions{}); exitOf(err) != ExitFailed {
			t.Error(err)
		}
		text := func() string { return "" }
		if again {
			text = back().Text
		}
		_, err := r.start().SignOut(t.Context(), SignOutOptions{})
		if err != nil || strings.Contains(text(), "FAKE") || len(r.ledger().Displaced) > 0 {
			t.Errorf("again %t: %v, the ledger has %d, the keychain holds: %s", again, err,
				len(r.ledger().Displaced), text())
		}
	}
}

// What a mirror displaced is told of at a sign-out, although the keyring that holds it is away.
func TestSignOutTellsOfADisplacedLoginThatIsLacking(t *testing.T) {
	r, _ := otherKeyring(t, func(r *rig) {
		r.writeEntry(r.issued("stranger@example.com", time.Hour))
		r.signIn(time.Hour)
	})
	steps, _ := r.start().SignOut(t.Context(), SignOutOptions{})
	if !slices.ContainsFunc(steps, func(s Step) bool { return s.Remark == RemarkDisplacedKept }) {
		t.Errorf("told: %+v", steps)
	}
}

// An API key is looked for as a login is, and neither read nor removed where another keyring answers; one
// that is stored again takes its place.
func TestAPIKeyWhileAnotherKeyringAnswers(t *testing.T) {
	key := secret.New("sk-ant-api03-FAKE-key-FAKE-key")
	for _, anew := range []bool{true, false} {
		r, back := otherKeyring(t, func(r *rig) {
			_, err := r.start().SetAPIKey(t.Context(), "default", key)
			r.must(err)
		})
		_, err := r.start().APIKey(t.Context(), "default")
		if removed := r.start().RemoveAPIKey(t.Context(), "default"); exitOf(err) != ExitTryLater ||
			faultOf(err) != FaultKeyLacks || faultOf(removed) != FaultKeyLacks {
			t.Errorf("read: %v, removed: %v", err, removed)
		}
		if anew {
			_, err := r.start().SetAPIKey(t.Context(), "default", key)
			r.must(err)
		} else {
			back()
		}
		if now, err := r.start().APIKey(t.Context(), "default"); err != nil || !now.Equal(key) {
			t.Errorf("stored anew %t: %v", anew, err)
		}
		r.must(r.start().RemoveAPIKey(t.Context(), "default"))
	}
}

// The state folder was lost, and a keychain cannot be listed: what lies in it under the name that a login is to
// have is not written over. Another person's is refused, the person's own is kept.
func TestRecordThatNobodyListsIsKept(t *testing.T) {
	address := testbus.Start(t)
	service := testbus.Serve(t, address)
	for _, name := range []string{"ann", ""} {
		for _, as := range []string{"a@example.com", "b@example.com"} {
			r := newRig(t, "KEYTENDER_STORE=keychain")
			former := r.issued("a@example.com", time.Hour)
			r.keep(cmp.Or(name, "default"), former)
			r.must(os.RemoveAll(r.state("")))
			_, err := r.start().ImportJSON(t.Context(), ImportOptions{Account: name}, asJSON(r.issued(as, time.Hour)))
			if refused := name != "" && as == "b@example.com"; (exitOf(err) != 0) != refused {
				t.Errorf("%q as %s: %v", name, as, err)
			}
			if !strings.Contains(service.Text(), former.Refresh.Reveal()) {
				t.Errorf("%q as %s: the record is gone", name, as)
			}
		}
	}
}
