package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"keytender/internal/atomicfile"
	"keytender/internal/ledger"
	"keytender/internal/secret"
	"keytender/keychain"
)

// probeRecord is the name of a record to try a store with. Two may try at once, each with its own.
func probeRecord() string { return keychain.RecordName("probe", strconv.FormatUint(rand.Uint64(), 36)) }

// tryStore finds out before the browser opens where the login will be kept, so that no
// granted code is lost to a store that takes nothing, and tells which it is.
func (s signIn) tryStore(ctx context.Context, l *ledger.Ledger) error {
	if s.watches(l) {
		return s.watchOnly()
	}
	kind := s.wantedStore(l)
	if kind == "file" {
		return s.tryFile(false, "")
	}
	err := s.tryKeychain(Patient(ctx))
	switch {
	case err == nil:
		s.tell(Event{Kind: EventStore, Value: s.storeName("keychain"), Keep: InKeychain})
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case kind == "" && errors.Is(err, keychain.ErrUnavailable):
		_, why, _ := strings.Cut(err.Error(), keychain.ErrUnavailable.Error()+": ")
		return s.tryFile(true, why)
	}
	return keychainError(err)
}

func keychainError(err error) error {
	known := storeError("keychain", err)
	if known.Code == CodeTimedOut {
		known.Fault = FaultKeychainSilent
	}
	return known
}

// reachStore fails soon where the keychain is silent that would be waited for as for a person.
func (w *work) reachStore(ctx context.Context) error {
	if w.wantedStore(w.l) == "file" {
		return nil
	}
	short, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	if err := w.osStore.Reach(short); err != nil {
		return keychainError(err)
	}
	return nil
}

// wantedStore is the store that a sign-in saves into; empty: the keychain, or the file
// where there certainly is none.
func (e *Engine) wantedStore(l *ledger.Ledger) string {
	if e.config.Store != "auto" {
		return e.config.Store
	}
	return l.Store
}

// tryKeychain: whether anybody is there is asked first, and for a short time; a dialog
// that a person has to answer comes only after that.
func (s signIn) tryKeychain(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, storeWait)
	err := s.osStore.Reach(short)
	cancel()
	if err != nil {
		return err
	}
	probe := probeRecord()
	if err := saveRecord(ctx, s.osStore, probe, secret.New("probe")); err != nil {
		return err
	}
	limited, cancel := storeContext(ctx)
	defer cancel()
	if err := s.osStore.Delete(limited, probe); err != nil { // it took a record, which is what was asked
		s.log.Warn("the record of the trial stays in the keychain", "reason", plain(err))
	}
	return nil
}

// tryFile looks whether the file can be read, and its folder written. noKeychain: there is
// none, and why if that is known.
func (s signIn) tryFile(noKeychain bool, why string) error {
	if _, err := s.file.Load(context.Background(), probeRecord()); err != nil && !errors.Is(err, keychain.ErrNotFound) {
		return storeError("file", err)
	}
	dir := filepath.Dir(s.config.Paths.Credentials)
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = tryFolder(dir)
	}
	if err != nil {
		return storageTrouble(dir, FaultLoginUnkept, "", err)
	}
	s.tell(Event{Kind: EventStore, Value: s.storeName("file"), Detail: why, Warn: noKeychain, Keep: InFile})
	return nil
}

// tryFolder writes what a login needs, and takes it away again.
func tryFolder(dir string) error {
	f, err := os.CreateTemp(dir, "credentials.json.probe-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, spillSize))
	return errors.Join(err, f.Sync(), f.Close())
}

// spillGranted keeps a granted login that no store takes in the spill file: the code that it came
// for is gone. The next command moves it into the store.
func (v *vault) spillGranted(account string, c keychain.Credential) error {
	record, err := c.Encode()
	if err != nil {
		return err
	}
	return atomicfile.Write(v.spillPath(account), []byte(record.Reveal()))
}
