package claudecode

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keytender/internal/dirlock"
)

func makeLock(t *testing.T, path string, age time.Duration) {
	t.Helper()
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	when := time.Now().Add(-age)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

func lockChild(t *testing.T, home string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), "KTTEST_LOCK_HOME="+home, "KTTEST_LOCK_NOTE="+filepath.Join(home, "note"))
	child.Stderr = os.Stderr
	return child
}

// holdingChild starts a process that holds both renewal locks.
func holdingChild(t *testing.T, home string) (kill func()) {
	t.Helper()
	child := lockChild(t, home)
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(stdout).ReadString('\n'); line != "held\n" {
		t.Fatalf("child says %q", line)
	}
	var dead bool
	kill = func() {
		if !dead {
			_ = child.Process.Kill()
			_ = child.Wait()
			_ = stdin.Close()
		}
		dead = true
	}
	t.Cleanup(kill)
	return kill
}

func homeEntry(t *testing.T) (*Directory, string) {
	t.Helper()
	home := t.TempDir()
	c, err := Find(Config{Home: home, GOOS: "linux", LookupEnv: noEnv, OwnerNote: filepath.Join(home, "note")})
	if err != nil {
		t.Fatal(err)
	}
	return c, home
}

func TestDeadOwnersLocksAreTakenAtOnce(t *testing.T) {
	if dirlock.OwnerNote("a", "b") == "" {
		t.Skip("owners are not known on " + runtime.GOOS)
	}
	c, home := homeEntry(t)
	kill := holdingChild(t, home)
	if _, err := c.LockRenewal(t.Context(), 0); !errors.Is(err, dirlock.ErrBusy) {
		t.Fatalf("while the owner lives: %v", err)
	}
	kill()
	if !exists(home+"/.claude/.oauth_refresh.lock") || !exists(home+"/.claude.lock") {
		t.Fatal("the killed process's locks are gone by themselves")
	}
	// Even a lock dated ahead binds nobody when its owner is dead.
	ahead := time.Now().Add(time.Hour)
	_ = os.Chtimes(home+"/.claude.lock", ahead, ahead)
	lock, err := c.LockRenewal(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
}

// Who is killed with the first lock alone holds nobody up either.
func TestDeadOwnersFirstLockIsTakenAtOnce(t *testing.T) {
	if dirlock.OwnerNote("a", "b") == "" {
		t.Skip("owners are not known on " + runtime.GOOS)
	}
	c, home := homeEntry(t)
	makeLock(t, home+"/.claude.lock", 0)
	child := lockChild(t, home)
	child.Env = append(child.Env, "KTTEST_LOCK_WAIT=1m")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	note := dirlock.OwnerNote(home+"/.claude/.oauth_refresh.lock.owner", filepath.Join(home, "note"))
	for range 1000 {
		if owner, ok := dirlock.ReadOwner(note); ok {
			if owner.PID != child.Process.Pid || owner.LegacyLockBirthtimeMs != 0 {
				t.Errorf("it notes %+v", owner)
			}
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	if !exists(home + "/.claude/.oauth_refresh.lock") {
		t.Fatal("the child never had the first lock")
	}
	_ = os.Remove(home + "/.claude.lock")
	lock, err := c.LockRenewal(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Release(); err != nil {
		t.Error(err)
	}
}

// The wait for both locks together ends at its bound, and at the context's end before that.
func TestRenewalLockWaitEnds(t *testing.T) {
	c, home := homeEntry(t)
	makeLock(t, home+"/.claude.lock", 0)
	for name, lock := range map[string]func() error{
		"its bound": func() error { _, err := c.LockRenewal(t.Context(), 300*time.Millisecond); return err },
		"the context": func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := c.LockRenewal(ctx, time.Hour)
			return err
		},
	} {
		start := time.Now()
		if err := lock(); !errors.Is(err, dirlock.ErrBusy) || time.Since(start) > 30*time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(start))
		}
		if got := names(t, home+"/.claude"); len(got) != 0 {
			t.Errorf("%s: left behind: %v", name, got)
		}
	}
}

func TestRenewalLock(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	c, home := homeEntry(t)
	lock, err := c.LockRenewal(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/.claude/.oauth_refresh.lock", "/.claude.lock"} {
		if got := names(t, home+path); len(got) != 0 {
			t.Errorf("%s holds %v", path, got)
		}
	}
	if owner, ok := dirlock.ReadOwner(home + "/.claude/.oauth_refresh.lock.owner"); runtime.GOOS == "linux" &&
		(!ok || owner.PID != os.Getpid()) {
		t.Errorf("owner = %+v", owner)
	}
	if err := lock.Held(); err != nil {
		t.Error(err)
	}
	if err := lock.Release(); err != nil {
		t.Error(err)
	}
	if got := names(t, home+"/.claude"); len(got) != 0 || exists(home+"/.claude.lock") {
		t.Errorf("left behind: %v", got)
	}
}

func TestRenewalLockGivesTheFirstBack(t *testing.T) {
	c, home := homeEntry(t)
	makeLock(t, home+"/.claude.lock", 59*time.Second)
	var busy *dirlock.BusyError
	if _, err := c.LockRenewal(t.Context(), 0); !errors.As(err, &busy) ||
		busy.Path != filepath.Join(home, ".claude.lock") {
		t.Fatalf("err = %v", err)
	}
	if exists(home + "/.claude/.oauth_refresh.lock") {
		t.Error("the first lock was kept")
	}
}

func TestRenewalLockFollowsTheDirectory(t *testing.T) {
	c, home := homeEntry(t)
	real := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Mkdir(real, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := symlink(real, home+"/.claude"); err != nil {
		t.Skip(err)
	}
	lock, err := c.LockRenewal(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if !exists(real+".lock") || exists(home+"/.claude.lock") || !exists(real+"/.oauth_refresh.lock") {
		t.Error("the second lock is not beside the real directory")
	}
	if err := lock.Release(); err != nil {
		t.Error(err)
	}
}

func TestRenewalLockNoticesTheLoss(t *testing.T) {
	c, home := homeEntry(t)
	lock, err := c.LockRenewal(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(home + "/.claude.lock"); err != nil {
		t.Fatal(err)
	}
	if err := lock.Held(); !errors.Is(err, dirlock.ErrCompromised) {
		t.Errorf("held: %v", err)
	}
	if err := lock.Release(); !errors.Is(err, dirlock.ErrCompromised) {
		t.Errorf("release: %v", err)
	}
	if exists(home + "/.claude/.oauth_refresh.lock") {
		t.Error("the other lock was kept")
	}
}
