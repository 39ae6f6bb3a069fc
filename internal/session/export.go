package session

import (
	"context"
	"sort"
	"strings"
	"time"

	"keytender/internal/ledger"
	"keytender/internal/secret"
)

// Export is a secret that was put into a repository: where, under which name, and
// until when it works. It holds no secret.
type Export struct {
	_ [0]func() // nobody compares two

	Repo    string     `json:"repo"`
	Secret  string     `json:"secret"`
	Account string     `json:"account"` // empty: a token that no account holds
	Until   *time.Time `json:"until"`   // nil: it does not end by itself
	At      time.Time  `json:"at"`
}

const exportsFile = "exports.json"

type exportList struct {
	Version int      `json:"version"`
	Exports []Export `json:"exports"`
}

// ExportToken returns the account's access token for use where nobody can renew it,
// and its end.
func (e *Engine) ExportToken(ctx context.Context, account string) (secret.String, time.Time, error) {
	l, err := e.ledger()
	if err != nil {
		return secret.String{}, time.Time{}, err
	}
	if e.watches(l) {
		return secret.String{}, time.Time{}, e.watchOnly()
	}
	account = l.Choose(account)
	if err := checkAccount(account); err != nil {
		return secret.String{}, time.Time{}, err
	}
	v := e.vault(l)
	c, err := v.load(ctx, account)
	if err != nil {
		return secret.String{}, time.Time{}, storeError(v.store.Kind(), err)
	}
	switch {
	case !strings.HasPrefix(c.Access.Reveal(), "sk-ant-oat"):
		return secret.String{}, time.Time{}, failedAs(codeWrongKind, FaultStoredTokenKind, nil)
	case !e.validFor(&c, 0):
		return secret.String{}, time.Time{}, failedAs(codeShortLived, FaultTokenEnded, nil)
	}
	return c.Access, c.AccessEnds, nil
}

// NoteExport keeps in mind what was exported where, and until when it works. Its account is
// the engine's, or the active one, unless no account holds what was exported.
func (e *Engine) NoteExport(ctx context.Context, x Export, held bool) error {
	w, err := e.begin(ctx, lockWait)
	if err != nil {
		return err
	}
	defer w.end()
	if x.Account = w.l.Choose(x.Account); !held {
		x.Account = ""
	}
	list := exportList{Version: 1}
	if err := e.readState(exportsFile, &list); err != nil {
		return err
	}
	kept := list.Exports[:0]
	for _, old := range list.Exports {
		if old.Repo != x.Repo || old.Secret != x.Secret {
			kept = append(kept, old)
		}
	}
	list.Exports = append(kept, x)
	if err := e.writeState(exportsFile, list); err != nil {
		return err
	}
	e.remember(Record{Account: x.Account, What: ledger.ChangeExported, Detail: x.Secret + " to " + x.Repo})
	return nil
}

// exports returns what was exported, the one that ends first in front.
func (s *state) exports() ([]Export, error) {
	list := exportList{}
	if err := s.readState(exportsFile, &list); err != nil {
		return []Export{}, err
	}
	sort.SliceStable(list.Exports, func(i, j int) bool {
		a, b := list.Exports[i].Until, list.Exports[j].Until
		return a != nil && (b == nil || a.Before(*b))
	})
	if list.Exports == nil {
		list.Exports = []Export{}
	}
	return list.Exports, nil
}
