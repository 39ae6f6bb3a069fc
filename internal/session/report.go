package session

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"keytender/keychain"
)

// TrayLock is the file in the state folder that the running menu-bar app holds.
const TrayLock = "tray.lock"

// NoStatus is the status of what could not be looked at.
func NoStatus() Status {
	return Status{SchemaVersion: 1, State: TryLater, Account: "default", Scopes: []string{}, MissingScopes: []string{}, Accounts: []string{}, Exports: []Export{},
		Stores:     []StoreState{{"keychain", "not-used"}, {"file", "not-used"}},
		ClaudeCode: EntryStatus{State: "off", OverriddenBy: []string{}}}
}

// Status tells how the active login stands. It makes no connection, takes no lock
// and never fails: what cannot be read is told as a state.
func (e *Engine) Status(ctx context.Context) Status {
	st := NoStatus()
	st.State = SignedOut
	st.Tray.Running = e.trayRuns()
	st.Exports, _ = e.exports() // a damaged list is doctor's business
	s, err := e.settings()
	if err != nil {
		e.blame(&st, err)
		return st
	}
	st.Account = s.account("")
	st.Accounts = append(st.Accounts, s.Accounts...)
	current, storeErr, loadErr := e.loadBoth(ctx, s, st.Account)
	st.Stores = e.storeStates(s, storeErr)
	j, journalErr := e.journal()
	if journalErr != nil {
		j = journal{Chains: map[string]*chain{}}
	}
	chain := j.chainOf(st.Account)
	st.LastChange = chain.Last

	switch {
	case loadErr == nil:
		e.describe(&st, current, chain)
		if storeErr != nil && !errors.Is(storeErr, keychain.ErrNotFound) && st.Problem == nil { // a spilled pair keeps the login alive
			p := storeError(e.store(s).Kind(), storeErr)
			st.Problem = &Problem{Code: p.Code, Message: "the renewed login waits outside its store: " + p.Message, Hint: p.Hint}
		}
	case errors.Is(loadErr, keychain.ErrNotFound):
		if e.config.Store == "keychain" && errors.Is(storeErr, keychain.ErrUnavailable) {
			p := storeError("keychain", storeErr)
			st.Problem = &Problem{Code: p.Code, Message: p.Message, Hint: p.Hint}
		}
	default:
		e.blame(&st, storeError(e.store(s).Kind(), loadErr))
	}
	if journalErr != nil {
		e.blame(&st, journalErr)
	}
	e.describeEntry(ctx, &st, s, current, chain)
	return st
}

// describe fills in what is known of a login that could be read.
func (e *Engine) describe(st *Status, c keychain.Credential, chain *chain) {
	st.State = SignedIn
	st.Email, st.Organization, st.Plan, st.Method = c.Account.Email, c.Account.Organization, c.Account.Plan, c.Method
	st.AccessToken = AccessClock{ExpiresAt: known(c.AccessEnds), Valid: e.validFor(c, 0), Renewable: !c.Refresh.IsZero() && !chain.dead(c.Refresh)}
	st.Login = LoginClock{ExpiresAt: known(c.LoginEnds), Estimated: c.LoginEndsEstimated}
	st.Scopes = append(st.Scopes, c.Scopes...)
	for _, scope := range e.config.Scopes {
		if !slices.Contains(c.Scopes, scope) {
			st.MissingScopes = append(st.MissingScopes, scope)
		}
	}
	switch {
	case chain.dead(c.Refresh):
		st.State = SignInAgain
		st.Problem = &Problem{"sign-in-again", "the login has ended: the server does not renew it any more", "sign in again with `keytender login`"}
		if chain.Problem != nil && chain.Problem.Code == "sign-in-again" {
			st.Problem = chain.Problem // it knows why
		}
	case !st.AccessToken.Valid && c.Refresh.IsZero():
		st.State = SignInAgain
		st.Problem = &Problem{"sign-in-again", "the login has ended and holds no refresh token", "sign in again with `keytender login`"}
	case chain.Problem == nil && !st.AccessToken.Valid && !chain.blocked(e.wall()).IsZero():
		st.State = TryLater
		st.Problem = &Problem{"try-later", chain.Why, "try again after " + chain.NotBefore.Local().Format("15:04:05") + "; the login is as good as before"}
	case chain.Problem != nil:
		st.Problem = chain.Problem
		if !st.AccessToken.Valid {
			st.State = TryLater
		}
	}
}

