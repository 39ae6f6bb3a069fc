package session

import (
	"context"
	"errors"
	"time"

	"keytender/internal/secret"
	"keytender/keychain"
)

// Token returns an access token that is valid for minValid. A pair that still is
// comes straight from the store, without a lock or a connection; otherwise it is
// renewed first. When that fails and the stored token has not ended yet, it is
// returned together with the error, which then is a warning.
func (e *Engine) Token(ctx context.Context, minValid time.Duration) (secret.String, error) {
	s, err := e.settings()
	if err != nil {
		return secret.String{}, err
	}
	current, err := e.load(ctx, s, s.account(""))
	if err != nil {
		return secret.String{}, storeError(e.store(s).Kind(), err)
	}
	if e.validFor(current, minValid) {
		return current.Access, nil
	}
	renewed := current
	if !e.enough(current, minValid) {
		renewed, err = e.renew(ctx, need{minValid: minValid})
	}
	switch {
	case err == nil && e.validFor(renewed, minValid):
		return renewed.Access, nil
	case err == nil:
		err = later("the server gives tokens of a shorter validity than asked for", "ask for less with --min-valid", nil)
	}
	if renewed.Access.IsZero() {
		renewed = current
	}
	if e.validFor(renewed, 0) {
		return renewed.Access, err
	}
	return secret.String{}, err
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
	return e.validFor(c, d)
}

// Renewal is what became of a call to Renew.
type Renewal struct {
	Done    bool      // a new pair is there
	Adopted bool      // it is one that another program got
	DueAt   time.Time // when not done: from when on it will be
	Ends    time.Time // end of the access token now at hand
}

// Renew renews the active login when it is due, or now with force.
func (e *Engine) Renew(ctx context.Context, force bool) (Renewal, error) {
	s, err := e.settings()
	if err != nil {
		return Renewal{}, err
	}
	before, err := e.load(ctx, s, s.account(""))
	if err != nil {
		return Renewal{}, storeError(e.store(s).Kind(), err)
	}
	if !force && e.enough(before, e.config.RefreshSkew) {
		return Renewal{DueAt: before.AccessEnds.Add(-e.config.RefreshSkew), Ends: before.AccessEnds}, nil
	}
	n := need{minValid: e.config.RefreshSkew}
	if force {
		n.not = before.Access
	}
	after, err := e.renew(ctx, n)
	if err != nil {
		return Renewal{Ends: after.AccessEnds}, err
	}
	return Renewal{Done: !after.SamePair(before), Adopted: after.Method == adopted, Ends: after.AccessEnds}, nil
}

// adopted marks a pair, in memory alone, that another program got.
const adopted = "adopted"

// need is what a caller wants a pair for.
type need struct {
	minValid time.Duration
	// not is the access token that must be replaced although it is valid: a forced
	// renewal.
	not secret.String
}

func (e *Engine) meets(n need, c keychain.Credential) bool {
	minValid := max(n.minValid, e.config.RefreshSkew)
	if !n.not.IsZero() {
		return !c.Access.Equal(n.not) && e.enough(c, minValid)
	}
	return e.enough(c, minValid)
}

// renew brings a pair that meets the need: under our lock and Claude Code's, with
// every store read again, by adopting what another program renewed or, last, by
// spending the refresh token. With an error the credential is the newest at hand.
func (e *Engine) renew(ctx context.Context, n need) (keychain.Credential, error) {
	release, err := e.lock(ctx, lockWait)
	if err != nil {
		return keychain.Credential{}, err
	}
	defer release()
	e.crash("locked")
	s, err := e.settings()
	if err != nil {
		return keychain.Credential{}, err
	}
	account := s.account("")
	e.settle(ctx, s, account)
	current, err := e.load(ctx, s, account)
	if err != nil {
		return keychain.Credential{}, storeError(e.store(s).Kind(), err)
	}
	if e.meets(n, current) {
		return current, nil // whoever held the lock before us renewed
	}
	j, err := e.journal()
	if err != nil {
		return current, err
	}
	chain := j.chainOf(account)

	unlock, err := e.lockEntry(ctx, s, chain, current)
	if err != nil {
		return current, err
	}
	defer unlock()
	e.crash("claude-code-locked")

	entry, entryErr := e.readEntry(ctx)
	if entryErr == nil {
		if newer, ok := e.newerIn(entry, current, chain); ok {
			if err := e.adopt(ctx, s, account, &j, newer); err != nil {
				return current, err
			}
			if e.meets(n, newer) {
				newer.Method = adopted
				return newer, nil
			}
			current = newer
		}
	}
	return e.spend(ctx, s, account, j, current)
}

// adopt takes over a pair of our chain that another program got. The caller holds
// the locks.
func (e *Engine) adopt(ctx context.Context, s settings, account string, j *journal, newer keychain.Credential) error {
	if err := e.saveStored(ctx, s, account, newer); err != nil {
		return storeError(e.store(s).Kind(), err)
	}
	chain := j.chainOf(account)
	chain.know(newer.Refresh)
	chain.Intent, chain.NotBefore, chain.Failures, chain.Problem = nil, time.Time{}, 0, nil
	chain.Last = &ChainChange{At: e.wall(), What: "adopted", Who: "Claude Code"}
	if err := e.writeJournal(*j); err != nil {
		return err
	}
	e.remember(Record{Account: account, What: "adopted", Who: "Claude Code", Detail: "it renewed the login first"})
	return nil
}

// Follow adopts, without spending anything, what Claude Code renewed. The tray calls
// it when the entry changed.
func (e *Engine) Follow(ctx context.Context) error {
	s, err := e.settings()
	if err != nil {
		return err
	}
	account := s.account("")
	current, err := e.load(ctx, s, account)
	if err != nil {
		if errors.Is(err, keychain.ErrNotFound) {
			return nil
		}
		return storeError(e.store(s).Kind(), err)
	}
	j, err := e.journal()
	if err != nil {
		return err
	}
	entry, err := e.readEntry(ctx)
	if err != nil {
		return nil // status says what is wrong with it
	}
	if _, ok := e.newerIn(entry, current, j.chainOf(account)); !ok {
		return nil
	}
	release, err := e.lock(ctx, lockWait)
	if err != nil {
		return err
	}
	defer release()
	// Somebody may have been faster; look again under the lock.
	if current, err = e.load(ctx, s, account); err != nil {
		return storeError(e.store(s).Kind(), err)
	}
	if j, err = e.journal(); err != nil {
		return err
	}
	if newer, ok := e.newerIn(entry, current, j.chainOf(account)); ok {
		return e.adopt(ctx, s, account, &j, newer)
	}
	return nil
}
