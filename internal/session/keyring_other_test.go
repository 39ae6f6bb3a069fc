//go:build !linux

package session

import "testing"

func withKeyring(t *testing.T) { t.Skip("a keyring of its own for a test is had on Linux only") }
