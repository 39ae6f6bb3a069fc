package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/fakeclaude"
	"keytender/keychain"
)

func (r *rig) state(name string) string { return filepath.Join(r.home, "state", name) }

func (r *rig) put(path string, c keychain.Credential) {
	r.t.Helper()
	text, err := c.Encode()
	if err == nil {
		err = os.WriteFile(path, []byte(text.Reveal()+"\n\n\n"), 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// block makes a file unwritable for our own writers, also for root: they touch no
// link and no folder. The returned function makes it as it was.
func (r *rig) block(path string) (unblock func()) {
	r.t.Helper()
	aside := path + ".aside"
	if err := os.Rename(path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Error(err)
	}
	if runtime.GOOS == "windows" { // not everybody may make a link
		if err := os.Mkdir(path, 0o700); err != nil {
			r.t.Error(err)
		}
	} else if err := os.Symlink(aside, path); err != nil {
		r.t.Error(err)
	}
	r.unblock = func() {
		_ = os.Remove(path)
		_ = os.Rename(aside, path)
	}
	return r.unblock
}

// sabotage runs f once the server has rotated and before it answers.
func (r *rig) sabotage(f func()) {
	r.server.Set(func(b *fakeclaude.Behaviour) {
		b.OnToken = func(string) {
			if f != nil {
				f()
			}
			f = nil
		}
	})
}

// The store fails after the token was spent: the pair goes to the spill file and to
// Claude Code's entry, token is served, and the pair gets into the store later.
func TestStoreFailsAfterRenewal(t *testing.T) {
	r := newRig(t)
	before := r.signIn(-time.Minute)
	unblock := func() {}
	r.sabotage(func() { unblock = r.block(filepath.Join(r.home, "credentials.json")) })
	got, err := r.start().Token(t.Context(), time.Minute)
	if err != nil {
		t.Fatalf("token: %v", err)
	}
	if !r.entry().Login.Access.Equal(got) {
		t.Error("Claude Code's entry has not got the new pair")
	}
	info, err := os.Stat(r.state("spill-default.json"))
	if err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o600) {
		t.Fatalf("the spill file: %v, %v", info, err)
	}
	spilled := r.stored()
	if !spilled.Access.Equal(got) || r.server.Spent(spilled.Refresh.Reveal()) {
		t.Error("the spill file holds another pair")
	}
	// The store still fails: the spilled pair serves every call.
	if again, err := r.start().Token(t.Context(), time.Minute); err != nil || !again.Equal(got) {
		t.Errorf("token while the store fails: %v", err)
	}
	if _, err := r.start().Renew(t.Context(), true); err != nil || r.server.Count("renew-reused") != 0 {
		t.Errorf("renewing from the spill file: %v", err)
	}
	newest := r.stored()
	unblock()
	if storedBy(t, r.start()); !r.stored().SamePair(newest) {
		t.Error("the older pair in the store wins over the spilled one")
	}
	if _, err := r.start().Renew(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if c := storedBy(t, r.start()); !r.server.Alive(c.Refresh.Reveal()) || c.Refresh.Equal(before.Refresh) {
		t.Error("the newest pair is not in the store")
	}
	if names := leftovers(t, r.home+"/state", "lock", "ledger.json", "places.json", "history.jsonl"); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
	if r.server.Count("renew-reused") != 0 {
		t.Error("a spent token was sent")
	}
}

// A spilled pair is moved into the store by whoever next takes the lock, without a
// send.
func TestSpilledPairIsSettled(t *testing.T) {
	newer := func(r *rig, c keychain.Credential) keychain.Credential {
		c = r.renewElsewhere(c)
		c.Issued = c.Issued.Add(time.Minute)
		return c
	}
	none := func(string, *rig, keychain.Credential) {}
	for _, c := range []struct {
		name  string
		file  string
		spoil func(path string, r *rig, newer keychain.Credential)
		want  bool // the newer pair is found
		sends int
	}{
		{"a spill file", "spill-default.json", none, true, 0},
		{"room that a killed process had written into", "reserve-default.json", none, true, 0},
		{"a pair of a clock that was behind", "reserve-default.json", func(path string, r *rig, c keychain.Credential) {
			w := &work{Engine: r.start()}
			r.pass(-24 * time.Hour)
			c.Issued = w.merge(r.stored(), grantOf(c), nil).Issued
			r.pass(24 * time.Hour)
			r.put(path, c)
		}, true, 0},
		{"empty room", "reserve-default.json", func(path string, r *rig, _ keychain.Credential) {
			_ = os.WriteFile(path, []byte(strings.Repeat("\n", spillSize)), 0o600)
		}, false, 0},
		{"room of no bytes", "reserve-default.json",
			func(path string, r *rig, _ keychain.Credential) { _ = os.Truncate(path, 0) }, false, 0},
		{"room written in part", "reserve-default.json",
			func(path string, r *rig, _ keychain.Credential) { _ = os.Truncate(path, 60) }, false, 0},
		{"a damaged spill file", "spill-default.json",
			func(path string, r *rig, _ keychain.Credential) { _ = os.Truncate(path, 60) }, false, 0},
		{"a spill file of an older pair", "spill-default.json", func(path string, r *rig, c keychain.Credential) {
			c.Issued = c.Issued.Add(-24 * time.Hour)
			r.put(path, c)
		}, false, 0},
		{"a spill file that is a link", "spill-default.json",
			func(path string, r *rig, _ keychain.Credential) { r.block(path) }, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			before := r.signIn(time.Hour)
			after := newer(r, before)
			sent := r.posts()
			r.put(r.state(c.file), after)
			c.spoil(r.state(c.file), r, after)
			if got := r.stored(); got.SamePair(after) != c.want {
				t.Fatalf("the newer pair is found: %v", !c.want)
			}
			// Whoever takes the lock puts it where it belongs.
			e := r.start()
			if err := e.tending().catchUp(t.Context(), time.Second); err != nil {
				t.Fatal(err)
			}
			if got := storedBy(t, r.start()); got.SamePair(after) != c.want {
				t.Errorf("the newer pair is in the store: %v", !c.want)
			}
			if r.posts() != sent+c.sends {
				t.Errorf("%d renewals were sent", r.posts()-sent)
			}
			names := leftovers(t, r.home+"/state", "lock", "ledger.json", "places.json", "history.jsonl")
			names = slices.DeleteFunc(names, func(name string) bool {
				return strings.HasSuffix(name, ".damaged") || strings.HasSuffix(name, ".aside") ||
					c.name == "a spill file that is a link"
			})
			if len(names) > 0 {
				t.Errorf("left behind: %v", names)
			}
		})
	}
}

// The last thing that can fail: store and spill file both. The pair then lives in
// Claude Code's entry, and the next start takes it from there.
func TestNothingCanBeStored(t *testing.T) {
	r := newRig(t)
	before := r.signIn(-time.Minute)
	restore(t, &disk, disk)
	disk.write = func(*os.File, []byte, int64) (int, error) { return 0, syscall.EIO }
	unblock := func() {}
	r.sabotage(func() { unblock = r.block(filepath.Join(r.home, "credentials.json")) })
	got, err := r.start().Token(t.Context(), time.Minute)
	if err != nil {
		t.Fatalf("token: %v", err)
	}
	unblock()
	if !storedBy(t, r.start()).SamePair(before) {
		t.Fatal("the test did not keep the pair from the store")
	}
	if st := r.start().Status(t.Context()); st.Problem == nil || st.Problem.Code != "storage" {
		t.Errorf("status: %+v", st.Problem)
	}
	again, err := r.start().Token(t.Context(), time.Minute)
	if err != nil || !again.Equal(got) || r.posts() != 1 {
		t.Errorf("the next start: %v, %d sent", err, r.posts())
	}
	r.alive(r.stored())
}

// The same without an entry: the token that is left is spent. The new one is handed out, and it is
// said that it is kept nowhere: nobody is told that the login was renewed.
func TestNothingCanBeStoredAnywhere(t *testing.T) {
	r := newRig(t)
	r.keep("default", r.issued("a@example.com", -time.Minute))
	restore(t, &disk, disk)
	disk.write = func(*os.File, []byte, int64) (int, error) { return 0, syscall.EIO }
	unblock := func() {}
	r.sabotage(func() { unblock = r.block(filepath.Join(r.home, "credentials.json")) })
	token, err := r.start().Token(t.Context(), time.Minute)
	if token.IsZero() || faultOf(err) != FaultKeptFailed {
		t.Fatalf("token: %v", err)
	}
	unblock()
	if _, err := r.start().Token(t.Context(), time.Minute); exitOf(err) != ExitSignInAgain || r.posts() != 1 {
		t.Errorf("the next start: %v, %d sent", err, r.posts())
	}
}

// A disk that fails before the send costs nothing; one that fails after it costs no
// token.
func TestDiskFaults(t *testing.T) {
	for _, code := range []error{syscall.EIO, syscall.ENOSPC, syscall.EROFS} {
		for _, c := range []struct {
			name  string
			spoil func(r *rig)
			exit  int
			sent  int
		}{
			{"no room can be made", func(*rig) {
				disk.reserve = func(path string, _ []byte) error {
					return &os.PathError{Op: "write", Path: path,
						Err: code}
				}
			}, ExitTryLater, 0},
			{"the ledger cannot be written before the send", func(r *rig) {
				reserve := disk.reserve
				disk.reserve = func(path string, data []byte) error {
					r.t.Cleanup(r.block(r.state("ledger.json")))
					return reserve(path, data)
				}
			}, ExitTryLater, 0},
			{"the ledger cannot be written after the send", func(r *rig) {
				r.sabotage(func() { r.t.Cleanup(r.block(r.state("ledger.json"))) })
			}, 0, 1},
			{"the room cannot be written, the store can", func(*rig) {
				disk.write = func(*os.File, []byte, int64) (int, error) { return 0, code }
			}, 0, 1},
			{"the store cannot be written and the room not synced", func(r *rig) {
				disk.sync = func(*os.File) error { return code }
				r.sabotage(func() { r.t.Cleanup(r.block(filepath.Join(r.home, "credentials.json"))) })
			}, 0, 1},
			{"the history cannot be written", func(r *rig) {
				_ = os.Remove(r.state("history.jsonl"))
				_ = os.Mkdir(r.state("history.jsonl"), 0o700)
			}, 0, 1},
			{"Claude Code's entry cannot be written", func(r *rig) {
				r.sabotage(func() { r.t.Cleanup(r.block(r.entryFile())) })
			}, 0, 1},
		} {
			t.Run(code.Error()+"/"+c.name, func(t *testing.T) {
				r := newRig(t)
				before := r.signIn(-time.Minute)
				restore(t, &disk, disk)
				c.spoil(r)
				got, err := r.start().Token(t.Context(), time.Minute)
				if exitOf(err) != c.exit || r.posts() != c.sent {
					t.Fatalf("token: %v, %d sent", err, r.posts())
				}
				if r.unblock != nil {
					r.unblock() // a ledger that cannot be read is another fault
				}
				after := r.stored()
				if c.sent == 0 && !after.SamePair(before) || c.sent == 1 && !after.Access.Equal(got) {
					t.Error("the newest pair is not what a new start finds")
				}
				r.alive(after)
				if err != nil && !strings.Contains(err.Error(), code.Error()) &&
					!strings.Contains(err.Error(), "link") && !strings.Contains(err.Error(), "directory") {
					t.Errorf("what is said: %q", err)
				}
			})
		}
	}
}

// A real full disk, where a small one can be mounted.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("only root can mount a small disk")
	}
	r := newRig(t)
	if err := os.MkdirAll(r.home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := mountSmall(r.home, "size=64k"); err != nil {
		t.Skipf("no small disk can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = unmount(r.home) })
	before := r.signIn(-time.Minute)
	filler, err := os.Create(filepath.Join(r.home, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	filler.Close()
	if _, err := r.start().Token(t.Context(), time.Minute); exitOf(err) != ExitTryLater || r.posts() != 0 {
		t.Fatalf("on a full disk: %v, %d sent", err, r.posts())
	}
	if !r.stored().SamePair(before) {
		t.Error("the tokens are not as before")
	}
	_ = os.Truncate(filler.Name(), 0)
	// Full at the worst moment: between the send and its response.
	r.sabotage(func() {
		f, err := os.OpenFile(filler.Name(), os.O_WRONLY|os.O_APPEND, 0)
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		f.Close()
	})
	got, err := r.start().Token(t.Context(), time.Minute)
	if err != nil || r.posts() != 1 {
		t.Fatalf("full between the send and its response: %v, %d sent", err, r.posts())
	}
	if c := r.stored(); !c.Access.Equal(got) {
		t.Error("the newest pair is not what a new start finds")
	}
	_ = os.Remove(filler.Name())
	if _, err := r.start().Renew(t.Context(), true); err != nil || r.server.Count("renew-reused") != 0 {
		t.Errorf("with room again: %v", err)
	}
	r.alive(storedBy(t, r.start()))
}

// Damaged files of ours are named and never overwritten, and a valid token is served
// all the same where it can be read.
func TestDamagedFiles(t *testing.T) {
	for _, c := range []struct {
		file       string
		valid      int // exit of token with a valid pair
		due        int // and with one that must be renewed
		overwrites bool
	}{
		{"state/ledger.json", ExitFailed, ExitFailed, false},
		{"credentials.json", ExitFailed, ExitFailed, false},
		{"state/history.jsonl", 0, 0, true},
		{"state/lock", 0, 0, true},
	} {
		t.Run(c.file, func(t *testing.T) {
			for _, life := range []time.Duration{time.Hour, -time.Minute} {
				r := newRig(t)
				r.signIn(life)
				path := filepath.Join(r.home, c.file)
				const rubbish = `{"version":1,"chains":{"default":{"notBefore":7}},"store":[],"accounts":{"default":"sk-ant-ort01-FAKE"`
				if err := os.WriteFile(path, []byte(rubbish), 0o600); err != nil {
					t.Fatal(err)
				}
				want := c.valid
				if life < 0 {
					want = c.due
				}
				_, err := r.start().Token(t.Context(), time.Minute)
				if exitOf(err) != want {
					t.Errorf("token: %v (exit %d), want %d", err, exitOf(err), want)
				}
				if err != nil && strings.Contains(err.Error(), "FAKE") {
					t.Errorf("what is said shows a token: %q", err)
				}
				if data, _ := os.ReadFile(path); !c.overwrites && string(data) != rubbish {
					t.Error("it was overwritten")
				}
				if st := r.start().Status(t.Context()); want != 0 && st.Problem == nil {
					t.Errorf("status: %+v", st)
				}
				if want != 0 && r.posts() != 0 {
					t.Error("something was sent")
				}
			}
		})
	}
}

func TestUnreadableStateFolder(t *testing.T) {
	r := newRig(t)
	r.signIn(time.Hour)
	if err := os.RemoveAll(r.home + "/state"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.home+"/state", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.start().Renew(t.Context(), true); exitOf(err) != ExitTryLater || r.posts() != 0 {
		t.Errorf("refresh: %v, %d sent", err, r.posts())
	}
}

// A reader that takes no lock looks while another process moves the pair from the spill
// file into the store: it must find it in one of the two.
func TestReadersDuringAMove(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the moment is caught by the permissions of a file")
	}
	r := newRig(t)
	before := r.signIn(time.Hour)
	after := r.renewElsewhere(before)
	after.Issued = after.Issued.Add(time.Second)
	mover, reader := r.start(), r.start()
	v := mover.vault(r.ledger())
	r.put(v.spillPath("default"), after)
	if err := os.Chmod(reader.file.Path, 0o640); err != nil {
		t.Fatal(err)
	}
	moved := false
	reader.file.Tightened = func(string) { // it has read the store at this moment
		moved = true
		v.unspill(context.Background(), "default")
	}
	got, err := reader.vault(r.ledger()).load(t.Context(), "default")
	if err != nil || !got.SamePair(after) || !moved {
		t.Errorf("found the newer pair: %v, moved: %v, %v", got.SamePair(after), moved, err)
	}
	if _, err := os.Stat(v.spillPath("default")); err == nil {
		t.Error("the spill file is still there")
	}
}

// TestUnusableStoreIsAFailure: no later try mends it by itself.
func TestUnusableStoreIsAFailure(t *testing.T) {
	for _, err := range []error{
		fmt.Errorf("%w: %w", keychain.ErrUnreadable, fs.ErrPermission),
		&atomicfile.RefusedError{Path: "credentials.json", Reason: "it is a directory"},
		keychain.ErrDamaged,
	} {
		problem := storeError("file", err)
		if problem.Exit != ExitFailed || problem.Fault == "" {
			t.Errorf("%v: exit %d, fault %q", err, problem.Exit, problem.Fault)
		}
		st := Status{}
		blame(&st, problem)
		if st.Exit() != ExitFailed {
			t.Errorf("%v: status ends with %d", err, st.Exit())
		}
	}
}

// A room that cannot be read now may hold the only copy of a pair: it stays.
func TestUnreadableRoomStays(t *testing.T) {
	r := newRig(t)
	before := r.signIn(time.Hour)
	after := r.renewElsewhere(before)
	after.Issued = after.Issued.Add(time.Second)
	e := r.start()
	v := e.vault(r.ledger())
	room := v.reservePath("default")
	r.put(room, after)
	second := room + ".backup" // as a backup with hard links has it
	if err := os.Link(room, second); err != nil {
		t.Skip("this file system has no hard links")
	}
	v.unspill(t.Context(), "default")
	if err := os.Remove(second); err != nil {
		t.Fatal(err)
	}
	v.unspill(t.Context(), "default")
	if c := r.stored(); !c.SamePair(after) {
		t.Error("the pair in the room is lost")
	}
}
