package session

import (
	"context"

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
		if dir := lentWhere(p).directory(w.entries); w.takeForEntry(ctx, dir) != nil {
			w.endLending(dir)
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
	w.carrying().carryOr(ctx, &carried{place: place, dir: dir, chain: w.l.ChainOf(p.Account), current: current})
}

// takeForEntry makes a place of a lent directory in which a whole login of ours lies; nil: none
// does. What may be newer than ours is left alone: nobody was asked.
func (w lentCopies) takeForEntry(ctx context.Context, dir *claudecode.Directory) *ledger.Place {
	var pair ledger.Pair
	err := await.End(ctx, func() error {
		entry, err := dir.Read(ctx)
		pair = pairOf(entry.Login)
		return err
	})
	if err != nil || pair.Refresh == "" {
		return nil
	}
	f, known := w.l.Identify(pair)
	if !known || f.Account() == "" {
		return nil
	}
	place := w.place(dir)
	place.Holds(f.Chain, pair)
	return place
}
