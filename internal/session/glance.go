package session

import (
	"slices"
	"time"

	"keytender/internal/ledger"
)

// Glance is what a line about the login shows. It comes from the ledger alone: nothing is
// asked, no token read, no lock taken.
type Glance struct {
	State     State
	Account   string
	Email     string
	Twin      bool // another account has this e-mail, say in another organization
	Plan      string
	LoginEnds time.Time // zero: unknown
	Estimated bool
	// Instead is what this environment has Claude Code use in place of its entry; empty:
	// nothing.
	Instead string
	// Other: the entry that this environment names holds a login that is none of ours.
	Other bool
}

// Glance looks at the account that is used in this environment, a list of NAME=VALUE: the
// one whose login lies in the entry that it names, else the active one.
func (e *Engine) Glance(environ []string) (Glance, error) {
	l, err := e.ledger()
	if err != nil {
		return Glance{}, err
	}
	if e.watches(l) {
		return e.watch().glanceWatched(environ), nil
	}
	g := Glance{State: SignedOut}
	name := l.Choose("")
	if e.entry != nil {
		if over := e.entry.OverridingIn(environ); len(over) > 0 {
			g.Instead = over[0]
		}
		if p := l.Place(e.entry.ID()); p != nil {
			if c := l.Chain(p.Chain); c != nil && c.Account != "" {
				name = c.Account
			} else {
				g.Other = !p.SignedOut
			}
		}
	}
	if a := l.Account(name); a != nil {
		g.State, g.Account, g.Email, g.Plan = (&work{Engine: e,
			l: l}).reporting().accountState(a), a.Name, a.Person.Email, a.Plan
		g.LoginEnds, g.Estimated = a.LoginEnds, a.LoginEstimated
		g.Twin = hasTwin(l, a)
		if !a.Renewable {
			g.LoginEnds = a.AccessEnds
		}
	}
	return g, nil
}

// hasTwin reports whether an e-mail alone does not say which account it is.
func hasTwin(l *ledger.Ledger, a *ledger.Account) bool {
	return slices.ContainsFunc(l.Accounts, func(other *ledger.Account) bool {
		return other != a && other.Person.Email == a.Person.Email && a.Person.Email != ""
	})
}
