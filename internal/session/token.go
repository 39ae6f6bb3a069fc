package session

import (
	"context"
	"errors"
	"slices"
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
	look := &work{Engine: n.Engine, l: l}
	name := l.Choose(n.account)
	v := n.vault(l)
	current, err := v.load(ctx, name)
	if err != nil {
		return secret.String{}, look.loadError(v, name, err)
	}
	if n.validFor(current, n.minValid) && n.plausible(current) {
		if look.unfinished(v, name) {
			_ = n.tending().catchUp(ctx, briefly) // or the next call does it
		}
		return current.Access, nil
	}
	if n.askedTooMuch(l.ChainOf(name), current) {
		return current.Access, tooShort(nil)
	}
	renewed, err := n.renew(ctx, need{minValid: n.minValid, seen: pairOf(current)})
	if !n.Tended() { // which does it by itself
		n.lending().bringFar(ctx)
	}
	switch {
	case err == nil && n.validFor(renewed, n.minValid):
		return renewed.Access, nil
	case err == nil:
		err = tooShort(n.noteShort(ctx, name))
	}
	if renewed.Access.IsZero() {
		renewed = current
	}
	if n.validFor(renewed, 0) {
		return renewed.Access, err
	}
	return secret.String{}, err
}

func tooShort(err error) *Error {
	return later("the server gives tokens of a shorter validity than asked for", "ask for less with --min-valid", err)
}

// shortPause is how long a server that granted less than was asked for is not asked again
// while the token lives.
const shortPause = 10 * time.Minute

