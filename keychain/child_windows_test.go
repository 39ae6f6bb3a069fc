package keychain

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"keytender/internal/secret"
)

func TestRefusalByNumber(t *testing.T) {
	for number, want := range map[syscall.Errno]string{1312: "unavailable", 1783: "too-big", 5: "failed"} {
		if got := refusal(fmt.Errorf("in somebody's language: %w", number)); got.Error != want {
			t.Errorf("%d: %+v, want %s", number, got, want)
		}
	}
}

// The Credential Manager itself, through a child of ours.
func TestCredentialManager(t *testing.T) {
	k := &OSKeychain{Service: "keytender-test-" + rand.Text()}
	if _, err := k.Load(t.Context(), "default"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("at first: %v", err)
	}
	t.Cleanup(func() { _ = k.Delete(t.Context(), "default") })
	for _, record := range []string{`{"FAKE":"ü"}`, strings.Repeat("x", maxRecord)} {
		if err := k.Save(t.Context(), "default", secret.New(record)); err != nil {
			t.Fatal(err)
		}
		if back, err := k.Load(t.Context(), "default"); err != nil || back.Reveal() != record {
			t.Errorf("%d bytes came back as %d, %v", len(record), len(back.Reveal()), err)
		}
	}
	for range 2 {
		if err := k.Delete(t.Context(), "default"); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	if _, err := k.Load(t.Context(), "default"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after it was deleted: %v", err)
	}
}
