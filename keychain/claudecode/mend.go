package claudecode

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"keytender/internal/atomicfile"
	"keytender/internal/dirlock"
)

// What `doctor` sees of the client's locks, and what `doctor --fix` may do with them.

// LockTrouble is one of the client's locks as it should not stand there.
type LockTrouble struct {
	Path string
	What string // in plain words

	// Barred: the lock cannot be made at all, since its folder cannot be written. Nothing
	// of ours mends that.
	Barred bool

	stuck bool // no waiting helps
}

// locks returns the client's three locks in its order.
func (d *Directory) locks() []dirlock.Wanted {
	locks := []dirlock.Wanted{{Path: d.firstLock(), Stale: renewalStale, Now: d.now}}
	if second, err := d.secondLock(); err == nil {
		locks = append(locks, dirlock.Wanted{Path: second, Stale: renewalStale, Now: d.now})
	}
	return append(locks, dirlock.Wanted{Path: d.writeLock(), Stale: writeStale, Now: d.now})
}

// LockTroubles lists the locks that are neither free nor held as Claude Code holds them. It changes
// nothing.
func (d *Directory) LockTroubles() []LockTrouble {
	var all []LockTrouble
	for _, r := range d.locks() {
		if what, stuck := r.Trouble(); what != "" {
			all = append(all, LockTrouble{Path: r.Path, What: what, stuck: stuck})
		} else if folder := filepath.Dir(r.Path); d.Installed() && !atomicfile.Writable(folder) {
			all = append(all, LockTrouble{Path: r.Path, Barred: true,
				What: folder +
					" cannot be written, so neither Claude Code nor keytender can take this lock, and nobody can renew"})
		}
	}
	return all
}

// MendLock puts right what LockTroubles named, as dirlock.Wanted.Mend says.
func (d *Directory) MendLock(ctx context.Context, t LockTrouble) (aside string, err error) {
	lock := dirlock.Wanted{Path: t.Path, Now: d.now}
	for _, l := range d.locks() {
		if l.Path == t.Path {
			lock = l
		}
	}
	return lock.Mend(ctx, t.stuck)
}

// MoveAside gives the entry's file another name, which is returned: for one that cannot be
// read and that nobody can use. The caller holds the lock of renewals; an item of the macOS
// keychain is left as it is. What is others' than the login's stays as far as it stands whole.
// Where the name is a link, or a mount, it stays, and the file that it leads to is empty where
// nothing is left, which the client takes for no entry.
//
// What belongs to an account stays where it does not name another organization. left is the text
// that is left.
func (d *Directory) MoveAside(ctx context.Context, organization string) (aside string, left []byte, err error) {
	aside = d.file + ".aside-" + d.now().Format("20060102-150405")
	err = d.exchange(ctx, func() error {
		left, err = d.leaveOthers(aside, organization)
		return err
	})
	if err != nil {
		return "", nil, fmt.Errorf("moving Claude Code's entry aside: %w", err)
	}
	return aside, left, nil
}

// exchange does what needs the lock of whoever writes the entry.
func (d *Directory) exchange(ctx context.Context, do func() error) error {
	lock, err := d.lockWrite(ctx)
	if err != nil {
		return err
	}
	err = do()
	// What was moved is moved, whoever has the lock by now.
	if released := lock.Release(); err == nil && !errors.Is(released, dirlock.ErrCompromised) {
		err = released
	}
	return err
}

// leaveOthers moves the entry's file aside; what is not the login's is left in it, as far as it
// stands whole.
func (d *Directory) leaveOthers(aside, organization string) (left []byte, err error) {
	if _, err := os.Lstat(aside); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is there already", aside)
	}
	target, err := atomicfile.Follow(d.file)
	if err != nil {
		return nil, err
	}
	data, unread := atomicfile.ReadShared(target, maxSettings)
	if _, err := parseEntry(data, "file"); err == nil && unread == nil {
		return nil, errors.New("it can be read by now")
	}
	if others := othersIn(data, organization); len(others) > 0 {
		left = others.encoded()
	}
	if target == d.file && left == nil {
		if err := atomicfile.Rename(target, aside); !errors.Is(err, syscall.EBUSY) {
			return nil, err
		}
	}
	if unread != nil {
		return nil, unread
	}
	if err := atomicfile.Write(aside, data); err != nil {
		return nil, err
	}
	if err := atomicfile.Replace(target, left, 0o600); err != nil {
		return nil, errors.Join(err, os.Remove(aside))
	}
	return left, nil
}

// MoveBack undoes MoveAside. It fails with fs.ErrExist where stands says that the entry's text is
// not what it is to take the place of; nil is none.
func (d *Directory) MoveBack(ctx context.Context, aside string, stands func(text []byte) bool) error {
	if err := d.exchange(ctx, func() error { return d.takeBack(aside, stands) }); err != nil {
		return fmt.Errorf("putting Claude Code's entry back: %w", err)
	}
	return nil
}

func (d *Directory) takeBack(aside string, stands func([]byte) bool) error {
	target, err := atomicfile.Follow(d.file)
	if err != nil {
		return err
	}
	now, err := atomicfile.ReadShared(target, maxSettings)
	if err != nil && !errors.Is(err, fs.ErrNotExist) || !stands(now) {
		return fs.ErrExist
	}
	data, unread := atomicfile.Read(aside, maxSettings)
	if target == d.file {
		if err := atomicfile.Rename(aside, target); !errors.Is(err, syscall.EBUSY) {
			return err
		}
	}
	if unread != nil {
		return unread
	}
	if err := atomicfile.Replace(target, data, 0o600); err != nil {
		return err
	}
	return os.Remove(aside)
}

// FileIsRead reports whether the client reads the entry from the file. On macOS it does so
// while there is no keychain item.
func (d *Directory) FileIsRead() bool { return d.item == nil }

// Strays lists further keychain items of the entry's service, by their accounts: programs
// that do not name one have written them. It opens no secret.
func (d *Directory) Strays(ctx context.Context) (accounts []string) {
	if d.item == nil {
		return nil
	}
	for _, account := range []string{"unknown", fallbackAccount, "root"} {
		if account == d.item.account {
			continue
		}
		stray := &item{service: d.item.service, account: account, run: d.item.run, now: d.item.now}
		if _, err := stray.stamp(ctx); err == nil {
			accounts = append(accounts, account)
		}
	}
	return accounts
}
