package session

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"keytender/internal/secret"
	"keytender/keychain"
)

// The vault is the store that was chosen at sign-in, with a spill file beside it:
// a rotated pair that the store does not confirm at once is written there, 0600,
// and moved into the store by whoever next holds the lock.

// confirmWithin is how long a keychain may take before the pair goes to the spill
// file as well.
const confirmWithin = 250 * time.Millisecond

// spillSize is reserved on the disk before a renewal is sent, so that a full disk
// shows before the token is spent and not after.
const spillSize = 8 << 10

func (e *Engine) store(s settings) keychain.Store {
	switch {
	case s.Store == "file", s.Store == "" && e.config.Store == "file":
		return e.file
	}
	return e.osStore
}

func storeContext(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := storeWait
	if ctx.Value(patientKey{}) != nil {
		limit = patientStoreWait
	}
	return context.WithTimeout(ctx, limit)
}

// load returns the account's newest pair: the store's, or the spilled one that did
// not get there.
func (e *Engine) load(ctx context.Context, s settings, account string) (keychain.Credential, error) {
	stored, err := e.loadStored(ctx, s, account)
	spilled, spillErr := e.loadSpill(account)
	if spillErr != nil && !errors.Is(spillErr, keychain.ErrNotFound) {
		e.log.Warn("the spill file cannot be used", "reason", plain(spillErr))
	}
	if spillErr == nil && (err != nil || spilled.Issued.After(stored.Issued)) {
		return spilled, nil
	}
	return stored, err
}

func (e *Engine) loadStored(ctx context.Context, s settings, account string) (keychain.Credential, error) {
	ctx, cancel := storeContext(ctx)
	defer cancel()
	record, err := e.store(s).Load(ctx, account)
	if err != nil {
		return keychain.Credential{}, err
	}
	return keychain.DecodeCredential(record)
}

// spillPath holds a pair that is not in the store yet; reservePath is the room made
// before a send, which holds a pair only after a crash.
func (e *Engine) spillPath(account string) string { return e.statePath("spill-" + account + ".json") }

func (e *Engine) reservePath(account string) string {
	return e.statePath("reserve-" + account + ".json")
}

// loadSpill returns the newest pair outside the store, or ErrNotFound.
func (e *Engine) loadSpill(account string) (keychain.Credential, error) {
	newest, err := loadSpilled(e.spillPath(account))
	reserved, reservedErr := loadSpilled(e.reservePath(account))
	if reservedErr == nil && (err != nil || reserved.Issued.After(newest.Issued)) {
		return reserved, nil
	}
	return newest, err
}

