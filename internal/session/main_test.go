package session

import (
	"os"
	"testing"

	"keytender/internal/testguard"
	"keytender/keychain"
)

// The test binary is its own children: the keychain child, and programs that renew
// and are killed at it.
func TestMain(m *testing.M) {
	keychain.RunChild()
	runRenewingChild()
	ClaudePlaces = nil
	resendAfter = 0 // what it is for is tested by itself
	os.Exit(testguard.Run(m))
}
