package keychain

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestMendLocks(t *testing.T) {
	c, home := homeEntry(t)
	if got := c.StuckLocks(); got != nil {
		t.Errorf("without a directory: %v", got)
	}
	_ = os.Mkdir(home+"/.claude", 0o700)
	real := time.Now()
	c.now = func() time.Time { return real }
	file, ahead, live := home+"/.claude/.oauth_refresh.lock", home+"/.claude.lock", home+"/.claude/.storage-write.lock"
	mustWrite(t, file, "kept")
	makeLock(t, ahead, -time.Hour)
	makeLock(t, live, 0)
	if got := c.StuckLocks(); len(got) != 2 || got[0].Path != file || got[1].Path != ahead {
		t.Fatalf("stuck: %v", got)
	}
	synctest.Test(t, func(t *testing.T) {
		moved, err := c.MendLocks(t.Context())
		if err != nil || len(moved) != 2 || exists(file) || exists(ahead) || !exists(live) {
			t.Fatalf("moved %v, %v", moved, err)
		}
		if got := mustRead(t, moved[file]); got != "kept" {
			t.Errorf("what stood there is %q now", got)
		}
	})
	lock, err := c.LockRenewal(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Release(); err != nil {
		t.Error(err)
	}
}

func TestMendLeavesAHolderWithAFastClock(t *testing.T) {
	c, home := homeEntry(t)
	_ = os.Mkdir(home+"/.claude", 0o700)
	real := time.Now()
	c.now = func() time.Time { return real }
	path := home + "/.claude.lock"
	makeLock(t, path, -time.Hour)
	synctest.Test(t, func(t *testing.T) {
		time.AfterFunc(heartbeat, func() { _ = os.Chtimes(path, real.Add(2*time.Hour), real.Add(2*time.Hour)) })
		if moved, err := c.MendLocks(t.Context()); err != nil || len(moved) != 0 || !exists(path) {
			t.Errorf("moved %v, %v", moved, err)
		}
	})
}

func TestStaleLockThatIsNotEmptyIsStuck(t *testing.T) {
	c, home := homeEntry(t)
	_ = os.Mkdir(home+"/.claude", 0o700)
	path := home + "/.claude/.storage-write.lock"
	makeLock(t, path, 0)
	mustWrite(t, filepath.Join(path, "x"), "")
	if got := c.StuckLocks(); len(got) != 0 {
		t.Errorf("while it is fresh: %v", got)
	}
	old := time.Now().Add(-time.Minute)
	_ = os.Chtimes(path, old, old)
	if got := c.StuckLocks(); len(got) != 1 {
		t.Errorf("stuck: %v", got)
	}
}

func TestSetAsideDamaged(t *testing.T) {
	c, home := homeEntry(t)
	_ = os.Mkdir(home+"/.claude", 0o700)
	path := home + "/.claude/.credentials.json"
	for text, damaged := range map[string]bool{login(""): false, "\xef\xbb\xbf{}": true} {
		mustWrite(t, path, text)
		name, err := c.SetAsideDamaged(t.Context())
		if err != nil || (name != "") != damaged || exists(path) == damaged {
			t.Errorf("%q: %q %v", text, name, err)
		}
		if damaged && (mustRead(t, name) != text || !strings.HasPrefix(name, path+".damaged-")) {
			t.Errorf("the bytes were not kept in %s", name)
		}
	}
	if got := names(t, home+"/.claude"); len(got) > 2 {
		t.Errorf("left behind: %v", got)
	}
}
