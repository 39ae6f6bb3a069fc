package ledger

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"keytender/internal/secret"
)

// Pair is a token pair as the ledger knows it: two fingerprints.
type Pair struct {
	Access  string `json:"access,omitempty"`
	Refresh string `json:"refresh,omitempty"`
}

// PairOf takes the fingerprints of two tokens.
func PairOf(access, refresh secret.String) Pair {
	return Pair{Access: access.Fingerprint(), Refresh: refresh.Fingerprint()}
}

// IsZero reports whether there is no pair.
func (p Pair) IsZero() bool { return p == Pair{} }

// Chain is one grant and the generations of its pair, oldest first. Its id is its own:
// a new sign-in begins a new chain, whatever the account is called.
type Chain struct {
	ID string `json:"id"`
	// Account is whose it is; empty: a stranger's, or one that an account left.
	Account string `json:"account,omitempty"`
	// Was is the account that signed out of it, or whose name another person has now.
	Was    string `json:"was,omitempty"`
	Person Person `json:"person,omitzero"`
	// Apart: the account goes on with another chain, and nobody said that this one makes
	// room for it where it lies. It goes its own way; of no account: nobody signed out of it.
	Apart bool `json:"apart,omitempty"`
	// Seen: it was only ever seen, where another one had been. Keytender wrote none of it.
	Seen bool `json:"seen,omitempty"`
	// Shared: it was taken over from another program, so copies may lie in places that
	// nobody told of.
	Shared bool `json:"shared,omitempty"`
	// Bare: it was made of the account's record alone, since the ledger was lost. Until we have renewed
	// it nobody knows whether that is the newest.
	Bare bool `json:"bare,omitempty"`
	// Unsure: its newest pair came from another program with the ids of its person, and the server could
	// not be asked whose it is. Some programs exchange the tokens alone.
	Unsure bool `json:"unsure,omitempty"`
	// Doubted: Claude Code signed out of it somewhere, and asks the server then to end it.
	// Until the server says that it lives it is written nowhere.
	Doubted bool `json:"doubted,omitempty"`

	Generations []Generation `json:"generations,omitempty"`

	// Intent stands from before a send until its outcome is stored.
	Intent *Intent `json:"intent,omitempty"`
	// NotBefore and Why: nothing is sent earlier.
	NotBefore time.Time `json:"notBefore,omitzero"`
	Why       string    `json:"why,omitempty"`
	// Failures counts responses in a row that were no success.
	Failures int `json:"failures,omitempty"`
	// Hasty are renewals of the last hour whose token lived a second or less.
	Hasty []time.Time `json:"hasty,omitempty"`
	// Short is when the server last granted less than a caller asked for.
	Short time.Time `json:"short,omitzero"`
	// InVain is when a forced renewal did not help the test call.
	InVain time.Time `json:"inVain,omitzero"`
	// Problem is what stands in the way until the next success.
	Problem *Problem `json:"problem,omitempty"`
	Last    *Change  `json:"last,omitempty"`
}

// Generation is one pair of a chain. The last one of a chain is the current one.
type Generation struct {
	Pair
	// Revoked: the server called it spent. It is never sent again, and written nowhere.
	Revoked bool `json:"revoked,omitempty"`
}

// Intent is a send whose outcome is not known yet.
type Intent struct {
	Refresh string    `json:"refresh"`
	At      time.Time `json:"at"`
	Sends   int       `json:"sends"`
}

// Code is a problem's word for programs.
type Code string

// Problem is what is wrong: a code for programs, and the fault with the values that are said of
// it. An earlier version wrote sentences instead.
type Problem struct {
	Code    Code            `json:"code"`
	Fault   string          `json:"fault,omitempty"`
	Values  json.RawMessage `json:"values,omitempty"`
	Message string          `json:"message,omitempty"`
	Hint    string          `json:"hint,omitempty"`
}

// Change is one step in a chain's story.
type Change struct {
	At   time.Time  `json:"at"`
	What ChangeKind `json:"what"`
	Who  string     `json:"who"` // keytender, Claude Code
}

// ChangeKind names what happened to a login: the last of it stands in the ledger, all of it in
// the history.
type ChangeKind string

