//go:build linux

package desktop

import (
	"syscall"
	"testing"
)

// TestTryAgainWhereTheKeyringEndsItself: what failed meanwhile counts for nothing.
func TestTryAgainWhereTheKeyringEndsItself(t *testing.T) {
	tries := 0
	Try(t, Options{Without: []Part{Display}}, func(t testing.TB, d *Desktop) {
		if tries++; tries > 1 {
			return
		}
		if err := d.keyring.Process.Signal(syscall.SIGABRT); err != nil {
			t.Fatal(err)
		}
		<-d.keyringEnded
		t.Fatal("no keyring")
	})
	if tries != 2 {
		t.Errorf("tried %d times", tries)
	}
}
