package session

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/ledger"
	"keytender/internal/secret"
	"keytender/keychain"
)

// confirmWithin is how long a keychain may take before the pair goes to the spill
// file as well.
const confirmWithin = 250 * time.Millisecond

// spillSize is reserved on the disk before a renewal is sent, so that a full disk
// shows before the token is spent and not after.
const spillSize = 8 << 10

// vault is the store that was chosen at sign-in, with a spill file beside it: a rotated
// pair that the store does not confirm at once is written there, 0600, and moved into
// the store by whoever next holds the lock.
type vault struct {
	store keychain.Store
	// open: no store was chosen yet, so a machine without a keychain is no trouble.
	open bool
	// former is the store that was chosen before, where the ledger says what stayed in it.
	former keychain.Store
	l      *ledger.Ledger // nil: what should be there is not known
	left   bool           // the record is of a login that the account left
	dir    string         // the state folder
	log    *slog.Logger
	crash  func(step string)
}

func (e *Engine) vault(l *ledger.Ledger) *vault {
	v := e.vaultIn(l.Store)
	v.l = l
	if len(l.Stayed) > 0 {
		v.former = e.file
		if l.Store == "file" {
			v.former = e.osStore
		}
	}
	return v
}

// vaultIn is the vault whose store is of this kind; empty: none was chosen yet.
func (e *Engine) vaultIn(kind string) *vault {
	v := &vault{store: e.osStore, open: kind == "", dir: e.config.Paths.State, log: e.log, crash: e.crash}
	if kind == "file" || kind == "" && e.config.Store == "file" {
		v.store = e.file
	}
	return v
}

// storeContext bounds a call to the store. Where nobody is waited for, a keychain
// that did not answer once is hardly waited for again within the same piece of work.
func storeContext(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := storeWait
	hung, _ := ctx.Value(hungKey{}).(*atomic.Bool)
	switch {
	case ctx.Value(patientKey{}) != nil:
		limit = patientStoreWait
	case hung != nil && hung.Load():
		limit = confirmWithin
	}
	return context.WithTimeout(ctx, limit)
}

type hungKey struct{}

// oneWait makes all calls to the store below ctx wait for a silent keychain once.
func oneWait(ctx context.Context) context.Context {
	if ctx.Value(hungKey{}) != nil {
		return ctx
	}
	return context.WithValue(ctx, hungKey{}, new(atomic.Bool))
}

func noteHung(ctx context.Context, err error) {
	if hung, ok := ctx.Value(hungKey{}).(*atomic.Bool); ok && errors.Is(err, keychain.ErrTimedOut) {
		hung.Store(true)
	}
}

// load returns the account's newest pair: the store's, or the spilled one that did
// not get there. The spilled one is read first: if it is moved into the store
// meanwhile it is found there.
func (v *vault) load(ctx context.Context, account string) (keychain.Credential, error) {
	c, _, err := v.loadBoth(ctx, account)
	return c, err
}

// loadBoth also tells how the store itself answered, which a spilled pair hides.
func (v *vault) loadBoth(ctx context.Context, account string) (newest keychain.Credential, storeErr, err error) {
	spilled, spillErr := v.loadSpill(account)
	if spillErr != nil && !errors.Is(spillErr, keychain.ErrNotFound) {
		v.log.Warn("the spill file cannot be used", "reason", plain(spillErr))
	}
	stored, err := v.loadStored(ctx, account)
	storeErr = err
	if spillErr == nil && (err != nil || spilled.Issued.After(stored.Issued)) {
		return spilled, storeErr, nil
	}
	if v.open && (errors.Is(err, keychain.ErrUnavailable) || errors.Is(err, keychain.ErrLocked) &&
		!keychain.IsInteractive(ctx)) {
		// Nobody ever signed in here, so a machine without a keychain is no trouble yet, nor
		// is one that is locked.
		err = keychain.ErrNotFound
	}
	return stored, storeErr, err
}

