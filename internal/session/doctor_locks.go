package session

import (
	"context"
	"errors"
	"fmt"
	"os"

	"keytender/internal/dirlock"
	"keytender/keychain/claudecode"
)

// lockTroubles are none where there is no entry to look at; that is named elsewhere.
func (e *Engine) lockTroubles() []claudecode.LockTrouble {
	if e.entryErr != nil {
		return nil
	}
	return e.entry.LockTroubles()
}

func (e *Engine) checkClientLocks() []Check {
	const name = "Claude Code's locks"
	var checks []Check
	for _, l := range e.lockTroubles() {
		if l.Barred {
			checks = append(checks, fail(name, l.Path+": "+l.What, "give yourself back the permission to write into that folder"))
			continue
		}
		checks = append(checks, warn(name, l.Path+": "+l.What, "close Claude Code, then `keytender doctor --fix`"))
	}
	if len(checks) == 0 {
		return []Check{fine(name, "free, or held by a program that is at work")}
	}
	return checks
}

// Mended is one thing that was put right, with the command that undoes it.
type Mended struct{ What, Undo string }

// Mend puts right what can be put right without asking: rights that are too wide,
// and locks that nobody holds any more. Locks that we cannot clear are moved aside,
// never deleted.
func (e *Engine) Mend(ctx context.Context) ([]Mended, error) {
	if err := e.MayWrite(); err != nil {
		return nil, err
	}
	var (
		mended   []Mended
		problems []error
	)
	for _, l := range e.looseRights() {
		if err := os.Chmod(l.path, l.want); err != nil {
			problems = append(problems, failed("not-mended", "the rights of "+l.path+" could not be changed: "+plain(err), l.repair(), err))
			continue
		}
		mended = append(mended, Mended{fmt.Sprintf("%s now has mode %04o", l.path, l.want), l.undo()})
	}
	for _, l := range e.lockTroubles() {
		if l.Barred {
			continue
		}
		m, err := e.mendLock(ctx, l)
		if err != nil {
			problems = append(problems, err)
		} else {
			mended = append(mended, m)
		}
	}
	for _, mend := range []func(context.Context) (Mended, error){e.mendLedger, e.mendEntry} {
		switch m, err := mend(ctx); {
		case err != nil:
			problems = append(problems, err)
		case m.What != "":
			mended = append(mended, m)
		}
	}
	for _, m := range mended {
		e.remember(Record{What: "mended", Detail: m.What + "; undo: " + m.Undo})
	}
	return mended, errors.Join(problems...)
}

func (e *Engine) mendLock(ctx context.Context, l claudecode.LockTrouble) (Mended, error) {
	aside, err := e.entry.MendLock(ctx, l)
	switch {
	case errors.Is(err, dirlock.ErrBusy):
		return Mended{}, failed("busy", l.Path+" is held by a living program", "close Claude Code and try again", err)
	case err != nil:
		return Mended{}, failed("not-mended", l.Path+" could not be put right: "+plain(err), "close Claude Code and move it away by hand", err)
	case aside == "":
		return Mended{"removed the lock " + l.Path + ", which was left behind", "mkdir '" + l.Path + "'"}, nil
	}
	return Mended{"moved " + l.Path + " aside: " + l.What, "mv '" + aside + "' '" + l.Path + "'"}, nil
}
