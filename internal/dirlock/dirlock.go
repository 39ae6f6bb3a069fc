// Package dirlock takes locks that are empty directories, as Claude Code does: making one
// takes the lock, its modification time shows that the holder lives, removing it gives the
// lock back. That is the protocol of npm's proper-lockfile, and both sides must keep to it
// to the letter. Nothing is ever put into such a directory: it could never be removed by the
// other side again.
package dirlock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/robustio"

	"keytender/internal/shown"
)

// ErrBusy says that another program holds the lock.
var ErrBusy = errors.New("another program holds the lock")

// ErrCompromised says that a lock we held is not ours any more.
var ErrCompromised = errors.New("another program took over the lock")

// BusyError says which lock could not be had and why. It is an ErrBusy.
type BusyError struct {
	_ [0]func() // nobody compares two

	Path   string // of the lock
	Reason string // in plain words
	Hint   string // what to do
	// Stuck: waiting longer will not help; somebody has to mend it.
	Stuck bool
	// denied is what Windows answered in a place where nothing stands.
	denied error
}

func (e *BusyError) Error() string { return e.Path + ": " + e.Reason }

// Unwrap makes it an ErrBusy.
func (e *BusyError) Unwrap() error { return ErrBusy }

const (
	heartbeat = 4 * time.Second // the client expects a sign of life within 5 s
	// futureLimit is how far ahead a live lock may be dated: proper-lockfile rounds the
	// first time up to the next second, and clocks of a network file system differ.
	futureLimit = 5 * time.Second
	// deniedLimit is how long Windows may deny us a lock that is not there: one that is
	// being removed shows so for a moment, a folder that we may not write in for ever.
	deniedLimit = 2 * time.Second
)

// beingRemoved reports whether Windows may have answered so for a lock whose holder is
// just removing it. Tests replace it.
var beingRemoved = func(err error) bool {
	return runtime.GOOS == "windows" && robustio.IsEphemeralError(err)
}

// Lock is one held lock.
type Lock struct {
	path  string
	stale time.Duration
	now   func() time.Time
	birth time.Time // when the directory was made; zero where the system does not tell

	mu       sync.Mutex
	info     fs.FileInfo // as we left it
	lastBeat time.Time
	lost     error

	stop, stopped chan struct{}
}

// Wanted says which lock is wanted and on what terms.
type Wanted struct {
	Path  string
	Stale time.Duration // without a sign of life for so long, the lock was left behind
	Wait  time.Duration // 0: one try
	Now   func() time.Time
	// Dead reports that the holder of the lock as it stands is surely gone. nil: never.
	Dead func(path string, info fs.FileInfo) bool

	// Note writes down who is about to hold the prepared lock. It is called while nothing
	// stands in the place, right before the lock does: whoever is killed in between leaves a
	// note without a lock, which binds nobody, and never a lock without its note.
	Note func()

	prepared string // the directory's name until it is put in its place
}

// Take waits for the lock, takes it, and keeps it fresh until Release. It fails with
// *BusyError, an ErrBusy.
func (w Wanted) Take(ctx context.Context) (*Lock, error) {
	defer w.Discard()
	deadline := time.Now().Add(w.Wait)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var deniedSince time.Time
	for {
		l, err := w.try()
		if err == nil {
			go l.keepFresh()
			return l, nil
		}
		var busy *BusyError
		if !errors.As(err, &busy) || busy.Stuck {
			return nil, err
		}
		switch {
		case busy.denied == nil:
			deniedSince = time.Time{}
		case deniedSince.IsZero():
			deniedSince = time.Now()
		case time.Since(deniedSince) >= deniedLimit:
			return nil, fmt.Errorf("taking the lock: %w", busy.denied)
		}
		if !time.Now().Before(deadline) {
			return nil, err
		}
		// Uneven steps keep two waiting programs from meeting for ever.
		pause := time.NewTimer(min(time.Until(deadline), 50*time.Millisecond+rand.N(200*time.Millisecond)))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil, err
			}
			return nil, ctx.Err()
		}
	}
}

// try makes the directory, clearing a stale one out of the way once.
func (w *Wanted) try() (*Lock, error) {
	for cleared := false; ; cleared = true {
		err := w.place()
		if err == nil {
			return w.taken()
		}
		if beingRemoved(err) {
			busy := &BusyError{Path: w.Path, Reason: "Windows is still removing the lock of another program",
				Hint: "try again in a minute"}
			if _, there := os.Lstat(w.Path); errors.Is(there, fs.ErrNotExist) {
				busy.denied = err
			}
			return nil, busy
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("taking the lock: %w", err)
		}
		busy, err := w.look()
		if err != nil {
			return nil, err
		}
		if busy == nil && !cleared {
			continue // it is out of the way
		}
		if busy == nil {
			busy = w.busy()
		}
		return nil, busy
	}
}

