package session

import (
	"context"
	"time"

	"keytender/keychain"
)

// readKnown reads Claude Code's entry and finds out whose login is in it. Entries of
// older clients hold no account id; where our fingerprints do not tell either, the
// profile does. Both sides are asked at most once: what is learnt of our own login is
// kept with its next pair. Offline nothing is learnt, and the entry counts as another
// login.
func (e *Engine) readKnown(ctx context.Context, ours *keychain.Credential, c *chain) (keychain.Entry, error) {
	entry, err := e.readEntry(ctx)
	if err != nil || entry.State != keychain.EntrySignedIn || entry.Login.SamePair(*ours) || c.knows(entry.Login.Refresh) {
		return entry, err
	}
	if ours.Account.ID == "" {
		e.askWhose(ctx, ours)
	}
	if entry.Login.Account.ID == "" {
		e.askWhose(ctx, &entry.Login)
	}
	return entry, nil
}

// askWhose completes the account of a login by its profile, while its access token is
// valid.
func (e *Engine) askWhose(ctx context.Context, c *keychain.Credential) {
	if !e.validFor(*c, 0) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	p, err := e.client.Profile(ctx, c.Access)
	if err != nil {
		e.log.Info("whose login it is could not be asked", "reason", err.Error())
		return
	}
	a := account(p)
	if a.Plan == "" {
		a.Plan = c.Account.Plan
	}
	if a.RateLimitTier == "" {
		a.RateLimitTier = c.Account.RateLimitTier
	}
	c.Account = a
}
