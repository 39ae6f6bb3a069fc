package ledger

import (
	"slices"
	"time"
)

// A lent place holds an access token alone. It never counts as a copy of the login, holds
// no renewal up, and follows its account whichever chain that goes on with.

// LentTo lists the places that an account is lent to.
func (l *Ledger) LentTo(account string) []*Place {
	var places []*Place
	for _, p := range l.Places {
		if p.Kind == Lent && p.Account == account && !p.Let && !p.Leaving {
			places = append(places, p)
		}
	}
	return places
}

// LentBehind reports whether a lent place waits for a newer access token.
func (l *Ledger) LentBehind(p *Place) bool {
	if p.Kind != Lent || p.Let || p.Leaving || p.Account == "" {
		return false
	}
	now := l.ChainOf(p.Account)
	if now == nil || now.Dead(now.Current()) {
		return false
	}
	return p.Chain != now.ID || p.Pair.Access != now.Current().Access
}

// AnyLentBehind reports whether one of those on this machine does.
func (l *Ledger) AnyLentBehind() bool {
	return slices.ContainsFunc(l.Places, func(p *Place) bool { return !p.Far && l.LentBehind(p) })
}

// FarBehind lists those elsewhere that do, and when the first of them may be asked; zero: now.
func (l *Ledger) FarBehind(now time.Time) (due []*Place, next time.Time) {
	for _, p := range l.Places {
		switch {
		case !p.Far || !l.LentBehind(p):
		case !now.Before(p.Retry) || p.Retry.Sub(now) > maxRetry: // a clock that was set back counts for nothing
			due = append(due, p)
		case next.IsZero() || p.Retry.Before(next):
			next = p.Retry
		}
	}
	return due, next
}

// maxRetry is the longest pause after which a place elsewhere is asked again.
const maxRetry = time.Hour

// NotReached notes that a place elsewhere could not be asked; the pauses grow with the time
// that it has been away.
func (p *Place) NotReached(now time.Time) {
	if p.Gone.IsZero() || now.Before(p.Gone) {
		p.Gone = now
	}
	p.Retry = now.Add(min(max(now.Sub(p.Gone), time.Minute), maxRetry))
}
