package session

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"keytender/internal/ledger"
	"keytender/keychain"
)

// ledgerFiles are the ledger and what stands for it where there is none: a part of it, or what the
// first version kept in the state folder.
var ledgerFiles = []string{ledgerFile, placesFile, "settings.json", "journal.json"}

// mendLedger keeps a copy of a damaged ledger and makes it anew out of what there is: the part of it that
// stands in a file of its own, and the records of the accounts that can be read.
func (f fixing) mendLedger(ctx context.Context) (Mended, error) {
	release, err := f.lock(ctx, lockWait)
	if err != nil {
		return Mended{}, err
	}
	if _, err := f.ledger(); !errors.Is(err, keychain.ErrDamaged) {
		release()
		return Mended{}, mendedOtherwise(f.config.Paths.State)
	}
	part, err := f.readLedger(placesFile)
	if err != nil {
		f.log.Warn("there is no part of the ledger to go by", "reason", plain(err))
		part = ledger.New()
	}
	w := &work{Engine: f.Engine, l: part, release: release}
	if err := w.rebuilding().rebuild(Patient(ctx)); err != nil {
		release()
		return Mended{}, err
	}
	m, err := f.copyLedger()
	if err != nil {
		release()
		return Mended{}, err
	}
	defer w.end()
	w.rebuilding().findDisplaced(Patient(ctx))
	w.following().settleAll(ctx)
	w.rebuilding().doubtEmptied()
	if err := w.save(); err != nil {
		return Mended{}, err
	}
	m.Said = Said{RemarkAccountsFound, &Values{Path: f.config.Paths.State, Count: len(w.l.Accounts)}}
	for i, step := range m.undo {
		if name := filepath.Base(step.Path); name != ledgerFile && name != placesFile { // which were written anew
			err = errors.Join(err, os.Remove(step.Path))
		}
		m.undo[i].Stands = printOf(step.Path)
	}
	return m, err
}

// copyLedger keeps a copy of what cannot be read. It stands until the new one is written over it: a
// process that is killed before leaves no state folder without a ledger, where nothing is known.
func (f fixing) copyLedger() (m Mended, err error) {
	for _, name := range ledgerFiles {
		path := f.statePath(name)
		step, err := f.copyAside(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Mended{}, f.storageTrouble(FaultStateUnwritten, path, err)
		}
		if m.undo = append(m.undo, step); name == ledgerFile {
			break
		}
	}
	return m, nil
}

// rebuilding is finding out anew what a lost ledger knew.
type rebuilding struct{ *work }

func (w *work) rebuilding() rebuilding { return rebuilding{w} }

// findChains begins a chain for each account that has none, since the ledger was lost: else what Claude
// Code renewed of it would be taken for a stranger's. Displaced logins that nothing names any more are
// found again too: else no sign-out would take them.
func (w rebuilding) findChains(ctx context.Context) {
	lost := false
	for _, a := range w.l.Accounts {
		if w.l.Chain(a.Chain) == nil {
			_, err := w.renewal(ctx, a.Name)
			lost = lost || err == nil
		}
	}
	if lost && len(w.l.Displaced) == 0 {
		w.findDisplaced(ctx)
	}
}

// doubtEmptied: a place in which an account's login was to lie holds none, so that Claude Code
// may have signed out of it.
func (w rebuilding) doubtEmptied() {
	for _, p := range w.l.Places {
		if c := w.l.ChainOf(p.Account); c != nil && p.Kind != ledger.Lent && p.Chain == "" {
			c.Doubted = true
		}
	}
}

// findDisplaced finds the copies of displaced logins again where no part of the ledger names them:
// their records have numbers. It counts on where no number was before: none is written over.
func (w rebuilding) findDisplaced(ctx context.Context) {
	v := w.vault(w.l)
	w.l.Numbers = max(w.l.Numbers, int(w.wall().Unix()))
	listed := len(w.l.Displaced) > 0
	for n, missing := 1, 0; missing < 16 && !listed; n++ {
		id := "displaced-" + strconv.Itoa(n)
		if _, err := v.record(ctx, displacedName(id)); err != nil {
			missing++
			continue
		}
		missing = 0
		w.l.Displaced = append(w.l.Displaced, &ledger.Displaced{ID: id, At: w.wall()})
	}
	if w.entryErr == nil {
		w.displacing().adoptFormerDisplaced(ctx, w.entry.ID())
	}
}

// rebuild finds the accounts again: those that the part of the ledger names, where it says that they
// lie; without it those of the history and of the file store, in the first store that has any. What lies
// in Claude Code's entries is found as they are looked at. A store that does not say what it holds is an
// error: it is not one that holds nothing.
func (w rebuilding) rebuild(ctx context.Context) error {
	names := w.l.Names()
	if len(names) == 0 {
		names = w.namesTold()
	}
	stored, _ := w.file.Names()
	names = slices.DeleteFunc(append(names, stored...),
		func(name string) bool { return keychain.CheckAccountName(name) != nil })
	kinds := []string{"file", "keychain"}
	if w.l.Store != "" {
		kinds = []string{w.l.Store}
	}
	w.l.Accounts = nil
	for _, kind := range kinds {
		v := w.vaultIn(kind)
		if len(kinds) == 1 {
			v = w.vault(w.l)
		}
		for _, name := range names {
			if w.l.Account(name) != nil || w.l.Twin(name) != "" {
				continue
			}
			// A pair that was spilled may be newer, but says nothing of the store.
			c, err, _ := v.loadBoth(ctx, name)
			switch {
			case err == nil:
				w.take(name, &c)
			case !w.holdsNone(kind, err):
				return storeError(kind, err)
			}
		}
		if len(w.l.Accounts) > 0 {
			w.l.Store = kind
			break
		}
	}
	for _, name := range names {
		if c, err := w.vault(w.l).loadSpill(name); err == nil && w.l.Account(name) == nil { // in no store
			w.take(name, &c)
		}
		if a := w.l.Account(name); w.l.Account(w.l.Active) == nil && a != nil && !a.LongLived {
			w.l.Active = name
		}
	}
	w.l.Places = slices.DeleteFunc(w.l.Places, func(p *ledger.Place) bool {
		return p.Kind == ledger.Lent && w.l.Account(p.Account) == nil
	})
	return nil
}

// namesTold are the names that the history has, the last one first, and the one that nobody chose.
func (w rebuilding) namesTold() (names []string) {
	records, _ := w.History()
	for i := len(records) - 1; i >= 0; i-- {
		if name := records[i].Account; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return append(names, "default")
}

func (w rebuilding) take(name string, c *keychain.Credential) {
	chain := w.chainFor(name, c)
	w.l.Contest(chain)
	chain.Last = &ledger.Change{At: w.wall(), What: ledger.ChangeMended, Who: "keytender"}
	w.l.Account(name).LongLived = c.Refresh.IsZero() && c.LoginEnds.Sub(c.Issued) > 60*24*time.Hour
}

// holdsNone reports whether a store's answer says that a record is not there, or can never be had.
func (w rebuilding) holdsNone(kind string, err error) bool {
	switch {
	case errors.Is(err, keychain.ErrNotFound), errors.Is(err, keychain.ErrDamaged):
		return true
	case kind == "keychain" && w.l.Store == "" && errors.Is(err, keychain.ErrUnavailable):
		// Where logins lie in a file there may be none at all.
		_, there := os.Lstat(w.config.Paths.Credentials)
		return there == nil || w.config.Store == "file"
	}
	return false
}
