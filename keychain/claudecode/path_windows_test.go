package claudecode

import (
	"path/filepath"
	"strings"
	"testing"
)

// A path longer than the 260 characters of old, as a deep profile makes it.
func TestLongPath(t *testing.T) {
	c, err := Find(Config{Home: filepath.Join(t.TempDir(), strings.Repeat("a long name of a folder\u00fc\\", 12)),
		LookupEnv: noEnv})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.file) < 300 {
		t.Fatalf("%d characters are no long path", len(c.file))
	}
	lock, err := c.LockRenewal(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Update(t.Context(), write(fakeLogin("n"), true)); err != nil {
		t.Error(err)
	}
	if entry, err := c.Read(t.Context()); err != nil || entry.State != SignedIn {
		t.Errorf("%+v, %v", entry, err)
	}
	if err := lock.Release(); err != nil {
		t.Error(err)
	}
}
