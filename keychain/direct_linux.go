// The tag leaves the child to do all of it, so that `make bench` can compare.

//go:build !childonly

package keychain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"

	"keytender/internal/secret"
)

// The Secret Service API of freedesktop.org, draft 0.2.
const (
	secretService = "/org/freedesktop/secrets"
	serviceOf     = "org.freedesktop.Secret.Service"
	collectionOf  = "org.freedesktop.Secret.Collection"
	itemOf        = "org.freedesktop.Secret.Item"
)

// loadDirect reads a record from the Secret Service on a connection of its own, which
// its context ends: no process has to be started for the everyday case, an item in an
// unlocked collection. done is false for every other case; those are the child's.
func (k *OSKeychain) loadDirect(ctx context.Context, name string) (record secret.String, done bool) {
	var (
		ignored dbus.Variant
		session dbus.ObjectPath
		found   bool
		item    struct {
			Session     dbus.ObjectPath
			Parameters  []byte
			Value       []byte
			ContentType string
		}
	)
	answered := onBus(ctx, func(w *wire) {
		if !w.isKnown() {
			return
		}
		opened := w.call(secretService, serviceOf, "OpenSession", "plain", dbus.MakeVariant(""))
		items, locked := w.find(k.Service, name)
		found = !locked && len(items) == 1 && w.answered(opened, &ignored, &session) &&
			w.answered(w.call(items[0], itemOf, "GetSecret", session), &item)
	})
	if !answered || !found || len(item.Value) == 0 { // KWallet gives nothing where it was closed meanwhile
		return secret.String{}, false
	}
	return secret.New(string(item.Value)), true
}

// isKnown makes the service know who asks, before anything else is asked. gnome-keyring ends itself, and
// with it all that it had unlocked, when somebody whom it does not know yet opens a session or asks for
// a property, and it comes to know at times who asks after it looked at the question
// (https://github.com/basecamp/hey-cli/issues/352). It answers this one in any case.
func (w *wire) isKnown() bool {
	var path dbus.ObjectPath
	return w.answered(w.call(secretService, serviceOf, "ReadAlias", "default"), &path)
}

// find looks in the collection that go-keyring uses. KeePassXC shows its dialog for a search of the
// whole service while its database is locked, and none for one of the collection.
func (w *wire) find(service, name string) (items []dbus.ObjectPath, locked bool) {
	for _, path := range collections {
		property := w.askLocked(path, collectionOf)
		if w.answered(w.call(path, collectionOf, "SearchItems",
			map[string]string{"service": service, "username": name}), &items) {
			return items, w.isLocked(property)
		}
	}
	return nil, false
}

// askLocked asks what a collection or an item says of itself.
func (w *wire) askLocked(path dbus.ObjectPath, of string) (serial uint32) {
	return w.call(path, "org.freedesktop.DBus.Properties", "Get", of, "Locked")
}

func (w *wire) isLocked(serial uint32) (locked bool) {
	var property dbus.Variant
	if w.answered(serial, &property) {
		locked, _ = property.Value().(bool)
	}
	return locked
}

// Reach returns ErrTimedOut where a session bus or a Secret Service runs and is silent
// until ctx ends. It asks nobody and starts nothing. Whatever else is wrong is for the
// calls to find.
func (k *OSKeychain) Reach(ctx context.Context) error {
	onBus(ctx, func(w *wire) { w.isKnown() })
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("asking for the keychain: %w", ErrTimedOut)
	}
	return ctx.Err()
}

// wouldAsk looks whether a read of the item would put a dialog before the person, which asks
// nobody: the collection that go-keyring uses is locked, or the item itself, as KeePassXC has it
// for each program. A service that is silent counts as locked.
func (k *OSKeychain) wouldAsk(ctx context.Context, name string) bool {
	asks := false // also where there is no bus any more, so no dialog either
	done := onBus(ctx, func(w *wire) {
		if !w.isKnown() {
			return
		}
		items, locked := w.find(k.Service, name)
		asks = locked || slices.ContainsFunc(items, func(item dbus.ObjectPath) bool {
			return w.isLocked(w.askLocked(item, itemOf))
		})
	})
	return !done || asks
}

func (k *OSKeychain) wouldAskAgain(ctx context.Context, name string, _ time.Time) bool {
	return k.wouldAsk(ctx, name)
}
