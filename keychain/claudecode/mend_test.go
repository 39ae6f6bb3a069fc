package claudecode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"keytender/internal/dirlock"
	"keytender/internal/secret"
)

func TestMendLocks(t *testing.T) {
	c, home := homeEntry(t)
	if got := c.LockTroubles(); got != nil {
		t.Errorf("without a directory: %v", got)
	}
	_ = os.Mkdir(home+"/.claude", 0o700)
	real := time.Now()
	c.now = func() time.Time { return real }
	file, ahead, live := filepath.Join(home, ".claude", ".oauth_refresh.lock"), filepath.Join(home,
		".claude.lock"), filepath.Join(home, ".claude", ".storage-write.lock")
	mustWrite(t, file, "kept")
	makeLock(t, ahead, -time.Hour)
	makeLock(t, live, 0)
	found := c.LockTroubles()
	if len(found) != 2 || found[0].Path != file || !strings.Contains(found[0].What, "no directory") ||
		found[1].Path != ahead || !strings.Contains(found[1].What, "1 hour ahead") {
		t.Fatalf("found: %v", found)
	}
	synctest.Test(t, func(t *testing.T) {
		for _, trouble := range found {
			aside, err := c.MendLock(t.Context(), trouble)
			if err != nil || exists(trouble.Path) || !strings.HasPrefix(aside, trouble.Path+".aside-") ||
				!exists(aside) {
				t.Fatalf("moved to %q, %v", aside, err)
			}
			if trouble.Path == file && mustRead(t, aside) != "kept" {
				t.Errorf("what stood there is %q now", mustRead(t, aside))
			}
			if again, err := c.MendLock(t.Context(), trouble); again != "" || err != nil {
				t.Errorf("once more: %q, %v", again, err)
			}
		}
	})
	if !exists(live) {
		t.Error("a lock that is held was mended away")
	}
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
	path := filepath.Join(home, ".claude.lock")
	makeLock(t, path, -time.Hour)
	synctest.Test(t, func(t *testing.T) {
		time.AfterFunc(4*time.Second, func() { _ = os.Chtimes(path, real.Add(2*time.Hour), real.Add(2*time.Hour)) })
		if aside, err := c.MendLock(t.Context(), c.LockTroubles()[0]); !errors.Is(err, dirlock.ErrBusy) ||
			aside != "" || !exists(path) {
			t.Errorf("moved to %q, %v", aside, err)
		}
	})
}

func TestLockThatWasLeftBehind(t *testing.T) {
	c, home := homeEntry(t)
	_ = os.Mkdir(home+"/.claude", 0o700)
	path := filepath.Join(home, ".claude", ".storage-write.lock")
	makeLock(t, path, 0)
	mustWrite(t, filepath.Join(path, "x"), "")
	if got := c.LockTroubles(); len(got) != 0 {
		t.Errorf("while it is fresh: %v", got)
	}
	old := time.Now().Add(-time.Minute)
	_ = os.Chtimes(path, old, old)
	if got := c.LockTroubles(); len(got) != 1 || !strings.Contains(got[0].What, "something in it") {
		t.Errorf("with something in it: %v", got)
	}
	_ = os.Remove(filepath.Join(path, "x"))
	_ = os.Chtimes(path, old, old)
	got := c.LockTroubles()
	if len(got) != 1 || !strings.Contains(got[0].What, "1 minute ago") {
		t.Fatalf("empty: %v", got)
	}
	mustWrite(t, filepath.Join(path, "x"), "") // since it was looked at
	if _, err := c.MendLock(t.Context(), got[0]); err == nil || !exists(path) {
		t.Errorf("a lock with something in it was removed: %v", err)
	}
	_ = os.Remove(filepath.Join(path, "x"))
	if _, err := c.MendLock(t.Context(), got[0]); err == nil || !exists(path) {
		t.Errorf("a lock that somebody took meanwhile was removed: %v", err)
	}
	_ = os.Chtimes(path, old, old)
	if aside, err := c.MendLock(t.Context(), got[0]); err != nil || aside != "" || exists(path) {
		t.Errorf("not removed: %q, %v", aside, err)
	}
}

// FuzzSalvage: whatever a file holds, what is made out in it are logins that a new entry can hold,
// and each trace of a token stands in it.
func FuzzSalvage(f *testing.F) {
	whole := `{"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE","refreshToken":"sk-ant-ort01-FAKE","expiresAt":1}}`
	for _, text := range []string{whole, whole[:60], "\xef\xbb\xbf" + whole, whole + whole,
		"[" + whole, "\xff\xfe{\x00\"\x00", `{"mcpOAuth":{"a":1},` + whole[1:],
		`"claudeAiOauth":{"accessToken":"\u0000","refreshToken":1,"refreshToken":"a b"`, `"claudeAiOauth":[{"accessToken":"a"`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "entry")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		found, err := Salvage(path)
		if err != nil {
			return // too long
		}
		for _, e := range found {
			if _, err := parseEntry([]byte(e.whole.Reveal()), "file"); err != nil {
				t.Errorf("%q: the login cannot be kept: %v", data, err)
			}
			for _, token := range []secret.String{e.Login.Access, e.Login.Refresh} {
				if !token.IsZero() && !wholeToken(token) {
					t.Errorf("%q: a token that is not whole", data)
				}
			}
		}
		left := othersIn(data, stringOf(wholeMembers(data).get(organizationKey)))
		if _, err := parseEntry(left.encoded(), "file"); err != nil || left.get(loginKey) != nil {
			t.Errorf("%q: what is others' cannot be kept: %v", data, err)
		}
		oddLetters := strings.ContainsRune(string(data), utf8.RuneError) ||
			strings.Contains(strings.ToLower(string(data)), `\ud`)
		if whole, err := parseObject(data); err == nil && len(whole) < mostMembers && !oddLetters && left != nil {
			others := whole.without(loginKey)
			same := func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }
			if !maps.EqualFunc(others.byKey(), left.byKey(), same) {
				t.Errorf("%q: %q stays", data, left.encoded())
			}
		}
		traces, err := Traces(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, trace := range traces {
			if !strings.Contains(string(withoutZeros(data)), trace.Reveal()) {
				t.Errorf("%q: a trace that is not in it", data)
			}
		}
	})
}

// BenchmarkSalvage is a file of many keys: the time grows with its size alone.
func BenchmarkSalvage(b *testing.B) {
	var text strings.Builder
	text.WriteString(`{"claudeAiOauth":{"accessToken":"FAKE-a","refreshToken":"FAKE-r"`)
	for i := 0; text.Len() < 256<<10; i++ {
		fmt.Fprintf(&text, `,"k%d":1`, i)
	}
	path := filepath.Join(b.TempDir(), "entry")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if found, err := Salvage(path); err != nil || len(found) != 1 {
			b.Fatal(found, err)
		}
	}
}

// TestExchangeWithALockThatWasTakenOver: the file was moved, and another program has the lock by now.
func TestExchangeWithALockThatWasTakenOver(t *testing.T) {
	dir := t.TempDir()
	d := At(Location{Dir: dir}, Config{})
	if err := os.WriteFile(d.File(), []byte(`{"claudeAiOauth":{`), 0o600); err != nil {
		t.Fatal(err)
	}
	aside := d.File() + ".aside-x"
	err := d.exchange(t.Context(), func() error {
		if err := os.RemoveAll(d.writeLock()); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(d.writeLock(), 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := d.leaveOthers(aside, "")
		return err
	})
	if _, gone := os.Stat(d.File()); err != nil && os.IsNotExist(gone) {
		t.Errorf("it was moved aside, and that is told as a failure: %v", err)
	}
}
