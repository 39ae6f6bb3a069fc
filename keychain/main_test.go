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

var names, symlink = testguard.Names, testguard.Symlink
