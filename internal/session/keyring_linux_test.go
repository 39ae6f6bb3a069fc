package session

import (
	"testing"

	"keytender/internal/testbus"
)

// startKeyring gives the test a keyring of its own.
func startKeyring(t *testing.T) { testbus.Keyring(t, testbus.Start(t)) }
