package claudecode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"keytender/internal/atomicfile"
	"keytender/internal/dirlock"
	"keytender/internal/secret"
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
	return dirlock.Wanted{Path: t.Path, Now: d.now}.Mend(ctx, t.stuck)
}

// MoveAside gives the entry's file another name, which is returned: for one that cannot be
// read and that nobody can use. It is done under the client's locks; an item of the macOS
// keychain is left as it is.
func (d *Directory) MoveAside(ctx context.Context) (aside string, err error) {
	renewal, err := d.LockRenewal(ctx, writeWait)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, renewal.Release()) }()
	lock, err := d.lockWrite(ctx)
	if err != nil {
		return "", fmt.Errorf("moving Claude Code's entry aside: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	aside = d.file + ".aside-" + d.now().Format("20060102-150405")
	if _, err := os.Lstat(aside); !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("moving Claude Code's entry aside: %s is there already", aside)
	}
	if err := atomicfile.Rename(d.file, aside); err != nil {
		return "", fmt.Errorf("moving Claude Code's entry aside: %w", err)
	}
	return aside, nil
}

// Salvage returns the login in a file that was moved aside, where both of its tokens stand
// there whole: what cannot be read may hold a pair that nobody else has.
func Salvage(aside string) (Entry, bool) {
	data, err := atomicfile.ReadShared(aside, maxSettings)
	if err != nil {
		return Entry{}, false
	}
	var found []Entry
	for _, text := range bytes.Split(data, []byte(`"`+loginKey+`"`))[1:] {
		login := loginIn(text)
		e := Entry{Source: "file", whole: secret.New(string(object(nil).with(loginKey, login.encoded()).encoded()))}
		e.decode(login)
		if wholeToken(e.Login.Access) && wholeToken(e.Login.Refresh) {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		return Entry{}, false
	}
	return found[0], true
}

// loginIn returns the members that stand whole in an object behind its key.
func loginIn(text []byte) (login object) {
	text = bytes.TrimLeft(text, " \t\r\n:[")
	in := json.NewDecoder(bytes.NewReader(text))
	if begins, err := in.Token(); err != nil || begins != json.Delim('{') {
		return nil
	}
	for in.More() {
		var value json.RawMessage
		key, _ := in.Token()
		name, isKey := key.(string)
		if !isKey || in.Decode(&value) != nil {
			break
		}
		if !in.More() && !bytes.HasPrefix(bytes.TrimLeft(text[in.InputOffset():], " \t\r\n"), []byte("}")) {
			break // a number, say, that was cut
		}
		var compact bytes.Buffer
		_ = json.Compact(&compact, value)
		login = login.with(name, printable(compact.Bytes()))
	}
	return login
}

func wholeToken(token secret.String) bool {
	odd := strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' })
	return !token.IsZero() && !tooLong(token) && !odd
}

// MoveBack undoes MoveAside. It fails with fs.ErrExist where there is an entry again that
// holds anything.
func (d *Directory) MoveBack(ctx context.Context, aside string) (err error) {
	lock, err := d.lockWrite(ctx)
	if err != nil {
		return fmt.Errorf("putting Claude Code's entry back: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	if now, err := d.loadFile(); err != nil || len(now.document()) > 0 {
		return fmt.Errorf("putting Claude Code's entry back: %w", fs.ErrExist)
	}
	if err := atomicfile.Rename(aside, d.file); err != nil {
		return fmt.Errorf("putting Claude Code's entry back: %w", err)
	}
	return nil
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
