package session

import (
	"context"
	"sync"

	"keytender/internal/await"
	"keytender/internal/ledger"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// takeWhole makes an entry like others of each lent directory here in which a whole copy of a
// login of ours lies: Claude Code renews it there. Where it did so before anybody looked, nobody
// can tell that login from one of the person's own.
func (w lentCopies) takeWhole(ctx context.Context) {
	for _, s := range w.wholeCopies(ctx) {
		w.endLending(s.dir)
		w.place(s.dir).Holds(s.Chain, pairOf(s.entry.Login))
	}
}

// wholeCopies are those copies. A disk that is silent holds nobody up.
func (w lentCopies) wholeCopies(ctx context.Context) (copies []sighting) {
	ctx, cancel := storeContext(ctx)
	defer cancel()
	lent := w.calledLent("", false)
	entries := make([]claudecode.Entry, len(lent))
	var all sync.WaitGroup
	for i, p := range lent {
		dir := lentWhere(p).directory(w.entries)
		all.Go(func() {
			entries[i], _ = await.Value(ctx, func() (claudecode.Entry, error) { return dir.Read(ctx) })
		})
	}
	all.Wait()
	for i, p := range lent {
		if s := w.judge(ctx, lentWhere(p).directory(w.entries), entries[i], false); s.wholeCopy() {
			copies = append(copies, s)
		}
	}
	return copies
}

// wholeCopy: what may be newer than ours is none, since nobody was asked.
func (s sighting) wholeCopy() bool {
	return s.Account() != "" && !s.entry.Login.Refresh.IsZero() && s.Chain.Has(pairOf(s.entry.Login))
}

// forgetLent ends the lending to a place in which a login of its own lies.
func (w lentCopies) forgetLent(p *ledger.Place) {
	w.remember(Record{Account: p.Account, What: ledger.ChangeForgotten,
		Said: Said{RemarkOwnLogin, &Values{Place: lentWhere(p).String()}}})
	w.l.ForgetPlace(p.ID)
}

// endLending ends the lending to a directory in which a whole login was found: it is an entry
// like others from then on. account is whose token was lent there, or empty.
func (w lentCopies) endLending(dir *claudecode.Directory) (account string) {
	p := w.l.Place(lentID(dir))
	if p == nil {
		return ""
	}
	w.forgetLent(p)
	return p.Account
}

// settleLent takes a place that is lent to no more for what it is: the person may have put a
// whole login of ours there, which is brought up from then on.
func (w lentCopies) settleLent(p *ledger.Place, current keychain.Credential) {
	if p.Far {
		return
	}
	dir := lentWhere(p).directory(w.entries)
	ctx, cancel := context.WithTimeout(context.Background(), lentWait)
	defer cancel()
	lock, err := dir.LockRenewal(ctx, lentWait/2)
	if err != nil {
		return
	}
	defer w.unlock(lock)
	place := w.takeForEntry(ctx, dir)
	if place == nil {
		return
	}
	newest := carried{place: place, dir: dir, chain: w.l.ChainOf(p.Account), current: current}
	if err := w.carrying().carryTo(ctx, newest); err != nil {
		w.carrying().notCarried(place, err)
	}
}

// takeForEntry makes a place of a lent directory in which a whole login of ours lies; nil: none
// does.
func (w lentCopies) takeForEntry(ctx context.Context, dir *claudecode.Directory) *ledger.Place {
	s, err := w.see(ctx, dir, false)
	if err != nil || !s.wholeCopy() {
		return nil
	}
	place := w.place(dir)
	place.Holds(s.Chain, pairOf(s.entry.Login))
	return place
}
