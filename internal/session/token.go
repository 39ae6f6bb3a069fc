package session

import (
	"context"
	"errors"
	"os"
	"time"

	"keytender/internal/dirlock"
	"keytender/internal/secret"
	"keytender/keychain"
)

// Token returns an access token that is valid for minValid. A pair that still is
// comes straight from the store, without a lock or a connection; otherwise it is
// renewed first. When that fails and the stored token has not ended yet, it is
// returned together with the error, which then is a warning.
func (e *Engine) Token(ctx context.Context, minValid time.Duration) (secret.String, error) {
	ctx = oneWait(ctx)
	s, err := e.settings()
	if err != nil {
		return secret.String{}, err
	}
	account := s.account("")
	current, err := e.load(ctx, s, account)
	if err != nil {
		return secret.String{}, storeError(e.store(s).Kind(), err)
	}
	if e.validFor(current, minValid) && e.plausible(current) {
		if j, err := e.journal(); err == nil && (j.chainOf(account).kept(current.Refresh) || e.spilled(account)) {
			_ = e.catchUp(ctx, s, account, briefly) // or the next call does it
		}
		return current.Access, nil
	}
	renewed, err := e.renew(ctx, need{minValid: minValid, seen: current.Access})
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

// Renew renews the active login when it is due, or now with force.
func (e *Engine) Renew(ctx context.Context, force bool) (Renewal, error) {
	ctx = oneWait(ctx)
	s, err := e.settings()
	if err != nil {
		return Renewal{}, err
	}
	before, err := e.load(ctx, s, s.account(""))
	if err != nil {
		return Renewal{}, storeError(e.store(s).Kind(), err)
	}
	if !force && e.validFor(before, e.config.RefreshSkew) && e.plausible(before) {
		// What Claude Code renewed is taken over, and what it still lacks is written.
		if err := e.Follow(ctx); err != nil {
			e.log.Warn("following Claude Code's entry failed", "reason", plain(err))
		}
		r := Renewal{Ends: before.AccessEnds}
		if !before.Refresh.IsZero() {
			r.DueAt = before.AccessEnds.Add(-e.config.RefreshSkew)
		}
		return r, nil
	}
	after, err := e.renew(ctx, need{minValid: e.config.RefreshSkew, seen: before.Access, force: force})
	if err != nil {
		return Renewal{Ends: after.AccessEnds}, err
	}
	// A server may answer with the pair that we had.
	return Renewal{Done: !after.SamePair(before) || after.Issued.After(before.Issued), Adopted: after.Method == adopted, Ends: after.AccessEnds}, nil
}

// adopted marks a pair, in memory alone, that another program got.
const adopted = "adopted"

// need is what a caller wants a pair for.
type need struct {
	minValid time.Duration
	// seen is the access token that the caller found wanting; force replaces it
	// although it is valid.
	seen  secret.String
	force bool
}

// meets is strict with the pair that the caller has seen. One that came meanwhile is
// what a renewal brings, however short its life: fifty callers share it.
func (e *Engine) meets(n need, c keychain.Credential) bool {
	minValid := max(n.minValid, e.config.RefreshSkew)
	if c.Access.Equal(n.seen) {
		return !n.force && e.validFor(c, minValid) && e.plausible(c)
	}
	return e.enough(c, minValid)
}

// renew brings a pair that meets the need: under our lock and Claude Code's, with
// every store read again, by adopting what another program renewed or, last, by
// spending the refresh token. With an error the credential is the newest at hand.
func (e *Engine) renew(ctx context.Context, n need) (keychain.Credential, error) {
	var fresh keychain.Credential
	seen := ""
	release, err := e.lockUnless(ctx, lockWait, func() bool {
		now := e.written()
		if now == seen {
			return false
		}
		seen = now
		s, err := e.settings()
		if err == nil {
			fresh, err = e.load(ctx, s, s.account(""))
		}
		return err == nil && e.meets(n, fresh)
	})
	switch {
	case err != nil:
		return keychain.Credential{}, err
	case release == nil:
		return fresh, nil // whoever holds the lock has renewed
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
	j, journalErr := e.journal()
	if journalErr == nil && j.chainOf(account).kept(current.Refresh) {
		e.finish(ctx, s, account, &j, current, entryWait)
	}
	if e.meets(n, current) {
		return current, nil // whoever held the lock before us renewed
	}
	if journalErr != nil {
		return current, journalErr
	}
	chain := j.chainOf(account)

	if e.config.RefreshWith == "claude" {
		return e.renewWithClaude(ctx, n, s, account, j, current)
	}
	l, err := e.lockEntry(ctx, s, chain, current, entryWait)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, dirlock.ErrBusy) {
			err = later("Claude Code's locks cannot be taken, so nothing was renewed: "+err.Error(),
				"look at the rights of Claude Code's folder; the login is as good as before", err)
		}
		return current, err
	}
	defer e.unlockEntry(l)
	e.crash("claude-code-locked")

	for range 3 {
		if current, err = e.reread(ctx, s, account, &j, current); err != nil {
			return current, err
		}
		if e.meets(n, current) {
			taken := current
			taken.Method = adopted
			return taken, nil
		}
		renewed, err := e.spend(ctx, s, account, j, current, l)
		moved := &movedError{}
		if !errors.As(err, &moved) {
			return renewed, err
		}
		current = moved.to
	}
	return current, later("another program renews the login again and again without asking for the lock", "close it and try again", nil)
}

