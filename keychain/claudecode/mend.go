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
	"syscall"

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
// keychain is left as it is. Where the name is a link, or a mount, it stays, and the file
// that it leads to is empty then, which the client takes for no entry.
func (d *Directory) MoveAside(ctx context.Context) (aside string, err error) {
	lock, err := d.lockWrite(ctx)
	if err != nil {
		return "", fmt.Errorf("moving Claude Code's entry aside: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	aside = d.file + ".aside-" + d.now().Format("20060102-150405")
	if _, err := os.Lstat(aside); !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("moving Claude Code's entry aside: %s is there already", aside)
	}
	err = renameOr(d.file, d.file, aside, func(target string) error {
		data, err := atomicfile.ReadShared(target, maxSettings)
		if err == nil {
			err = atomicfile.Write(aside, data)
		}
		if err != nil {
			return err
		}
		return atomicfile.Replace(target, nil, 0o600)
	})
	if err != nil {
		return "", fmt.Errorf("moving Claude Code's entry aside: %w", err)
	}
	return aside, nil
}

// renameOr renames, but where the entry's own name must stay has the file that it leads to written.
func renameOr(entry, from, to string, write func(target string) error) error {
	target, err := atomicfile.Follow(entry)
	if err == nil && target == entry {
		if err = atomicfile.Rename(from, to); !errors.Is(err, syscall.EBUSY) {
			return err
		}
		err = nil
	}
	if err == nil {
		err = write(target)
	}
	return err
}

// Salvage returns the logins in a file that cannot be read as an entry, with what of their
// tokens stands there whole: it may hold a pair that nobody else has.
func Salvage(file string) (found []Entry, err error) {
	data, err := atomicfile.ReadShared(file, maxSettings)
	if err != nil {
		return nil, err
	}
	for _, text := range bytes.Split(withoutZeros(data), []byte(`"`+loginKey+`"`))[1:] {
		login := loginIn(text)
		whole := object(nil).with(loginKey, login.encoded())
		e := Entry{Source: "file", whole: secret.New(string(whole.encoded()))}
		e.decode(login)
		for _, token := range []*secret.String{&e.Login.Access, &e.Login.Refresh} {
			if !wholeToken(*token) {
				*token = secret.String{}
			}
		}
		twice := false
		for i := range found {
			twice = twice || found[i].Login.SamePair(e.Login)
		}
		if e.State == SignedIn && !twice && !(e.Login.Access.IsZero() && e.Login.Refresh.IsZero()) {
			found = append(found, e)
		}
	}
	return found, nil
}

// Traces lists what looks like a token of a login in a file, whole or not.
func Traces(file string) (found []secret.String, err error) {
	data, err := atomicfile.ReadShared(file, maxSettings)
	if err != nil {
		return nil, err
	}
	for _, text := range bytes.Split(withoutZeros(data), []byte(tokenMark))[1:] {
		end := bytes.IndexFunc(text, func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		})
		if end < 0 {
			end = len(text)
		}
		found = append(found, secret.New(tokenMark+string(text[:end])))
	}
	return found, nil
}

// tokenMark begins each token of a login.
const tokenMark = "sk-ant-o"

// withoutZeros is a text without the zeros of UTF-16, as PowerShell writes it.
func withoutZeros(data []byte) []byte {
	if len(data) > 1 && (data[0]^data[1] == 0xff^0xfe || data[0] == 0 || data[1] == 0) {
		return bytes.ReplaceAll(data, []byte{0}, nil)
	}
	return data
}

// mostMembers is more than a login has.
const mostMembers = 100

// loginIn returns the members that stand whole in an object behind its key.
func loginIn(text []byte) (login object) {
	text = bytes.TrimLeft(text, " \t\r\n:[")
	in := json.NewDecoder(bytes.NewReader(text))
	if begins, err := in.Token(); err != nil || begins != json.Delim('{') {
		return nil
	}
	for in.More() && len(login) < mostMembers {
		var value json.RawMessage
		key, _ := in.Token()
		name, isKey := key.(string)
		if !isKey || in.Decode(&value) != nil {
			break
		}
		ends := bytes.HasPrefix(bytes.TrimLeft(text[in.InputOffset():], " \t\r\n"), []byte("}"))
		if value[0] != '"' && !in.More() && !ends {
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
	err = renameOr(d.file, aside, d.file, func(target string) error {
		data, err := atomicfile.Read(aside, maxSettings)
		if err == nil {
			err = atomicfile.Replace(target, data, 0o600)
		}
		if err != nil {
			return err
		}
		return os.Remove(aside)
	})
	if err != nil {
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
