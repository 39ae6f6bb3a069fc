package session

import (
	"context"
	"errors"
	"os"

	"keytender/internal/dirlock"
	"keytender/keychain/claudecode"
)

// troubledLock is a lock of Claude Code's as it should not stand there.
type troubledLock struct {
	claudecode.LockTrouble
	dir *claudecode.Directory
}

// lockTroubles looks at the locks of every entry that is known.
func (d doctor) lockTroubles() (all []troubledLock) {
	for _, dir := range d.knownEntries() {
		for _, t := range dir.LockTroubles() {
			all = append(all, troubledLock{t, dir})
		}
	}
	return all
}

func (f fixing) repairLocks() (repairs []Repair) {
	for _, t := range f.lockTroubles() {
		if !t.Barred {
			repairs = append(repairs, Repair{Said{RemarkWillClearLock, &Values{Path: t.Path, Reason: t.What}},
				func(ctx context.Context) (Mended, error) {
					m, err := mendLock(ctx, t)
					if err == nil {
						f.tellNoMore(ctx, t.dir)
					}
					return m, err
				}})
		}
	}
	return repairs
}

// tellNoMore forgets that a place kept a renewal from being sent.
func (f fixing) tellNoMore(ctx context.Context, dir *claudecode.Directory) {
	w, err := f.beginAnyway(ctx, lockWait)
	if err != nil {
		return // the next renewal finds it out
	}
	for _, c := range w.l.Chains {
		if c.Problem != nil && errorOf(c.Problem, 0).Values.ID == dir.ID() {
			c.Problem = nil
		}
	}
	w.end()
}

func mendLock(ctx context.Context, t troubledLock) (Mended, error) {
	before, err := os.Lstat(t.Path)
	if err != nil {
		return Mended{}, nil // gone by itself
	}
	aside, err := t.dir.MendLock(ctx, t.LockTrouble)
	switch {
	case errors.Is(err, dirlock.ErrBusy):
		return Mended{}, failedBy(codeBusy, FaultLockHeld, Values{Path: t.Path}, err)
	case err != nil:
		return Mended{}, failedBy(codeNotMended, FaultLockNotMended, Values{Path: t.Path, Reason: plain(err)}, err)
	case aside == "":
		return Mended{Said: Said{RemarkLockRemoved, &Values{Path: t.Path}},
			undo: []undoStep{{Kind: undoLock, Path: t.Path, Mode: before.Mode().Perm(), At: before.ModTime()}}}, nil
	}
	return Mended{Said: Said{RemarkLockMoved, &Values{Path: t.Path}},
		undo: []undoStep{{Kind: undoMoved, Path: t.Path, Aside: aside}}}, nil
}
