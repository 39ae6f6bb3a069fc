package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/ledger"
	"keytender/internal/secret"
	"keytender/keychain/claudecode"
)

// mendedFile says how the last `doctor --fix` is taken back. It holds no token.
const mendedFile = "mended.json"

type lastMended struct {
	At    time.Time  `json:"at"`
	Steps []undoStep `json:"steps"`
}

// undoStep takes one repair back.
type undoStep struct {
	Kind     string               `json:"kind"`
	Path     string               `json:"path,omitempty"`
	Aside    string               `json:"aside,omitempty"` // what lay at Path
	Mode     fs.FileMode          `json:"mode,omitempty"`
	At       time.Time            `json:"at,omitzero"`
	Stands   string               `json:"stands,omitempty"` // print of what the repair put at Path
	Entry    *claudecode.Location `json:"entry,omitempty"`
	Identity *formerIdentity      `json:"identity,omitempty"`
	Wrote    ledger.Pair          `json:"wrote,omitzero"` // into the entry; fingerprints
}

type formerIdentity struct {
	secret.Hidden
	AccountID      string `json:"accountId"`
	Email          string `json:"email"`
	OrganizationID string `json:"organizationId"`
	Whole          string `json:"whole"`
}

// What a step takes back.
const (
	undoMode     = "mode"
	undoLock     = "lock"  // a lock was removed
	undoMoved    = "moved" // a file or a lock was moved aside
	undoEntry    = "entry" // Claude Code's entry was moved aside
	undoMirror   = "mirror"
	undoIdentity = "identity"
)

// Unmend takes the last `doctor --fix` back, the last step first, and returns what is as it
// was. What was changed since is left as it is, and is an error.
func (e *Engine) Unmend(ctx context.Context) (undone []string, err error) {
	return fixing{e.doctor()}.unmend(ctx)
}