func (v *vault) loadStored(ctx context.Context, account string) (keychain.Credential, error) {
	v.left = false
	if v.open { // most likely nothing is there
		ctx = keychain.Unasked(ctx)
	}
	record, err := v.record(ctx, account)
	if err != nil {
		return keychain.Credential{}, err
	}
	c, err := keychain.DecodeCredential(record)
	if v.left = v.l != nil && v.l.IsLeft(account, pairOf(&c)); v.left {
		// The store comes out of a backup, or the keychain that held it is back: as if it were not there.
		return keychain.Credential{}, v.absent(account)
	}
	return c, err
}

// stayed reports whether a record may lie in the store that was chosen before.
func (v *vault) stayed(name string) bool { return v.former != nil && slices.Contains(v.l.Stayed, name) }

// home is the store that a record lies in.
func (v *vault) home(ctx context.Context, name string) keychain.Store {
	if !v.stayed(name) {
		return v.store
	}
	ctx, cancel := storeContext(keychain.Unasked(ctx))
	defer cancel()
	if _, err := v.store.Load(ctx, name); errors.Is(err, keychain.ErrNotFound) {
		return v.former
	}
	return v.store
}

// spillPath holds a pair that is not in the store yet; reservePath is the space made
// before a send, which holds a pair only after a crash.
func (v *vault) spillPath(account string) string {
	return filepath.Join(v.dir, "spill-"+account+".json")
}

func (v *vault) reservePath(account string) string {
	return filepath.Join(v.dir, "reserve-"+account+".json")
}

// spilled reports whether something waits outside the store.
func (v *vault) spilled(account string) bool {
	_, err := os.Lstat(v.spillPath(account))
	return err == nil
}

// loadSpill returns the newest pair outside the store, or ErrNotFound.
func (v *vault) loadSpill(account string) (keychain.Credential, error) {
	newest, err := loadSpilled(v.spillPath(account))
	reserved, reservedErr := loadSpilled(v.reservePath(account))
	if reservedErr == nil && (err != nil || reserved.Issued.After(newest.Issued)) {
		return reserved, nil
	}
	return newest, err
}

func loadSpilled(path string) (keychain.Credential, error) {
	data, err := atomicfile.Read(path, maxStateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return keychain.Credential{}, keychain.ErrNotFound
	}
	if err != nil {
		return keychain.Credential{}, err
	}
	if data = bytes.TrimSpace(data); len(data) == 0 {
		return keychain.Credential{}, keychain.ErrNotFound // room that nothing was written into
	}
	return keychain.DecodeCredential(secret.New(string(data)))
}

// unspill moves a pair that lies outside the store into it, and clears the reservation that
// a killed process had made. The caller holds the lock.
func (v *vault) unspill(ctx context.Context, account string) {
	v.settleReserve(account)
	spill := v.spillPath(account)
	spilled, err := loadSpilled(spill)
	switch {
	case errors.Is(err, keychain.ErrDamaged):
		// A write that was cut off. The bytes stay for a person to look at.
		_ = atomicfile.Rename(spill, spill+".damaged")
		return
	case err != nil:
		return
	}
	stored, err := v.loadStored(ctx, account)
	if err == nil && !spilled.Issued.After(stored.Issued) {
		_ = os.Remove(spill) // it arrived after all
		return
	}
	if err == nil || notThere(err) {
		if v.save(ctx, account, spilled) == nil {
			_ = os.Remove(spill)
		}
	}
}

// settleReserve makes a pair that a killed process wrote into its reservation the spilled
// one, unless that is newer.
func (v *vault) settleReserve(account string) {
	reserve := v.reservePath(account)
	reserved, err := loadSpilled(reserve)
	switch {
	case errors.Is(err, keychain.ErrNotFound): // nothing was written into it
		_ = os.Remove(reserve)
		return
	case errors.Is(err, keychain.ErrDamaged):
		// Cut off in the middle of its one write. The bytes stay for a person to look at.
		_ = atomicfile.Rename(reserve, reserve+".damaged")
		return
	case err != nil: // it may hold the only copy of a pair; the next one may be able to read it
		v.log.Warn("the room for new tokens cannot be read", "reason", plain(err))
		return
	}
	if spilled, err := loadSpilled(v.spillPath(account)); err == nil && !reserved.Issued.After(spilled.Issued) {
		_ = os.Remove(reserve)
		return
	}
	_ = atomicfile.Rename(reserve, v.spillPath(account))
}

