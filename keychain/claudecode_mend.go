package keychain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// What `doctor --fix` may do here. Nothing is thrown away: what is in the way is given
// another name, and giving it the old one back undoes the repair.

// locks returns the client's three locks in its order.
func (c *ClaudeCode) locks() ([]lockRequest, error) {
	second, err := c.secondLock()
	if err != nil {
		return nil, err
	}
	return []lockRequest{
		{path: c.firstLock(), stale: renewalStale, now: c.now},
		{path: second, stale: renewalStale, now: c.now},
		{path: c.writeLock(), stale: writeStale, now: c.now},
	}, nil
}

// StuckLocks lists the locks that block Claude Code and us and that no program gives
// back by itself. It changes nothing.
func (c *ClaudeCode) StuckLocks() []*BusyError {
	locks, err := c.locks()
	if err != nil {
		return nil // no directory, no locks
	}
	var stuck []*BusyError
	for _, r := range locks {
		if busy := r.stuck(); busy != nil {
			stuck = append(stuck, busy)
		}
	}
	return stuck
}

// stuck judges without clearing anything.
func (r lockRequest) stuck() *BusyError {
	info, err := os.Lstat(r.path)
	if err != nil {
		return nil
	}
	age := r.now().Round(0).Sub(info.ModTime())
	switch {
	case !info.IsDir():
		return r.notADirectory()
	case age < -futureLimit:
		return r.dated(-age)
	case age > r.stale:
		if entries, err := os.ReadDir(r.path); err == nil && len(entries) > 0 {
			return r.notEmpty()
		}
	}
	return nil
}

// MendLocks moves stuck locks aside and returns old and new names. A lock that is dated
// ahead is first watched for longer than a living holder is silent.
func (c *ClaudeCode) MendLocks(ctx context.Context) (moved map[string]string, err error) {
	moved = map[string]string{}
	before := map[string]os.FileInfo{}
	for _, stuck := range c.StuckLocks() {
		if before[stuck.Path], err = os.Lstat(stuck.Path); err != nil {
			return moved, fmt.Errorf("looking at the lock: %w", err)
		}
	}
	if len(before) == 0 {
		return moved, nil
	}
	watch := time.NewTimer(heartbeat + 3*time.Second)
	defer watch.Stop()
	select {
	case <-watch.C:
	case <-ctx.Done():
		return moved, ctx.Err()
	}
	for _, stuck := range c.StuckLocks() {
		now, err := os.Lstat(stuck.Path)
		was, seen := before[stuck.Path]
		if err != nil || !seen || !os.SameFile(was, now) || !was.ModTime().Equal(now.ModTime()) {
			continue // somebody is at work there after all
		}
		if moved[stuck.Path], err = c.moveAside(stuck.Path, "stuck"); err != nil {
			delete(moved, stuck.Path)
			return moved, err
		}
	}
	return moved, nil
}

// SetAsideDamaged moves the entry's file aside when it is damaged, so that a new one can
// be written, and returns its new name; "" when there was nothing to do. A damaged
// keychain item is left to the person: it cannot be moved.
func (c *ClaudeCode) SetAsideDamaged(ctx context.Context) (string, error) {
	if _, err := c.loadFile(); !errors.Is(err, ErrDamaged) {
		return "", nil
	}
	lock, err := c.lockWrite(ctx)
	if err != nil {
		return "", fmt.Errorf("setting the damaged entry aside: %w", err)
	}
	var name string
	if _, damaged := c.loadFile(); errors.Is(damaged, ErrDamaged) {
		name, err = c.moveAside(c.file, "damaged")
	}
	if released := lock.release(); err == nil && !errors.Is(released, ErrCompromised) {
		err = released
	}
	return name, err
}

func (c *ClaudeCode) moveAside(path, why string) (string, error) {
	name := path + "." + why + "-" + c.now().UTC().Format("20060102T150405.000")
	if err := disk.rename(path, name); err != nil {
		return "", fmt.Errorf("moving %s aside: %w", path, err)
	}
	return name, disk.syncDir(filepath.Dir(path))
}