func (f fixing) unmend(ctx context.Context) (undone []string, err error) {
	if err := f.MayWrite(); err != nil {
		return nil, err
	}
	var last lastMended
	if err := f.readState(mendedFile, &last); err != nil {
		return nil, err
	}
	if len(last.Steps) == 0 {
		return nil, failed("nothing-to-undo", "there is nothing to undo: `doctor --fix` changed nothing, or it was taken back", "`keytender history` shows what was mended", nil)
	}
	var (
		problems []error
		left     []undoStep
	)
	for _, step := range slices.Backward(last.Steps) {
		what, err := f.takeBack(ctx, step)
		if err != nil {
			problems, left = append(problems, err), append([]undoStep{step}, left...)
			continue
		}
		undone = append(undone, what)
		f.remember(Record{What: "undone", Detail: what})
	}
	if len(left) > 0 {
		return undone, errors.Join(append(problems, f.writeState(mendedFile, lastMended{last.At, left}))...)
	}
	if err := os.Remove(f.statePath(mendedFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return undone, f.storageTrouble(f.statePath(mendedFile)+" could not be removed", err)
	}
	return undone, nil
}

func (f fixing) takeBack(ctx context.Context, step undoStep) (string, error) {
	notUndone := func(err error) error {
		return failed("not-undone", step.Path+" could not be put back: "+plain(err), "put it back by hand", err)
	}
	switch step.Kind {
	case undoMode:
		if err := os.Chmod(step.Path, step.Mode); err != nil {
			return "", notUndone(err)
		}
		return fmt.Sprintf("%s has mode %04o again", step.Path, step.Mode), nil
	case undoLock:
		if err := os.Mkdir(step.Path, step.Mode); err != nil {
			return "", notUndone(err)
		}
		return step.Path + " stands there again", os.Chtimes(step.Path, step.At, step.At)
	case undoMirror:
		return f.takeBackMirror(ctx, step)
	case undoIdentity:
		return f.takeBackIdentity(ctx, step)
	case undoEntry:
		return f.takeBackEntry(ctx, step)
	case undoMoved:
		return f.takeBackMoved(ctx, step)
	}
	return "", failed("not-undone", "a newer keytender mended this, and this one does not know how to take it back", "use that version", nil)
}

func (f fixing) takeBackIdentity(ctx context.Context, step undoStep) (string, error) {
	former := step.Identity
	if step.Entry == nil || former == nil {
		return "", damagedState(f.statePath(mendedFile))
	}
	id := claudecode.Identity{AccountID: former.AccountID, Email: former.Email, OrganizationID: former.OrganizationID, Whole: secret.New(former.Whole)}
	if err := claudecode.At(*step.Entry, f.entries).SetIdentity(ctx, id); err != nil {
		return "", failed("not-undone", "Claude Code's state file could not be changed: "+plain(err), "close Claude Code and try again", err)
	}
	return "Claude Code's state file names whom it named before", nil
}

// takeBackMirror takes the login that was written out of the entry again, unless the entry was
// changed since.
func (f fixing) takeBackMirror(ctx context.Context, step undoStep) (string, error) {
	if step.Entry == nil {
		return "", damagedState(f.statePath(mendedFile))
	}
	w, err := f.begin(ctx, lockWait)
	if err != nil {
		return "", err
	}
	defer w.end()
	dir := claudecode.At(*step.Entry, f.entries)
	lock, err := dir.LockRenewal(ctx, entryWait)
	if err != nil {
		return "", entryError(err)
	}
	defer w.unlock(lock)
	_, err = dir.Update(ctx, func(now claudecode.Entry) (claudecode.Change, error) {
		if pairOf(now.Login) != step.Wrote {
			return claudecode.Change{}, failed("not-undone", step.Path+" was changed since, so it was left as it is", "`keytender places` says what it holds", nil)
		}
		return claudecode.Change{SignOut: true}, nil
	})
	if err != nil {
		return "", entryError(err)
	}
	w.place(dir).Empty(false)
	return "Claude Code's entry holds no login again (" + step.Path + ")", w.save()
}

// takeBackEntry puts an entry back that was moved aside, unless there is one again.
func (f fixing) takeBackEntry(ctx context.Context, step undoStep) (string, error) {
	w, err := f.beginAnyway(ctx, lockWait)
	if err != nil {
		return "", err
	}
	defer w.end()
	if f.entryErr != nil || f.entry.File() != step.Path {
		return "", failed("not-undone", step.Path+" is not the entry that this shell names", "set CLAUDE_CONFIG_DIR as it was when it was mended", nil)
	}
	if err := f.entry.MoveBack(ctx, step.Aside); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return "", failed("not-undone", step.Path+" holds something again, which was left as it is; the former one is "+step.Aside, "move the new one away first, if it is not needed", err)
		}
		return "", failed("not-undone", step.Path+" could not be put back: "+plain(err), "close Claude Code and try again", err)
	}
	return step.Path + " is as it was", nil
}

// takeBackMoved puts a file of ours back, or a lock. What the repair wrote in its place goes,
// if nobody changed it since.
func (f fixing) takeBackMoved(ctx context.Context, step undoStep) (string, error) {
	release, err := f.lock(ctx, lockWait)
	if err != nil {
		return "", err
	}
	defer release()
	if _, err := os.Lstat(step.Aside); err != nil {
		return "", failed("not-undone", step.Aside+" is not there any more", "nothing was changed", err)
	}
	if printOf(step.Path) != step.Stands {
		return "", failed("not-undone", step.Path+" was changed since, so it was left as it is; the former one is "+step.Aside, "nothing was changed", nil)
	}
	if err := os.Rename(step.Aside, step.Path); err != nil {
		return "", failed("not-undone", step.Path+" could not be put back: "+plain(err), "put it back by hand", err)
	}
	return step.Path + " is as it was", nil
}

// printOf tells whether a file of ours changed; empty when there is none.
func printOf(path string) string {
	data, err := atomicfile.Read(path, maxStateFile)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
