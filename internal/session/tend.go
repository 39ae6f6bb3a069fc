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

// pollInterval is how often the clocks are compared while nothing happens: timers stand
// still while a laptop sleeps, so a long one would be late after waking.
const pollInterval = time.Minute

// untilPoll ends with a minute of the clock, as the menu's own times do: one wake-up
// serves everything that looks.
func untilPoll() time.Duration {
	return time.Until(time.Now().Truncate(pollInterval).Add(pollInterval))
}

// lifesign is longer than Claude Code and we take to show that a lock has a holder. Tests
// shorten it.
var lifesign = 6 * time.Second

// slept grows by as long as the machine sleeps, and by as much as its clock is put forward.
// Tests replace it.
var slept = func() time.Duration { return time.Duration(time.Now().UnixNano()) - awake() }

// tending renews what is due, by the clock and by what changes on the disk.
type tending struct {
	*Engine
	failed map[string]time.Time // when the renewal of an account failed last
}

func (e *Engine) tending() tending { return tending{e, map[string]time.Time{}} }

// Tend renews every account's login when it is due, follows what Claude Code renews, and
// brings up what is behind, until ctx ends. changed tells of changes on the disk; each one
// is looked at.
func (e *Engine) Tend(ctx context.Context, changed <-chan struct{}) {
	e.tending().tend(ctx, changed)
}

func (t tending) tend(ctx context.Context, changed <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last, due time.Time // the last look at the records, and when they said to act
	asleep := slept()
	// Whoever wakes finds every lock old, and its holder has to wake as well.
	settled := func() bool {
		before := asleep
		asleep = slept()
		return asleep-before < time.Second || sleep(ctx, lifesign) == nil
	}
	news := true // what changed while nobody looked
	for {
		select {
		case <-ctx.Done():
			return
		case _, news = <-changed:
			if !news {
				changed = nil
				continue
			}
			if !settled() {
				return
			}
		case <-timer.C:
			// Who changes a record changes the ledger too, and that is told. So the clock
			// alone is looked at, and no keychain is asked once a minute.
			if now := t.wall(); changed != nil && now.After(last) && now.Before(due) {
				timer.Reset(min(untilPoll(), due.Sub(now)))
				continue
			}
			if !settled() {
				return
			}
		}
		if news {
			news = false
			if err := t.follow(ctx); err != nil && ctx.Err() == nil {
				t.log.Warn("following Claude Code's entry failed", "reason", plain(err))
			}
		}
		wait := t.tendNow(ctx)
		last = t.wall()
		due = last.Add(wait)
		timer.Reset(min(untilPoll(), wait))
	}
}

// tendNow renews what is due, and returns how long nothing will be, as far as the records
// tell; look where they do not.
func (t tending) tendNow(ctx context.Context) time.Duration {
	ctx = oneWait(ctx)
	l, err := t.ledger()
	if err != nil || t.watches(l) {
		return pollInterval
	}
	names := l.Names()
	if len(names) == 0 {
		return pollInterval
	}
	wait := 24 * time.Hour
	for _, name := range names {
		wait = min(wait, tending{t.On(name), t.failed}.tendAccount(ctx, l))
	}
	w := &work{Engine: t.Engine, l: l}
	if l.AnyLentBehind() || slices.ContainsFunc(l.Places, w.following().canBringUp) {
		if err := t.catchUp(ctx, entryWait); err != nil && ctx.Err() == nil {
			t.log.Warn("a place could not be brought up", "reason", plain(err))
		}
		wait = min(wait, pollInterval/2)
	}
	if next := t.lending().bringFar(ctx); !next.IsZero() {
		wait = min(wait, max(next.Sub(t.wall()), time.Second))
	}
	return wait
}

