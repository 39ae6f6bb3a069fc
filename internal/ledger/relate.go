package ledger

import "slices"

// Relation says what a pair that lies somewhere is to the ledger.
type Relation int

// The relations. What is Unknown may be the newest pair of a chain of ours: nothing is
// sent and nothing overwritten on it.
const (
	Unknown    Relation = iota
	Absent              // there is nothing
	SignedOut           // an entry without a login
	Current             // a chain's newest pair
	Successor           // a newer pair of a chain than the ledger knows
	Superseded          // one that its chain has left behind
	Revoked             // one that the server called spent
	Stranger            // of no chain that the ledger knows
)

var relationNames = [...]string{"unknown", "absent", "signed-out", "current", "successor", "superseded", "revoked",
	"stranger"}

func (r Relation) String() string { return relationNames[r] }

// Found is what was read in a place. A pair that is zero means that no login is there.
type Found struct {
	Absent bool // not even an entry
	Pair   Pair
	Person Person // as far as it tells
}

// Finding is what lies in a place, compared with everything that is known.
type Finding struct {
	Relation Relation
	// Chain is the one that it belongs to, or may belong to where it is Unknown; nil for
	// a stranger's.
	Chain *Chain
	// Beside is the chain that a Stranger may belong to all the same: its person is the same,
	// and only the server can tell whether it lives.
	Beside *Chain
}

// Account is whose login it is, or "".
func (f Finding) Account() string {
	if f.Chain == nil {
		return ""
	}
	return f.Chain.Account
}

// Relate compares what was found in a place with every chain. Order comes from the
// chain, and no clock decides: a pair that no chain knows, found where a generation of a
// chain stood and not contradicted by ids, is that one's successor, whatever its times
// say or lack. Where ids are missing it is Unknown; the caller looks them up first.
// place is nil where nothing was ever written or seen: there only a chain that another
// program shares can have gone on.
func (l *Ledger) Relate(place *Place, f Found) Finding {
	switch {
	case f.Absent:
		return Finding{Relation: Absent}
	case f.Pair.Access == "" && f.Pair.Refresh == "":
		return Finding{Relation: SignedOut}
	}
	if finding, known := l.Identify(f.Pair); known {
		return l.claimed(place, finding, f.Person)
	}
	if place != nil && place.Pair == f.Pair && l.Chain(place.Chain) != nil {
		// It lay there when we looked last, and its chain has forgotten it since.
		return Finding{Relation: Superseded, Chain: l.Chain(place.Chain)}
	}
	var possible *Chain
	for _, c := range l.layThere(place) {
		if !c.mayComeTo(f.Pair) {
			continue
		}
		switch l.like(c, f.Person) {
		case Same:
			switch {
			case possible != nil: // the one that lies there now comes first
				return Finding{Relation: Unknown, Chain: possible}
			case place.stands(c) && c.knowsAccess(f.Pair.Access):
				return Finding{Relation: Unknown, Chain: c} // no renewal leaves the access token as it was
			case place.stands(c) && (!c.Bare || c.Apart): // else it may be an older one, of which nobody knows
				return Finding{Relation: Successor, Chain: c}
			}
			return Finding{Relation: Stranger, Beside: c}
		case Unsure:
			if possible == nil && c.Account != "" { // a stranger's is kept whole, whatever it is
				possible = c
			}
		case Different: // it is none of this chain's
		}
	}
	for _, c := range l.Chains {
		if possible != nil || !c.mayLieAnywhere(f.Pair) {
			continue
		}
		switch l.like(c, f.Person) {
		case Same:
			return Finding{Relation: Stranger, Beside: c}
		case Unsure:
			possible = c
		case Different: // it is none of this chain's
		}
	}
	if possible != nil {
		return Finding{Relation: Unknown, Chain: possible}
	}
	return Finding{Relation: Stranger}
}

// MayBe reports whether what was found in a place may be of the chain: where it is Unknown, a
// Finding names but one that it may be of.
func (l *Ledger) MayBe(place *Place, f Found, c *Chain) bool {
	return l.like(c, f.Person) != Different &&
		(c.mayLieAnywhere(f.Pair) || c.mayComeTo(f.Pair) && slices.Contains(l.layThere(place), c))
}

// mayComeTo reports whether a pair can be a later one of the chain: what cannot be renewed
// succeeds nothing that can, and the other way round.
func (c *Chain) mayComeTo(p Pair) bool {
	now := c.Current()
	return (now.Refresh != "") == (p.Refresh != "") || now.Access == ""
}

// mayLieAnywhere reports whether it can be where none of the chain was ever written or seen.
func (c *Chain) mayLieAnywhere(p Pair) bool {
	return c.Shared && c.Account != "" && p.Refresh != "" && c.mayComeTo(p)
}

// like compares a chain's person with what a pair tells. One that names an account without
// its organisation may be of each organisation in which that account is known.
func (l *Ledger) like(c *Chain, p Person) likeness {
	likeness := c.Person.Like(p)
	if likeness != Same || p.Organization != "" {
		return likeness
	}
	for _, a := range l.Accounts {
		if differ(a.Person.Organization, c.Person.Organization) && a.Person.Like(p) == Same {
			return Unsure
		}
	}
	return Same
}

// stands reports whether the chain's newest generation lies in the place, or was about to be
// written there: what follows it is its successor. Where another one lies, or one that the
// chain has certainly moved on from, it may be a grant of its own.
func (p *Place) stands(c *Chain) bool {
	return p.Next == c.ID || p.Chain == c.ID && !c.Left(p.Pair)
}

// layThere lists the chains that lay in a place, the last one first.
func (l *Ledger) layThere(place *Place) []*Chain {
	if place == nil {
		return nil
	}
	var chains []*Chain
	for _, id := range append([]string{place.Next, place.Chain}, backward(place.Past)...) {
		if c := l.Chain(id); c != nil {
			chains = append(chains, c)
		}
	}
	return chains
}

func backward(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Reverse(ids)
	return ids
}

// claimed is what was identified, unless it was taken for a grant of its own before it was
// seen where our newest generation stood: a copy of the successor that lies there.
func (l *Ledger) claimed(place *Place, f Finding, p Person) Finding {
	if place == nil || f.Relation != Current || !f.Chain.Seen {
		return f
	}
	c := l.Chain(place.Chain)
	if c == nil || c == f.Chain || c.Account == "" || place.Pair != c.Current() ||
		l.like(c, p.Or(f.Chain.Person)) != Same {
		return f
	}
	return Finding{Relation: Successor, Chain: c}
}

// Identify finds the chain that has had the pair. Living chains come before those that
// were left.
func (l *Ledger) Identify(p Pair) (f Finding, known bool) {
	for _, c := range l.Chains {
		i := c.find(p)
		if i < 0 {
			continue
		}
		relation := c.standing(i, p)
		if !known || rank(relation) > rank(f.Relation) || rank(relation) == rank(f.Relation) && f.Chain.Seen &&
			!c.Seen {
			f, known = Finding{Relation: relation, Chain: c}, true
		}
	}
	return f, known
}

// rank prefers what can be lost.
func rank(r Relation) int {
	switch r {
	case Current, Successor:
		return 2
	case Superseded:
		return 1
	case Revoked: // it is of no use to anybody
	case Unknown, Absent, SignedOut, Stranger: // none is how a pair stands in its chain
	}
	return 0
}
