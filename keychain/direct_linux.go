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
		// The search is answered before the session is opened: gnome-keyring ends itself, and with it all
		// that it had unlocked, when a session is opened by somebody whom it does not know yet, and at times
		// it comes to know who asks after it looked at the question (https://github.com/basecamp/hey-cli/issues/352).
		found = w.answered(w.call(secretService, "org.freedesktop.Secret.Service", "SearchItems",
			map[string]string{"service": k.Service, "username": name}), &unlocked, &locked) &&
			len(unlocked) == 1 && len(locked) == 0 &&
			w.answered(w.call(secretService, "org.freedesktop.Secret.Service", "OpenSession", "plain",
				dbus.MakeVariant("")), &ignored, &session) &&
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
	onBus(ctx, func(w *wire) {
		w.answered(w.call(secretService, "org.freedesktop.Secret.Service", "ReadAlias", "default"))
	})
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("asking for the keychain: %w", ErrTimedOut)
	}
	return ctx.Err()
}

// wouldAskAgain looks whether the collection that go-keyring uses is still locked, which
// asks nobody. A service that does not say counts as locked when it is silent.
func wouldAskAgain(ctx context.Context, _ time.Time) bool {
	locked := false // also where there is no bus any more, so no dialog either
	done := onBus(ctx, func(w *wire) {
		var property dbus.Variant
		for _, path := range collections {
			if w.answered(w.call(path, "org.freedesktop.DBus.Properties", "Get", "org.freedesktop.Secret.Collection",
				"Locked"), &property) {
				break
			}
		}
		locked, _ = property.Value().(bool)
	})
	return !done || locked
}

func wouldAsk(ctx context.Context) bool { return wouldAskAgain(ctx, time.Time{}) }
