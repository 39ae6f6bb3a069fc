package session

import (
	"cmp"
	"context"
	"errors"

	"keytender/internal/await"
	"keytender/internal/ledger"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// takeWhole makes an entry like others of each lent directory here in which a whole copy of a
// login of ours lies: Claude Code renews it there. Where it did so before anybody looked, nobody
// can tell that login from one of the person's own. A disk that is silent holds nobody up.
func (w lentCopies) takeWhole(ctx context.Context) {
	ctx, cancel := storeContext(ctx)
	defer cancel()
	for _, p := range w.calledLent("", false) {
		if w.takeForEntry(ctx, p) != nil {
			w.forgetLent(p)
		}
	}
}

// forgetLent ends the lending to a place in which a login of its own lies.
func (w lentCopies) forgetLent(p *ledger.Place) {
	w.remember(Record{Account: p.Account, What: ledger.ChangeForgotten,
		Said: Said{RemarkOwnLogin, &Values{Place: lentWhere(p).String()}}})
	w.l.ForgetPlace(p.ID)
}

// endLending ends the lending to a directory in which a whole login was found: it is an entry
// like others from then on.
func (w lentCopies) endLending(dir *claudecode.Directory) {
	if p := w.l.Place(lentID(dir)); p != nil {
		w.forgetLent(p)
	}
}

// settleLent takes a place that is lent to no more for what it is: the person may have put a
// whole login of ours there, which is brought up from then on.
func (w lentCopies) settleLent(p *ledger.Place) {
	if p.Far {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lentWait)
	defer cancel()
	place := w.takeForEntry(ctx, p)
	if place == nil || place.Let {
		return
	}
	if current, err := w.vault(w.l).load(ctx, p.Account); err == nil {
		w.carrying().lockAndCarry(ctx, lentWait/2,
			&carried{place: place, dir: w.directory(place), chain: w.l.ChainOf(p.Account), current: current})
	}
}

// takeForEntry makes an entry's place of a lent one in which a whole login of ours lies; nil: none
// does. What may be newer than ours is left alone: nobody was asked.
func (w lentCopies) takeForEntry(ctx context.Context, lent *ledger.Place) *ledger.Place {
	dir := lentWhere(lent).directory(w.entries)
	pairs, err := await.Value(ctx, func() ([]ledger.Pair, error) { return wholePairs(ctx, dir) })
	if err != nil {
		return nil
	}
	for _, pair := range pairs {
		f, known := w.l.Identify(pair)
		if !known || f.Account() == "" && !(lent.Leaving && f.Chain.Was != "") {
			continue
		}
		place := w.place(dir)
		place.Holds(f.Chain, pair)
		place.Let, place.Leaving = lent.Let && f.Account() == lent.Account, f.Account() == ""
		return place
	}
	return nil
}

// wholePairs are the whole logins in an entry, as far as they can be made out: Claude Code reads
// some files that we call damaged, say one with a key that stands twice.
func wholePairs(ctx context.Context, dir *claudecode.Directory) (pairs []ledger.Pair, err error) {
	entry, err := dir.Read(ctx)
	if !errors.Is(err, keychain.ErrDamaged) || !dir.FileIsRead() {
		return wholeIn(pairs, &entry), err
	}
	logins, err := claudecode.Salvage(dir.File())
	for i := range logins {
		pairs = wholeIn(pairs, &logins[i])
	}
	return pairs, err
}

func wholeIn(pairs []ledger.Pair, entry *claudecode.Entry) []ledger.Pair {
	if pair := pairOf(&entry.Login); pair.Refresh != "" {
		pairs = append(pairs, pair)
	}
	return pairs
}

// mayBeOurs fails where the login in a directory that is lent to may be a copy of ours that
// Claude Code renewed: ours is spent then.
func (w lentCopies) mayBeOurs(s *sighting) error {
	lent := w.l.Place(lentID(s.dir))
	if lent == nil || lent.Let ||
		s.Relation != ledger.Stranger || s.entry.Login.Refresh.IsZero() {
		return nil
	}
	c := cmp.Or(w.l.ChainOf(lent.Account), w.l.Chain(lent.Chain)) // signed out of: what was lent then
	if c == nil || c.Person.Like(s.person) == ledger.Different {
		return nil
	}
	return unknownLogin(&sighting{dir: s.dir, Finding: ledger.Finding{Chain: c}})
}
