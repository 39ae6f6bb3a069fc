package session

import (
	"context"
	"errors"

	"keytender/keychain"
)

// Switch makes another account the active one and mirrors it. What Claude Code renewed of
// the one that is left is taken in first; where the entry cannot be written nothing is
// changed.
func (e *Engine) Switch(ctx context.Context, account string) (string, error) {
	w, err := e.begin(ctx, lockWait)
	if err != nil {
		return "", err
	}
	defer w.following().endInStep(ctx)
	if err := checkAccount(account); err != nil {
		return "", err
	}
	r, err := w.renewal(ctx, account)
	if errors.Is(err, keychain.ErrNotFound) {
		return "", noAccount(account)
	}
	if err != nil {
		return "", err
	}
	if !e.mirrors(w.l) {
		w.l.Active = account
		return e.says(RemarkNotMirrored), w.save()
	}
	sentence, err := w.mirroring().mirrorNow(ctx, r, false)
	if err != nil {
		return "", err
	}
	w.l.Active = account
	return sentence, w.save()
}
