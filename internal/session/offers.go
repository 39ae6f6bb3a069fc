package session

import "context"

// PutBack is the login that Undo would put back into Claude Code's entry.
type PutBack struct {
	Email string `json:"email"` // empty: not known
}

// offerPutBack is nil where there is none.
func (w reporting) offerPutBack() *PutBack {
	if w.entry == nil {
		return nil
	}
	d := w.l.LastDisplaced(w.entry.ID())
	if d == nil || !d.IsKept() { // an account of ours is one of those to switch to
		return nil
	}
	return &PutBack{Email: d.Person.Email}
}

// SignOutOf signs out of one account.
func (e *Engine) SignOutOf(ctx context.Context, account string, o SignOutOptions) ([]Step, error) {
	return e.On(account).SignOut(ctx, o)
}
