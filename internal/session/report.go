package session

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"keytender/internal/ledger"
	"keytender/internal/scope"
	"keytender/keychain"
)

// reporting is telling how things stand: the account, its stores and its places.
type reporting struct{ *work }

func (w *work) reporting() reporting { return reporting{w} }

// describe fills in what is known of a login that could be read.
func (w reporting) describe(st *Status, c keychain.Credential, chain *ledger.Chain) {
	pair := pairOf(&c)
	st.State = SignedIn
	st.Email, st.Organization, st.Plan, st.Method = c.Account.Email, c.Account.Organization, c.Account.Plan, c.Method
	st.AccessToken = AccessClock{ExpiresAt: known(c.AccessEnds), Valid: w.validFor(&c, 0),
		Renewable: !c.Refresh.IsZero() && !chain.Dead(pair)}
	st.Login = LoginClock{ExpiresAt: known(c.LoginEnds), Estimated: c.LoginEndsEstimated}
	st.Scopes = append(st.Scopes, c.Scopes...)
	for _, scope := range w.config.Scopes {
		if !slices.Contains(c.Scopes, scope) {
			st.MissingScopes = append(st.MissingScopes, scope)
		}
	}
	again := func(f Fault, v Values) { st.State, st.Problem = SignInAgain, problemOf(againBy(f, v, nil)) }
	var problem *Problem
	if chain.Problem != nil {
		e := errorOf(chain.Problem, ExitTryLater)
		if p := w.l.Place(e.Values.ID); p == nil || !p.Let { // one that was let go of holds nothing up
			problem = problemOf(e)
		}
	}
	switch {
	case chain.Dead(pair):
		again(FaultEnded, Values{})
		if problem != nil && problem.Code == CodeSignInAgain {
			st.Problem = problem // it knows why
		}
	case !st.AccessToken.Valid && c.Refresh.IsZero():
		again(FaultEndedNoRefresh, Values{})
	case !c.LoginEnds.IsZero() && !c.LoginEndsEstimated && !w.wall().Before(c.LoginEnds):
		again(FaultEndedAt, Values{At: c.LoginEnds})
	case chain.ID != "" && w.l.Former(chain, pair) && len(w.l.HeldBy(st.Account)) == 0:
		again(FaultOlderThanRenewal, Values{})
	case problem == nil && !st.AccessToken.Valid && !chain.Blocked(w.wall()).IsZero():
		st.State = TryLater
		text, because := whyOf(chain)
		st.Problem = problemOf(laterBy(FaultWaitsUntil,
			Values{Reason: text, Because: because, At: chain.NotBefore}, nil))
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
		p = failedBy(codeFailed, FaultAsSaid, Values{Reason: err.Error()}, err)
	}
	st.State, st.Problem = TryLater, problemOf(p)
}

// storeStates tells of both stores; the one that is not chosen is not looked at,
// since that could open a dialog.
func (w reporting) storeStates(kept keychain.Store, loadErr error) []StoreState {
	states := []StoreState{{"keychain", StoreNotUsed}, {"file", StoreNotUsed}}
	used := &states[0]
	if kept.Kind() == "file" {
		used = &states[1]
	}
	if w.l.Store == "" && w.config.Store == "auto" && errors.Is(loadErr, keychain.ErrUnavailable) {
		states[1].State = StoreAbsent
	}
	switch {
	case loadErr == nil:
		used.State = StoreOK
	case notThere(loadErr):
		used.State = StoreAbsent
	case errors.Is(loadErr, keychain.ErrLocked), errors.Is(loadErr, keychain.ErrTimedOut):
		used.State = StoreLocked
	case errors.Is(loadErr, keychain.ErrDenied), errors.Is(loadErr, fs.ErrPermission):
		used.State = StoreDenied
	case errors.Is(loadErr, keychain.ErrDamaged):
		used.State = StoreDamaged
	default:
		used.State = StoreUnavailable
	}
	return states
}

// entryState says how an entry stands beside an account's login.
func (w reporting) entryState(s *sighting, account string, current *keychain.Credential) EntryState {
	switch s.Relation {
	case ledger.Absent:
		return Absent
	case ledger.SignedOut:
		return EntrySignedOut
	case ledger.Unknown:
		return UnknownLogin
	case ledger.Current, ledger.Successor, ledger.Superseded, ledger.Revoked, ledger.Stranger: // whose is it?
	}
	if s.Account() != account || s.Chain == nil || account == "" {
		if current.Access.IsZero() || !s.entry.Login.SamePair(*current) {
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

func (w reporting) describeEntry(ctx context.Context, st *Status, ours keychain.Credential) {
	st.ClaudeCode.Mirror = w.mirrors(w.l)
	if w.entryErr != nil {
		st.ClaudeCode.State = Damaged
		if st.Problem == nil {
			st.Problem = problemOf(failedBy(entryCode, FaultNoEntry, Values{Reason: w.entryErr.Error()}, w.entryErr))
		}
		return
	}
	st.ClaudeCode.Place = w.entry.Place()
	st.ClaudeCode.OverriddenBy = append(st.ClaudeCode.OverriddenBy, w.entry.Overrides()...)
	s, err := w.seeOnce(ctx, w.entry)
	blame := func(e *Error) {
		if st.Problem == nil && st.ClaudeCode.Mirror {
			st.Problem = problemOf(e)
		}
	}
	switch {
	case closed(err):
		st.ClaudeCode.State = Busy
		blame(failedAs(entryCode, FaultEntryUnread, storeError("keychain", err)))
		return
	case err != nil:
		st.ClaudeCode.State = Damaged
		if known := errorIn(entryError(err)); known != nil {
			blame(known)
		}
		return
	case !st.ClaudeCode.Mirror:
		st.ClaudeCode.State = Off
		return
	}
	st.ClaudeCode.State = w.entryState(&s, st.Account, &ours)
	if st.ClaudeCode.State == OtherLogin {
		st.ClaudeCode.Whose = w.nameOf(&s)
	}
	accepted, why := s.entry.AcceptedByClient()
	place := w.l.Place(w.entry.ID())
	switch st.ClaudeCode.State {
	case InStep:
		if !accepted {
			st.ClaudeCode.State = Damaged
			if !slices.Contains(ours.Scopes, scope.Inference) { // which would not be written anew
				blame(failedBy(entryCode, FaultNoInference, Values{}, nil))
			}
			blame(failedBy(entryCode, FaultEntryNotAccepted, Values{Because: notAccepted(why)}, nil))
		}
	case Absent, EntrySignedOut:
		// Nobody signed out of a directory that is away, and what was renewed since was not ended.
		c := w.l.ChainOf(st.Account)
		if st.State == SignedIn && place != nil && c != nil &&
			(place.SignedOut && c.Doubted || place.Chain == c.ID && w.entry.Installed()) {
			blame(failedBy(codeSignedOutThere, FaultSignedOutThere, Values{Place: w.entry.Place()}, nil))
		}
	case UnknownLogin:
		blame(unknownLogin(&s))
	case Newer, Older, OtherLogin: // no problem: the state says it all
	case Damaged, Busy, Off: // told above
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
		if st.Problem != nil && slices.Contains([]Code{CodeDamaged, codeUnreadable, CodeRefused}, st.Problem.Code) {
			return ExitFailed
		}
		return ExitTryLater
	case SignedOut: // and what has no state
	}
	return ExitSignedOut
}
