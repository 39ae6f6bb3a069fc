package session

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"time"

	"keytender/internal/ledger"
	"keytender/keychain"
)

// formerFiles are what the first version kept in the state folder.
var formerFiles = []string{"settings.json", "journal.json"}

// mendLedger keeps a copy of a damaged ledger and makes it anew out of what there is: the accounts
// that the history and the file store name, with the records of theirs that can be read.
func (f fixing) mendLedger(ctx context.Context) (Mended, error) {
	release, err := f.lock(ctx, lockWait)
	if err != nil {
		return Mended{}, err
	}
	if _, err := f.ledger(); !errors.Is(err, keychain.ErrDamaged) {
		release()
		return Mended{}, mendedOtherwise(f.config.Paths.State)
	}
	w := &work{Engine: f.Engine, l: ledger.New(), release: release}
	if err := w.rebuilding().rebuild(Patient(ctx)); err != nil {
		release()
		return Mended{}, err
	}
	m, remove, err := f.copyLedger()
	if err != nil {
		release()
		return Mended{}, err
	}
	defer w.end()
	w.rebuilding().findPlaces()
	w.rebuilding().findDisplaced(Patient(ctx))
	w.following().settleAll(ctx)
	w.rebuilding().doubtEmptied()
	if err := w.save(); err != nil {
		return Mended{}, err
	}
	m.Said = Said{RemarkAccountsFound, &Values{Path: f.config.Paths.State, Count: len(w.l.Accounts)}}
	err = remove()
	for i, step := range m.undo {
		m.undo[i].Stands = printOf(step.Path)
	}
	return m, err
}

// copyLedger keeps a copy of what cannot be read. It stands until the new one is written over it: a
// process that is killed before leaves no state folder without a ledger, where nothing is known.
// remove takes away what the new one does not take the place of.
func (f fixing) copyLedger() (m Mended, remove func() error, err error) {
	files := []string{ledgerFile}
	if _, err := os.Lstat(f.statePath(ledgerFile)); errors.Is(err, fs.ErrNotExist) {
		files = formerFiles
	}
	var former []string
	for _, name := range files {
		path := f.statePath(name)
		step, err := f.copyAside(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Mended{}, nil, f.storageTrouble(FaultStateUnwritten, path, err)
		}
		m.undo = append(m.undo, step)
		if name != ledgerFile {
			former = append(former, path)
		}
	}
	return m, func() (err error) {
		for _, path := range former {
			err = errors.Join(err, os.Remove(path))
		}
		return err
	}, nil
}

// rebuilding is finding out anew what a lost ledger knew.
type rebuilding struct{ *work }

func (w *work) rebuilding() rebuilding { return rebuilding{w} }

// findPlaces takes up the places that were known, and the choices beside them. What lies in the
// places is found as they are looked at; without them the next renewal would leave a spent token
// there.
func (w rebuilding) findPlaces() {
	var places []*ledger.Place
	if err := w.readState(placesFile, &places); err != nil {
		w.log.Warn("the list of places cannot be used", "reason", plain(err))
		return
	}
	for _, known := range places {
		switch {
		case known == nil || known.ID == "" || known.Kind == ledger.Lent && w.l.Account(known.Account) == nil:
		case known.Kind == ledger.DisplacedLogin:
			w.l.Displaced = append(w.l.Displaced, &ledger.Displaced{ID: known.ID, At: w.wall()})
		case known.Kind == apiKeyPart:
			w.l.APIKeys = known.Past
		case known.Kind == choseWatchOnly:
			w.l.WatchOnly = true
		case known.Kind == choseMirror, known.Kind == choseNoMirror:
			mirror := known.Kind == choseMirror
			w.l.Mirror = &mirror
		default:
			p := w.l.AddPlace(known.ID, known.Kind, known.Where)
			p.Account, p.Ends, p.Far, p.Let = known.Account, known.Ends, known.Far, known.Let
		}
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

// findDisplaced finds the copies of displaced logins again that the list of places does not
// name, since an earlier version wrote it: their records have numbers. It counts on where no
// number was before: none is written over.
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

// rebuild finds the accounts again. What lies in Claude Code's entries is found as they are
// looked at. A store that does not say what it holds is an error: it is not one that holds nothing.
func (w rebuilding) rebuild(ctx context.Context) error {
	names := []string{"default"}
	records, _ := w.History()
	for i := len(records) - 1; i >= 0; i-- {
		r := records[i]
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
			if w.holdsNone(kind, err) {
				continue
			}
			if err != nil {
				return storeError(kind, err)
			}
			w.l.Store = kind
			w.chainFor(name, &c).Last = &ledger.Change{At: w.wall(), What: ledger.ChangeMended, Who: "keytender"}
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
	return nil
}

// holdsNone reports whether a store's answer says that a record is not there, or can never be had.
func (w rebuilding) holdsNone(kind string, err error) bool {
	switch {
	case errors.Is(err, keychain.ErrNotFound), errors.Is(err, keychain.ErrDamaged):
		return true
	case kind == "keychain" && errors.Is(err, keychain.ErrUnavailable):
		// Where logins lie in a file there may be none at all.
		_, there := os.Lstat(w.config.Paths.Credentials)
		return there == nil || w.config.Store == "file"
	}
	return false
}