func (v *vault) save(ctx context.Context, account string, c keychain.Credential) error {
	record, err := c.Encode()
	if err != nil {
		return err
	}
	return saveRecord(ctx, v.store, account, record)
}

func saveRecord(ctx context.Context, store keychain.Store, account string, record secret.String) error {
	ctx, cancel := storeContext(ctx)
	defer cancel()
	err := store.Save(ctx, account, record)
	noteHung(ctx, err)
	return err
}

// deposit is the space for a pair that is made before the request that brings it is
// sent.
type deposit struct {
	*vault
	account string
	file    *os.File
}

// disk holds the steps of keeping a pair that can fail. Tests replace single ones.
var disk = struct {
	reserve func(path string, data []byte) error
	write   func(*os.File, []byte, int64) (int, error)
	sync    func(*os.File) error
}{atomicfile.Write, (*os.File).WriteAt, (*os.File).Sync}

// prepare makes a deposit ready. When it fails nothing may be sent: the response
// could not be kept.
func (v *vault) prepare(account string) (*deposit, error) {
	path := v.reservePath(account)
	// Written in full and durable, its name too: a full disk shows now.
	err := disk.reserve(path, bytes.Repeat([]byte{'\n'}, spillSize))
	d := &deposit{vault: v, account: account}
	if err == nil {
		d.file, err = os.OpenFile(path, os.O_WRONLY, 0o600)
	}
	if err != nil {
		_ = os.Remove(path)
		return nil, v.trouble(FaultNoRoom, "", err)
	}
	return d, nil
}

// discard undoes prepare; nothing was received.
func (d *deposit) discard() {
	_ = d.file.Close()
	_ = os.Remove(d.file.Name())
}

// take makes the pair durable before it returns: in the store or, where that fails
// or takes too long, in the spill file. The error is nil when it is in one of them;
// where names it: keychain, file or spill.
func (d *deposit) take(ctx context.Context, c keychain.Credential) (where string, err error) {
	record, err := c.Encode()
	if err != nil {
		return "", err
	}
	defer d.file.Close()
	// Not synced yet: from here on the pair outlives a kill, and when the store
	// confirms at once it is gone again before the system writes any of it to the disk.
	roomErr := d.write(record)
	d.crash("written")

	// What nobody waits for any more must not come true after a newer pair, so it has no time for a person.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), confirmWithin+storeWait)
	defer cancel()
	saved := make(chan error, 1)
	go func() { saved <- saveRecord(ctx, d.store, d.account, record) }()
	spilled := false
	err, confirmed := arrives(saved, confirmWithin)
	if !confirmed {
		spilled, roomErr = true, d.spill(record)
		d.crash("spilled")
		err, confirmed = arrives(saved, 2*storeWait) // in which it ends
	}
	if confirmed && err == nil {
		_ = d.file.Close()
		_ = os.Remove(d.file.Name())
		_ = os.Remove(d.spillPath(d.account)) // an older pair than this one
		return d.store.Kind(), nil
	}
	if !confirmed {
		err = keychain.ErrTimedOut
	}
	d.log.Error("the store did not take the new tokens", "store", d.store.Kind(), "reason", plain(err))
	if !spilled {
		roomErr = d.spill(record)
	}
	if roomErr == nil {
		// Under either name it is found.
		_ = d.file.Close()
		_ = atomicfile.Rename(d.file.Name(), d.spillPath(d.account))
	}
	return "spill", roomErr
}

// arrives returns what comes within d, and whether something did.
func arrives(result <-chan error, d time.Duration) (err error, arrived bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case err := <-result:
		return err, true
	case <-timer.C:
		return nil, false
	}
}

