package session

import (
	"sort"
	"time"
)

// End is when a login ends, or a token that was put where nobody renews it. It comes from
// the ledger alone: no keychain is asked.
type End struct {
	_ [0]func() // nobody compares two

	Account      string    `json:"account"`
	Email        string    `json:"email"`
	Organization string    `json:"organization"`
	Twin         bool      `json:"-"` // another account has this e-mail
	Watched      bool      `json:"-"` // it is Claude Code's own, of which no copy is kept
	EndsAt       time.Time `json:"endsAt"`
	Estimated    bool      `json:"estimated"`
	// Secret and Repo say where an exported token lies; empty for a login.
	Secret string `json:"secret,omitempty"`
	Repo   string `json:"repo,omitempty"`
}

// Ends lists the ends that are known, the earliest in front: of every login and of every
// exported token, or of one account's where the engine works on one.
func (e *Engine) Ends() ([]End, error) {
	l, err := e.ledger()
	if err != nil {
		return nil, err
	}
	var ends []End
	if e.watches(l) {
		ends = e.watch().watchedEnds()
	}
	for _, a := range l.Accounts {
		if e.account != "" && a.Name != e.account {
			continue
		}
		end := End{Account: a.Name, Email: a.Person.Email, Organization: a.Organization, Twin: hasTwin(l, a),
			EndsAt: a.LoginEnds, Estimated: a.LoginEstimated}
		if !a.Renewable && !a.AccessEnds.IsZero() { // nothing moves that end
			end.EndsAt, end.Estimated = a.AccessEnds, false
		}
		if c := l.Chain(a.Chain); c != nil && c.Dead(c.Current()) &&
			(end.EndsAt.IsZero() || end.EndsAt.After(e.wall())) {
			end.EndsAt, end.Estimated = e.wall(), false // it has ended before its time
		}
		if !end.EndsAt.IsZero() {
			ends = append(ends, end)
		}
	}
	exports, err := e.exports()
	if err != nil {
		return nil, err
	}
	for _, x := range exports {
		if x.Until != nil && (e.account == "" || x.Account == e.account) {
			ends = append(ends, End{Account: x.Account, EndsAt: *x.Until, Secret: x.Secret, Repo: x.Repo})
		}
	}
	sort.SliceStable(ends, func(i, j int) bool { return ends[i].EndsAt.Before(ends[j].EndsAt) })
	return ends, nil
}
