package keychain

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"golang.org/x/text/unicode/norm"

	"keytender/internal/testguard"
)

// The test binary is its own children: the keychain child, and holders of locks.
func TestMain(m *testing.M) {
	composed = norm.NFC.String
	runScript()
	RunChild()
	runLockChild()
	os.Exit(testguard.Run(m))
}

// symlink makes a link and looks whether it is one: Windows asks for a right that most
// people lack, and Wine 8 says yes and makes nothing.
func symlink(target, path string) error {
	if err := os.Symlink(target, path); err != nil {
		return err
	}
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return fmt.Errorf("%w: this system makes no links", errors.ErrUnsupported)
	}
	return nil
}
