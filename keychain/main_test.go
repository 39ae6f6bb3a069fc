package keychain

import (
	"os"
	"testing"

	"keytender/internal/testguard"
)

// The test binary is its own children: the keychain child, and holders of locks.
func TestMain(m *testing.M) {
	RunChild()
	runLockChild()
	os.Exit(testguard.Run(m))
}
