package session

import (
	"slices"
	"time"

	"keytender/internal/ledger"
	"keytender/keychain"
)

// The first version kept its knowledge in settings.json and journal.json. Both are read
// once and carried over; they stay where they are, for a program of that version that
// still runs.

type formerSettings struct {
	Store     string   `json:"store"`
	Active    string   `json:"active"`
	Accounts  []string `json:"accounts"`
	Mirror    *bool    `json:"mirror"`
	TermsTold bool     `json:"termsShown"`
	APIKeys   []string `json:"apiKeys"`
	Displaced bool     `json:"displaced"`
}

type formerChain struct {
	Known     []string        `json:"known"` // fingerprints of refresh tokens, newest last
	Dead      []string        `json:"dead"`
	Intent    *formerIntent   `json:"intent"`
	NotBefore time.Time       `json:"notBefore"`
	Why       string          `json:"why"`
	Failures  int             `json:"failures"`
	Hasty     []time.Time     `json:"hasty"`
	Problem   *ledger.Problem `json:"problem"`
	Last      *ledger.Change  `json:"last"`
}

type formerIntent struct {
	Fingerprint string    `json:"fingerprint"`
	At          time.Time `json:"at"`
	Sends       int       `json:"sends"`
}

// formerState makes a ledger of what the first version knew; an empty one where there
// was none.
func (e *Engine) formerState() (*ledger.Ledger, error) {
	var s formerSettings
	if err := e.readState("settings.json", &s); err != nil {
		return nil, err
	}
	var j struct {
		Chains map[string]*formerChain `json:"chains"`
	}
	if err := e.readState("journal.json", &j); err != nil {
		return nil, err
	}
	l := ledger.New()
	l.Store, l.Active, l.Mirror, l.TermsTold, l.APIKeys = s.Store, s.Active, s.Mirror, s.TermsTold, s.APIKeys
	for _, name := range s.Accounts {
		a := l.Add(name)
		if former := j.Chains[name]; former != nil {
			a.Chain = carriedChain(l, name, former).ID
		}
	}
	for name, former := range j.Chains { // of accounts that were signed out: what they spent is known
		if former != nil && !slices.Contains(s.Accounts, name) && len(former.Known) > 0 {
			carriedChain(l, "", former)
		}
	}
	if len(l.Accounts) == 0 { // the state folder may be lost, and the logins are there
		w := &work{Engine: e, l: l}
		w.findInFile()
	}
	if s.Displaced {
		l.Displaced = append(l.Displaced, &ledger.Displaced{ID: formerDisplaced})
	}
	if !usable(l) || !slices.Contains([]string{"", "keychain", "file"}, l.Store) {
		return nil, damagedState(e.statePath("settings.json"))
	}
	return l, nil
}

// findInFile adds the accounts that the file store has and nobody knows.
func (w *work) findInFile() {
	names, err := w.file.Names()
	if err != nil {
		return // whoever reads the store says so
	}
	for _, name := range names {
		if keychain.CheckAccountName(name) == nil {
			w.l.Add(name)
			w.l.Store = "file"
		}
	}
	if len(w.l.Accounts) > 0 && w.l.Account(w.l.Active) == nil {
		w.l.Active = w.l.Accounts[0].Name
	}
}

func carriedChain(l *ledger.Ledger, account string, former *formerChain) *ledger.Chain {
	c := l.Begin(account, ledger.Person{}, ledger.Pair{})
	c.Shared = true // the first version did not say where it wrote
	for _, refresh := range former.Known {
		c.Advance(ledger.Pair{Refresh: refresh})
	}
	for _, refresh := range former.Dead {
		c.Revoke(refresh)
	}
	if former.Intent != nil {
		c.Intent = &ledger.Intent{Refresh: former.Intent.Fingerprint, At: former.Intent.At, Sends: former.Intent.Sends}
	}
	c.NotBefore, c.Why, c.Failures, c.Hasty = former.NotBefore, former.Why, former.Failures, former.Hasty
	c.Problem, c.Last = former.Problem, former.Last
	return c
}

// formerDisplaced names the one record of a displaced login that the first version kept.
var formerDisplaced = keychain.RecordName("claude-code", "displaced")
