package session

import (
	"context"
	"errors"
	"slices"
	"time"

	"keytender/internal/ledger"
)

// following is bringing to an end what was left, and taking in what others did meanwhile.
type following struct{ *work }

func (w *work) following() following { return following{w} }

// unfinished reports whether something waits to be finished: a renewal of a process that
// was killed, or a place that could not be written. Until then Claude Code would spend
// its pair's refresh token a second time, which ends the login for both.
func (w following) unfinished(v *vault, account string) bool {
	c := w.l.ChainOf(account)
	return c == nil || c.Intent != nil || v.spilled(account) || slices.ContainsFunc(w.l.Places, w.canBringUp)
}

// canBringUp reports whether a place is behind and there.
func (w following) canBringUp(p *ledger.Place) bool {
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
	return w.following().finishAll(ctx, wait)
}

// noteHere notes, for a ledger that was read, the entry of this environment where it holds a login of
// ours and nobody told of it, say since a directory was copied: the next renewal would leave a spent
// pair there. An item of the keychain is copied by nobody, and what cannot be written, say a backup,
// is no place where Claude Code could renew. older: also a copy that was left behind already, which is
// brought up then.
func (t tending) noteHere(ctx context.Context, l *ledger.Ledger, older bool) *ledger.Ledger {
	if t.entryErr != nil || t.entry.Location().Service != "" || l.Place(t.entry.ID()) != nil {
		return l
	}
	ours := func(w *work) (sighting, bool) {
		s, err := w.see(ctx, t.entry, false)
		return s, err == nil && s.Account() != "" && !s.entry.Login.Refresh.IsZero() &&
			(s.Relation == ledger.Current || older && s.Relation == ledger.Superseded) &&
			t.entry.MayBeWritten(s.entry) == nil
	}
	if _, found := ours(&work{Engine: t.Engine, l: l}); !found {
		return l
	}
	w, err := t.begin(ctx, briefly)
	if err != nil {
		return l
	}
	defer w.end()
	if s, found := ours(w); found && w.settling().settle(ctx, &s) == nil {
		return w.l
	}
	return l
}

// finishAll carries what is behind. Where an account's record cannot be read the others
// are finished all the same.
func (w following) finishAll(ctx context.Context, wait time.Duration) error {
	var problems []error
	names := w.l.Names()
	if len(names) == 0 { // the ledger may not have heard of it yet
		names = []string{w.l.Choose(w.account)}
	}
	for _, name := range names {
		v := w.vault(w.l)
		if !w.unfinished(v, name) && !w.l.AnyLentBehind() && w.l.Account(name) != nil && len(v.strays(name)) == 0 {
			continue
		}
		r, err := w.renewal(ctx, name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		w.carrying().carry(ctx, name, &r.current, wait)
	}
	return errors.Join(problems...)
}

// elsewhereWait is how long a verb about one entry waits for the locks of the others.
const elsewhereWait = 5 * time.Second

// endInStep is end, after what was taken over from one place was written into the others:
// Claude Code there would send the token that was spent. What cannot be written now is told
// as behind.
func (w following) endInStep(ctx context.Context) {
	if len(w.l.Accounts) > 0 {
		limited, cancel := context.WithTimeout(ctx, elsewhereWait)
		if err := w.finishAll(limited, elsewhereWait); err != nil {
			w.log.Warn("not all places were brought up", "reason", plain(err))
		}
		w.takeOutLeft(limited)
		cancel()
	}
	w.end()
}

// follow takes over, without spending anything, what Claude Code renewed in any entry, and
// brings up what is behind. The menu-bar app calls it when an entry changed.
func (t tending) follow(ctx context.Context) error {
	l, err := t.ledger()
	if err != nil {
		return err
	}
	look := &work{Engine: t.Engine, l: l}
	if t.watches(l) || !look.following().somethingToFollow(ctx) {
		return nil
	}
	w, err := t.begin(ctx, lockWait)
	if err != nil {
		return err
	}
	defer w.end()
	w.following().takeOutLeft(ctx)
	if len(w.l.Accounts) == 0 {
		return nil
	}
	w.following().settleAll(ctx)
	return w.following().finishAll(ctx, entryWait)
}

// takeOutLeft takes out what a sign-out could not take out of an entry, as soon as that can be written again.
func (w following) takeOutLeft(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second) // else it is for the next one
	defer cancel()
	for _, p := range w.l.Places {
		dir, c := w.directory(p), w.l.Chain(p.Chain)
		if dir == nil || c == nil || !p.Leaving || !dir.Installed() {
			continue
		}
		s := &signingOut{work: w.work}
		s.takeOutOf(ctx, dir)
		for _, step := range s.steps {
			w.remember(Record{Account: c.Was, What: ledger.ChangeSignedOut, Said: step.Said})
		}
	}
}

// settleAll takes in what every entry tells.
func (w following) settleAll(ctx context.Context) {
	w.lentCopies().takeWhole(ctx)
	for _, dir := range w.directories() {
		s, err := w.see(ctx, dir, true)
		if err == nil {
			err = w.settling().settle(ctx, &s)
		}
		if err != nil {
			w.log.Warn("an entry could not be followed", "place", dir.ID(), "reason", plain(err))
		}
	}
}

// somethingToFollow looks without a lock. What cannot be read now is status's business.
func (w following) somethingToFollow(ctx context.Context) bool {
	for _, p := range w.l.Places {
		if p.Leaving && p.Kind != ledger.Lent {
			return true
		}
	}
	if len(w.l.Accounts) == 0 {
		return false
	}
	for _, name := range w.l.Names() {
		if w.unfinished(w.vault(w.l), name) || w.l.AnyLentBehind() {
			return true
		}
	}
	for _, dir := range w.directories() {
		if s, err := w.see(ctx, dir, true); err == nil && w.news(&s) {
			return true
		}
	}
	return false
}

// news reports whether the sighting is other than what the ledger says of the place.
func (w following) news(s *sighting) bool {
	place := w.l.Place(s.dir.ID())
	switch s.Relation {
	case ledger.Unknown:
		return false
	case ledger.Successor:
		return true
	case ledger.Current, ledger.Superseded, ledger.Revoked:
		return place == nil || place.Chain != s.Chain.ID || place.Pair != pairOf(&s.entry.Login)
	case ledger.Absent, ledger.SignedOut, ledger.Stranger: // nothing of ours lies there
	}
	return place != nil && place.Chain != ""
}
