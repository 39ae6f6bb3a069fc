package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
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
	_ [0]func() // nobody compares two

	Kind     string               `json:"kind"`
	Path     string               `json:"path,omitempty"`
	Aside    string               `json:"aside,omitempty"` // what lay at Path
	Mode     fs.FileMode          `json:"mode,omitempty"`
	Want     fs.FileMode          `json:"want,omitempty"` // the mode that the repair gave it
	At       time.Time            `json:"at,omitzero"`
	Stands   string               `json:"stands,omitempty"` // print of what the repair put at Path
	Entry    *claudecode.Location `json:"entry,omitempty"`
	Identity *formerIdentity      `json:"identity,omitempty"`
	Wrote    ledger.Pair          `json:"wrote,omitzero"` // into the entry, or what lay there; fingerprints
	Chain    string               `json:"chain,omitempty"`
	Named    string               `json:"named,omitempty"` // whom the repair named
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
func (e *Engine) Unmend(ctx context.Context) (undone []Said, err error) {
	return fixing{e.doctor()}.unmend(ctx)
}

func (f fixing) unmend(ctx context.Context) (undone []Said, err error) {
	if err := f.MayWrite(); err != nil {
		return nil, err
	}
	var last lastMended
	if err := f.readState(mendedFile, &last); err != nil {
		return nil, err
	}
	if len(last.Steps) == 0 {
		return nil, failedAs(codeNothingToUndo, FaultNothingToUndo, nil)
	}
	for _, step := range last.Steps {
		if step.Kind == undoEntry && (f.entryErr != nil || f.entry.File() != step.Path) {
			return nil, failedBy(codeNotUndone, FaultOtherShell, Values{Path: step.Path}, nil)
		}
	}
	for i := len(last.Steps) - 1; i >= 0; i-- {
		step := last.Steps[i]
		if step.Kind == undoMirror && i > 0 && last.Steps[i-1].Kind == undoEntry {
			continue // what lay there comes back whole in its place
		}
		if n := i + 1; step.Kind == undoEntry && n < len(last.Steps) && last.Steps[n].Kind == undoMirror {
			step.Stands = last.Steps[n].Stands
		}
		remark, err := f.takeBack(ctx, step)
		if known := errorIn(err); known != nil && known.Fault == FaultAsideGone { // it never comes back
			return undone, errors.Join(err, f.noteLeft(last, i))
		}
		if err != nil { // and those before it may rest on this one
			return undone, err
		}
		said := Said{remark, &Values{Path: step.Path, Mode: step.Mode}}
		undone = append(undone, said)
		f.remember(Record{What: ledger.ChangeUndone, Said: said})
		// At once: whoever is stopped in between goes on with the next.
		if err := f.noteLeft(last, i); err != nil {
			return undone, err
		}
	}
	return undone, nil
}

// noteLeft notes that the first n steps can still be taken back, unless there was another repair since.
func (f fixing) noteLeft(last lastMended, n int) error {
	var now lastMended
	if err := f.readState(mendedFile, &now); err != nil || !now.At.Equal(last.At) {
		return err
	}
	if n > 0 {
		return f.writeState(mendedFile, lastMended{last.At, last.Steps[:n]})
	}
	if err := os.Remove(f.statePath(mendedFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f.storageTrouble(FaultStateStays, f.statePath(mendedFile), err)
	}
	return nil
}

func (f fixing) takeBack(ctx context.Context, step undoStep) (Remark, error) {
	notUndone := func(err error) error {
		return failedBy(codeNotUndone, FaultNotPutBack, Values{Path: step.Path, Reason: plain(err)}, err)
	}
	needed := step.Aside
	if step.Kind == undoMode {
		needed = step.Path
	}
	if _, err := os.Lstat(needed); needed != "" && errors.Is(err, fs.ErrNotExist) {
		return "", failedBy(codeNotUndone, FaultAsideGone, Values{Aside: needed}, err)
	}
	switch step.Kind {
	case undoMode:
		if info, err := os.Lstat(step.Path); err == nil && step.Want != 0 && info.Mode().Perm() != step.Want {
			return "", failedBy(codeNotUndone, FaultEntryChangedSince, Values{Path: step.Path}, nil)
		}
		if err := os.Chmod(step.Path, step.Mode); err != nil {
			return "", notUndone(err)
		}
		return RemarkOpenAgain, nil
	case undoLock:
		if err := os.Mkdir(step.Path, step.Mode); err != nil {
			return "", notUndone(err)
		}
		return RemarkLockBack, os.Chtimes(step.Path, step.At, step.At)
	case undoMirror:
		return f.takeBackMirror(ctx, step)
	case undoIdentity:
		return f.takeBackIdentity(ctx, step)
	case undoEntry:
		return f.takeBackEntry(ctx, step)
	case undoMoved:
		return f.takeBackMoved(ctx, step)
	}
	return "", failedAs(codeNotUndone, FaultMendedByLater, nil)
}

func (f fixing) takeBackIdentity(ctx context.Context, step undoStep) (Remark, error) {
	former := step.Identity
	if step.Entry == nil || former == nil {
		return "", damagedState(f.statePath(mendedFile))
	}
	dir := claudecode.At(*step.Entry, f.entries)
	if now, _ := dir.Identity(); step.Named != "" && now.AccountID != step.Named {
		return "", failedBy(codeNotUndone, FaultEntryChangedSince, Values{Path: step.Path}, nil)
	}
	id := claudecode.Identity{AccountID: former.AccountID, Email: former.Email, OrganizationID: former.OrganizationID,
		Whole: secret.New(former.Whole)}
	if err := dir.SetIdentity(ctx, id); err != nil {
		return "", failedBy(codeNotUndone, FaultIdentityNotPutBack, Values{Reason: plain(err)}, err)
	}
	return RemarkNamedBefore, nil
}

// takeBackMirror takes the login that was written out of the entry again, unless the entry was
// changed since.
func (f fixing) takeBackMirror(ctx context.Context, step undoStep) (Remark, error) {
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
		if pairOf(&now.Login) != step.Wrote {
			return claudecode.Change{}, failedBy(codeNotUndone, FaultEntryChangedSince, Values{Path: step.Path}, nil)
		}
		return claudecode.Change{SignOut: true, KeepBound: true}, nil
	})
	if err != nil {
		return "", entryError(err)
	}
	w.place(dir).Empty(false)
	return RemarkEmptyAgain, w.save()
}

