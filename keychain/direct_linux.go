// The tag leaves the child to do all of it, so that `make bench` can compare.

//go:build !childonly

package keychain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"

	"keytender/internal/secret"
)

const secretService = "/org/freedesktop/secrets"

// loadDirect reads a record from the Secret Service on a connection of its own, which
// its context ends: no process has to be started for the everyday case, an item in an
// unlocked collection. done is false for every other case; those are the child's.
func (k *OSKeychain) loadDirect(ctx context.Context, name string) (record secret.String, done bool) {
	var (
		ignored          dbus.Variant
		session          dbus.ObjectPath
		unlocked, locked []dbus.ObjectPath
		found            bool
		item             struct {
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
		opened := w.call(secretService, "org.freedesktop.Secret.Service", "OpenSession", "plain", dbus.MakeVariant(""))
		if w.isLocked() { // KeePassXC shows its dialog for a search then
			return
		}
		found = w.answered(w.search(k.Service, name), &unlocked, &locked) && len(unlocked) == 1 && len(locked) == 0 &&
			w.answered(opened, &ignored, &session) &&
			w.answered(w.call(unlocked[0], "org.freedesktop.Secret.Item", "GetSecret", session), &item)
	})
	if !answered || !found {
		return secret.String{}, false
	}
	return secret.New(string(item.Value)), true
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
		var unlocked, locked []dbus.ObjectPath
		asks = w.isKnown() && (w.isLocked() ||
			w.answered(w.search(k.Service, name), &unlocked, &locked) && len(locked) > 0)
	})
	return !done || asks
}

func (k *OSKeychain) wouldAskAgain(ctx context.Context, name string, _ time.Time) bool {
	return k.wouldAsk(ctx, name)
}

// isKnown makes the service know who asks, before anything else is asked. gnome-keyring ends itself, and
// with it all that it had unlocked, when somebody whom it does not know yet opens a session or asks for
// a property, and it comes to know at times who asks after it looked at the question
// (https://github.com/basecamp/hey-cli/issues/352). It answers this one in any case.
func (w *wire) isKnown() bool {
	var path dbus.ObjectPath
	return w.answered(w.call(secretService, "org.freedesktop.Secret.Service", "ReadAlias", "default"), &path)
}

// isLocked is what the collection says of itself that go-keyring uses.
func (w *wire) isLocked() (locked bool) {
	for _, path := range collections {
		var property dbus.Variant
		if w.answered(w.call(path, "org.freedesktop.DBus.Properties", "Get", "org.freedesktop.Secret.Collection",
			"Locked"), &property) {
			locked, _ = property.Value().(bool)
			break
		}
	}
	return locked
}

func (w *wire) search(service, name string) (serial uint32) {
	return w.call(secretService, "org.freedesktop.Secret.Service", "SearchItems",
		map[string]string{"service": service, "username": name})
}