// tendAccount renews one account's login if that is due.
func (t tending) tendAccount(ctx context.Context, l *ledger.Ledger) time.Duration {
	v := t.vault(l)
	current, err := v.load(ctx, t.account)
	if (err != nil || current.Refresh.IsZero()) && !v.left {
		return pollInterval
	}
	owed := t.owes(l, t.account)
	if chain := l.ChainOf(t.account); chain != nil {
		if chain.Dead(pairOf(&current)) {
			return pollInterval
		}
		if until := chain.Blocked(t.wall()); !until.IsZero() {
			return until.Sub(t.wall()) + time.Second
		}
	}
	if half := lentLife(l, t.account, &current); !owed && half > 0 && t.validFor(&current, half) {
		return max(current.AccessEnds.Sub(t.wall())-half, time.Second)
	} else if !owed && half == 0 && t.enough(&current, t.config.RefreshSkew) {
		due := current.AccessEnds.Sub(t.wall()) - t.config.RefreshSkew
		if current.Lifetime > 0 {
			due = max(due, current.AccessEnds.Sub(t.wall())-current.Lifetime/2)
		}
		return max(due, time.Second)
	}
	if pause := failurePause - t.wall().Sub(t.failed[t.account]).Abs(); pause > 0 {
		return pause
	}
	if _, err := t.Renew(ctx, false); err != nil && ctx.Err() == nil {
		t.failed[t.account] = t.wall()
		t.log.Warn("renewing failed", "account", t.account, "reason", plain(err))
		return failurePause
	}
	return time.Second
}

// failurePause is how long a renewal that failed rests: what it writes down of that is a change
// on the disk, too, and each of those is looked at.
const failurePause = pollInterval / 2

// Changes tells, coalesced over a short while, that something on the disk changed
// which a status may show: our state, the file store or Claude Code's entry. The
// channel closes when ctx ends.
func (e *Engine) Changes(ctx context.Context) (<-chan struct{}, error) {
	return e.tending().changes(ctx)
}

func (t tending) changes(ctx context.Context) (<-chan struct{}, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, failedBy(codeWatch, FaultNoChanges, Values{Reason: plain(err)}, err)
	}
	if err := os.MkdirAll(t.config.Paths.State, 0o700); err != nil {
		return nil, errors.Join(t.storageTrouble(FaultStateFolder, "", err), watcher.Close())
	}
	watch := func() {
		for _, dir := range t.watched() {
			_ = watcher.Add(dir) // one that went away meanwhile shows at the next look
		}
	}
	watch()
	stamp := t.stamp(ctx)
	changed := make(chan struct{}, 1)
	go func() {
		defer close(changed)
		defer watcher.Close()
		settle := time.NewTimer(time.Hour)
		settle.Stop()
		again := time.NewTimer(untilPoll())
		defer again.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case event, ok := <-watcher.Events:
				if !ok {
					return
				}
				if event.Has(fsnotify.Create) && slices.Contains(t.watched(), event.Name) {
					watch() // Claude Code's folder appeared; what is in it was not watched
					settle.Reset(100 * time.Millisecond)
				}
				if t.matters(event) {
					settle.Reset(100 * time.Millisecond)
				}
			case <-watcher.Errors:
				settle.Reset(100 * time.Millisecond) // events may have been lost
			case <-again.C:
				// A keychain tells nobody of its changes, and a folder may have been replaced.
				again.Reset(untilPoll())
				watch()
				if now := t.stamp(ctx); now != stamp {
					stamp = now
					settle.Reset(0)
				}
			case <-settle.C:
				stamp = t.stamp(ctx)
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
func (t tending) watched() []string {
	dirs := []string{t.config.Paths.State, filepath.Dir(t.config.Paths.Credentials)}
	for _, dir := range t.watchedEntries() {
		dirs = append(dirs, dir.WatchPaths()...)
	}
	return dirs
}

// watchedEntries are all entries that are known.
func (t tending) watchedEntries() []*claudecode.Directory {
	l, err := t.ledger()
	if err != nil {
		l = ledger.New()
	}
	return (&work{Engine: t.Engine, l: l}).directories()
}

// stamp differs when an entry of Claude Code's does; it opens no secret.
func (t tending) stamp(ctx context.Context) string {
	ctx, cancel := storeContext(ctx)
	defer cancel()
	var all strings.Builder
	for _, dir := range t.watchedEntries() {
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
func (t tending) matters(event fsnotify.Event) bool {
	if event.Op == fsnotify.Chmod {
		return false
	}
	dir, name := filepath.Split(event.Name)
	ours := filepath.Clean(dir) == filepath.Clean(t.config.Paths.State) || event.Name == t.config.Paths.Credentials
	switch {
	case slices.ContainsFunc(t.watchedEntries(),
		func(dir *claudecode.Directory) bool { return event.Name == dir.File() }):
		return true // whatever it was called
	case !ours:
		return name == "settings.json" // what stands in the way of the entry
	case strings.Contains(name, ".tmp."), strings.Contains(name, ".lock"), name == "lock",
		strings.HasPrefix(name, "locks-held"):
		return name == TrayLock
	}
	return strings.HasSuffix(name, ".json") || name == "history.jsonl"
}