// blame makes an error the status's problem.
func (e *Engine) blame(st *Status, err error) {
	p := &Error{}
	if !errors.As(err, &p) {
		p = failed("failed", err.Error(), "", err)
	}
	st.State = TryLater
	st.Problem = &Problem{Code: p.Code, Message: p.Message, Hint: p.Hint}
}

// storeStates tells of both stores; the one that is not chosen is not looked at,
// since that could open a dialog.
func (e *Engine) storeStates(s settings, loadErr error) []StoreState {
	states := []StoreState{{"keychain", "not-used"}, {"file", "not-used"}}
	used := &states[0]
	if e.store(s).Kind() == "file" {
		used = &states[1]
	}
	if s.Store == "" && e.config.Store == "auto" && errors.Is(loadErr, keychain.ErrUnavailable) {
		states[1].State = "absent"
	}
	switch {
	case loadErr == nil:
		used.State = "ok"
	case errors.Is(loadErr, keychain.ErrNotFound):
		used.State = "absent"
	case errors.Is(loadErr, keychain.ErrLocked), errors.Is(loadErr, keychain.ErrTimedOut):
		used.State = "locked"
	case errors.Is(loadErr, keychain.ErrDenied), errors.Is(loadErr, fs.ErrPermission):
		used.State = "denied"
	case errors.Is(loadErr, keychain.ErrDamaged):
		used.State = "damaged"
	default:
		used.State = "unavailable"
	}
	return states
}

func (e *Engine) describeEntry(ctx context.Context, st *Status, s settings, ours keychain.Credential, c *chain) {
	st.ClaudeCode.Mirror = e.mirrors(s)
	if e.entryErr != nil {
		st.ClaudeCode.State = "damaged"
		if st.Problem == nil {
			st.Problem = &Problem{"claude-code-entry", e.entryErr.Error(), "`keytender doctor` says more"}
		}
		return
	}
	st.ClaudeCode.Place = e.entry.Place()
	st.ClaudeCode.OverriddenBy = append(st.ClaudeCode.OverriddenBy, e.entry.Overrides()...)
	entry, err := e.readEntry(ctx)
	switch {
	case closed(err):
		st.ClaudeCode.State = "busy"
		if st.Problem == nil && st.ClaudeCode.Mirror {
			why := storeError("keychain", err)
			st.Problem = &Problem{"claude-code-entry", "Claude Code's entry cannot be read: " + why.Message, why.Hint}
		}
	case err != nil:
		st.ClaudeCode.State = "damaged"
		if st.Problem == nil && st.ClaudeCode.Mirror {
			st.Problem = &Problem{"claude-code-entry", "Claude Code's entry cannot be used: " + err.Error(),
				"nothing of it was changed; repair or move it away, then sign in again in Claude Code or run `keytender mirror`"}
		}
	case !st.ClaudeCode.Mirror:
		st.ClaudeCode.State = "off"
	default:
		st.ClaudeCode.State = e.relate(entry, ours, c)
		if accepted, why := entry.AcceptedByClient(); st.ClaudeCode.State == "in-step" && !accepted {
			st.ClaudeCode.State = "damaged"
			if st.Problem == nil {
				st.Problem = &Problem{"claude-code-entry", "Claude Code does not accept its entry: " + why, "`keytender mirror` writes it anew"}
			}
		}
	}
}

func (e *Engine) trayRuns() bool {
	l := flock.New(e.statePath(TrayLock), flock.SetFlag(0), flock.SetPermissions(0o600))
	defer l.Close()
	free, err := l.TryRLock()
	return err == nil && !free
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

// Exit is the exit code that says the same as the status.
func (st Status) Exit() int {
	switch st.State {
	case SignedIn:
		return 0
	case SignInAgain:
		return ExitSignInAgain
	case TryLater:
		if st.Problem != nil && slices.Contains([]string{"damaged", "unreadable", "refused"}, st.Problem.Code) {
			return ExitFailed
		}
		return ExitTryLater
	}
	return ExitSignedOut
}
