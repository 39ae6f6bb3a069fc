package session

import (
	"testing"

	"keytender/internal/testbus"
)

// withKeyring gives tests a keyring of their own; run calls one.
func withKeyring(t *testing.T) (run func(t testing.TB, test func(t testing.TB))) {
	return testbus.StartKeyring(t, testbus.Start(t)).Try
}
