package session

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"keytender/internal/ledger"
	"keytender/keychain"
)

// NoStatus is the status of what could not be looked at.
func NoStatus() Status {
	return Status{SchemaVersion: 1, State: TryLater, Role: RoleTend, Account: "default", Scopes: []string{}, MissingScopes: []string{}, Accounts: []AccountStatus{},
		Places: []PlaceStatus{}, Exports: []Export{}, Stores: []StoreState{{"keychain", "not-used"}, {"file", "not-used"}},
		ClaudeCode: EntryStatus{State: Off, OverriddenBy: []string{}}}
}

// Status tells how the login stands. It makes no connection, takes no lock and never
// fails: what cannot be read is told as a state.
func (e *Engine) Status(ctx context.Context) Status {
	st := NoStatus()
	st.State = SignedOut
	st.Tray.Running = e.Tended()
	st.Exports, _ = e.exports() // a damaged list is doctor's business
	l, err := e.ledger()
	if err != nil {
		blame(&st, err)
		return st
	}
	if e.watches(l) {
		e.watch().describeWatched(ctx, &st, l)
		return st
	}
	st.Account = l.Choose(e.account)
	v := e.vault(l)
	current, storeErr, loadErr := v.loadBoth(ctx, st.Account)
	look := &work{Engine: e, l: l}
	st.Stores = look.storeStates(v, storeErr)
	chain := l.ChainOf(st.Account)
	if chain == nil {
		chain = &ledger.Chain{}
	}
	st.LastChange = chain.Last

	switch {
	case loadErr == nil:
		look.describe(&st, current, chain)
		if storeErr != nil && !errors.Is(storeErr, keychain.ErrNotFound) && st.Problem == nil { // a spilled pair keeps the login alive
			p := storeError(v.store.Kind(), storeErr)
			st.Problem = &Problem{Code: p.Code, Message: "the renewed login waits outside its store: " + p.Message, Hint: p.Hint}
		}
	case errors.Is(loadErr, keychain.ErrNotFound):
		if e.config.Store == "keychain" && errors.Is(storeErr, keychain.ErrUnavailable) {
			p := storeError("keychain", storeErr)
			st.Problem = &Problem{Code: p.Code, Message: p.Message, Hint: p.Hint}
		}
		if e.account != "" && l.Account(e.account) == nil {
			st.Problem = (*Problem)(problemOf(noAccount(e.account)))
		}
	default:
		blame(&st, storeError(v.store.Kind(), loadErr))
	}
	look.describeEntry(ctx, &st, current)
	st.Accounts = look.accountStatuses()
	st.Places = look.placeStatuses(ctx, &st)
	look.describePlaces(&st)
	st.PutBack = look.offerPutBack()
	return st
}

// describe fills in what is known of a login that could be read.
func (w *work) describe(st *Status, c keychain.Credential, chain *ledger.Chain) {
	pair := pairOf(c)
	st.State = SignedIn
	st.Email, st.Organization, st.Plan, st.Method = c.Account.Email, c.Account.Organization, c.Account.Plan, c.Method
	st.AccessToken = AccessClock{ExpiresAt: known(c.AccessEnds), Valid: w.validFor(c, 0), Renewable: !c.Refresh.IsZero() && !chain.Dead(pair)}
	st.Login = LoginClock{ExpiresAt: known(c.LoginEnds), Estimated: c.LoginEndsEstimated}
	st.Scopes = append(st.Scopes, c.Scopes...)
	for _, scope := range w.config.Scopes {
		if !slices.Contains(c.Scopes, scope) {
			st.MissingScopes = append(st.MissingScopes, scope)
		}
	}
	again := func(message string) {
		st.State = SignInAgain
		st.Problem = &Problem{"sign-in-again", message, "sign in again with `keytender login`"}
	}
	problem := (*Problem)(chain.Problem)
	switch {
	case chain.Dead(pair):
		again("the login has ended: the server does not renew it any more")
		if problem != nil && problem.Code == "sign-in-again" {
			st.Problem = problem // it knows why
		}
	case !st.AccessToken.Valid && c.Refresh.IsZero():
		again("the login has ended and holds no refresh token")
	case !c.LoginEnds.IsZero() && !c.LoginEndsEstimated && !w.wall().Before(c.LoginEnds):
		again("the login has ended: it was given until " + c.LoginEnds.Local().Format("2006-01-02 15:04 MST"))
	case problem == nil && !st.AccessToken.Valid && !chain.Blocked(w.wall()).IsZero():
		st.State = TryLater
		st.Problem = &Problem{"try-later", chain.Why, "try again after " + chain.NotBefore.Local().Format("15:04:05 MST") + "; the login is as good as before"}
	case problem != nil:
		st.Problem = problem
		if !st.AccessToken.Valid {
			st.State = TryLater
		}
	}
}

