package dirlock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/shown"
)

// aliveWithin is longer than the pause between two signs of life of a holder.
const aliveWithin = heartbeat + 2*time.Second

// Trouble says what is wrong with the lock as it stands there; "" when it is free or held
// as Claude Code holds it. stuck: no waiting helps. It changes nothing.
func (w Wanted) Trouble() (what string, stuck bool) {
	info, err := os.Lstat(w.Path)
	if err != nil {
		return "", false
	}
	age := w.Now().Round(0).Sub(info.ModTime())
	switch {
	case !info.IsDir():
		return "it is no directory, so nobody can take the lock: Claude Code then says that a login succeeded and saves nothing",
			true
	case age < -futureLimit:
		return "it is dated " + shown.Around(age) + " ahead, and holds everybody up until then", true
	case age > w.Stale:
		if entries, err := os.ReadDir(w.Path); err == nil && len(entries) > 0 {
			return "it was left behind, and there is something in it, so nobody can clear it", true
		}
		return "it was left behind " + shown.Around(age) + " ago; the next one to need it clears it", false
	}
	return "", false
}

// Mend puts right what Trouble named. A lock that is empty and past its time is removed, as
// every other side would do; whatever else stands there gets another name, which is
// returned, and the old one back undoes that. A lock that may have a living holder is
// watched first, and is a *BusyError when there is one.
func (w Wanted) Mend(ctx context.Context, stuck bool) (aside string, err error) {
	before, err := os.Lstat(w.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // gone by itself
	}
	if err != nil {
		return "", fmt.Errorf("looking at the lock: %w", err)
	}
	if what, _ := w.Trouble(); what == "" { // somebody took it since it was looked at
		return "", &BusyError{Path: w.Path, Reason: "it is held by a living program",
			Hint: "close Claude Code and try again"}
	}
	if !stuck {
		if err := removeDir(w.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("removing the lock: %w", err)
		}
		return "", nil
	}
	if before.IsDir() {
		watch := time.NewTimer(aliveWithin)
		defer watch.Stop()
		select {
		case <-watch.C:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		if after, err := os.Lstat(w.Path); err != nil || !sameLock(before, after) {
			return "", &BusyError{Path: w.Path, Reason: "it is held by a living program",
				Hint: "close Claude Code and try again"}
		}
	}
	aside = w.Path + ".aside-" + w.Now().Format("20060102-150405")
	if _, err := os.Lstat(aside); err == nil {
		return "", fmt.Errorf("moving the lock aside: %s is there already", aside)
	}
	if err := atomicfile.Rename(w.Path, aside); err != nil {
		return "", fmt.Errorf("moving the lock aside: %w", err)
	}
	return aside, nil
}