// What happens.
const (
	ChangeSignedIn       ChangeKind = "signed-in"
	ChangeSignedOut      ChangeKind = "signed-out"
	ChangeSignedOutThere ChangeKind = "signed-out-there" // in Claude Code
	ChangeImported       ChangeKind = "imported"
	ChangeRenewed        ChangeKind = "renewed"
	ChangeAdopted        ChangeKind = "adopted" // Claude Code renewed first
	ChangeRefused        ChangeKind = "refused"
	ChangeLost           ChangeKind = "lost" // nobody has the newest pair any more
	ChangeMirrored       ChangeKind = "mirrored"
	ChangeUndone         ChangeKind = "undone" // what was done before, and what was displaced is back
	ChangeAPIKey         ChangeKind = "api-key"
	ChangeExported       ChangeKind = "exported"
	ChangeMended         ChangeKind = "mended"
	ChangeLetGo          ChangeKind = "let-go"
	ChangeBehind         ChangeKind = "behind"
	ChangeForgotten      ChangeKind = "forgotten"
	ChangeLent           ChangeKind = "lent"
	ChangeTakenBack      ChangeKind = "taken-back" // what was lent
	ChangeRenamed        ChangeKind = "renamed"
)

// Begin begins a chain with its first pair.
func (l *Ledger) Begin(account string, p Person, first Pair) *Chain {
	l.Numbers++
	for l.Chain("c"+strconv.Itoa(l.Numbers)) != nil { // a ledger may have been put together by hand
		l.Numbers++
	}
	c := &Chain{ID: "c" + strconv.Itoa(l.Numbers), Account: account, Person: p}
	c.Advance(first)
	l.Chains = append(l.Chains, c)
	return c
}

// Join gives an account the chain of this pair: the one that holds it already, where no
// other account goes on with that, or a new one. Two chains that hold one pair would spend
// it twice.
func (l *Ledger) Join(account string, p Person, pair Pair) *Chain {
	f, known := l.Identify(pair)
	if !known || f.Relation != Current && f.Relation != Successor || f.Account() != "" && f.Account() != account {
		return l.Begin(account, p, pair)
	}
	c := f.Chain
	c.Account, c.Apart, c.Seen, c.Person = account, false, false, p.Or(c.Person)
	c.Advance(pair)
	return c
}

// See notes a login that is nobody's, so that it is known again, and whose it is. Another
// grant of an account's person is nobody's too: nobody took it over.
func (l *Ledger) See(p Person, pair Pair) *Chain {
	if known, ok := l.Identify(pair); ok {
		return known.Chain
	}
	c := l.Begin("", p, pair)
	c.Seen = true
	return c
}

