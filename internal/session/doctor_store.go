package session

import (
	"context"
	"errors"
	"slices"
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
	case f.copyInEntry(ctx):
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

// copyInEntry reports whether an entry holds a newest pair of one of our accounts.
func (f fixing) copyInEntry(ctx context.Context) bool {
	l, err := f.ledger()
	if err != nil || l.Store != "file" {
		return false
	}
	w := &work{Engine: f.Engine, l: l}
	for _, dir := range f.knownEntries() {
		if s, err := w.seeAnyhow(ctx, dir, false); err == nil && w.isGoodCopy(&s) {
			return true
		}
	}
	return false
}

func (w *work) isGoodCopy(s *sighting) bool {
	own := s.Account() != "" && s.Chain == w.l.ChainOf(s.Account())
	return own && (s.Relation == ledger.Current || s.Relation == ledger.Successor) && !s.entry.Login.Refresh.IsZero()
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

// mendCredentials moves the file store aside and keeps anew what Claude Code's entries hold
// of our accounts: of all that have a copy there, or of none, so that it can be tried again.
func (f fixing) mendCredentials(ctx context.Context) (Mended, error) {
	w, err := f.begin(ctx, lockWait)
	if err != nil {
		return Mended{}, err
	}
	defer w.end()
	path, found := f.config.Paths.Credentials, f.prints()
	if !f.credentialsDamaged() {
		return Mended{}, mendedOtherwise(path)
	}
	copies, release, err := w.holdCopies(ctx)
	defer release()
	if err == nil && copies == nil { // what was seen there is nobody's of ours
		err = mendedOtherwise(path)
	}
	if err != nil {
		return Mended{}, err
	}
	m, err := f.moveAside(path, RemarkUnreadMoved)
	if err != nil {
		return m, err
	}
	m.found = found
	var kept []string
	for _, s := range copies {
		if err := w.keepCopy(context.WithoutCancel(ctx), s); err != nil {
			return Mended{}, errors.Join(err, atomicfile.Rename(m.undo[0].Aside, path))
		}
		kept = append(kept, s.Account())
	}
	m.Remark, m.Values.List = RemarkTakenOver, kept
	var lost []string
	for _, a := range w.l.Accounts {
		if !slices.Contains(kept, a.Name) {
			lost = append(lost, a.Name)
		}
	}
	for _, d := range w.l.Displaced {
		if !d.Nothing {
			lost = append(lost, whose(d.Person))
		}
	}
	if lost != nil {
		m.Remark, m.Values.Also, m.Values.Aside = RemarkTakenOverNotAll, strings.Join(lost, ", "), m.undo[0].Aside
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

// keepCopy keeps the login in an entry anew whose record was lost.
func (w *work) keepCopy(ctx context.Context, s *sighting) error {
	a := w.l.Account(s.Account())
	c := w.settling().carryOver(s, &keychain.Credential{Method: ByClaudeCode})
	c.Account = c.Account.Or(keychain.Account{ID: a.Person.ID, OrganizationID: a.Person.Organization,
		Email: a.Person.Email, Organization: a.Organization, Plan: a.Plan})
	if err := w.vault(w.l).save(ctx, a.Name, c); err != nil {
		return storeError("file", err)
	}
	s.Chain.Advance(pairOf(&c))
	w.place(s.dir).Holds(s.Chain, pairOf(&s.entry.Login))
	w.describeAccount(a.Name, &c)
	return nil
}
