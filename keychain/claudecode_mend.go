package keychain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// What `doctor` sees of the client's locks, and what `doctor --fix` may do with them.

// LockTrouble is one of the client's locks as it should not stand there.
type LockTrouble struct {
	Path string
	What string // in plain words

	stuck bool // no waiting helps
}

// aliveWithin is longer than the pause between two signs of life of a holder.
const aliveWithin = heartbeat + 2*time.Second

// locks returns the client's three locks in its order.
func (c *ClaudeCode) locks() []lockRequest {
	locks := []lockRequest{{path: c.firstLock(), stale: renewalStale, now: c.now}}
	if second, err := c.secondLock(); err == nil {
		locks = append(locks, lockRequest{path: second, stale: renewalStale, now: c.now})
	}
	return append(locks, lockRequest{path: c.writeLock(), stale: writeStale, now: c.now})
}

// LockTroubles lists the locks that are neither free nor held in due form. It changes
// nothing.
func (c *ClaudeCode) LockTroubles() []LockTrouble {
	var all []LockTrouble
	for _, r := range c.locks() {
		if what, stuck := r.trouble(); what != "" {
			all = append(all, LockTrouble{r.path, what, stuck})
		}
	}
	return all
}

func (r lockRequest) trouble() (what string, stuck bool) {
	info, err := os.Lstat(r.path)
	if err != nil {
		return "", false
	}
	age := r.now().Round(0).Sub(info.ModTime())
	switch {
	case !info.IsDir():
		return "it is no directory, so nobody can take the lock: Claude Code then says that a login succeeded and saves nothing", true
	case age < -futureLimit:
		return "it is dated " + (-age).Round(time.Second).String() + " ahead, and holds everybody up until then", true
	case age > r.stale:
		if entries, err := os.ReadDir(r.path); err == nil && len(entries) > 0 {
			return "it was left behind, and there is something in it, so nobody can clear it", true
		}
		return "it was left behind " + age.Round(time.Second).String() + " ago; the next one to need it clears it", false
	}
	return "", false
}

// MendLock puts right what LockTroubles named. A lock that is empty and past its time is
// removed, as every other side would do; whatever else stands there gets another name,
// which is returned, and the old one back undoes that. A lock that may have a living
// holder is watched first, and is a *BusyError when there is one.
func (c *ClaudeCode) MendLock(ctx context.Context, t LockTrouble) (aside string, err error) {
	before, err := os.Lstat(t.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // gone by itself
	}
	if err != nil {
		return "", fmt.Errorf("looking at the lock: %w", err)
	}
	if !t.stuck {
		if err := removeDir(t.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
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
		if after, err := os.Lstat(t.Path); err != nil || !sameLock(before, after) {
			return "", &BusyError{Path: t.Path, Reason: "it is held by a living program", Hint: "close Claude Code and try again"}
		}
	}
	aside = t.Path + ".aside-" + c.now().Format("20060102-150405")
	if _, err := os.Lstat(aside); err == nil {
		return "", fmt.Errorf("moving the lock aside: %s is there already", aside)
	}
	if err := disk.rename(t.Path, aside); err != nil {
		return "", fmt.Errorf("moving the lock aside: %w", err)
	}
	return aside, nil
}