func (d *deposit) write(record secret.String) error {
	_, err := disk.write(d.file, []byte(record.Reveal()), 0)
	return err
}

func (d *deposit) spill(record secret.String) error {
	if err := d.write(record); err != nil {
		return err
	}
	return disk.sync(d.file)
}

// record, keep and drop work on a named record that is no login.
func (v *vault) record(ctx context.Context, name string) (secret.String, error) {
	ctx, cancel := storeContext(ctx)
	defer cancel()
	record, err := v.store.Load(ctx, name)
	if errors.Is(err, keychain.ErrNotFound) && v.stayed(name) {
		record, err = v.former.Load(ctx, name)
	}
	if isNotFound(err) {
		err = v.absent(name)
	}
	noteHung(ctx, err)
	return record, err
}

// absent is the error of a record that is not there.
func (v *vault) absent(name string) error {
	if (v.stayed(name) || v.store.Kind() == "keychain") && v.due(name) {
		return errLacking
	}
	return keychain.ErrNotFound
}

// errLacking is a keychain without a record that was written into it: another one may answer in its place, or
// another part of it, so nothing is known of the record.
var errLacking = errors.New("the keychain does not hold what was written into it")

// notThere reports whether the store that answers lacks a record, which may be written into it then.
func notThere(err error) bool { return isNotFound(err) || errors.Is(err, errLacking) }

// due reports whether the ledger says that there is such a record.
func (v *vault) due(name string) bool { return v.l != nil && slices.Contains(recordNames(v.l), name) }

// recordNames lists the records that the ledger knows of. Beside each account there may be one more, boundName.
func recordNames(l *ledger.Ledger) []string {
	names := l.Names()
	for _, d := range l.Displaced {
		if d.IsKept() {
			names = append(names, displacedName(d.ID))
		}
	}
	for _, account := range l.APIKeys {
		names = append(names, keychain.RecordName(account, apiKeyPart))
	}
	return names
}

func (v *vault) keep(ctx context.Context, name string, record secret.String) error {
	return saveRecord(ctx, v.store, name, record)
}

func (v *vault) drop(ctx context.Context, name string) error {
	ctx, cancel := storeContext(ctx)
	defer cancel()
	err := cmp.Or(v.dropFormer(ctx, name), v.store.Delete(ctx, name))
	noteHung(ctx, err)
	return err
}

// dropFormer takes a record out of the store that was chosen before.
func (v *vault) dropFormer(ctx context.Context, name string) error {
	if !v.stayed(name) {
		return nil
	}
	if v.former.Kind() == "keychain" && v.due(name) {
		if _, err := v.former.Load(ctx, name); isNotFound(err) {
			return errLacking
		}
	}
	err := v.former.Delete(ctx, name)
	if err == nil {
		v.forgetFormer(name)
	}
	return err
}

func (v *vault) forgetFormer(name string) {
	v.l.Stayed = slices.DeleteFunc(v.l.Stayed, func(n string) bool { return n == name })
}

// strays lists the files of an account that may hold a pair outside the store: spilled
// ones, and those that were cut off and set aside.
func (v *vault) strays(account string) []string {
	var found []string
	for _, path := range []string{v.spillPath(account), v.reservePath(account)} {
		for _, path := range []string{path, path + ".damaged"} {
			if _, err := os.Lstat(path); err == nil {
				found = append(found, path)
			}
		}
	}
	return found
}

func (v *vault) trouble(f Fault, path string, err error) *Error {
	return storageTrouble(v.dir, f, path, err)
}

// dropSpilled removes pairs of an account that lie outside the store, and what `doctor --fix` moved aside.
func (v *vault) dropSpilled(account string) error {
	var problems []error
	paths := v.strays(account)
	for _, path := range []string{v.spillPath(account), v.reservePath(account)} {
		for _, moved := range []string{path, path + ".damaged"} {
			aside, _ := filepath.Glob(moved + asideInfix + "*")
			paths = append(paths, aside...)
		}
	}
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			problems = append(problems, v.trouble(FaultStateStays, path, err))
		}
	}
	return errors.Join(problems...)
}
