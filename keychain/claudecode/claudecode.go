// Package claudecode knows Claude Code's credential entry: where it is, how it is merged,
// the tool that macOS keeps it with, and the client's locks. Nothing else in the tree knows
// these names. It never opens a network connection, never builds an entry anew, and never
// decides whose login belongs there.
package claudecode

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/dirlock"
	"keytender/keychain"
)

// Config says where Claude Code's entry is looked for. The zero value is
// this machine and this person.
type Config struct {
	LookupEnv func(string) (string, bool) // set and empty is not the same as unset
	Home      string
	GOOS      string
	Username  string // of the operating system, when USER is not set
	Security  Runner
	Now       func() time.Time
	// ArgvAllowed lets an item that is too long for the tool's stdin go to it as an
	// argument, where other users of the machine can see it for a moment, as Claude Code's
	// own client does.
	ArgvAllowed bool
	// OwnerNote is a file in our own state in which the holder of the renewal locks
	// names itself, where it cannot do so in the client's way. Optional.
	OwnerNote string
}

// Directory is one configuration directory of Claude Code with the entry that it reads its
// login from: an item of the macOS keychain, else a file. Other programs keep theirs in it too, so every write is a
// merge under the client's own locks.
type Directory struct {
	env            environment
	home, goos     string
	settingsDir    string // settings.json
	state          string // the client's state file
	dir            string // credentials and locks
	file           string
	pathOverridden bool
	item           *item // nil: the file alone
	now            func() time.Time
	ownerNote      string
	id             atomic.Pointer[string] // see ID
}

const (
	maxEntry = 16 << 20 // bytes; entries with 20 KB of MCP logins have been seen

	renewalStale = 60 * time.Second
	writeStale   = 15 * time.Second
	writeWait    = 20 * time.Second
)

// Find looks for the entry by the environment; it reads nothing yet. It fails with
// *UnusableError when the environment is such that the client itself would see no login.
//
// CLAUDE_CODE_AUTH_CREDENTIALS_PATH names the file; on macOS the keychain is then left
// out, unless CLAUDE_CODE_AUTH_KEYCHAIN_SERVICE names an item too. The locks stay those
// of the configuration directory, where the client looks for them.
func Find(c Config) (*Directory, error) {
	if c.Home == "" {
		c.Home, _ = os.UserHomeDir() // "" below
	}
	c = c.orDefaults()
	env := environment(c.LookupEnv)
	if c.Home == "" && env.get("CLAUDE_CONFIG_DIR") == "" {
		return nil, &UnusableError{"this session has no home folder, so there is no place for Claude Code's entry",
			"set HOME (USERPROFILE on Windows), or CLAUDE_CONFIG_DIR"}
	}
	l, err := c.locate(env)
	if err != nil {
		return nil, err
	}
	return At(l, c), nil
}

// locate reads the variables. A relative path is followed from the working directory, as
// the client does.
func (c Config) locate(env environment) (l Location, err error) {
	if l.Settings, l.Dir, err = env.configDirs(c.Home); err != nil {
		return Location{}, err
	}
	l.State, l.File = env.statePath(c.Home), env.get("CLAUDE_CODE_AUTH_CREDENTIALS_PATH")
	for _, path := range []*string{&l.Settings, &l.Dir, &l.State, &l.File} {
		if *path == "" || filepath.IsAbs(*path) {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return Location{}, fmt.Errorf("looking for Claude Code's entry: %w", err)
		}
	}
	service := env.get("CLAUDE_CODE_AUTH_KEYCHAIN_SERVICE")
	if c.GOOS != "darwin" || (l.File != "" && service == "") {
		return l, nil
	}
	if l.Service = service; service == "" {
		l.Service = env.keychainService()
	}
	if strings.ContainsFunc(service, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		return Location{}, &UnusableError{"CLAUDE_CODE_AUTH_KEYCHAIN_SERVICE holds a control character",
			"give it a plain name"}
	}
	if c.Username == "" {
		if u, err := user.Current(); err == nil {
			c.Username = u.Username
		}
	}
	l.Account = env.keychainAccount(c.Username)
	return l, nil
}

// Place says in words where the entry is.
func (d *Directory) Place() string {
	if d.item == nil {
		return d.file
	}
	return itemPlace(d.item.service, d.item.account)
}

func itemPlace(service, account string) string {
	return fmt.Sprintf("the keychain item %q of %s", service, account)
}

// File is the entry's file; on macOS it counts only while there is no keychain item.
func (d *Directory) File() string { return d.file }

// WatchPaths lists the directories to watch for changes of the entry's file. The
// keychain tells nobody: compare Stamp for it.
func (d *Directory) WatchPaths() []string {
	dir := filepath.Dir(d.file)
	if _, err := os.Stat(dir); err != nil {
		return []string{filepath.Dir(dir)} // where it will appear
	}
	if target, err := atomicfile.Follow(d.file); err == nil && target != d.file {
		return []string{dir, filepath.Dir(target)}
	}
	return []string{dir}
}

// Stamp returns a text that changes when the entry does. It opens no secret, so it
// asks nobody for a password.
func (d *Directory) Stamp(ctx context.Context) (string, error) {
	if d.item != nil {
		attributes, err := d.item.stamp(ctx)
		if err == nil {
			sum := sha256.Sum256(attributes)
			return "keychain " + hex.EncodeToString(sum[:8]), nil
		}
		if !errors.Is(err, keychain.ErrNotFound) {
			return "", fmt.Errorf("looking at Claude Code's entry: %w", err)
		}
	}
	info, err := os.Stat(d.file)
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Lstat(d.file) // a link that leads nowhere is something
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "absent", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking at Claude Code's entry: %w", err)
	}
	return fmt.Sprintf("file %d %d", info.ModTime().UnixNano(), info.Size()), nil
}

