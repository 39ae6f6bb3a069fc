package keychain

import (
	"os"
	"testing"

	"keytender/internal/testguard"
)

// The test binary is its own child: the keychain child.
func TestMain(m *testing.M) {
	runScript()
	upgraded()
	RunChild()
	os.Exit(testguard.Run(m))
}

var mustWrite, mustRead, names, symlink, exists = testguard.Write, testguard.Read, testguard.Names, testguard.Symlink, testguard.Exists
