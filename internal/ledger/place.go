package ledger

import (
	"encoding/json"
	"slices"
	"sort"
	"strconv"
	"time"
)

// Kind says what a place is.
type Kind string

// The kinds, as `places` names them.
const (
	Entry          Kind = "entry"         // Claude Code's file in a configuration directory
	KeychainItem   Kind = "keychain-item" // Claude Code's item in the macOS keychain
	Lent           Kind = "lent"          // an entry without a refresh token
	DisplacedLogin Kind = "displaced"
	SpillFile      Kind = "spill"
	Record         Kind = "record" // in our store
)

// Place is anywhere outside our own store that holds, or held, a copy of a pair.
type Place struct {
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Where finds it in every process, whatever its environment. The engine reads it.
	Where json.RawMessage `json:"where,omitempty"`
	// Account is whose login is to lie here.
	Account string `json:"account,omitempty"`

	// Chain and Pair: what we wrote or saw there last. Both are empty where no login was.
	Chain string `json:"chain,omitempty"`
	Pair  Pair   `json:"pair,omitzero"`
	// Next is the chain that is about to be written here; it stands until that is noted. A
	// process that is killed in between leaves it, and what follows is known.
	Next string `json:"next,omitempty"`
	// Past are the chains that lay there before, newest last: a copy of theirs that
	// comes back is known.
	Past []string `json:"past,omitempty"`
	// SignedOut: a login of ours lay there and the client signed out of it.
	SignedOut bool `json:"signedOut,omitempty"`
	// Let: the person let go of it. It is not carried to, and holds nothing up.
	Let bool `json:"let,omitempty"`

	// Behind is since when a newer pair waits to be written here. Reason or Because is why: the
	// words of the system, or what the engine says of it.
	Behind  time.Time       `json:"behind,omitzero"`
	Reason  string          `json:"reason,omitempty"`
	Because json.RawMessage `json:"because,omitempty"`
	// Leaving: the person signed out of it, and it could not be taken out.
	Leaving bool `json:"leaving,omitempty"`
	// Ends is when the access token that was lent ends.
	Ends time.Time `json:"ends,omitzero"`
	// Gone is since when it cannot be reached.
	Gone time.Time `json:"gone,omitzero"`
	// Far: a place on another machine or in a container. Asking it takes seconds; after one
	// that was not reached it is left alone until Retry.
	Far   bool      `json:"far,omitempty"`
	Retry time.Time `json:"retry,omitzero"`
	// Forgotten: it has been away for so long that it is told no more.
	Forgotten bool `json:"forgotten,omitempty"`
}

// Full reports whether the place holds the refresh token too.
func (p *Place) Full() bool { return p.Kind != Lent && p.Chain != "" && p.Pair.Refresh != "" }

// Blank reports whether nothing is known of what lay there, since the ledger was lost.
func (p *Place) Blank() bool { return p.Next+p.Chain == "" && len(p.Past) == 0 }

