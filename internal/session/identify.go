package session

import (
	"context"
	"time"

	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// readKnown reads Claude Code's entry and finds out whose login is in it. Entries of
// older clients hold no account id; where our fingerprints do not tell either, the
// profile does. Both sides are asked at most once: what is learnt of our own login is
// kept with its next pair. Offline nothing is learnt, and the entry counts as another
// login.
func (e *Engine) readKnown(ctx context.Context, ours *keychain.Credential, c *chain) (claudecode.Entry, error) {
	entry, err := e.readEntry(ctx)
	if err != nil || entry.State != claudecode.SignedIn || entry.Login.SamePair(*ours) || c.knows(entry.Login.Refresh) {
		return entry, err
	}
	for _, login := range []*keychain.Credential{ours, &entry.Login} {
		if login.Account.ID != "" || !e.validFor(*login, 0) {
			continue
		}
		if err := e.askWhose(ctx, login, 5*time.Second); err != nil {
			e.log.Info("whose login it is could not be asked", "reason", err.Error())
		}
	}
	return entry, nil
}

// askWhose completes the account of a login by its profile. What the profile leaves out
// stays as it was.
func (e *Engine) askWhose(ctx context.Context, c *keychain.Credential, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p, err := e.client.Profile(ctx, c.Access)
	if err == nil {
		c.Account = account(p).Or(c.Account)
	}
	return err
}
