// Package ledger is what an installation knows of logins: persons, accounts, chains of
// token pairs, and the places that hold a copy. It decides by these records what lies
// in a place and what may be done with it, and what it does not know it calls unknown.
// It does no I/O, reads no clock, and holds no token, only fingerprints.
package ledger

import (
	"encoding/json"
	"slices"
	"sort"
	"strings"
	"time"
)

// version is that of the form which this program writes.
const version = 2

// Ledger is the whole of it, as it lies in the state folder.
type Ledger struct {
	Version int `json:"version"`
	// Store is keychain or file: chosen at the first sign-in, never changed in silence.
	Store  string `json:"store,omitempty"`
	Active string `json:"active,omitempty"`
	// Mirror is the person's choice in the menu; nil leaves it to the configuration.
	Mirror *bool `json:"mirror,omitempty"`
	// WatchOnly is the person's choice that no copy of a login is kept.
	WatchOnly bool `json:"watchOnly,omitempty"`
	// TermsTold: the notice about Anthropic's terms was shown once.
	TermsTold bool `json:"termsShown,omitempty"`
	// APIKeys are the accounts that an API key is kept for.
	APIKeys []string `json:"apiKeys,omitempty"`

	// Stayed are records that lie in the store that was chosen before: it let nobody in when a
	// sign-in chose another one.
	Stayed []string `json:"stayed,omitempty"`
	// Coming is an account whose record is being written. It stands until the account is known,
	// so that a process which is killed in between leaves no login that nobody finds.
	Coming string `json:"coming,omitempty"`

	Accounts  []*Account   `json:"accounts,omitempty"`
	Chains    []*Chain     `json:"chains,omitempty"`
	Places    []*Place     `json:"places,omitempty"`
	Displaced []*Displaced `json:"displaced,omitempty"`
	// Numbers counts what was numbered, so that no number comes twice.
	Numbers int `json:"numbers,omitempty"`
}

// Account is a name that the person gave, bound to one person. Beside the name it holds
// what may be shown without asking a keychain.
type Account struct {
	_ [0]func() // nobody compares two

	Name   string `json:"name"`
	Person Person `json:"person,omitzero"`
	Chain  string `json:"chain,omitempty"`
	// LongLived is a token for machines: nothing renews it, and it never becomes active
	// by itself.
	LongLived bool `json:"longLived,omitempty"`
	// Lacking is set when a sign-out told that the keychain does not hold the record: the next one gives it up.
	Lacking bool `json:"lacking,omitempty"`

	Organization   string    `json:"organizationName,omitempty"`
	Plan           string    `json:"plan,omitempty"`
	AccessEnds     time.Time `json:"accessEnds,omitzero"`
	LoginEnds      time.Time `json:"loginEnds,omitzero"`
	LoginEstimated bool      `json:"loginEstimated,omitempty"`
	Renewable      bool      `json:"renewable,omitempty"`
}

// Bounds keep the file small: `token` reads it each time.
const (
	maxGenerations  = 256 // more than a login of 30 days has at a renewal every three hours
	allGenerations  = 8192
	idleGenerations = 32 // of a chain that no account goes on with
	maxChains       = 64
	maxPast         = 8
	maxForgotten    = 16
)

// New returns the ledger of an installation that knows nothing yet.
func New() *Ledger { return &Ledger{Version: version} }

// Encode returns the ledger as it is written, without what nothing refers to any more.
func (l *Ledger) Encode() ([]byte, error) {
	l.prune()
	return json.Marshal(l)
}

