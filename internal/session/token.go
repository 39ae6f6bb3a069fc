package session

import (
	"context"
	"errors"
	"time"

	"keytender/internal/ledger"
	"keytender/internal/secret"
	"keytender/keychain"
)

// caller wants an access token that is valid for some time.
type caller struct {
	*Engine
	minValid time.Duration
}

// Token returns an access token that is valid for minValid. A pair that still is comes
// straight from the store, without a lock or a connection; otherwise it is renewed first.
// When that fails and the stored token has not ended yet, it is returned together with
// the error, which then is a warning.
func (e *Engine) Token(ctx context.Context, minValid time.Duration) (secret.String, error) {
	return caller{e, minValid}.token(ctx)
}

func (n caller) token(ctx context.Context) (secret.String, error) {
	ctx = oneWait(ctx)
	l, err := n.ledger()
	if err != nil {
		return secret.String{}, err
	}
	if n.watches(l) {
		return n.watch().watchedToken(ctx, n.minValid)
	}
	look := &work{Engine: n.Engine, l: n.tending().noteHere(ctx, l, true)}
	name := l.Choose(n.account)
	v := n.vault(l)
	current, err := v.load(ctx, name)
	if err != nil && !v.left { // else a renewal may find it
		return secret.String{}, look.loadError(v, name, err)
	}
	if n.validFor(&current, n.minValid) && n.plausible(&current) {
		if look.following().unfinished(v, name) {
			_ = n.tending().catchUp(ctx, briefly) // or the next call does it
		}
		return current.Access, nil
	}
	if n.askedTooMuch(l.ChainOf(name), &current) {
		return current.Access, tooShort(nil)
	}
	renewed, err := n.renew(ctx, need{minValid: n.minValid, seen: pairOf(&current)})
	if !n.Tended() { // which does it by itself
		n.lending().bringFar(ctx)
	}
	switch {
	case err == nil && n.validFor(&renewed, n.minValid):
		return renewed.Access, nil
	case err == nil:
		err = tooShort(n.noteShort(ctx, name))
	}
	if renewed.Access.IsZero() {
		renewed = current
	}
	if n.validFor(&renewed, 0) {
		return renewed.Access, err
	}
	return secret.String{}, err
}

func tooShort(err error) *Error {
	return laterAs(FaultTooShort, err)
}

// shortPause is how long a server that granted less than was asked for is not asked again
// while the token lives.
const shortPause = 10 * time.Minute

// askedTooMuch reports whether a renewal would only bring what is here already. A token that is about
// to end is renewed.
func (n caller) askedTooMuch(c *ledger.Chain, current *keychain.Credential) bool {
	least := n.config.RefreshSkew
	if current.Lifetime > 0 {
		least = min(least, current.Lifetime/10)
	}
	if c == nil || c.Short.IsZero() || n.minValid < current.Lifetime || !n.validFor(current, least) ||
		!n.plausible(current) {
		return false
	}
	since := n.wall().Sub(c.Short)
	return since >= 0 && since < shortPause
}

func (n caller) noteShort(ctx context.Context, account string) error {
	w, err := n.begin(ctx, lockWait)
	if err != nil {
		return err
	}
	defer w.end()
	if c := w.l.ChainOf(account); c != nil {
		c.Short = w.wall()
	}
	return w.save()
}

// loadError is what a record that cannot be loaded means.
func (w *work) loadError(v *vault, account string, err error) error {
	switch gone := errors.Is(err, keychain.ErrNotFound) && w.l.Account(account) == nil; {
	case gone && w.account != "":
		return noAccount(account)
	case gone && len(w.l.Accounts) > 0:
		return noneActive()
	}
	failure := storeError(v.store.Kind(), err)
	if errors.Is(err, errLacking) {
		failure.Fault, failure.Values.Account = FaultStoreLacks, account
	}
	return failure
}

// noneActive: there are tokens for machines alone, and more than one.
func noneActive() *Error { return failedAs(CodeNoAccount, FaultNoneActive, keychain.ErrNotFound) }

func noAccount(name string) *Error {
	return failedBy(CodeNoAccount, FaultNoAccount, Values{Account: name}, keychain.ErrNotFound)
}

