package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"keytender/internal/ledger"
	"keytender/keychain"
)

// mendEntry moves an entry aside that nobody can read: Claude Code takes it for none, and a
// login could not be written there.
func (e *Engine) mendEntry(ctx context.Context) (Mended, error) {
	if e.entryErr != nil {
		return Mended{}, nil
	}
	if _, err := e.readEntry(ctx); !errors.Is(err, keychain.ErrDamaged) {
		return Mended{}, nil
	}
	w, err := e.begin(ctx, lockWait)
	if err != nil {
		return Mended{}, err
	}
	defer w.end()
	aside, err := e.entry.MoveAside(ctx)
	if err != nil {
		return Mended{}, failed("not-mended", "Claude Code's entry could not be moved aside: "+plain(err), "move it away by hand", err)
	}
	if place := w.l.Place(e.entry.ID()); place != nil {
		place.Empty(false)
	}
	return Mended{fmt.Sprintf("moved %s aside, since it cannot be read; `keytender mirror` writes a new one", e.entry.File()),
		"mv '" + aside + "' '" + e.entry.File() + "'"}, nil
}

// mendLedger moves a damaged ledger aside and takes over what there is: the accounts that
// the history and the file store name, with the records of theirs that can be read.
func (e *Engine) mendLedger(ctx context.Context) (Mended, error) {
	if _, err := e.ledger(); !errors.Is(err, keychain.ErrDamaged) {
		return Mended{}, nil
	}
	release, err := e.lock(ctx, lockWait)
	if err != nil {
		return Mended{}, err
	}
	path := e.statePath(ledgerFile)
	if _, err := os.Lstat(path); err != nil {
		release()
		return Mended{}, failed("not-mended", "what the first version left in "+e.config.Places.State+" is damaged", "move settings.json and journal.json away by hand", err)
	}
	aside := path + ".aside-" + e.wall().Format("20060102-150405")
	if err := os.Rename(path, aside); err != nil {
		release()
		return Mended{}, e.storageTrouble(path+" could not be moved aside", err)
	}
	w := &work{Engine: e, l: ledger.New(), release: release}
	defer w.end()
	w.rebuild(Patient(ctx))
	return Mended{fmt.Sprintf("moved %s aside, since it cannot be read, and found %d accounts again", path, len(w.l.Accounts)),
		"mv '" + aside + "' '" + path + "'"}, w.save()
}

// rebuild finds the accounts again. What lies in Claude Code's entries is found as they are
// looked at.
func (w *work) rebuild(ctx context.Context) {
	names := []string{"default"}
	records, _ := w.History()
	for _, r := range slices.Backward(records) {
		if keychain.CheckAccountName(r.Account) == nil && !slices.Contains(names, r.Account) {
			names = append(names, r.Account)
		}
	}
	stored, _ := w.file.Names()
	for _, kind := range []string{"file", "keychain"} {
		v := w.vaultIn(kind)
		for _, name := range slices.Compact(append(slices.Clone(names), stored...)) {
			if w.l.Account(name) != nil || w.l.Twin(name) != "" || keychain.CheckAccountName(name) != nil {
				continue
			}
			c, err := v.load(ctx, name)
			if err != nil {
				continue
			}
			w.l.Store = kind
			w.chainFor(name, c).Last = &ledger.Change{At: w.wall(), What: "mended", Who: "keytender"}
			w.l.Account(name).LongLived = c.Refresh.IsZero() && c.LoginEnds.Sub(c.Issued) > 60*24*time.Hour
		}
		if len(w.l.Accounts) > 0 {
			break
		}
	}
	for _, name := range names[1:] { // whose name the history tells last
		if w.l.Account(name) != nil && w.l.Active == "" {
			w.l.Active = name
		}
	}
	if w.l.Active == "" && len(w.l.Accounts) > 0 {
		w.l.Active = w.l.Accounts[0].Name
	}
}