// blame makes an error the status's problem.
func blame(st *Status, err error) {
	p := &Error{}
	if !errors.As(err, &p) {
		p = failed("failed", err.Error(), "", err)
	}
	st.State = TryLater
	st.Problem = &Problem{Code: p.Code, Message: p.Message, Hint: p.Hint}
}

// storeStates tells of both stores; the one that is not chosen is not looked at,
// since that could open a dialog.
func (w *work) storeStates(v *vault, loadErr error) []StoreState {
	states := []StoreState{{"keychain", "not-used"}, {"file", "not-used"}}
	used := &states[0]
	if v.store.Kind() == "file" {
		used = &states[1]
	}
	if w.l.Store == "" && w.config.Store == "auto" && errors.Is(loadErr, keychain.ErrUnavailable) {
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

// entryState says how an entry stands beside an account's login.
func (w *work) entryState(s sighting, account string, current keychain.Credential) EntryState {
	switch s.Relation {
	case ledger.Absent:
		return Absent
	case ledger.SignedOut:
		return EntrySignedOut
	case ledger.Unknown:
		return UnknownLogin
	}
	if s.Account() != account || s.Chain == nil || account == "" {
		if current.Access.IsZero() || !s.entry.Login.SamePair(current) {
			return OtherLogin
		}
		return InStep // the ledger was lost, and the pairs are equal
	}
	switch {
	case s.Relation == ledger.Successor:
		return Newer
	case s.Relation == ledger.Current && s.Chain == w.l.ChainOf(account):
		if s.Chain.Left(pairOf(current)) {
			return Newer // our store was put back to an older state
		}
		return InStep
	}
	return Older
}

func (w *work) describeEntry(ctx context.Context, st *Status, ours keychain.Credential) {
	st.ClaudeCode.Mirror = w.mirrors(w.l)
	if w.entryErr != nil {
		st.ClaudeCode.State = Damaged
		if st.Problem == nil {
			st.Problem = &Problem{"claude-code-entry", w.entryErr.Error(), "`keytender doctor` says more"}
		}
		return
	}
	st.ClaudeCode.Place = w.entry.Place()
	st.ClaudeCode.OverriddenBy = append(st.ClaudeCode.OverriddenBy, w.entry.Overrides()...)
	s, err := w.seeOnce(ctx, w.entry)
	blame := func(code, message, hint string) {
		if st.Problem == nil && st.ClaudeCode.Mirror {
			st.Problem = &Problem{code, message, hint}
		}
	}
	switch {
	case closed(err):
		st.ClaudeCode.State = Busy
		why := storeError("keychain", err)
		blame("claude-code-entry", "Claude Code's entry cannot be read: "+why.Message, why.Hint)
		return
	case err != nil:
		st.ClaudeCode.State = Damaged
		blame("claude-code-entry", "Claude Code's entry cannot be used: "+err.Error(),
			"nothing in it was changed; `keytender doctor --fix` moves it aside, then sign in again in Claude Code or run `keytender mirror`")
		return
	case !st.ClaudeCode.Mirror:
		st.ClaudeCode.State = Off
		return
	}
	st.ClaudeCode.State = w.entryState(s, st.Account, ours)
	if st.ClaudeCode.State == OtherLogin {
		st.ClaudeCode.Whose = w.nameOf(s)
	}
	accepted, why := s.entry.AcceptedByClient()
	place := w.l.Place(w.entry.ID())
	switch st.ClaudeCode.State {
	case InStep:
		if !accepted {
			st.ClaudeCode.State = Damaged
			blame("claude-code-entry", "Claude Code does not accept its entry: "+why, "`keytender mirror` writes it anew")
		}
	case Absent, EntrySignedOut:
		if st.State == SignedIn && place != nil && (place.SignedOut || place.Chain != "") {
			blame("signed-out-there", "Claude Code was signed out, and has asked the server to end this login too ("+w.entry.Place()+")",
				"`keytender refresh --force` finds out whether it still lives; else sign in again with `keytender login`")
		}
	case UnknownLogin:
		p := unknownLogin(s)
		blame(p.Code, p.Message, p.Hint)
	}
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
