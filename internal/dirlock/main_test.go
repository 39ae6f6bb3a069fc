package dirlock

import (
	"os"
	"testing"

	"keytender/internal/testguard"
)

// The test binary is its own children, at the same lock.
func TestMain(m *testing.M) {
	runLockChild()
	os.Exit(testguard.Run(m))
}

var mustWrite, mustRead, names, exists = testguard.Write, testguard.Read, testguard.Names, testguard.Exists
