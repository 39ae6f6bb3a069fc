package session

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Claude Code's file is followed under whatever name CLAUDE_CODE_AUTH_CREDENTIALS_PATH
// gives it, and the files beside it are not.
func TestEntryOfAnyNameIsFollowed(t *testing.T) {
	dir := t.TempDir()
	entry := filepath.Join(dir, "creds")
	r := newRig(t, "CLAUDE_CODE_AUTH_CREDENTIALS_PATH="+entry)
	changed, err := r.start().Changes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	told := func(wait time.Duration) bool {
		select {
		case <-changed:
			return true
		case <-time.After(wait):
			return false
		}
	}
	write := func(path string) {
		t.Helper()
		if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "other"))
	write(entry + ".tmp.0a1b2c3d")
	if told(500 * time.Millisecond) {
		t.Error("a file beside it counts")
	}
	write(entry)
	if !told(10 * time.Second) {
		t.Error("nothing was told of the entry")
	}
}
