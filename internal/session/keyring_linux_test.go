package session

import (
	"testing"

	"keytender/internal/testbus"
)

// withKeyring gives a test a keyring of its own.
func withKeyring(t *testing.T) { testbus.StartKeyring(t, testbus.Start(t)) }
