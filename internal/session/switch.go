package session

import (
	"context"
	"errors"

	"keytender/keychain"
)

// Switch makes another account the active one and mirrors it. What Claude Code renewed of
// the one that is left is taken in first; where the entry cannot be written nothing is
// changed.
func (e *Engine) Switch(ctx context.Context, account string) (Said, error) {
	w, err := e.begin(ctx, lockWait)
	if err != nil {
		return Said{}, err
	}
	defer w.following().endInStep(ctx)
	if checkAccount(account) != nil {
		return Said{}, noAccount(account)
	}
	r, err := w.renewal(ctx, account)
	if errors.Is(err, keychain.ErrNotFound) {
		return Said{}, noAccount(account)
	}
	if err != nil {
		return Said{}, err
	}
	if !e.mirrors(w.l) {
		w.l.Active = account
		return Said{Remark: RemarkNotMirrored}, w.save()
	}
	said, err := w.mirroring().mirrorNow(ctx, r, false)
	if err != nil {
		return Said{}, err
	}
	w.l.Active = account
	return said, w.save()
}