// validFor reports whether the access token lives for at least d from now. One
// without an end of its own counts as ended.
func (e *Engine) validFor(c *keychain.Credential, d time.Duration) bool {
	return !c.Access.IsZero() && !c.AccessEnds.IsZero() && c.AccessEnds.Sub(e.wall()) > d
}

// enough reports whether the token need not be renewed for a caller who wants it for
// d. Where the server grants less than twice that, half of its validity is enough:
// otherwise each call would spend a refresh token.
func (e *Engine) enough(c *keychain.Credential, d time.Duration) bool {
	if c.Lifetime > 0 {
		d = min(d, c.Lifetime/2)
	}
	return e.validFor(c, d) && e.plausible(c)
}

// plausible is false for a token with more life left than it was given: it was got
// while the clock was ahead, and its stored end says nothing.
func (e *Engine) plausible(c *keychain.Credential) bool {
	return c.Lifetime <= 0 || c.AccessEnds.Sub(e.wall()) <= c.Lifetime+5*time.Minute
}

// Renewal is what became of a call to Renew.
type Renewal struct {
	Done    bool      // a new pair is there
	Adopted bool      // it is one that another program got
	DueAt   time.Time // when not done: from when on it will be; zero: it has no refresh token
	Ends    time.Time // end of the access token now at hand
}

// Renew renews the login when it is due, or now with force.
func (e *Engine) Renew(ctx context.Context, force bool) (Renewal, error) {
	ctx = oneWait(ctx)
	l, err := e.ledger()
	if err != nil {
		return Renewal{}, err
	}
	if e.watches(l) {
		return Renewal{}, e.watch().notRenewedHere()
	}
	look := &work{Engine: e, l: l}
	name := l.Choose(e.account)
	v := e.vault(l)
	before, err := v.load(ctx, name)
	if err != nil && !v.left {
		return Renewal{}, look.loadError(v, name, err)
	}
	if !before.Refresh.IsZero() && !e.validFor(&before, lentLife(l, name, &before)) {
		force = true // where it is lent nothing renews it
	}
	force = force || e.owes(l, name) || e.over(l, name, &before)
	if !force && e.validFor(&before, e.config.RefreshSkew) && e.plausible(&before) {
		// What Claude Code renewed is taken over, and what it still lacks is written.
		if err := e.tending().follow(ctx); err != nil {
			e.log.Warn("following Claude Code's entry failed", "reason", plain(err))
		}
		e.lending().bringFar(ctx)
		r := Renewal{Ends: before.AccessEnds}
		if !before.Refresh.IsZero() {
			r.DueAt = before.AccessEnds.Add(-e.config.RefreshSkew)
		}
		return r, nil
	}
	after, err := e.renew(ctx, need{minValid: e.config.RefreshSkew, seen: pairOf(&before), force: force})
	e.lending().bringFar(ctx)
	if err != nil {
		return Renewal{Ends: after.AccessEnds}, err
	}
	// A server may answer with the pair that we had.
	return Renewal{Done: !after.SamePair(before) ||
		after.Issued.After(before.Issued), Adopted: after.Method == keychain.Adopted, Ends: after.AccessEnds}, nil
}

// over is true for a login that is known to have ended while its access token lives on: whoever
// renews it is told so, and a newer pair that lies in an entry is taken over.
func (e *Engine) over(l *ledger.Ledger, account string, current *keychain.Credential) bool {
	chain := l.ChainOf(account)
	if chain == nil {
		return false
	}
	refusal := chain.MaySpend(pairOf(current), e.wall())
	return refusal == ledger.WasRevoked || refusal == ledger.WasLeft
}

// owes is true where a place or the network stopped a renewal, which is told as the login's
// trouble until somebody tries again. The claude program is not asked for that: it uses up the plan.
// And what was sent and never answered is sent again when it must be, not before.
func (e *Engine) owes(l *ledger.Ledger, account string) bool {
	chain := l.ChainOf(account)
	if chain == nil || chain.Problem == nil || chain.Intent != nil || e.config.RefreshWith == "claude" ||
		!chain.Blocked(e.wall()).IsZero() {
		return false
	}
	return chain.Problem.Code == codePlaceUnwritable || chain.Problem.Code == codeTryLater
}

// briefly is how long a caller who has all that was asked for is kept waiting. Tests
// lengthen it where they look at the one call after a crash.
var briefly = 250 * time.Millisecond
