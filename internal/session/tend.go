package session

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"keytender/keychain"
)

// look is how often the clocks are compared while nothing happens: timers stand
// still while a laptop sleeps, so a long one would be late after waking.
const look = time.Minute

// Tend renews the active login when it is due and follows what Claude Code renews,
// until ctx ends. changed tells of changes on the disk; each one is looked at.
func (e *Engine) Tend(ctx context.Context, changed <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last, due time.Time // the last look at the record, and when it said to act
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-changed:
			if !open {
				changed = nil
				continue
			}
			if err := e.Follow(ctx); err != nil && ctx.Err() == nil {
				e.log.Warn("following Claude Code's entry failed", "reason", plain(err))
			}
		case <-timer.C:
			// Who changes the record changes the journal too, and that is told. So the
			// clock alone is looked at, and no keychain is asked once a minute.
			if now := e.wall(); changed != nil && now.After(last) && now.Before(due) {
				timer.Reset(min(look, due.Sub(now)))
				continue
			}
		}
		wait := e.tendNow(ctx)
		last = e.wall()
		due = last.Add(wait)
		timer.Reset(min(look, wait))
	}
}

// tendOnce renews if that is due, and returns when to look again.
func (e *Engine) tendOnce(ctx context.Context) time.Duration { return min(look, e.tendNow(ctx)) }

// tendNow renews if that is due, and returns how long nothing will be, as far as the
// record tells; look where it does not.
func (e *Engine) tendNow(ctx context.Context) time.Duration {
	ctx = oneWait(ctx)
	s, err := e.settings()
	if err != nil {
		return look
	}
	account := s.account("")
	current, err := e.load(ctx, s, account)
	if err != nil || current.Refresh.IsZero() {
		return look
	}
	j, err := e.journal()
	if err != nil {
		return look
	}
	chain := j.chainOf(account)
	if chain.dead(current.Refresh) {
		return look
	}
	if until := chain.blocked(e.wall()); !until.IsZero() {
		return until.Sub(e.wall()) + time.Second
	}
	if e.enough(current, e.config.RefreshSkew) {
		due := current.AccessEnds.Sub(e.wall()) - e.config.RefreshSkew
		if current.Lifetime > 0 {
			due = max(due, current.AccessEnds.Sub(e.wall())-current.Lifetime/2)
		}
		return max(due, time.Second)
	}
	if _, err := e.Renew(ctx, false); err != nil && ctx.Err() == nil {
		e.log.Warn("renewing failed", "reason", plain(err))
		return look / 2
	}
	return time.Second
}

// Changes tells, coalesced over a short while, that something on the disk changed
// which a status may show: our state, the file store or Claude Code's entry. The
// channel closes when ctx ends.
func (e *Engine) Changes(ctx context.Context) (<-chan struct{}, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, failed("watch", "changes on the disk cannot be watched: "+plain(err), "raise the limit of watches (fs.inotify.max_user_instances)", err)
	}
	if err := os.MkdirAll(e.config.Places.State, 0o700); err != nil {
		return nil, errors.Join(e.storageTrouble("the state folder cannot be made", err), watcher.Close())
	}
	watch := func() {
		for _, dir := range e.watched() {
			_ = watcher.Add(dir) // one that went away meanwhile shows at the next look
		}
	}
	watch()
	stamp := e.stamp(ctx)
	changed := make(chan struct{}, 1)
	go func() {
		defer close(changed)
		defer watcher.Close()
		settle := time.NewTimer(time.Hour)
		settle.Stop()
		again := time.NewTicker(look)
		defer again.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case event, ok := <-watcher.Events:
				if !ok {
					return
				}
				if event.Has(fsnotify.Create) && slices.Contains(e.watched(), event.Name) {
					watch() // Claude Code's folder appeared; what is in it was not watched
					settle.Reset(100 * time.Millisecond)
				}
				if e.matters(event) {
					settle.Reset(100 * time.Millisecond)
				}
			case <-watcher.Errors:
				settle.Reset(100 * time.Millisecond) // events may have been lost
			case <-again.C:
				// A keychain tells nobody of its changes, and a folder may have been replaced.
				watch()
				if now := e.stamp(ctx); now != stamp {
					stamp = now
					settle.Reset(0)
				}
			case <-settle.C:
				stamp = e.stamp(ctx)
				select {
				case changed <- struct{}{}:
				default:
				}
			}
		}
	}()
	return changed, nil
}

// watched are the folders in which a change may matter now.
func (e *Engine) watched() []string {
	dirs := []string{e.config.Places.State, filepath.Dir(e.config.Places.Credentials)}
	if e.entryErr == nil {
		dirs = append(dirs, e.entry.WatchPaths()...)
	}
	return dirs
}

// stamp differs when Claude Code's entry does; it opens no secret.
func (e *Engine) stamp(ctx context.Context) string {
	if e.entryErr != nil {
		return ""
	}
	ctx, cancel := storeContext(ctx)
	defer cancel()
	stamp, err := e.entry.Stamp(ctx)
	if err != nil {
		return err.Error()
	}
	return stamp
}

// matters leaves out what changes all the time and means nothing: locks, their
// heartbeats, temporary files, logs.
func (e *Engine) matters(event fsnotify.Event) bool {
	if event.Op == fsnotify.Chmod {
		return false
	}
	switch name := filepath.Base(event.Name); {
	case e.entryErr == nil && name == filepath.Base(e.entry.File()):
		return true // whatever it was called
	case strings.Contains(name, ".tmp."), strings.Contains(name, ".lock"), name == "lock", strings.HasPrefix(name, "locks-held"):
		return name == TrayLock
	default:
		return strings.HasSuffix(name, ".json") || name == "history.jsonl"
	}
}

// Switch makes another account the active one and mirrors it.
func (e *Engine) Switch(ctx context.Context, account string) (string, error) {
	release, err := e.lock(ctx, lockWait)
	if err != nil {
		return "", err
	}
	s, err := e.settings()
	if err == nil {
		_, err = e.load(ctx, s, account)
		if errors.Is(err, keychain.ErrNotFound) {
			err = failed("no-account", "there is no account "+account, "`keytender accounts` lists them; `keytender login --account "+account+"` adds it", err)
		} else if err != nil {
			err = storeError(e.store(s).Kind(), err)
		}
	}
	if err == nil {
		err = e.changeSettings(func(s *settings) { s.Active = account })
	}
	release()
	if err != nil {
		return "", err
	}
	if s, err := e.settings(); err != nil || !e.mirrors(s) {
		return "not mirrored", err
	}
	return e.Mirror(ctx)
}

// AccountNames lists the accounts; active is the one that is used.
func (e *Engine) AccountNames() (names []string, active string, err error) {
	s, err := e.settings()
	if err != nil {
		return nil, "", err
	}
	return s.Accounts, s.account(""), nil
}
