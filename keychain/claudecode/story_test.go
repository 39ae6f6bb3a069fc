package claudecode

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keytender/internal/dirlock"
)

// TestLogLines: of the client's own log what has to do with its login is read, equal lines
// in a row as one, newest files first; lines as the client 2.1.329 writes them.
func TestLogLines(t *testing.T) {
	d := At(Location{Dir: t.TempDir()}, Config{GOOS: "linux", Home: "/nowhere"})
	folder := filepath.Join(d.settingsDir, "debug")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(folder, "a.txt"), strings.Join([]string{
		"2026-11-29T07:00:49.434Z [ERROR] OAuth refresh failed (expected): connect ECONNREFUSED 127.0.0.1:9",
		"2026-11-29T07:00:50.000Z [DEBUG] OAuth is not told at this level",
		"2026-11-29T07:00:51.434Z [ERROR] OAuth refresh failed (expected): connect ECONNREFUSED 127.0.0.1:9",
		"no time [ERROR] OAuth",
		"2026-11-29T07:00:52.000Z [ERROR] something else",
	}, "\n")+"\n")
	mustWrite(t, filepath.Join(folder, "b.txt"), "2026-11-28T01:00:00.000Z [WARN] Not logged in\n")
	if err := os.Symlink("a.txt", filepath.Join(folder, "latest.txt")); err != nil {
		t.Skip(err)
	}
	got := d.LogLines(5)
	if len(got) != 2 || got[0].Text != "Not logged in" || got[1].Times != 2 || got[1].At.Second() != 51 {
		t.Errorf("%+v", got)
	}
	if got := d.LogLines(1); len(got) != 1 || got[0].Times != 2 {
		t.Errorf("the last one: %+v", got)
	}
}

// TestLockHolder says whose the renewal lock is.
func TestLockHolder(t *testing.T) {
	d := At(Location{Dir: t.TempDir()}, Config{GOOS: "linux", Home: "/nowhere"})
	if who := d.LockHolder(); who != "" {
		t.Errorf("free: %s", who)
	}
	makeLock(t, d.firstLock(), time.Hour)
	if who := d.LockHolder(); !strings.Contains(who, "nobody left a name") {
		t.Errorf("nobody's: %s", who)
	}
	_ = os.Remove(d.firstLock())
	lock, err := d.LockRenewal(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	ours := "nobody left a name"
	if dirlock.OwnerNote("beside", "") == "beside" {
		ours = "took it"
	}
	if who := d.LockHolder(); !strings.Contains(who, ours) {
		t.Errorf("ours: %s", who)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
}
