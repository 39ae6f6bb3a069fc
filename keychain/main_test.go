package keychain

import (
	"os"
	"testing"

	"golang.org/x/text/unicode/norm"

	"keytender/internal/testguard"
)

// The test binary is its own children: the keychain child, and holders of locks.
func TestMain(m *testing.M) {
	composed = norm.NFC.String
	RunChild()
	runLockChild()
	os.Exit(testguard.Run(m))
}
