package claudecode

import (
	"os"
	"testing"

	"golang.org/x/text/unicode/norm"

	"keytender/internal/testguard"
)

// The test binary is its own children: holders of locks.
func TestMain(m *testing.M) {
	composed = norm.NFC.String
	runLockChild()
	os.Exit(testguard.Run(m))
}

var mustWrite, mustRead, names, symlink, exists = testguard.Write, testguard.Read, testguard.Names, testguard.Symlink,
	testguard.Exists
