package session

import (
	"context"
	"errors"
	"strings"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/ledger"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// repairStore is what can be done about a file store that cannot be read.
func (f fixing) repairStore(ctx context.Context, l *ledger.Ledger) []Repair {
	path := &Values{Path: f.config.Paths.Credentials}
	switch {
	case !f.credentialsDamaged():
		return nil
	case f.hasCopies(ctx):
		return []Repair{{Said{RemarkWillTakeOver, path}, f.mendCredentials}}
	case len(l.Accounts) == 0: // nobody's record that we know lies in it, and it keeps one from being made
		return []Repair{{Said{RemarkWillMoveUnread, path}, f.moveStore}}
	}
	return nil
}

// credentialsDamaged reports whether the file store cannot be read.
func (f fixing) credentialsDamaged() bool {
	_, err := f.file.Names()
	return errors.Is(err, keychain.ErrDamaged)
}

// hasCopies reports whether a login of one of our accounts stands whole in the file, or its newest pair lies in an
// entry or was spilled.
func (f fixing) hasCopies(ctx context.Context) bool {
	l, err := f.ledger()
	if err != nil || l.Store != "file" {
		return false
	}
	if _, any := f.wholeLogins(l); any {
		return true
	}
	w := &work{Engine: f.Engine, l: l}
	for _, a := range l.Accounts {
		if _, err := w.vault(l).loadSpill(a.Name); err == nil {
			return true
		}
	}
	for _, dir := range f.knownEntries() {
		if s, err := w.seeAnyhow(ctx, dir, false); err == nil && w.isGoodCopy(&s) {
			return true
		}
	}
	return false
}

// isGoodCopy reports whether it is the newest pair of one of our accounts.
func (w *work) isGoodCopy(s *sighting) bool {
	newest := s.Relation == ledger.Successor ||
		s.Relation == ledger.Current && s.Chain.Intent == nil // else it was sent, and may be spent
	return newest && s.Account() != "" && s.Chain == w.l.ChainOf(s.Account()) && !s.entry.Login.Refresh.IsZero()
}

// wholeLogins is a file of the logins that stand whole in the damaged one, but for those that their account has
// moved on from.
func (f fixing) wholeLogins(l *ledger.Ledger) (text string, any bool) {
	return f.file.Salvage(l.Names(), func(account string, c keychain.Credential) bool {
		own := l.ChainOf(account)
		return own == nil || !l.Former(own, pairOf(&c))
	})
}

// moveStore moves the file store aside that holds no account's record.
func (f fixing) moveStore(ctx context.Context) (Mended, error) {
	w, err := f.begin(ctx, lockWait)
	if err != nil {
		return Mended{}, err
	}
	defer w.end()
	if !f.credentialsDamaged() || len(w.l.Accounts) > 0 {
		return Mended{}, mendedOtherwise(f.config.Paths.Credentials)
	}
	return f.moveAside(f.config.Paths.Credentials, RemarkUnreadMoved)
}

// mendCredentials makes the file store anew out of the logins that stand whole in it, and of what there is of our
// accounts outside it: pairs that spilled, and the copies in Claude Code's entries; of all that have a copy there,
// or of none, so that it can be tried again.
func (f fixing) mendCredentials(ctx context.Context) (Mended, error) {
	w, err := f.begin(ctx, lockWait)
	if err != nil {
		return Mended{}, err
	}
	defer w.end()
	path := f.config.Paths.Credentials
	if !f.credentialsDamaged() {
		return Mended{}, mendedOtherwise(path)
	}
	spilled := false // beside the store, which makes what an entry holds an older one
	for _, a := range w.l.Accounts {
		_, err := w.renewal(ctx, a.Name)
		spilled = spilled || err == nil
	}
	copies, release, err := w.holdCopies(ctx)
	defer release()
	text, whole := f.wholeLogins(w.l)
	if err == nil && copies == nil && !spilled && !whole { // what was seen there is nobody's of ours
		err = mendedOtherwise(path)
	}
	if err != nil {
		return Mended{}, err
	}
	for _, s := range copies {
		if err := w.keepCopy(s); err != nil {
			return Mended{}, err
		}
	}
	step, err := f.copyAside(path)
	if err == nil {
		err = atomicfile.Write(path, []byte(text))
	}
	if err != nil {
		return Mended{}, f.storageTrouble(FaultStateUnwritten, path, err)
	}
	var kept, lost []string
	for _, a := range w.l.Accounts {
		if _, err := w.renewal(context.WithoutCancel(ctx), a.Name); err != nil {
			lost = append(lost, a.Name)
		} else {
			kept = append(kept, a.Name)
		}
	}
	step.Stands = printOf(path)
	m := Mended{Said: Said{RemarkTakenOver, &Values{Path: path, List: kept}}, undo: []undoStep{step}}
	for _, d := range w.l.Displaced {
		if d.IsKept() {
			lost = append(lost, whose(d.Person))
		}
	}
	for _, name := range w.l.APIKeys {
		lost = append(lost, "API key "+name)
	}
	if lost != nil {
		m.Remark, m.Values.Also, m.Values.Aside = RemarkTakenOverNotAll, strings.Join(lost, ", "), step.Aside
	}
	return m, w.save()
}

// holdCopies finds the newest copy that an entry holds of each account, under the entry's locks
// until release, all within the time for one of them: Claude Code waits for the first meanwhile. It
// fails where an account has copies, and none of them can be held.
func (w *work) holdCopies(ctx context.Context) (copies []*sighting, release func(), err error) {
	var locks []*claudecode.RenewalLock
	release = func() {
		for _, lock := range locks {
			w.unlock(lock)
		}
	}
	start := time.Now()
	held, missed := map[string]*sighting{}, map[string]error{}
	for _, dir := range w.directories() {
		if !dir.Installed() { // say on a disk that is away
			continue
		}
		s, err := w.seeAnyhow(ctx, dir, true)
		if err != nil || !w.isGoodCopy(&s) {
			continue
		}
		name := s.Account()
		lock, err := dir.LockRenewal(ctx, max(0, entryWait-time.Since(start)))
		if err != nil {
			missed[name] = entryError(err)
			continue
		}
		locks = append(locks, lock)
		if s, err = w.seeAnyhow(ctx, dir, true); err != nil || !w.isGoodCopy(&s) || s.Account() != name {
			continue
		}
		if there := held[name]; there == nil || there.Relation == ledger.Current {
			held[name] = &s
		}
	}
	for _, a := range w.l.Accounts {
		switch s := held[a.Name]; {
		case s != nil:
			copies = append(copies, s)
		case missed[a.Name] != nil:
			err = errors.Join(err, missed[a.Name])
		}
	}
	return copies, release, err
}

// keepCopy keeps the login in an entry whose record was lost, beside the store at first: whoever is
// killed before there is a new one leaves it where it is found.
func (w *work) keepCopy(s *sighting) error {
	a := w.l.Account(s.Account())
	c := w.settling().carryOver(s, told(a))
	if err := w.vault(w.l).spillGranted(a.Name, c); err != nil {
		return storeError("file", err)
	}
	s.Chain.Advance(pairOf(&c))
	w.place(s.dir).Holds(s.Chain, pairOf(&s.entry.Login))
	w.describeAccount(a.Name, &c)
	return nil
}
