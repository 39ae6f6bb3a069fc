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
	"keytender/keychain"
)

// UnwritableError says why a place does not take a login, and what the person can do.
// Nothing was changed.
type UnwritableError struct {
	_ [0]func() // nobody compares two

	Place, Reason, Hint string

	cause error
}

func (e *UnwritableError) Error() string { return e.Place + " cannot be written: " + e.Reason }

// Unwrap returns the cause.
func (e *UnwritableError) Unwrap() error { return e.cause }

// Reservation is what Prove made for the next pair: UpdateIn writes into it.
type Reservation struct {
	target string
	file   *atomicfile.Reservation // nil: the keychain item alone
}

// Discard gives back what was not used. It is always called in the end, also after use.
func (r *Reservation) Discard() {
	if r != nil {
		r.file.Discard()
	}
}

// slack is by how much an entry may grow while its space is reserved: another program may sign
// in to one more MCP server.
const slack = 8 << 10

// Prove shows, before anything is sent, that this place takes a pair of the size of like,
// and makes room for it. The caller holds the renewal locks, and discards the reservation. It
// fails with *UnwritableError; a directory that is gone is fs.ErrNotExist too.
func (d *Directory) Prove(ctx context.Context, like keychain.Credential) (*Reservation, error) {
	reserved, err := d.prove(ctx, like)
	if err == nil || errors.Is(err, context.Canceled) {
		return reserved, err
	}
	if unwritable := (&UnwritableError{}); errors.As(err, &unwritable) {
		return nil, unwritable
	}
	return nil, d.unwritable(err)
}

func (d *Directory) unwritable(err error) error {
	return &UnwritableError{Place: d.Place(), Reason: err.Error(), Hint: Mending(err), cause: err}
}

func (d *Directory) prove(ctx context.Context, like keychain.Credential) (*Reservation, error) {
	if _, err := os.Stat(d.dir); err != nil {
		return nil, err
	}
	if what, stuck := (dirlock.Wanted{Path: d.writeLock(), Stale: writeStale, Now: d.now}).Trouble(); stuck {
		return nil, &UnwritableError{Place: d.Place(), Reason: d.writeLock() + ": " + what,
			Hint: "keytender doctor --fix"}
	}
	before, err := d.load(ctx)
	if err != nil {
		return nil, err
	}
	after, _, err := before.merge(Change{SignIn: &like})
	if err != nil {
		return nil, err
	}
	encoded := after.encoded()
	if d.item == nil || before.Source == "file" {
		return d.makeRoom(len(encoded))
	}
	if _, err := d.item.command(encoded); err != nil {
		return nil, err
	}
	if beside, err := d.loadFile(); err == nil && sameLogin(beside.Login, before.Login) {
		return d.makeRoom(len(encoded)) // Update keeps it in step
	}
	return &Reservation{}, nil
}

// MayBeWritten is an error where the kind, the owner or the permissions of what stands there keep a login
// from being written. e is what was read there. It tries nothing, as Prove does.
func (d *Directory) MayBeWritten(e Entry) error {
	if d.item != nil && e.Source != "file" {
		return nil
	}
	target, err := atomicfile.Follow(d.file)
	if err != nil {
		return err
	}
	inPlace, err := atomicfile.Fit(target)
	if err == nil && !(atomicfile.Writable(d.dir) && (inPlace || atomicfile.Writable(filepath.Dir(target)))) {
		err = fmt.Errorf("writing into its folder: %w", fs.ErrPermission)
	}
	return err
}

func (d *Directory) makeRoom(size int) (*Reservation, error) {
	if size > maxEntry {
		return nil, fmt.Errorf("%w: it would have %d bytes", keychain.ErrTooBig, size)
	}
	target, err := atomicfile.Follow(d.file)
	if err != nil {
		return nil, err
	}
	file, err := atomicfile.Reserve(target, int64(size+slack))
	if err != nil {
		return nil, err
	}
	return &Reservation{target: target, file: file}, nil
}

// Mending is what a person can do about the cause.
func Mending(err error) string {
	var refused *atomicfile.RefusedError
	var unusable *UnusableError
	hint := atomicfile.Mending(err)
	switch {
	case errors.As(err, &unusable):
		return unusable.Hint
	case errors.As(err, &refused):
		return "put a plain file of your own in its place"
	case errors.Is(err, syscall.ENOSPC):
		return "make room on that disk"
	case errors.Is(err, syscall.EROFS):
		return "mount that file system so that it can be written"
	case hint != "":
		return hint
	case errors.Is(err, fs.ErrPermission):
		return "give yourself the permission to write there"
	case errors.Is(err, fs.ErrNotExist):
		return "bring the directory back"
	case errors.Is(err, keychain.ErrLocked):
		return "unlock the keychain"
	case errors.Is(err, keychain.ErrDamaged):
		return "sign in with claude auth login, which writes the entry anew"
	}
	return "look at what stands there"
}

// writeFile writes the entry's file, where a link of the person's own leads, and reads it
// back.
func (d *Directory) writeFile(r *Reservation, data []byte) error {
	if len(data) > maxEntry {
		return fmt.Errorf("%w: it would have %d bytes", keychain.ErrTooBig, len(data))
	}
	if err := os.MkdirAll(filepath.Dir(d.file), 0o700); err != nil {
		return err
	}
	target, err := atomicfile.Follow(d.file)
	if err != nil {
		return err
	}
	if r != nil && r.file != nil && r.target == target {
		err = r.file.Write(data, 0o600)
	} else {
		err = atomicfile.Replace(target, data, 0o600)
	}
	if err != nil {
		return err
	}
	return d.readBack(data)
}