func loadSpilled(path string) (keychain.Credential, error) {
	data, err := keychain.ReadFile(path, maxStateFile)
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

// settle moves a pair that lies outside the store into it, and clears the room that
// a killed process had made. The caller holds the lock.
func (e *Engine) settle(ctx context.Context, s settings, account string) {
	e.settleReserve(account)
	spill := e.spillPath(account)
	spilled, err := loadSpilled(spill)
	switch {
	case errors.Is(err, keychain.ErrDamaged):
		// A write that was cut off. The bytes stay for a person to look at.
		_ = os.Rename(spill, spill+".damaged")
		return
	case err != nil:
		return
	}
	stored, err := e.loadStored(ctx, s, account)
	if err == nil && !spilled.Issued.After(stored.Issued) {
		_ = os.Remove(spill) // it arrived after all
		return
	}
	if err == nil || errors.Is(err, keychain.ErrNotFound) {
		if e.saveStored(ctx, s, account, spilled) == nil {
			_ = os.Remove(spill)
		}
	}
}

// settleReserve makes a pair that a killed process wrote into its room the spilled
// one, unless that is newer.
func (e *Engine) settleReserve(account string) {
	reserve := e.reservePath(account)
	reserved, err := loadSpilled(reserve)
	if err != nil {
		_ = os.Remove(reserve) // empty, or cut off in the middle of its one write
		return
	}
	if spilled, err := loadSpilled(e.spillPath(account)); err == nil && !reserved.Issued.After(spilled.Issued) {
		_ = os.Remove(reserve)
		return
	}
	_ = os.Rename(reserve, e.spillPath(account))
}

func (e *Engine) saveStored(ctx context.Context, s settings, account string, c keychain.Credential) error {
	record, err := c.Encode()
	if err != nil {
		return err
	}
	ctx, cancel := storeContext(ctx)
	defer cancel()
	return e.store(s).Save(ctx, account, record)
}

// deposit is everything made ready for a pair before the request that brings it is
// sent: room on the disk, and a keychain child that only waits for the record.
type deposit struct {
	engine  *Engine
	account string
	room    *os.File
	store   keychain.Store
	pending *keychain.PendingSave // nil: the file store
}

// prepare makes a deposit ready. When it fails nothing may be sent: the answer
// could not be kept.
func (e *Engine) prepare(s settings, account string) (*deposit, error) {
	f, err := os.OpenFile(e.reservePath(account), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, e.storageTrouble("no room could be made for the new tokens", err)
	}
	d := &deposit{engine: e, account: account, room: f, store: e.store(s)}
	if _, err = f.Write(bytes.Repeat([]byte{'\n'}, spillSize)); err == nil {
		err = f.Sync()
	}
	if err != nil {
		d.discard()
		return nil, e.storageTrouble("no room could be made for the new tokens", err)
	}
	if _, ok := d.store.(*keychain.OSKeychain); ok {
		// The child waits for the server's answer, and for that of the one resend.
		patient := *e.osStore
		patient.Limit = 2*callLimit + resendAfter + storeWait
		if d.pending, err = patient.Prepare(context.Background(), account); err != nil {
			d.discard()
			return nil, storeError(d.store.Kind(), err)
		}
	}
	return d, nil
}

// discard undoes prepare; nothing was received.
func (d *deposit) discard() {
	if d.pending != nil {
		d.pending.Abandon()
	}
	_ = d.room.Close()
	_ = os.Remove(d.room.Name())
}

// keep makes the pair durable before it returns: in the store or, where that fails
// or takes too long, in the spill file. The error is nil when it is in one of them;
// where names it: keychain, file or spill.
func (d *deposit) keep(c keychain.Credential) (where string, err error) {
	record, err := c.Encode()
	if err != nil {
		return "", err
	}
	defer d.room.Close()
	saved := make(chan error, 1)
	var roomErr error
	if d.pending == nil {
		// Written and not yet synced it outlives a kill; the store's own write then
		// makes the pair outlive a power cut.
		roomErr = d.write(record)
		go func() { saved <- d.saveFile(record) }()
	} else {
		go func() { saved <- d.pending.Save(record) }()
	}
	confirmation := time.NewTimer(confirmWithin)
	defer confirmation.Stop()
	spilled := false
	for {
		select {
		case err := <-saved:
			if err == nil {
				_ = d.room.Close()
				_ = os.Remove(d.room.Name())
				_ = os.Remove(d.engine.spillPath(d.account)) // an older pair than this one
				return d.store.Kind(), nil
			}
			d.engine.log.Error("the store did not take the new tokens", "store", d.store.Kind(), "reason", plain(err))
		case <-confirmation.C:
			if !spilled {
				spilled, roomErr = true, d.spill(record)
				confirmation.Reset(storeWait)
				continue
			}
			d.engine.log.Error("the store did not confirm the new tokens in time", "store", d.store.Kind())
		}
		break
	}
	if !spilled {
		roomErr = d.spill(record)
	}
	if roomErr == nil {
		_ = d.room.Close()
		roomErr = os.Rename(d.room.Name(), d.engine.spillPath(d.account))
	}
	return "spill", roomErr
}

func (d *deposit) saveFile(record secret.String) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeWait)
	defer cancel()
	return d.store.Save(ctx, d.account, record)
}

func (d *deposit) write(record secret.String) error {
	_, err := d.room.WriteAt([]byte(record.Reveal()), 0)
	return err
}

func (d *deposit) spill(record secret.String) error {
	if err := d.write(record); err != nil {
		return err
	}
	return d.room.Sync()
}
