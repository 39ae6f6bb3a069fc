package ledger

import "slices"

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

// AnyLentBehind reports whether one of them does.
func (l *Ledger) AnyLentBehind() bool { return slices.ContainsFunc(l.Places, l.LentBehind) }
