package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// clientLock is one of the directories by which Claude Code's processes, and we, keep
// out of each other's way. Its time of change is its holder's sign of life.
type clientLock struct {
	path  string
	stale time.Duration
}

// aliveWithin is longer than the pause between two signs of life of a holder; tests
// shorten it.
var aliveWithin = 6 * time.Second

// futureLimit is how far ahead a living holder's lock may be dated.
const futureLimit = 5 * time.Second

func (e *Engine) clientLocks() []clientLock {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	dir := filepath.Join(home, ".claude")
	for _, name := range []string{"CLAUDE_CONFIG_DIR", "CLAUDE_SECURESTORAGE_CONFIG_DIR"} {
		if value, _ := e.config.Lookup(name); value != "" {
			dir = value
		}
	}
	locks := []clientLock{{filepath.Join(dir, ".oauth_refresh.lock"), time.Minute}, {filepath.Join(dir, ".storage-write.lock"), 15 * time.Second}}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		locks = append(locks, clientLock{real + ".lock", time.Minute})
	}
	return locks
}

// trouble says what is wrong with a lock as it stands; stuck means that no waiting
// helps. Both are zero for a lock that is free or held in due form.
func (l clientLock) trouble(now time.Time) (what string, stuck bool) {
	info, err := os.Lstat(l.path)
	if err != nil {
		return "", false
	}
	age := now.Sub(info.ModTime())
	switch {
	case !info.IsDir():
		return "it is no directory, so nobody can take the lock: Claude Code then says that a login succeeded and saves nothing", true
	case age < -futureLimit:
		return "it is dated " + (-age).Round(time.Second).String() + " ahead, and holds everybody up until then", true
	case age > l.stale:
		if entries, err := os.ReadDir(l.path); err == nil && len(entries) > 0 {
			return "it was left behind, and there is something in it, so nobody can clear it", true
		}
		return "it was left behind " + age.Round(time.Second).String() + " ago; the next one to need it clears it", false
	}
	return "", false
}

func (e *Engine) checkClientLocks() []Check {
	const name = "Claude Code's locks"
	var checks []Check
	for _, l := range e.clientLocks() {
		if what, _ := l.trouble(e.wall()); what != "" {
			checks = append(checks, warn(name, l.path+": "+what, "close Claude Code, then `keytender doctor --fix`"))
		}
	}
	if len(checks) == 0 {
		return []Check{fine(name, "free, or held in due form")}
	}
	return checks
}

// Mended is one thing that was put right, with the command that undoes it.
type Mended struct{ What, Undo string }

// Mend puts right what can be put right without asking: rights that are too wide,
// and locks that nobody holds any more. Locks that we cannot clear are moved aside,
// never deleted.
func (e *Engine) Mend(ctx context.Context) ([]Mended, error) {
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
	for _, l := range e.clientLocks() {
		m, err := e.mendLock(ctx, l)
		if err != nil {
			problems = append(problems, err)
		} else if m.What != "" {
			mended = append(mended, m)
		}
	}
	for _, m := range mended {
		e.remember(Record{What: "mended", Detail: m.What + "; undo: " + m.Undo})
	}
	return mended, errors.Join(problems...)
}

func (e *Engine) mendLock(ctx context.Context, l clientLock) (Mended, error) {
	what, stuck := l.trouble(e.wall())
	if what == "" {
		return Mended{}, nil
	}
	before, err := os.Lstat(l.path)
	if err != nil {
		return Mended{}, nil // gone by itself
	}
	if !stuck {
		// Empty and past its time: removing it is what every other side would do.
		if err := os.Remove(l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Mended{}, failed("not-mended", l.path+" could not be removed: "+plain(err), "close Claude Code and remove it by hand", err)
		}
		return Mended{"removed the lock " + l.path + ", which was left behind", "mkdir '" + l.path + "'"}, nil
	}
	if before.IsDir() {
		// Whoever lives shows it within seconds.
		if err := sleep(ctx, aliveWithin); err != nil {
			return Mended{}, err
		}
		after, err := os.Lstat(l.path)
		if err != nil || !after.ModTime().Equal(before.ModTime()) || !os.SameFile(before, after) {
			return Mended{}, failed("busy", l.path+" is held by a living program", "close Claude Code and try again", err)
		}
	}
	aside := l.path + ".aside-" + e.wall().Format("20060102-150405")
	if _, err := os.Lstat(aside); err == nil {
		return Mended{}, failed("not-mended", aside+" is there already", "try again", nil)
	}
	if err := os.Rename(l.path, aside); err != nil {
		return Mended{}, failed("not-mended", l.path+" could not be moved aside: "+plain(err), "close Claude Code and move it away by hand", err)
	}
	return Mended{"moved " + l.path + " aside: " + what, "mv '" + aside + "' '" + l.path + "'"}, nil
}