// Place returns the place of that id, or nil.
func (l *Ledger) Place(id string) *Place {
	for _, p := range l.Places {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// AddPlace returns the place of that id, a new one where there was none.
func (l *Ledger) AddPlace(id string, kind Kind, where json.RawMessage) *Place {
	p := l.Place(id)
	if p == nil {
		p = &Place{ID: id, Kind: kind}
		l.Places = append(l.Places, p)
		l.sortPlaces()
	}
	p.Where = where
	return p
}

// sortPlaces keeps one order for everybody who takes the locks of several.
func (l *Ledger) sortPlaces() {
	sort.SliceStable(l.Places, func(i, j int) bool { return l.Places[i].ID < l.Places[j].ID })
}

// MovePlace gives a place another id, or adds what lay in it to the place that has that id.
func (l *Ledger) MovePlace(p *Place, id string) {
	for _, d := range l.Displaced {
		if d.Place == p.ID {
			d.Place = id
		}
	}
	if there := l.Place(id); there != nil {
		for _, chain := range append(slices.Clone(p.Past), p.Chain) {
			there.past(chain)
		}
		l.ForgetPlace(p.ID)
		return
	}
	p.ID = id
	l.sortPlaces()
}

// ForgetPlace takes a place out.
func (l *Ledger) ForgetPlace(id string) {
	l.Places = slices.DeleteFunc(l.Places, func(p *Place) bool { return p.ID == id })
}

// Holds notes that this pair of the chain lies in the place.
func (p *Place) Holds(c *Chain, pair Pair) {
	p.leave(c.ID)
	p.Chain, p.Pair, p.SignedOut, p.Gone, p.Retry, p.Forgotten, p.Next = c.ID, pair, false, time.Time{}, time.Time{},
		false, ""
	if c.Account != "" {
		p.Leaving = false
	}
}

func (c *Chain) standingOf(p Pair) Relation {
	if i := c.find(p); i >= 0 {
		return c.standing(i, p)
	}
	return Unknown
}

// Empty notes that no login of ours lies there any more. signedOut: the client took it
// out.
func (p *Place) Empty(signedOut bool) {
	p.leave("")
	p.Chain, p.Pair, p.SignedOut, p.Next, p.Leaving = "", Pair{}, signedOut, "", false
	p.Behind, p.Gone = time.Time{}, time.Time{}
	p.NoReason()
}

// NoReason forgets why the place stayed behind.
func (p *Place) NoReason() { p.Reason, p.Because = "", nil }

// leave keeps the chain that lies there among the past ones when another one comes.
func (p *Place) leave(next string) {
	if p.Chain == "" || p.Chain == next {
		return
	}
	p.Past = slices.DeleteFunc(p.Past, func(id string) bool { return id == next })
	p.past(p.Chain)
}

// past notes that the chain lay here before.
func (p *Place) past(chain string) {
	if chain == "" {
		return
	}
	p.Past = append(slices.DeleteFunc(p.Past, func(id string) bool { return id == chain }), chain)
	if len(p.Past) > maxPast {
		p.Past = p.Past[len(p.Past)-maxPast:]
	}
}

// Behind reports whether a newer pair waits to be written into the place: of the account, or
// of a chain of its own that goes its own way, which then lies in another place. A chain that
// is dead is never written anywhere.
func (l *Ledger) Behind(p *Place) bool {
	c := l.Chain(p.Chain)
	if c == nil || c.Account == "" || p.Let || !p.Full() {
		return false
	}
	if c.Apart {
		return p.Pair != c.Current() && !c.Dead(c.Current()) && l.NewestOf(c) != nil
	}
	now := l.ChainOf(c.Account)
	if now == nil || now.Dead(now.Current()) {
		return false
	}
	return now.ID != c.ID || p.Pair != now.Current()
}

// NewestOf is a place in which the chain's newest pair lies whole, or nil.
func (l *Ledger) NewestOf(c *Chain) *Place {
	for _, p := range l.Places {
		if p.Chain == c.ID && p.Full() && p.Pair == c.Current() {
			return p
		}
	}
	return nil
}

// Date keeps since when each place is behind; now is the present.
func (l *Ledger) Date(now time.Time) {
	for _, p := range l.Places {
		switch behind := l.Behind(p) || l.LentBehind(p); {
		case !behind:
			p.Behind = time.Time{}
			p.NoReason()
		case p.Behind.IsZero(), p.Behind.After(now): // in the second the clock was ahead
			p.Behind = now
		}
		if p.Gone.After(now) {
			p.Gone = now
		}
	}
}

// HeldBy lists the places in which a login of the account lies, or lay, in the one order
// in which their locks are taken; and those of which nothing is known since the ledger was
// damaged.
func (l *Ledger) HeldBy(account string) []*Place {
	var places []*Place
	for _, p := range l.Places {
		ids := append([]string{p.Next, p.Chain}, p.Past...)
		if slices.ContainsFunc(ids, func(id string) bool {
			c := l.Chain(id)
			return c != nil && c.Account == account
		}) || p.Blank() {
			places = append(places, p)
		}
	}
	return places
}

// Displaced is a login that had to make room in a place and can be put back. The tokens
// lie in our store, under the record's name.
type Displaced struct {
	_ [0]func() // nobody compares two

	ID string `json:"id"` // also the name of its record
	// Place is where it lay.
	Place string `json:"place"`
	Chain string `json:"chain,omitempty"`
	Pair  Pair   `json:"pair,omitzero"`
	// Account is ours whose former login it is, when it was replaced by --replace.
	Account string    `json:"account,omitempty"`
	Person  Person    `json:"person,omitzero"`
	At      time.Time `json:"at"`
	// Nothing lay there before us; undoing takes ours out.
	Nothing bool `json:"nothing,omitempty"`
	// Own is the account of ours whose login lay there. What our store has of it is put back.
	Own string `json:"own,omitempty"`
}

// Contest makes a chain bare. What may be newer was taken for a login of nobody's while it was not known:
// that is known no more, so that it is judged anew.
func (l *Ledger) Contest(bare *Chain) {
	bare.Bare, bare.Shared = true, true
	known := l.Chains[:0]
	for _, c := range l.Chains {
		if c.Account+c.Was != "" || c.Apart || bare.Person.Like(c.Person) == Different {
			known = append(known, c)
		}
	}
	l.Chains = known
}

// Contested is a displaced login, of no chain that is known any more, that may be newer than all that is known of
// a bare one; nil: none.
func (l *Ledger) Contested(bare *Chain) *Displaced {
	for _, d := range l.Displaced {
		if bare.Bare && d.Chain != "" && l.Chain(d.Chain) == nil && !bare.Knows(d.Pair) &&
			bare.Person.Like(d.Person) != Different {
			return d
		}
	}
	return nil
}

// IsKept reports whether there is a record of it.
func (d *Displaced) IsKept() bool { return !d.Nothing && d.Own == "" }

// SetAside puts a displaced login on top of the place's stack, an account of ours once. That nothing lay
// there is noted where there is no other.
func (l *Ledger) SetAside(d Displaced) *Displaced {
	if d.Nothing && slices.ContainsFunc(l.Displaced, func(o *Displaced) bool { return o.Place == d.Place }) {
		return nil
	}
	l.Displaced = slices.DeleteFunc(l.Displaced, func(o *Displaced) bool {
		return o.Place == d.Place && d.Own != "" && o.Own == d.Own
	})
	l.Numbers++
	d.ID = "displaced-" + strconv.Itoa(l.Numbers)
	l.Displaced = append(l.Displaced, &d)
	return &d
}

// outlived reports whether there is a later grant of the same person than a former login of an account, which
// may as well be the next generation of that one: nobody's, or one that was taken over from another program.
// Of one that is known by its record alone nobody knows what is later.
func (l *Ledger) outlived(d *Displaced) bool {
	c := l.Chain(d.Chain)
	if c == nil || c.Account != "" || c.Was == "" && !c.Bare {
		return false
	}
	later := c.Bare
	for _, o := range l.Chains {
		switch {
		case o == c:
			later = true
		case later && (o.Account == "" || o.Shared && !o.Bare) && c.mayComeTo(o.Current()) &&
			o.Person.Like(c.Person) == Same && !l.displacedBefore(o, d):
			return true
		}
	}
	return false
}

// displacedBefore reports whether a login that is known by its record alone was displaced before another one.
func (l *Ledger) displacedBefore(bare *Chain, than *Displaced) bool {
	return bare.Bare && slices.ContainsFunc(l.Displaced, func(d *Displaced) bool {
		return d.Chain == bare.ID && !d.At.After(than.At)
	})
}

// Cover forgets that nothing lay in the place, once a login has made room there: when that is used up, there
// is nothing to undo.
func (l *Ledger) Cover(place string) {
	l.Displaced = slices.DeleteFunc(l.Displaced, func(d *Displaced) bool { return d.Place == place && d.Nothing })
}

// Sink puts a displaced login below all others.
func (l *Ledger) Sink(id string) {
	for i, d := range l.Displaced {
		if d.ID == id {
			copy(l.Displaced[1:], l.Displaced[:i])
			l.Displaced[0] = d
			return
		}
	}
}

// LastDisplaced returns what undoing puts back in the place: the newest that is not known
// to be spent. nil: nothing.
func (l *Ledger) LastDisplaced(place string) *Displaced {
	for i := len(l.Displaced) - 1; i >= 0; i-- {
		if d := l.Displaced[i]; d.Place == place && !l.Spent(d) && !l.outlived(d) {
			return d
		}
	}
	return nil
}

// Spent reports whether the displaced pair is known to be of no use any more.
func (l *Ledger) Spent(d *Displaced) bool {
	c := l.Chain(d.Chain)
	if c == nil || d.Nothing {
		return false
	}
	switch c.standingOf(d.Pair) {
	case Superseded, Revoked:
		return true
	case Current, Successor, Unknown: // it may be of use
	case Absent, SignedOut, Stranger: // none is how a pair stands in its chain
	}
	return false
}

// DropDisplaced takes one out of the list.
func (l *Ledger) DropDisplaced(id string) {
	l.Displaced = slices.DeleteFunc(l.Displaced, func(d *Displaced) bool { return d.ID == id })
}

// LastIn is the account of ours whose login lay in the place last; empty: none, or somebody
// else's.
func (l *Ledger) LastIn(id string) string {
	p := l.Place(id)
	if p == nil {
		return ""
	}
	chain := p.Chain
	if chain == "" && len(p.Past) > 0 {
		chain = p.Past[len(p.Past)-1]
	}
	c := l.Chain(chain)
	if c == nil || c.Seen {
		return ""
	}
	for _, name := range []string{c.Account, c.Was} {
		if a := l.Account(name); a != nil && (name == c.Account || a.Person.Like(c.Person) == Same) {
			return name
		}
	}
	return ""
}

// Goes reports whether a chain may lie in the place that an account of ours goes on with: what
// lies there and is not known may follow it.
func (l *Ledger) Goes(id string) bool {
	p := l.Place(id)
	if p == nil || p.Blank() {
		return p != nil
	}
	for _, chain := range []string{p.Next, p.Chain} {
		if c := l.Chain(chain); c != nil && c.Account != "" && l.ChainOf(c.Account) == c && !c.Dead(c.Current()) {
			return true
		}
	}
	return false
}
