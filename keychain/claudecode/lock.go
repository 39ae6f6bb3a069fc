package claudecode

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"keytender/internal/dirlock"
)

// The client's locks in the order in which they are taken: two for a renewal, the
// second since clients before 2.1.143 know no other, and one for each write.

func (d *Directory) firstLock() string { return filepath.Join(d.dir, ".oauth_refresh.lock") }

// secondLock stands beside the directory, wherever a link leads.
func (d *Directory) secondLock() (string, error) {
	real, err := filepath.EvalSymlinks(d.dir)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	return real + ".lock", err
}

func (d *Directory) writeLock() string { return filepath.Join(d.dir, ".storage-write.lock") }

// writing is the client's lock for writing, held. The client keeps no note of its holder; ours
// is in our own state, for the next of us.
type writing struct {
	*dirlock.Lock
	note string
}

// Release gives the lock back.
func (l writing) Release() error { return l.ReleaseNoted(l.note) }

func (d *Directory) lockWrite(ctx context.Context) (writing, error) {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return writing{}, err
	}
	l := writing{}
	if d.ownerNote != "" {
		l.note = filepath.Join(filepath.Dir(d.ownerNote), "write-lock-held.json")
	}
	want := dirlock.Wanted{Path: d.writeLock(), Stale: writeStale, Wait: writeWait, Now: d.now}
	former, _ := dirlock.ReadOwner(l.note)
	want.Dead = func(path string, info fs.FileInfo) bool { return former.Gone(path, info, former.LockBirthtimeMs) }
	want.Prepare()
	birth := want.BirthMs()
	want.Note = func() { dirlock.WriteOwner(l.note, birth, 0) }
	var err error
	l.Lock, err = want.Take(ctx)
	return l, err
}

// RenewalLock is held while a refresh token is spent. With it no Claude Code on this
// machine renews, and each that waits re-reads the entry afterwards.
type RenewalLock struct {
	first, second *dirlock.Lock
	note          string
}

// LockRenewal takes the client's two renewal locks in its order, waiting at most wait
// for both. It fails with *dirlock.BusyError, an dirlock.ErrBusy, or with *UnwritableError. The
// locks are kept fresh until Release.
func (d *Directory) LockRenewal(ctx context.Context, wait time.Duration) (*RenewalLock, error) {
	lock, err := d.lockRenewal(ctx, wait)
	if err != nil {
		err = fmt.Errorf("taking Claude Code's renewal lock: %w", err)
		if errors.Is(err, dirlock.ErrBusy) || errors.Is(err, context.Canceled) {
			return nil, err
		}
		return nil, d.unwritable(err)
	}
	return lock, nil
}

func (d *Directory) lockRenewal(ctx context.Context, wait time.Duration) (*RenewalLock, error) {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, err
	}
	secondPath, err := d.secondLock()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	note := dirlock.OwnerNote(d.firstLock()+".owner", d.ownerNote)

	// Locks are made under other names first, so that the note can name them before they stand
	// in their places: whoever is killed must leave no lock of which nobody can tell whose it was.
	wantFirst := dirlock.Wanted{Path: d.firstLock(), Stale: renewalStale, Wait: wait, Now: d.now}
	wantFirst.Dead = func(path string, info fs.FileInfo) bool {
		owner, ok := dirlock.ReadOwner(note)
		return ok && owner.Gone(path, info, owner.LockBirthtimeMs)
	}
	wantSecond := dirlock.Wanted{Path: secondPath, Stale: renewalStale, Now: d.now}
	wantFirst.Prepare()
	wantSecond.Prepare()
	defer wantSecond.Discard()
	firstBirth, secondBirth := wantFirst.BirthMs(), wantSecond.BirthMs()
	var former dirlock.Owner
	noted := secondBirth // what our note says of the second lock
	wantFirst.Note = func() {
		// Our note takes the place of one by whoever died and left the second lock behind. That
		// is told as ours then: it may be cleared when we are dead as well.
		former, _ = dirlock.ReadOwner(note)
		if info, err := os.Lstat(secondPath); err == nil {
			noted = 0
			if former.Gone(secondPath, info, former.LegacyLockBirthtimeMs) {
				noted = former.LegacyLockBirthtimeMs
			}
		}
		dirlock.WriteOwner(note, firstBirth, noted)
	}
	wantSecond.Dead = func(path string, info fs.FileInfo) bool {
		return former.Gone(path, info, former.LegacyLockBirthtimeMs)
	}
	wantSecond.Note = func() {
		if noted != secondBirth {
			noted = secondBirth
			dirlock.WriteOwner(note, firstBirth, noted)
		}
	}

	first, err := wantFirst.Take(ctx)
	if err != nil {
		return nil, err
	}
	if first.BirthMs() != firstBirth { // it could not be prepared
		firstBirth = first.BirthMs()
		wantFirst.Note()
	}
	wantSecond.Wait = max(0, wait-time.Since(start))
	second, err := wantSecond.Take(ctx)
	if err != nil {
		return nil, errors.Join(err, first.ReleaseNoted(note))
	}
	if second.BirthMs() != noted {
		dirlock.WriteOwner(note, first.BirthMs(), second.BirthMs())
	}
	return &RenewalLock{first, second, note}, nil
}

// Held returns dirlock.ErrCompromised when one of the locks is not ours any more. Look before
// sending: two holders would spend the same refresh token.
func (l *RenewalLock) Held() error { return errors.Join(l.first.Held(), l.second.Held()) }

// Release gives the locks back in reverse order. A lock that is not ours any more is
// left alone and is dirlock.ErrCompromised.
func (l *RenewalLock) Release() error {
	return errors.Join(l.second.Release(), l.first.ReleaseNoted(l.note))
}