// takeBackEntry puts an entry back that was moved aside, unless another one is there than the
// repair left, or what it holds was spent or signed out of since.
func (f fixing) takeBackEntry(ctx context.Context, step undoStep) (Remark, error) {
	w, err := f.beginAnyway(ctx, lockWait)
	if err != nil {
		return "", err
	}
	defer w.end()
	lock, err := f.entry.LockRenewal(ctx, entryWait)
	if err != nil {
		return "", entryError(err)
	}
	defer w.unlock(lock)
	c, before := w.l.Chain(step.Chain), ""
	if c != nil {
		if c.Account == "" && c.Was != "" && !c.Lost() {
			return "", failedBy(codeNotUndone, FaultEntryChangedSince, Values{Path: step.Path}, nil)
		}
		if step.Stands != "" && printOf(step.Path) == "" {
			c.Doubted = true // Claude Code may have signed out of it: whoever writes it asks whether it lives
		}
		if c.Left(step.Wrote) || c.Dead(step.Wrote) {
			return "", failedBy(codeNotUndone, FaultAsideSpent, Values{Aside: step.Aside}, nil)
		}
		place := w.place(f.entry)
		place.Next, before = c.ID, place.Next
		if err := w.save(); err != nil {
			return "", err
		}
	}
	stands := func(now []byte) bool { return len(now) == 0 || printOfText(now) == step.Stands }
	if err := f.entry.MoveBack(ctx, step.Aside, stands); err != nil {
		if c != nil {
			w.place(f.entry).Next = before // nothing was put back that another one could follow
		}
		if errors.Is(err, fs.ErrExist) {
			return "", failedBy(codeNotUndone, FaultEntryThereAgain, Values{Path: step.Path, Aside: step.Aside}, err)
		}
		return "", failedBy(codeNotUndone, FaultEntryNotPutBack, Values{Path: step.Path, Reason: plain(err)}, err)
	}
	if c != nil {
		w.place(f.entry).Holds(c, step.Wrote)
	}
	return RemarkAsItWas, w.save()
}

// takeBackMoved puts a file of ours back, or a lock. What the repair wrote in its place is moved
// aside, if nobody changed it since.
func (f fixing) takeBackMoved(ctx context.Context, step undoStep) (Remark, error) {
	release, err := f.lock(ctx, lockWait)
	if err != nil {
		return "", err
	}
	defer release()
	if printOf(step.Path) != step.Stands {
		return "", failedBy(codeNotUndone, FaultChangedSince, Values{Path: step.Path, Aside: step.Aside}, nil)
	}
	if step.Stands != "" { // it may be the only copy of a login by now
		_, err = f.copyAside(step.Path)
	}
	if err == nil {
		err = atomicfile.Rename(step.Aside, step.Path)
	}
	if err != nil {
		return "", failedBy(codeNotUndone, FaultNotPutBack, Values{Path: step.Path, Reason: plain(err)}, err)
	}
	return RemarkAsItWas, nil
}

// printOf tells whether a file changed; empty when there is none, or nothing in it. An entry may be
// larger than any file of ours.
func printOf(path string) string {
	data, err := atomicfile.ReadShared(path, 16*maxStateFile)
	if err != nil {
		return ""
	}
	return printOfText(data)
}

func printOfText(data []byte) string {
	if len(data) == 0 {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
