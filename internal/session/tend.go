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

	"keytender/internal/ledger"
	"keytender/keychain/claudecode"
)

// look is how often the clocks are compared while nothing happens: timers stand
// still while a laptop sleeps, so a long one would be late after waking.
const look = time.Minute

// untilLook ends with a minute of the clock, as the menu's own times do: one wake-up
// serves everything that looks.
func untilLook() time.Duration { return time.Until(time.Now().Truncate(look).Add(look)) }

// Tend renews every account's login when it is due, follows what Claude Code renews, and
// brings up what is behind, until ctx ends. changed tells of changes on the disk; each one
// is looked at.
func (e *Engine) Tend(ctx context.Context, changed <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last, due time.Time // the last look at the records, and when they said to act
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
			// Who changes a record changes the ledger too, and that is told. So the clock
			// alone is looked at, and no keychain is asked once a minute.
			if now := e.wall(); changed != nil && now.After(last) && now.Before(due) {
				timer.Reset(min(untilLook(), due.Sub(now)))
				continue
			}
		}
		wait := e.tendNow(ctx)
		last = e.wall()
		due = last.Add(wait)
		timer.Reset(min(untilLook(), wait))
	}
}

// tendNow renews what is due, and returns how long nothing will be, as far as the records
// tell; look where they do not.
func (e *Engine) tendNow(ctx context.Context) time.Duration {
	ctx = oneWait(ctx)
	l, err := e.ledger()
	if err != nil || e.watches(l) {
		return look
	}
	names := l.Names()
	if len(names) == 0 {
		return look
	}
	wait := 24 * time.Hour
	for _, name := range names {
		wait = min(wait, e.On(name).tendAccount(ctx, l))
	}
	if l.AnyLentBehind() || slices.ContainsFunc(l.Places, func(p *ledger.Place) bool { return e.canBringUp(l, p) }) {
		if err := e.catchUp(ctx, entryWait); err != nil && ctx.Err() == nil {
			e.log.Warn("a place could not be brought up", "reason", plain(err))
		}
		wait = min(wait, look/2)
	}
	if next := e.bringFar(ctx); !next.IsZero() {
		wait = min(wait, max(next.Sub(e.wall()), time.Second))
	}
	return wait
}

// tendAccount renews one account's login if that is due.
func (e *Engine) tendAccount(ctx context.Context, l *ledger.Ledger) time.Duration {
	current, err := e.vault(l).load(ctx, e.account)
	if err != nil || current.Refresh.IsZero() {
		return look
	}
	if chain := l.ChainOf(e.account); chain != nil {
		if chain.Dead(pairOf(current)) {
			return look
		}
		if until := chain.Blocked(e.wall()); !until.IsZero() {
			return until.Sub(e.wall()) + time.Second
		}
	}
	if half := e.lentLife(l, e.account, current); half > 0 && e.validFor(current, half) {
		return max(current.AccessEnds.Sub(e.wall())-half, time.Second)
	} else if half == 0 && e.enough(current, e.config.RefreshSkew) {
		due := current.AccessEnds.Sub(e.wall()) - e.config.RefreshSkew
		if current.Lifetime > 0 {
			due = max(due, current.AccessEnds.Sub(e.wall())-current.Lifetime/2)
		}
		return max(due, time.Second)
	}
	if _, err := e.Renew(ctx, false); err != nil && ctx.Err() == nil {
		e.log.Warn("renewing failed", "account", e.account, "reason", plain(err))
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
		again := time.NewTimer(untilLook())
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
				again.Reset(untilLook())
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
	for _, dir := range e.watchedEntries() {
		dirs = append(dirs, dir.WatchPaths()...)
	}
	return dirs
}

// watchedEntries are all entries that are known.
func (e *Engine) watchedEntries() []*claudecode.Directory {
	l, err := e.ledger()
	if err != nil {
		l = ledger.New()
	}
	return (&work{Engine: e, l: l}).directories()
}

// stamp differs when an entry of Claude Code's does; it opens no secret.
func (e *Engine) stamp(ctx context.Context) string {
	ctx, cancel := storeContext(ctx)
	defer cancel()
	var all strings.Builder
	for _, dir := range e.watchedEntries() {
		stamp, err := dir.Stamp(ctx)
		if err != nil {
			stamp = err.Error()
		}
		all.WriteString(stamp + "\n")
	}
	return all.String()
}

// matters leaves out what changes all the time and means nothing: locks, their
// heartbeats, temporary files, logs.
func (e *Engine) matters(event fsnotify.Event) bool {
	if event.Op == fsnotify.Chmod {
		return false
	}
	dir, name := filepath.Split(event.Name)
	ours := filepath.Clean(dir) == filepath.Clean(e.config.Places.State) || event.Name == e.config.Places.Credentials
	switch {
	case slices.ContainsFunc(e.watchedEntries(), func(dir *claudecode.Directory) bool { return event.Name == dir.File() }):
		return true // whatever it was called
	case !ours:
		return name == "settings.json" // what stands in the way of the entry
	case strings.Contains(name, ".tmp."), strings.Contains(name, ".lock"), name == "lock", strings.HasPrefix(name, "locks-held"):
		return name == TrayLock
	}
	return strings.HasSuffix(name, ".json") || name == "history.jsonl"
}