// Read returns the entry; that there is none is no error. It fails with *UnusableError,
// *atomicfile.RefusedError, keychain.ErrDamaged, keychain.ErrLocked, keychain.ErrDenied, keychain.ErrUnavailable or
// ErrTimedOut.
func (d *Directory) Read(ctx context.Context) (Entry, error) {
	e, err := d.load(ctx)
	if err != nil {
		return Entry{}, err
	}
	return e, nil
}

// load reads the keychain first and the file only when there is no item: any other
// answer of the keychain may hide an item that the client still reads.
func (d *Directory) load(ctx context.Context) (Entry, error) {
	if err := d.usable(); err != nil {
		return Entry{}, err
	}
	if d.item == nil {
		return d.loadFile()
	}
	data, unclean, err := d.item.read(ctx)
	if errors.Is(err, keychain.ErrNotFound) {
		return d.loadFile()
	}
	if err != nil {
		return Entry{}, err
	}
	e, err := parseEntry(data, "keychain")
	e.unclean = unclean
	return e, err
}

func (d *Directory) loadFile() (Entry, error) {
	data, err := atomicfile.ReadShared(d.file, maxEntry)
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return Entry{}, fmt.Errorf("%w: %w", keychain.ErrDenied, err)
	}
	if err != nil {
		return Entry{}, err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return Entry{}, nil // the client says that nobody is signed in
	}
	e, err := parseEntry(data, "file")
	if err != nil {
		return Entry{}, fmt.Errorf("%s: %w", d.file, err)
	}
	return e, nil
}

// Diff says what a change would do to the entry as it was read.
func (d *Directory) Diff(e Entry, ch Change) ([]KeyChange, error) { return e.diff(ch) }

// Update takes the client's lock for writing, reads the entry, asks what to do with it,
// and does it. It returns the entry as it was. Nothing is written when nothing changes;
// a nil error means that the change was read back.
//
// decide may be called twice, and must only look at what it is given.
func (d *Directory) Update(ctx context.Context, decide func(now Entry) (Change, error)) (before Entry, err error) {
	return d.UpdateIn(ctx, nil, decide)
}

// UpdateIn is Update that writes into the space that Prove reserved, so that a disk which filled
// up meanwhile does not matter.
func (d *Directory) UpdateIn(ctx context.Context, r *Reservation, decide func(now Entry) (Change, error)) (before Entry,
	err error) {
	if _, err := os.Stat(d.dir); errors.Is(err, fs.ErrNotExist) {
		// Without the directory there is nothing to lock. It is made only for a reason.
		before, err := d.Read(ctx)
		if err != nil {
			return Entry{}, err
		}
		ch, err := decide(before)
		if err != nil || ch.isZero() || (ch.SignOut && before.Inner().IsZero()) {
			return before, err
		}
	}
	lock, err := d.lockWrite(ctx)
	if err != nil {
		return Entry{}, fmt.Errorf("writing Claude Code's entry: %w", err)
	}
	defer func() {
		// What was read back is there, whoever has the lock by now.
		if released := lock.Release(); err == nil && !errors.Is(released, dirlock.ErrCompromised) {
			err = released
		}
	}()
	if before, err = d.Read(ctx); err != nil {
		return Entry{}, err
	}
	ch, err := decide(before)
	if err != nil {
		return before, err
	}
	if err := d.apply(ctx, r, before, ch, lock); err != nil {
		return before, fmt.Errorf("writing Claude Code's entry: %w", err)
	}
	return before, nil
}

// apply merges the change into where the entry lives: a new entry goes to the keychain
// where there is one, an existing one stays in its place.
func (d *Directory) apply(ctx context.Context, r *Reservation, before Entry, ch Change, lock writing) error {
	after, changed, err := before.merge(ch)
	if err != nil || ch.isZero() || (!changed && !before.unclean) {
		return err
	}
	if err := lock.Held(); err != nil {
		return err
	}
	if d.item == nil || before.Source == "file" {
		return d.writeFile(r, after.encoded())
	}
	if err := d.item.write(ctx, after.encoded()); err != nil {
		return err
	}
	return d.applyBeside(r, before, ch, lock)
}

// applyBeside keeps the same login in step in the file, where the client left it when
// its keychain came back: it would be read again as soon as the item is gone, a spent
// refresh token with it. Any other file stays as it is: nobody reads it now.
func (d *Directory) applyBeside(r *Reservation, before Entry, ch Change, lock writing) error {
	beside, err := d.loadFile()
	if err != nil || !sameLogin(beside.Login, before.Login) {
		return nil
	}
	after, changed, err := beside.merge(ch)
	if err != nil || !changed {
		return err
	}
	if err := lock.Held(); err != nil {
		return err
	}
	return d.writeFile(r, after.encoded())
}

// sameLogin reports whether two records surely belong to one login.
func sameLogin(a, b keychain.Credential) bool {
	if !a.Refresh.IsZero() && a.Refresh.Equal(b.Refresh) {
		return true
	}
	return a.Account.ID != "" && a.Account.ID == b.Account.ID &&
		!differs(a.Account.OrganizationID, b.Account.OrganizationID)
}

func (d *Directory) readBack(data []byte) error {
	back, err := atomicfile.ReadShared(d.file, maxEntry)
	if err != nil {
		return fmt.Errorf("reading it back: %w", err)
	}
	if !bytes.Equal(back, data) {
		return errors.New("reading it back: it is not what was written")
	}
	return nil
}