// written differs when settings, journal, spill file or file store were written: they
// are replaced as a whole, so their folder changes. A thousand that wait then look at
// two dates instead of reading, and what a coarse date hides they find under the lock.
func (e *Engine) written() string {
	var dates [2]string
	for i, path := range []string{e.config.Places.State, e.config.Places.Credentials} {
		if info, err := os.Lstat(path); err == nil {
			dates[i] = info.ModTime().Format(time.RFC3339Nano)
		}
	}
	return dates[0] + " " + dates[1]
}

// reread looks into Claude Code's entry, takes over a newer pair of our chain, and
// returns the newest. The caller holds the locks, so that nobody else writes our store.
func (e *Engine) reread(ctx context.Context, s settings, account string, j *journal, current keychain.Credential) (newest keychain.Credential, err error) {
	chain := j.chainOf(account)
	entry, err := e.readKnown(ctx, &current, chain)
	if err != nil {
		return current, hiding(err)
	}
	newer, ok := e.newerIn(entry, current, chain)
	if !ok {
		return current, nil
	}
	if err := e.adopt(ctx, s, account, j, newer); err != nil {
		return current, err
	}
	return newer, nil
}

// hiding is an error where an entry that cannot be read now may hold a newer pair of
// our chain: a keychain that is locked or does not answer. What is damaged or refused
// hides nothing, since the client cannot use it either.
func hiding(err error) error {
	if !closed(err) {
		return nil
	}
	return later("Claude Code's entry cannot be read, and it may hold newer tokens: "+err.Error(),
		"unlock the keychain and try again; nothing was sent", err)
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
	entry, err := e.readKnown(ctx, &current, j.chainOf(account))
	if err != nil {
		return nil // status says what is wrong with it
	}
	if _, ok := e.newerIn(entry, current, j.chainOf(account)); !ok {
		if c := j.chainOf(account); c.kept(current.Refresh) || e.spilled(account) || e.behind(entry, s, c, current) {
			return e.catchUp(ctx, s, account, entryWait)
		}
		return nil
	}
	ours := current.Account
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
	current.Account = ours // what the profile told
	if newer, ok := e.newerIn(entry, current, j.chainOf(account)); ok {
		return e.adopt(ctx, s, account, &j, newer)
	}
	return nil
}

// briefly is how long a caller who has all that was asked for is kept waiting. Tests
// lengthen it where they look at the one call after a crash.
var briefly = 250 * time.Millisecond

// catchUp finishes a renewal that was left half done: by a process that was killed, or
// because the entry could not be written. Until then Claude Code would spend its pair's
// refresh token a second time, which ends the login for both.
func (e *Engine) catchUp(ctx context.Context, s settings, account string, wait time.Duration) error {
	release, err := e.lock(ctx, wait)
	if err != nil {
		return err
	}
	defer release()
	e.settle(ctx, s, account)
	current, err := e.load(ctx, s, account)
	if err != nil {
		return storeError(e.store(s).Kind(), err)
	}
	j, err := e.journal()
	if err != nil {
		return err
	}
	e.finish(ctx, s, account, &j, current, wait)
	return nil
}

// finish does what there was still to do after a pair had been kept. The caller holds
// our lock. What cannot be done now is done the next time.
func (e *Engine) finish(ctx context.Context, s settings, account string, j *journal, current keychain.Credential, wait time.Duration) {
	chain := j.chainOf(account)
	kept := chain.kept(current.Refresh)
	if kept {
		chain.know(current.Refresh)
		chain.Intent, chain.Failures, chain.Problem = nil, 0, nil
		chain.Last = &ChainChange{At: e.wall(), What: "renewed", Who: "keytender"}
	}
	if entry, err := e.readEntry(ctx); err == nil && e.behind(entry, s, chain, current) {
		l, err := e.lockEntry(ctx, s, chain, current, wait)
		if err != nil {
			e.log.Warn("Claude Code's entry was not renewed", "reason", plain(err))
			return
		}
		defer e.unlockEntry(l)
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		if !e.mirrorRenewed(ctx, s, chain, current) {
			return
		}
	}
	if !kept {
		return
	}
	if err := e.writeJournal(*j); err != nil {
		e.log.Warn("the journal could not be written", "reason", plain(err))
		return
	}
	e.remember(Record{Account: account, What: "renewed", Detail: "by a process that ended before it could say so"})
}
