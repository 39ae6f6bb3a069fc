//go:build !childonly

package keychain

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"keytender/internal/secret"
	"keytender/internal/testbus"
	"keytender/internal/testguard"
)

// TestItemThatAsksIsNotAskedEachMinute: KeePassXC's collection is open, and each item asks the person
// for every program. Its dialogs outlive whoever asked.
func TestItemThatAsksIsNotAskedEachMinute(t *testing.T) {
	s := testbus.Serve(t, testbus.Start(t))
	s.Asks(t)
	s.Put("default", "FAKE")
	var unlocks atomic.Int32
	s.Behave(func(method string) testbus.Step {
		if method != "Unlock" {
			return testbus.Step{}
		}
		return testbus.Step{Ask: unlocks.Add(1)%2 == 0} // go-keyring unlocks the collection, then the item
	})
	k := osKeychain(t)
	load := func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		if _, err := k.Load(ctx, "default"); err == nil {
			t.Error("it was read")
		}
	}
	for end := time.Now().Add(testguard.Patience); unlocks.Load() != 2 && time.Now().Before(end); {
		unlocks.Store(0) // it did not come to the item in time
		load(Interactive(t.Context()))
	}
	for range 3 {
		load(t.Context())
	}
	if n := unlocks.Load(); n != 2 {
		t.Errorf("the person was asked %d times", n/2)
	}
}

// TestSearchInALockedCollection asks nobody: KeePassXC shows its dialog for one of all the service.
func TestSearchInALockedCollection(t *testing.T) {
	s := testbus.Serve(t, testbus.Start(t))
	s.Asks(t)
	s.Put("default", "FAKE")
	s.Lock(true)
	for range 4 {
		if _, err := osKeychain(t).Load(Unasked(t.Context()), "default"); !errors.Is(err, ErrLocked) {
			t.Error(err)
		}
	}
	if n := s.Calls("SearchAll") + s.Calls("Unlock"); n > 0 {
		t.Errorf("the person was asked %d times", n)
	}
}

// TestServiceWithoutAKeyring: KWallet before the first wallet says that the alias is no argument.
func TestServiceWithoutAKeyring(t *testing.T) {
	s := testbus.Serve(t, testbus.Start(t))
	s.Remove()
	s.Behave(func(method string) testbus.Step {
		switch method {
		case "Unlock":
			return testbus.Step{Err: "org.freedesktop.DBus.Error.InvalidArgs"}
		case "SearchItems":
			return testbus.Step{Err: "org.freedesktop.DBus.Error.UnknownObject"}
		}
		return testbus.Step{}
	})
	k := osKeychain(t)
	if _, err := k.Load(t.Context(), "default"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("reading: %v", err)
	}
	if err := k.Save(t.Context(), "default", secret.New("FAKE")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("writing: %v", err)
	}
}
