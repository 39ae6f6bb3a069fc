// The tag leaves the child to do all of it, so that `make bench` can compare.

//go:build !childonly

package keychain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/godbus/dbus/v5"

	"keytender/internal/secret"
)

// loadDirect reads a record from the Secret Service on a connection of its own, which
// its context ends: no process has to be started for the everyday case, an item in an
// unlocked collection. done is false for every other case; those are the child's.
//
// The bus library can wait for ever when its connection ends between greeting and
// first answer, so it is left behind when the time is over.
func (k *OSKeychain) loadDirect(ctx context.Context, name string) (record secret.String, done bool) {
	type item struct {
		record secret.String
		done   bool
	}
	read := make(chan item, 1)
	go func() {
		record, done := k.readItem(ctx, name)
		read <- item{record, done}
	}()
	select {
	case i := <-read:
		return i.record, i.done
	case <-ctx.Done():
		return secret.String{}, false
	}
}

// readItem makes the calls of the Secret Service API of freedesktop.org, draft 0.2.
func (k *OSKeychain) readItem(ctx context.Context, name string) (record secret.String, done bool) {
	bus, err := dbus.Connect(busAddress(), dbus.WithContext(ctx))
	if err != nil {
		return secret.String{}, false
	}
	defer bus.Close()
	service := bus.Object("org.freedesktop.secrets", "/org/freedesktop/secrets")
	// Both questions go out at once.
	opened := service.GoWithContext(ctx, "org.freedesktop.Secret.Service.OpenSession", dbus.FlagNoAutoStart, make(chan *dbus.Call, 1), "plain", dbus.MakeVariant(""))
	var unlocked, locked []dbus.ObjectPath
	if service.CallWithContext(ctx, "org.freedesktop.Secret.Service.SearchItems", dbus.FlagNoAutoStart,
		map[string]string{"service": k.Service, "username": name}).Store(&unlocked, &locked) != nil || len(unlocked) != 1 || len(locked) != 0 {
		return secret.String{}, false
	}
	var (
		ignored dbus.Variant
		session dbus.ObjectPath
		item    struct {
			Session     dbus.ObjectPath
			Parameters  []byte
			Value       []byte
			ContentType string
		}
	)
	select {
	case <-ctx.Done():
		return secret.String{}, false
	case call := <-opened.Done:
		if call.Store(&ignored, &session) != nil {
			return secret.String{}, false
		}
	}
	if bus.Object("org.freedesktop.secrets", unlocked[0]).CallWithContext(ctx, "org.freedesktop.Secret.Item.GetSecret", dbus.FlagNoAutoStart, session).Store(&item) != nil {
		return secret.String{}, false
	}
	return secret.New(string(item.Value)), true
}

// Reach returns ErrTimedOut where a session bus or a Secret Service runs and is silent
// until ctx ends. It asks nobody and starts nothing. Whatever else is wrong is for the
// calls to find.
func (k *OSKeychain) Reach(ctx context.Context) error {
	answered := make(chan struct{})
	go func() { // as in loadDirect it may have to be left behind
		defer close(answered)
		bus, err := dbus.Connect(busAddress(), dbus.WithContext(ctx))
		if err != nil {
			return
		}
		defer bus.Close()
		bus.Object("org.freedesktop.secrets", "/org/freedesktop/secrets").CallWithContext(ctx,
			"org.freedesktop.Secret.Service.ReadAlias", dbus.FlagNoAutoStart, "default")
	}()
	select {
	case <-answered:
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("asking for the keychain: %w", ErrTimedOut)
	}
	return ctx.Err()
}

// wouldAskAgain looks whether the collection that go-keyring uses is still locked, which
// asks nobody. A service that does not say counts as locked when it is silent.
func wouldAskAgain(ctx context.Context, _ time.Time) bool {
	locked := make(chan bool, 1)
	go func() {
		bus, err := dbus.Connect(busAddress(), dbus.WithContext(ctx))
		if err != nil {
			locked <- false // no bus any more, so no dialog either
			return
		}
		defer bus.Close()
		var property dbus.Variant
		for _, path := range collections {
			if bus.Object("org.freedesktop.secrets", path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart,
				"org.freedesktop.Secret.Collection", "Locked").Store(&property) == nil {
				break
			}
		}
		is, _ := property.Value().(bool)
		locked <- is
	}()
	select {
	case is := <-locked:
		return is
	case <-ctx.Done():
		return true
	}
}

func wouldAsk(ctx context.Context) bool { return wouldAskAgain(ctx, time.Time{}) }

// busAddress is where the session bus listens. It is never asked to be started.
func busAddress() string {
	if address := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" {
		return address
	}
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		dir = filepath.Join("/run/user", strconv.Itoa(os.Getuid()))
	}
	return "unix:path=" + filepath.Join(dir, "bus")
}