// Chain returns the chain of that id, or nil.
func (l *Ledger) Chain(id string) *Chain {
	if id == "" {
		return nil
	}
	for _, c := range l.Chains {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// ChainOf returns an account's chain, or nil.
func (l *Ledger) ChainOf(account string) *Chain {
	if a := l.Account(account); a != nil {
		return l.Chain(a.Chain)
	}
	return nil
}

// Advance makes the pair the chain's current one. One that the chain has already moves
// to its end, as it is known.
func (c *Chain) Advance(p Pair) {
	if p.IsZero() {
		return
	}
	next := Generation{Pair: p}
	others := c.Generations[:0]
	for _, g := range c.Generations {
		if g.Pair == p || g.Access == "" && g.Refresh == p.Refresh { // the first version knew no access tokens
			next.Revoked = next.Revoked || g.Revoked
			continue
		}
		others = append(others, g)
	}
	c.Generations = append(others, next)
	c.keep(maxGenerations)
}

// Follow makes the pair the chain's current one. Where it was seen before that was known, it was taken for
// a grant of its own, which it is not: those places hold the chain.
func (l *Ledger) Follow(c *Chain, p Pair) {
	c.Advance(p)
	l.Chains = slices.DeleteFunc(l.Chains, func(o *Chain) bool {
		if o == c || !o.Seen || o.Current() != p {
			return false
		}
		for _, place := range l.Places {
			if place.Chain == o.ID {
				place.Chain = c.ID
			}
		}
		return true
	})
}

// keep forgets all generations but the newest.
func (c *Chain) keep(newest int) {
	if spare := len(c.Generations) - newest; spare > 0 {
		c.Generations = c.Generations[spare:]
	}
}

// Learn fills in the access token of the current pair, which the first version did not
// know.
func (c *Chain) Learn(p Pair) {
	if n := len(c.Generations); n > 0 && c.Generations[n-1].Access == "" && c.Generations[n-1].Refresh == p.Refresh {
		c.Generations[n-1].Access = p.Access
	}
}

// Current is the chain's newest pair.
func (c *Chain) Current() Pair {
	if len(c.Generations) == 0 {
		return Pair{}
	}
	return c.Generations[len(c.Generations)-1].Pair
}

// find returns the generation of a pair, or -1: by the refresh token, and among those
// that share one by the access token.
func (c *Chain) find(p Pair) int {
	found := -1
	for i, g := range c.Generations {
		switch {
		case g.Pair == p:
			return i
		case p.Refresh != "" && g.Refresh == p.Refresh, p.Refresh == "" && p.Access != "" && g.Access == p.Access:
			found = i
		}
	}
	return found
}

// Knows reports whether the pair is one of the chain's.
func (c *Chain) Knows(p Pair) bool { return c.find(p) >= 0 }

// Has reports whether the pair is one of the chain's with its access token: a server may leave
// the refresh token as it was and give a new access token.
func (c *Chain) Has(p Pair) bool {
	i := c.find(p)
	return i >= 0 && c.standing(i, p) != Successor
}

// standing says how a generation stands.
func (c *Chain) standing(i int, p Pair) Relation {
	g, current := c.Generations[i], c.Current()
	switch {
	case g.Revoked:
		return Revoked
	case g.Refresh != "" && g.Refresh != current.Refresh:
		return Superseded
	case p.Access == "" || current.Access == "" || p.Access == current.Access:
		return Current
	case c.knowsAccess(p.Access):
		return Superseded // an older access token beside a refresh token that lives on
	case p.Refresh == "":
		return Superseded
	}
	return Successor // the server left the refresh token as it was and gave a new access token
}

func (c *Chain) knowsAccess(access string) bool {
	for _, g := range c.Generations {
		if g.Access == access {
			return true
		}
	}
	return false
}

// Left reports whether the chain has moved on from the refresh token: it was certainly
// spent.
func (c *Chain) Left(p Pair) bool {
	i := c.find(p)
	return i >= 0 && p.Refresh != "" && p.Refresh != c.Current().Refresh
}

// Former reports whether the pair is certainly older than the chain's newest one: one that it
// has moved on from, or one of another grant, say where the store came out of a backup.
func (l *Ledger) Former(c *Chain, p Pair) bool {
	if c.Knows(p) || p.Refresh == "" {
		return c.Left(p)
	}
	f, known := l.Identify(p)
	return known && (f.Relation == Superseded || f.Relation == Revoked || f.Account() == c.Account) ||
		l.IsLeft(c.Account, p)
}

// IsLeft reports whether the pair is known and not the account's: another one's, or of a grant that was
// signed out of, or whose name another person has now.
func (l *Ledger) IsLeft(account string, p Pair) bool {
	f, known := l.Identify(p)
	c := f.Chain
	return known && c.Account != account && (c.Account != "" || c.Was != "" || c.Apart)
}

// Lost reports whether another person has the name now of the account that the chain was of: nobody
// signed out of it.
func (c *Chain) Lost() bool { return c != nil && c.Account == "" && c.Apart }

// Revoke marks every generation of this refresh token: the server called it spent.
func (c *Chain) Revoke(refresh string) {
	for i := range c.Generations {
		if refresh != "" && c.Generations[i].Refresh == refresh {
			c.Generations[i].Revoked = true
		}
	}
}

// Dead reports whether the server called the pair's refresh token spent.
func (c *Chain) Dead(p Pair) bool {
	i := c.find(p)
	return i >= 0 && p.Refresh != "" && c.Generations[i].Revoked
}

// ForgetSend takes back the last send: it certainly spent nothing.
func (c *Chain) ForgetSend() {
	if c.Intent == nil {
		return
	}
	if c.Intent.Sends--; c.Intent.Sends <= 0 {
		c.Intent = nil
	}
}

// MaxPause is the longest time for which a response keeps us from sending.
const MaxPause = time.Hour

// Blocked returns until when nothing may be sent, or the zero time. A time further away
// than any that we set comes from a clock that was put back, and does not hold.
func (c *Chain) Blocked(now time.Time) time.Time {
	if c.NotBefore.After(now) && c.NotBefore.Sub(now) <= MaxPause+time.Minute {
		return c.NotBefore
	}
	return time.Time{}
}

// Refusal is why a refresh token may not be sent.
type Refusal string

// The refusals. MaySend is none.
const (
	MaySend    Refusal = ""
	NoRefresh  Refusal = "no-refresh-token"
	WasRevoked Refusal = "revoked"
	WasLeft    Refusal = "superseded"
	MustWait   Refusal = "wait"
)

// MaySpend says whether the pair's refresh token may be sent now. The places that hold a
// copy are another question.
func (c *Chain) MaySpend(p Pair, now time.Time) Refusal {
	switch {
	case p.Refresh == "":
		return NoRefresh
	case c.Dead(p):
		return WasRevoked
	case c.Left(p):
		return WasLeft
	case !c.Blocked(now).IsZero():
		return MustWait
	}
	return MaySend
}

// Renewed clears what stood in the way: a pair is there.
func (c *Chain) Renewed(what Change) {
	c.Intent, c.NotBefore, c.Why, c.Failures, c.Problem = nil, time.Time{}, "", 0, nil
	c.Last = &what
}
