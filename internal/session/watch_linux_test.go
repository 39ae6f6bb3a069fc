package session

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/ledger"
	"keytender/internal/secret"
	"keytender/keychain"
)

// watching is an installation that watches, with a keychain that would take everything.
func watching(t *testing.T, variables ...string) *rig {
	t.Helper()
	r := newRig(t, variables...)
	if err := r.start().SetWatch(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestWatchOnlyKeepsNoCopy: every call of the engine is made, each with a login at hand, and
// then everything on the disk and the keychain is searched for each token that there was.
func TestWatchOnlyKeepsNoCopy(t *testing.T) {
	r, service := keychainRig(t)
	e := r.start()
	if err := e.SetWatch(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	say := func(Event) {}
	prepared := filepath.Join(t.TempDir(), "prepared.json")
	signedIn := r.issued("a@example.com", 8*time.Hour)
	r.writeEntry(signedIn)
	if err := os.Rename(r.entryFile(), prepared); err != nil {
		t.Fatal(err)
	}
	withClaude(t, fmt.Sprintf(`[ "$1" = --version ] && { echo 2.1.332; exit; }; cp '%s' '%s'`, prepared, r.entryFile()))
	st, err := e.SignInWithClaude(ctx, SignInOptions{}, Terminal{}, say)
	if err != nil || st.State != SignedIn || st.Role != RoleWatch {
		t.Fatalf("through Claude Code: %v, %+v", err, st)
	}
	if token, err := e.Token(ctx, time.Minute); err != nil || !token.Equal(signedIn.Access) {
		t.Errorf("the token of the entry: %v", err)
	}
	r.renewElsewhere(signedIn)
	if err := e.tending().follow(ctx); err != nil {
		t.Errorf("following: %v", err)
	}
	r.tendFor(20 * time.Hour)

	refused := map[string]func() error{
		"SignIn":    func() error { _, err := e.SignIn(ctx, SignInOptions{Paste: make(chan string)}, say); return err },
		"Begin":     func() error { _, err := e.BeginSignIn(ctx, SignInOptions{}, say); return err },
		"Finish":    func() error { _, err := e.FinishSignIn(ctx, make(chan string), say); return err },
		"Renew":     func() error { _, err := e.Renew(ctx, true); return err },
		"Import":    func() error { _, err := e.ImportClaudeCode(ctx, ImportOptions{}); return err },
		"Mirror":    func() error { _, err := e.Mirror(ctx); return err },
		"Plan":      func() error { _, err := e.MirrorPlan(ctx); return err },
		"Undo":      func() error { _, err := e.Undo(ctx); return err },
		"SetMirror": func() error { _, err := e.SetMirror(ctx, true); return err },
		"Switch":    func() error { _, err := e.Switch(ctx, "default"); return err },
		"Export":    func() error { _, _, err := e.ExportToken(ctx, ""); return err },
		"Note":      func() error { return e.NoteExport(ctx, Export{Repo: "o/n"}, false) },
		"CreateKey": func() error {
			_, err := e.CreateAPIKey(ctx, SignInOptions{Paste: make(chan string)}, say)
			return err
		},
		"SetKey": func() error {
			_, err := e.SetAPIKey(ctx, "", secret.New("sk-ant-api03-FAKE-key"))
			return err
		},
		"JSON": func() error {
			_, err := e.ImportJSON(ctx, ImportOptions{},
				secret.New(`{"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE-json"}}`))
			return err
		},
	}
	for name, call := range refused {
		known := &Error{}
		if err := call(); !errors.As(err, &known) || known.Code != "watch-only" || known.Exit != ExitFailed ||
			known.Fault != FaultWatchOnly && known.Fault != FaultNotRenewedHere {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := e.SignOut(ctx, SignOutOptions{Revoke: true}); err != nil {
		t.Errorf("signing out: %v", err)
	}
	if _, err := e.Mend(ctx, e.Repairs(ctx)); err != nil {
		t.Errorf("mending: %v", err)
	}
	e.Examine(ctx)
	e.Why(ctx)
	if _, _, err := e.Probe(ctx); err == nil {
		t.Error("the entry's token has ended, and a test call was made with it")
	}

	if n := service.Calls("CreateItem"); n != 0 {
		t.Errorf("%d records went into the keychain", n)
	}
	if r.server.Count("renew") != 1 || r.server.Count("revoke") != 0 || r.server.Count("exchange") != 0 {
		t.Errorf("sent: %d renewals (Claude Code's is one), %d revocations", r.server.Count("renew"),
			r.server.Count("revoke"))
	}
	secrets := append(r.server.Secrets(), "sk-ant-oat01-FAKE-json", "sk-ant-api03-FAKE-key")
	found := 0
	err = filepath.WalkDir(filepath.Dir(r.claude), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, s := range secrets {
			switch in := strings.Contains(string(text), s); {
			case in && path == r.entryFile():
				found++
			case in:
				t.Errorf("%s holds a copy", path)
			}
		}
		return err
	})
	if err != nil || found == 0 {
		t.Errorf("the sweep: %v, %d found in the entry itself", err, found)
	}
	if l := r.ledger(); len(l.Accounts)+len(l.Chains)+len(l.Places)+len(l.Displaced) != 0 {
		t.Errorf("the ledger: %+v", l)
	}
}

// TestWatchOnlyIsRefusedOverLogins: whatever holds a login stands in the way, and says what
// to do; nothing is changed.
func TestWatchOnlyIsRefusedOverLogins(t *testing.T) {
	for name, c := range map[string]struct {
		keep  func(r *rig)
		fault Fault
	}{
		"an account": {func(r *rig) { r.signIn(time.Hour) }, FaultStillKeeps},
		"a record that the ledger lost": {func(r *rig) {
			r.signIn(time.Hour)
			if err := os.Remove(r.state(ledgerFile)); err != nil {
				r.t.Fatal(err)
			}
		}, FaultStillKeeps},
		"an API key": {func(r *rig) {
			if _, err := r.start().SetAPIKey(r.t.Context(), "ci", secret.New("sk-ant-api03-FAKE-key")); err != nil {
				r.t.Fatal(err)
			}
		}, FaultStillKey},
		"a displaced login": {func(r *rig) {
			r.signIn(time.Hour)
			r.writeEntry(r.other())
			if _, err := r.start().Mirror(r.t.Context()); err != nil {
				r.t.Fatal(err)
			}
			if _, err := r.start().SignOut(r.t.Context(), SignOutOptions{KeepClaudeCode: true}); err != nil {
				r.t.Fatal(err)
			}
		}, FaultStillDisplaced},
		"a lent login": {func(r *rig) {
			w := r.work()
			w.l.Places = append(w.l.Places, &ledger.Place{ID: "/FAKE", Kind: ledger.Lent})
			w.end()
		}, FaultStillLends},
		"what was cut off": {func(r *rig) {
			if err := os.MkdirAll(filepath.Dir(r.state("x")), 0o700); err != nil {
				r.t.Fatal(err)
			}
			if err := os.WriteFile(r.state("spill-a.json.damaged"), []byte("FAKE"), 0o600); err != nil {
				r.t.Fatal(err)
			}
		}, FaultLeftBehind},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c.keep(r)
			known := &Error{}
			if err := r.start().SetWatch(t.Context(), true); !errors.As(err, &known) || known.Code != "watch-keeps" ||
				!strings.Contains(err.Error(), string(c.fault)) {
				t.Errorf("%v, want %s", err, c.fault)
			}
			if role, err := r.start().Role(); err != nil || role.Role != RoleTend {
				t.Errorf("the role is %v, %v", role, err)
			}
			r.environ[roleSetting] = "watch"
			if st := r.start().Status(t.Context()); name != "a record that the ledger lost" &&
				name != "what was cut off" &&
				(st.Problem == nil || st.Problem.Code != "watch-keeps") {
				t.Errorf("KEYTENDER_ROLE alone says nothing of it: %+v", st.Problem)
			}
		})
	}
}

// TestWatchedStates: what the entry tells, and for which the person is needed.
func TestWatchedStates(t *testing.T) {
	hour := time.Now().Add(time.Hour).UnixMilli()
	past := time.Now().Add(-time.Hour).UnixMilli()
	login := func(inner string) string {
		return fmt.Sprintf(`{"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE","scopes":["user:inference"]%s}}`, inner)
	}
	for name, c := range map[string]struct {
		text  string
		state State
		entry EntryState
		valid bool
	}{
		"no entry":         {"", SignedOut, Absent, false},
		"MCP logins alone": {`{"mcpOAuth":{}}`, SignedOut, EntrySignedOut, false},
		"blanked": {
			`{"claudeAiOauth":{"accessToken":"","refreshToken":"","expiresAt":0,"accountUuid":"FAKE"}}`, SignInAgain,
			EntrySignedOut, false},
		"signed in": {login(fmt.Sprintf(`,"refreshToken":"FAKE","expiresAt":%d`, hour)), SignedIn, Off,
			true},
		"the client renews it": {login(fmt.Sprintf(`,"refreshToken":"FAKE","expiresAt":%d`, past)), SignedIn, Off,
			false},
		"without an end":      {login(``), SignedIn, Off, true},
		"access alone, ended": {login(fmt.Sprintf(`,"expiresAt":%d`, past)), SignInAgain, Off, false},
		"the login's end": {login(fmt.Sprintf(`,"refreshToken":"FAKE","expiresAt":%d,"refreshTokenExpiresAt":%d`,
			hour, past)), SignInAgain, Off, true},
		"not accepted": {`{"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE","expiresAt":1}}`, SignInAgain,
			Off, false},
		"damaged": {`{"claudeAiOauth":`, TryLater, Damaged, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := watching(t)
			if c.text != "" {
				if err := os.WriteFile(r.entryFile(), []byte(c.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			st := r.start().Status(t.Context())
			if st.State != c.state || st.ClaudeCode.State != c.entry || st.AccessToken.Valid != c.valid ||
				st.Role != RoleWatch {
				t.Errorf("%s, entry %s, valid %v, problem %+v", st.State, st.ClaudeCode.State, st.AccessToken.Valid,
					st.Problem)
			}
			if (st.State == SignInAgain || st.State == TryLater) != (st.Problem != nil) {
				t.Errorf("the problem is %+v", st.Problem)
			}
			ends, err := r.start().Ends()
			if over := st.State == SignInAgain; err != nil ||
				over != (len(ends) == 1 && !ends[0].EndsAt.After(r.now())) {
				t.Errorf("the ends are %+v, %v", ends, err)
			}
			if g, err := r.start().Glance(nil); err != nil || c.state != TryLater && g.State != c.state {
				t.Errorf("at a glance it is %s, %v", g.State, err)
			}
			if st.Keep() != "" {
				t.Errorf("kept in %s", st.Keep())
			}
		})
	}
}

// TestWatchOnlyEndsAnAttempt: a sign-in that waits for its second step is none any more.
func TestWatchOnlyEndsAnAttempt(t *testing.T) {
	r := newRig(t)
	r.begin(SignInOptions{})
	if err := r.start().SetWatch(t.Context(), true); err != nil || r.waits() {
		t.Errorf("%v, waits %v", err, r.waits())
	}
	if err := r.start().SetWatch(t.Context(), false); err != nil {
		t.Error(err)
	}
	if _, err := r.start().Token(t.Context(), 0); !errors.Is(err, keychain.ErrNotFound) {
		t.Errorf("and back: %v", err)
	}
}
