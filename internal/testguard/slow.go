package testguard

import "testing"

// Slow leaves a test out of `make test-fast`, which is for the daily loop.
func Slow(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out of the fast tests: make test runs it")
	}
}