func (w Wanted) busy() *BusyError {
	return &BusyError{Path: w.Path, Reason: "another program is at work on the login", Hint: "try again in a minute"}
}

func (w Wanted) notADirectory() *BusyError {
	return &BusyError{Path: w.Path, Stuck: true,
		Reason: "there is something in the place of the lock that is no directory, so neither Claude Code nor we can take it",
		Hint:   "keytender doctor --fix"}
}

func (w Wanted) notEmpty() *BusyError {
	return &BusyError{Path: w.Path, Stuck: true,
		Reason: "the lock was left behind, and it cannot be removed since there is something in it",
		Hint:   "keytender doctor --fix"}
}

func (w Wanted) dated(ahead time.Duration) *BusyError {
	return &BusyError{Path: w.Path, Reason: "the lock is dated " + shown.Around(ahead) +
		" ahead, so it holds everybody up until then",
		Hint: "check the clock, close Claude Code, then keytender doctor --fix"}
}

// look judges the lock that stands there. Without BusyError it is gone.
func (w Wanted) look() (*BusyError, error) {
	info, err := os.Lstat(w.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at the lock: %w", err)
	}
	if !info.IsDir() {
		return w.notADirectory(), nil
	}
	age := w.Now().Round(0).Sub(info.ModTime())
	dead := w.Dead != nil && w.Dead(w.Path, info)
	switch {
	case !dead && age < -futureLimit:
		return w.dated(-age), nil
	case !dead && age <= w.Stale:
		return w.busy(), nil
	}
	return w.clear(info)
}

// clear removes the lock as it was judged. If it changed meanwhile it has a new holder.
func (w Wanted) clear(judged fs.FileInfo) (*BusyError, error) {
	now, err := os.Lstat(w.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil || !sameLock(judged, now) {
		return w.busy(), nil
	}
	err = removeDir(w.Path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if entries, readErr := os.ReadDir(w.Path); readErr == nil && len(entries) > 0 {
		return w.notEmpty(), nil
	}
	return nil, fmt.Errorf("clearing a lock that was left behind: %w", err)
}

// taken dates the directory we just made by our own clock, as the other side does.
func (w Wanted) taken() (*Lock, error) {
	l := &Lock{path: w.Path, stale: w.Stale, now: w.Now, stop: make(chan struct{}), stopped: make(chan struct{})}
	if err := l.touch(); err != nil {
		_ = removeDir(w.Path)
		return nil, fmt.Errorf("taking the lock: %w", err)
	}
	l.birth = birthTime(w.Path, l.info)
	return l, nil
}

// touch sets the time and remembers what the file system made of it.
func (l *Lock) touch() error {
	now := l.now()
	if err := os.Chtimes(l.path, now, now); err != nil {
		return err
	}
	info, err := os.Lstat(l.path)
	if err != nil {
		return err
	}
	l.info, l.lastBeat = info, now.Round(0)
	return nil
}

func (l *Lock) keepFresh() {
	defer close(l.stopped)
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
			if l.beat(true) != nil {
				return
			}
		}
	}
}

// beat looks whether the lock is still as we left it and, if asked, dates it anew.
// After a laptop's sleep it may be old and still ours.
func (l *Lock) beat(touch bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil {
		return l.lost
	}
	info, err := os.Lstat(l.path)
	if err == nil && !sameLock(info, l.info) {
		err = fs.ErrNotExist
	}
	if err == nil && touch {
		err = l.touch()
	}
	// Any other trouble may pass, as long as nobody may take the lock for left behind.
	if errors.Is(err, fs.ErrNotExist) || (err != nil && l.now().Round(0).Sub(l.lastBeat) > l.stale) {
		l.lost = fmt.Errorf("%s: %w", l.path, ErrCompromised)
	}
	return l.lost
}

// Held returns ErrCompromised when the lock is not ours any more.
func (l *Lock) Held() error { return l.beat(false) }

// Release gives the lock back, unless it is not ours any more.
func (l *Lock) Release() error { return l.ReleaseNoted("") }

// ReleaseNoted is Release that takes the note of its holder away too, after the lock: whoever
// is killed in between leaves no lock without its note.
func (l *Lock) ReleaseNoted(note string) error {
	close(l.stop)
	<-l.stopped
	if err := l.Held(); err != nil {
		return err
	}
	if err := removeDir(l.path); err != nil {
		return fmt.Errorf("giving back the lock: %w", err)
	}
	if note != "" && isOurs(note) {
		_ = os.Remove(note)
	}
	return nil
}

// sameLock compares times too: a directory that was removed and made anew often gets
// the old one's number.
func sameLock(a, b fs.FileInfo) bool {
	return b.IsDir() && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime())
}
