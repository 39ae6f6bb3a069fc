package session

import (
	"context"
	"errors"
	"strings"

	"keytender/internal/ledger"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// mendEntry moves an entry aside that nobody can read: Claude Code takes it for none, and a
// login could not be written there. What can be made out in it is taken in first, so that
// nothing is lost wherever this is broken off.
func (f fixing) mendEntry(ctx context.Context) (Mended, error) {
	w, err := f.beginAnyway(ctx, lockWait)
	if err != nil {
		return Mended{}, err
	}
	defer func() {
		if f.watches(w.l) { // nothing is written into any place
			w.end()
			return
		}
		w.following().endInStep(ctx)
	}()
	store := f.config.Paths.Credentials
	found := printOf(store)
	lock, err := f.entry.LockRenewal(ctx, entryWait)
	if err != nil {
		return Mended{}, entryError(err)
	}
	defer w.unlock(lock)
	if _, err := w.see(ctx, f.entry, false); !errors.Is(err, keychain.ErrDamaged) {
		return Mended{}, mendedOtherwise(f.entry.File())
	}
	kept := ""
	if !f.watches(w.l) { // else no copy of it is ours to keep
		if kept, err = w.settling().settleDamaged(ctx, f.entry); err != nil {
			return Mended{}, err
		}
	}
	remark := RemarkUnreadMoved
	if kept != "" {
		remark = RemarkUnreadKept
	}
	step := undoStep{Kind: undoEntry, Path: f.entry.File()}
	restore := func() {}
	if place := w.l.Place(f.entry.ID()); place != nil {
		former := *place
		step.Chain, step.Wrote = former.Chain, former.Pair
		restore = func() { *place = former }
		place.Empty(former.SignedOut)
		place.Next = former.Chain // until it is moved it may lie there
	}
	err = w.save() // before it is gone: nobody takes that for a sign-out by Claude Code then
	if err == nil {
		organization := ""
		if a := w.l.Account(w.l.LastIn(f.entry.ID())); a != nil {
			organization = a.Person.Organization
		}
		var left []byte
		step.Aside, left, err = f.entry.MoveAside(context.WithoutCancel(ctx), organization)
		step.Stands = printOfText(left)
	}
	if err != nil {
		restore()
		return Mended{}, failedBy(codeNotMended, FaultEntryNotMovedAside, Values{Reason: plain(err)}, err)
	}
	if place := w.l.Place(f.entry.ID()); place != nil {
		place.Next = ""
	}
	if lent := w.l.Place(lentID(f.entry)); lent != nil {
		lent.Pair = ledger.Pair{} // it waits for the token again
	}
	said := Said{remark, &Values{Path: f.entry.File(), Owner: kept}}
	return Mended{Said: said, undo: []undoStep{step}, became: map[string]string{found: printOf(store)}}, nil
}

// mendedOtherwise: what was found is not so any more when it is about to be mended. The
// question whether to do so may have stood for hours.
func mendedOtherwise(path string) *Error {
	return failedBy(codeNotMended, FaultMendedOtherwise, Values{Path: path}, nil)
}

// settleDamaged takes in what lies in a file that nobody can read as an entry: what Claude Code
// renewed, and ours is spent then, or somebody else's login, which is kept, and whose it is.
func (w settling) settleDamaged(ctx context.Context, dir *claudecode.Directory) (kept string, err error) {
	s, err := w.makeOut(ctx, dir, true)
	if err == nil && w.l.Goes(dir.ID()) {
		err = w.noTraces(ctx, dir, s)
	}
	if err == nil && s != nil {
		err = w.lentCopies().mayBeOurs(s)
	}
	if err == nil && s != nil {
		err = w.settle(ctx, s)
	}
	switch {
	case err == nil && s == nil:
		return "", nil
	case isUnknown(err) && (w.l.Goes(dir.ID()) || w.isLent(dir)):
		account := w.l.LastIn(dir.ID())
		if lent := w.l.Place(lentID(dir)); lent != nil {
			account = lent.Account
		}
		return "", failedBy(codeNotMended, FaultDamagedUnknown, Values{Path: dir.File(), Account: account}, err)
	case isUnknown(err):
		return "", nil // whatever it is, it does not follow a login that we have
	case err != nil:
		return "", err
	}
	moved, err := w.displacing().moveOut(ctx, s, "")
	if moved.kept == "" { // it is in our store, or of no use
		moved.whose = ""
	}
	return moved.whose, err
}

// noTraces fails where a damaged entry holds something of a token that we do not know, beside the
// login that was made out in it: Claude Code may have renewed.
func (w settling) noTraces(ctx context.Context, dir *claudecode.Directory, s *sighting) error {
	traces, err := claudecode.Traces(dir.File())
	if err != nil {
		return failedBy(codeNotMended, FaultEntryNotMovedAside, Values{Reason: plain(err)}, err)
	}
	ours, _ := w.vault(w.l).load(ctx, w.l.LastIn(dir.ID())) // where it cannot be read no trace is known
	madeOut := ledger.Pair{}
	if s != nil {
		madeOut = pairOf(&s.entry.Login)
	}
	for _, t := range traces {
		print, text := t.Fingerprint(), t.Reveal()
		_, refresh := w.l.Identify(ledger.Pair{Refresh: print})
		_, access := w.l.Identify(ledger.Pair{Access: print})
		cut := strings.HasPrefix(ours.Access.Reveal(), text) || strings.HasPrefix(ours.Refresh.Reveal(), text)
		if !refresh && !access && !cut && print != madeOut.Access && print != madeOut.Refresh {
			return unknownLogin(&sighting{dir: dir})
		}
	}
	return nil
}

// makeOut is the login in a damaged entry, as far as it can be told; nil: there is none. Of several
// that are known it is the newest; whether one that is not known is newer than another, nobody can
// tell; nor whether a new token beside an old one is what was granted.
func (w *work) makeOut(ctx context.Context, dir *claudecode.Directory, ask bool) (*sighting, error) {
	logins, err := claudecode.Salvage(dir.File())
	if err != nil {
		return nil, failedBy(codeNotMended, FaultEntryNotMovedAside, Values{Reason: plain(err)}, err)
	}
	var found *sighting
	for _, entry := range logins {
		pair := pairOf(&entry.Login)
		f, known := w.l.Identify(pair)
		s := w.judge(ctx, dir, entry, ask && !known)
		switch {
		case !known && (len(logins) > 1 || pair.Access == "" || pair.Refresh == ""), f.Relation == ledger.Successor:
			return nil, unknownLogin(&s)
		case found == nil, f.Relation == ledger.Current:
			found = &s
		}
	}
	return found, nil
}

// seeAnyhow is see that makes out what it can where an entry is damaged.
func (w *work) seeAnyhow(ctx context.Context, dir *claudecode.Directory, ask bool) (sighting, error) {
	s, err := w.see(ctx, dir, ask)
	if !errors.Is(err, keychain.ErrDamaged) || !dir.FileIsRead() {
		return s, err
	}
	found, madeOut := w.makeOut(ctx, dir, ask)
	if found == nil {
		return s, errors.Join(err, madeOut)
	}
	return *found, nil
}

// writeAnew writes an account's login where it lay, as `mirror` does: the server is asked first
// whether a login lives that Claude Code was signed out of. still says whether the entry is as it
// was found.
func (f fixing) writeAnew(ctx context.Context, account string, still func(*sighting) bool) (Mended, error) {
	w, err := f.begin(ctx, lockWait)
	if err != nil {
		return Mended{}, err
	}
	defer w.following().endInStep(ctx)
	store, place := f.config.Paths.Credentials, w.l.Place(f.entry.ID())
	found := printOf(store)
	if w.l.LastIn(f.entry.ID()) != account || place.Let || !w.mirrors(w.l) { // or somebody else's lay in it
		return Mended{}, nil
	}
	said, err := mirroring{w, still}.mirror(ctx, account)
	if err == nil && said.Remark == RemarkNewerTaken { // into our store, and what was found stays
		said, err = mirroring{w, still}.mirror(ctx, account)
	}
	if err != nil {
		return Mended{}, err
	}
	at := f.entry.Location()
	step := undoStep{Kind: undoMirror, Path: f.entry.Place(), Entry: &at, Wrote: w.l.Place(f.entry.ID()).Pair}
	if s, err := w.see(ctx, f.entry, false); err == nil && pairOf(&s.entry.Login) == step.Wrote {
		step.Stands = printOf(f.entry.File()) // what is written there later is others'
	}
	said = Said{RemarkWritten, &Values{Because: &Reason{Remark: said.Remark, Values: said.Values}}}
	return Mended{Said: said, undo: []undoStep{step}, became: map[string]string{found: printOf(store)}}, nil
}

// isEmpty reports whether nobody's login lies there.
func (s *sighting) isEmpty() bool {
	return s.Relation == ledger.Absent || s.Relation == ledger.SignedOut && s.entry.Login.Refresh.IsZero()
}