// prune forgets the oldest chains that nothing refers to. The others are kept for a
// while: an old copy that turns up again is then known to be spent.
func (l *Ledger) prune() {
	spare := len(l.Chains) - maxChains
	l.Chains = slices.DeleteFunc(l.Chains, func(c *Chain) bool {
		if spare <= 0 || l.refers(c.ID) {
			return false
		}
		spare--
		return true
	})
	forgotten := 0
	l.Places = slices.DeleteFunc(l.Places, func(p *Place) bool {
		if p.Forgotten {
			forgotten++
		}
		return p.Forgotten && forgotten > maxForgotten
	})
	most := min(maxGenerations, allGenerations/max(1, len(l.Accounts)))
	for _, c := range l.Chains {
		if c.Account == "" {
			c.keep(min(most, idleGenerations))
		} else {
			c.keep(most)
		}
	}
}

func (l *Ledger) refers(chain string) bool {
	return slices.ContainsFunc(l.Accounts, func(a *Account) bool { return a.Chain == chain }) ||
		slices.ContainsFunc(l.Places, func(p *Place) bool {
			return p.Chain == chain || p.Next == chain ||
				slices.Contains(p.Past, chain)
		}) ||
		slices.ContainsFunc(l.Displaced, func(d *Displaced) bool { return d.Chain == chain })
}

// Account returns the account of that name, or nil.
func (l *Ledger) Account(name string) *Account {
	for _, a := range l.Accounts {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// Names lists the accounts in order.
func (l *Ledger) Names() []string {
	names := make([]string, 0, len(l.Accounts))
	for _, a := range l.Accounts {
		names = append(names, a.Name)
	}
	return names
}

// Choose returns the account's name to work on: the given one, else the active one,
// else "default".
func (l *Ledger) Choose(name string) string {
	switch {
	case name != "":
		return name
	case l.Active != "":
		return l.Active
	case len(l.Accounts) == 1: // a token for machines, which becomes active by nobody's word but the person's
		return l.Accounts[0].Name
	}
	return "default"
}

// Add returns the account of that name, a new one where there was none.
func (l *Ledger) Add(name string) *Account {
	if a := l.Account(name); a != nil {
		return a
	}
	a := &Account{Name: name}
	l.Accounts = append(l.Accounts, a)
	sort.SliceStable(l.Accounts, func(i, j int) bool { return l.Accounts[i].Name < l.Accounts[j].Name })
	return a
}

// Remove takes an account out. Its chain is known for a while longer, as nobody's; and what was lent is
// not of another account that gets its name.
func (l *Ledger) Remove(name string) {
	for _, p := range l.Places {
		if p.Account == name {
			p.Account = ""
		}
	}
	for _, c := range l.Chains {
		if c.Account == name {
			c.Account, c.Was, c.Apart = "", name, false
		}
	}
	l.Accounts = slices.DeleteFunc(l.Accounts, func(a *Account) bool { return a.Name == name })
	l.Displaced = slices.DeleteFunc(l.Displaced, func(d *Displaced) bool { return d.Own == name })
	if l.Active != name {
		return
	}
	l.Active = ""
	for _, a := range l.Accounts {
		if !a.LongLived {
			l.Active = a.Name
			return
		}
	}
}

// Rename gives an account another name.
func (l *Ledger) Rename(from, to string) {
	for _, c := range l.Chains {
		if c.Account == from {
			c.Account = to
		}
	}
	for _, p := range l.Places {
		if p.Account == from {
			p.Account = to
		}
	}
	for _, d := range l.Displaced {
		if d.Account == from {
			d.Account = to
		}
		if d.Own == from {
			d.Own = to
		}
	}
	if a := l.Account(from); a != nil {
		a.Name = to
	}
	if l.Active == from {
		l.Active = to
	}
	if i := slices.Index(l.APIKeys, from); i >= 0 {
		l.APIKeys[i] = to
	}
	sort.SliceStable(l.Accounts, func(i, j int) bool { return l.Accounts[i].Name < l.Accounts[j].Name })
}

// Twin returns the account whose name differs from this one in case alone, or "": two
// such would share their files on macOS and Windows.
func (l *Ledger) Twin(name string) string {
	for _, a := range l.Accounts {
		if a.Name != name && strings.EqualFold(a.Name, name) {
			return a.Name
		}
	}
	return ""
}
