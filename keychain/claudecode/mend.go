package claudecode

import (
	"context"

	"keytender/internal/dirlock"
)

// What `doctor` sees of the client's locks, and what `doctor --fix` may do with them.

// LockTrouble is one of the client's locks as it should not stand there.
type LockTrouble struct {
	Path string
	What string // in plain words

	stuck bool // no waiting helps
}

// locks returns the client's three locks in its order.
func (d *Directory) locks() []dirlock.Request {
	locks := []dirlock.Request{{Path: d.firstLock(), Stale: renewalStale, Now: d.now}}
	if second, err := d.secondLock(); err == nil {
		locks = append(locks, dirlock.Request{Path: second, Stale: renewalStale, Now: d.now})
	}
	return append(locks, dirlock.Request{Path: d.writeLock(), Stale: writeStale, Now: d.now})
}

// LockTroubles lists the locks that are neither free nor held in due form. It changes
// nothing.
func (d *Directory) LockTroubles() []LockTrouble {
	var all []LockTrouble
	for _, r := range d.locks() {
		if what, stuck := r.Trouble(); what != "" {
			all = append(all, LockTrouble{r.Path, what, stuck})
		}
	}
	return all
}

// MendLock puts right what LockTroubles named, as dirlock.Request.Mend says.
func (d *Directory) MendLock(ctx context.Context, t LockTrouble) (aside string, err error) {
	return dirlock.Request{Path: t.Path, Now: d.now}.Mend(ctx, t.stuck)
}