// askedTooMuch reports whether a renewal would only bring what is here already.
func (n caller) askedTooMuch(c *ledger.Chain, current keychain.Credential) bool {
	if c == nil || c.Short.IsZero() || n.minValid <= n.config.RefreshSkew || !n.validFor(current, n.config.RefreshSkew) || !n.plausible(current) {
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

// loadError is what a record that cannot be loaded means to the person.
func (w *work) loadError(v *vault, account string, err error) error {
	if errors.Is(err, keychain.ErrNotFound) && w.account != "" && w.l.Account(account) == nil {
		return noAccount(account)
	}
	return storeError(v.store.Kind(), err)
}

func noAccount(name string) *Error {
	return failed("no-account", "there is no account "+name, "`keytender accounts` lists them; `keytender login --account "+name+"` adds it", keychain.ErrNotFound)
}

// validFor reports whether the access token lives for at least d from now. One
// without an end of its own counts as ended.
func (e *Engine) validFor(c keychain.Credential, d time.Duration) bool {
	return !c.Access.IsZero() && !c.AccessEnds.IsZero() && c.AccessEnds.Sub(e.wall()) > d
}

// enough reports whether the token need not be renewed for a caller who wants it for
// d. Where the server grants less than twice that, half of its validity is enough:
// otherwise each call would spend a refresh token.
func (e *Engine) enough(c keychain.Credential, d time.Duration) bool {
	if c.Lifetime > 0 {
		d = min(d, c.Lifetime/2)
	}
	return e.validFor(c, d) && e.plausible(c)
}

// plausible is false for a token with more life left than it was given: it was got
// while the clock was ahead, and its stored end says nothing.
func (e *Engine) plausible(c keychain.Credential) bool {
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
	if err != nil {
		return Renewal{}, look.loadError(v, name, err)
	}
	if !before.Refresh.IsZero() && !e.validFor(before, lentLife(l, name, before)) {
		force = true // where it is lent nothing renews it
	}
	if !force && e.validFor(before, e.config.RefreshSkew) && e.plausible(before) {
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
	after, err := e.renew(ctx, need{minValid: e.config.RefreshSkew, seen: pairOf(before), force: force})
	e.lending().bringFar(ctx)
	if err != nil {
		return Renewal{Ends: after.AccessEnds}, err
	}
	// A server may answer with the pair that we had.
	return Renewal{Done: !after.SamePair(before) || after.Issued.After(before.Issued), Adopted: after.Method == adopted, Ends: after.AccessEnds}, nil
}

// adopted marks a pair, in memory alone, that another program got.
const adopted = "adopted"

// briefly is how long a caller who has all that was asked for is kept waiting. Tests
// lengthen it where they look at the one call after a crash.
var briefly = 250 * time.Millisecond

// unfinished reports whether something waits to be finished: a renewal of a process that
// was killed, or a place that could not be written. Until then Claude Code would spend
// its pair's refresh token a second time, which ends the login for both.
func (w *work) unfinished(v *vault, account string) bool {
	c := w.l.ChainOf(account)
	return c == nil || c.Intent != nil || v.spilled(account) || slices.ContainsFunc(w.l.Places, w.canBringUp)
}

// canBringUp reports whether a place is behind and there.
func (w *work) canBringUp(p *ledger.Place) bool {
	if p.Kind == ledger.Lent {
		return !p.Far && w.l.LentBehind(p) && lentWhere(p).isThere()
	}
	if !w.l.Behind(p) {
		return false
	}
	dir := w.directory(p)
	return dir != nil && (p.Gone.IsZero() || dir.Installed())
}

// catchUp finishes for every account what was left half done.
func (t tending) catchUp(ctx context.Context, wait time.Duration) error {
	w, err := t.begin(ctx, wait)
	if err != nil {
		return err
	}
	defer w.end()
	ctx, cancel := context.WithTimeout(ctx, max(wait, time.Second))
	defer cancel()
	return w.finishAll(ctx, wait)
}

// finishAll carries what is behind. Where an account's record cannot be read the others
// are finished all the same.
func (w *work) finishAll(ctx context.Context, wait time.Duration) error {
	var problems []error
	for _, name := range w.accountNames() {
		v := w.vault(w.l)
		if !w.unfinished(v, name) && !w.l.AnyLentBehind() && w.l.Account(name) != nil && len(v.strays(name)) == 0 {
			continue
		}
		r, err := w.renewal(ctx, name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		w.carry(ctx, name, r.current, wait)
	}
	return errors.Join(problems...)
}

// accountNames are those of the ledger, and the one that is worked on where the ledger has
// not heard of it yet.
func (w *work) accountNames() []string {
	names := w.l.Names()
	if len(names) == 0 {
		names = []string{w.l.Choose(w.account)}
	}
	return names
}

// follow takes over, without spending anything, what Claude Code renewed in any entry, and
// brings up what is behind. The menu-bar app calls it when an entry changed.
func (t tending) follow(ctx context.Context) error {
	l, err := t.ledger()
	if err != nil {
		return err
	}
	look := &work{Engine: t.Engine, l: l}
	if len(l.Accounts) == 0 || t.watches(l) || !look.somethingToFollow(ctx) {
		return nil
	}
	w, err := t.begin(ctx, lockWait)
	if err != nil {
		return err
	}
	defer w.end()
	for _, dir := range w.directories() {
		s, err := w.see(ctx, dir, true)
		if err == nil {
			err = w.settle(ctx, &s)
		}
		if err != nil {
			t.log.Warn("an entry could not be followed", "place", dir.ID(), "reason", plain(err))
		}
	}
	return w.finishAll(ctx, entryWait)
}

// somethingToFollow looks without a lock. What cannot be read now is status's business.
func (w *work) somethingToFollow(ctx context.Context) bool {
	for _, name := range w.l.Names() {
		if w.unfinished(w.vault(w.l), name) || w.l.AnyLentBehind() {
			return true
		}
	}
	for _, dir := range w.directories() {
		if s, err := w.see(ctx, dir, true); err == nil && w.news(s) {
			return true
		}
	}
	return false
}

// news reports whether the sighting is other than what the ledger says of the place.
func (w *work) news(s sighting) bool {
	place := w.l.Place(s.dir.ID())
	switch s.Relation {
	case ledger.Unknown:
		return false
	case ledger.Successor:
		return true
	case ledger.Current, ledger.Superseded, ledger.Revoked:
		return place == nil || place.Chain != s.Chain.ID || place.Pair != pairOf(s.entry.Login)
	}
	return place != nil && place.Chain != ""
}
