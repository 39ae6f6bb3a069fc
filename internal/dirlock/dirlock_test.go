package dirlock

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func lockAt(path string) Wanted {
	return Wanted{Path: path, Stale: 15 * time.Second, Now: time.Now}
}

func take(t *testing.T, w Wanted) *Lock {
	t.Helper()
	l, err := w.Take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

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

func TestLockJudgesWhatStandsThere(t *testing.T) {
	tests := map[string]struct {
		make  func(t *testing.T, path string)
		taken bool
		stuck bool
		says  string
	}{
		"nothing":        {make: func(*testing.T, string) {}, taken: true},
		"live":           {make: func(t *testing.T, p string) { makeLock(t, p, 0) }, says: "at work"},
		"a little ahead": {make: func(t *testing.T, p string) { makeLock(t, p, -time.Second) }, says: "at work"},
		"almost stale":   {make: func(t *testing.T, p string) { makeLock(t, p, 13*time.Second) }, says: "at work"},
		"stale":          {make: func(t *testing.T, p string) { makeLock(t, p, 16*time.Second) }, taken: true},
		"future": {make: func(t *testing.T, p string) { makeLock(t, p, -time.Hour) },
			says: "dated 1 hour ahead"},
		"a file": {make: func(t *testing.T, p string) { mustWrite(t, p, "") }, stuck: true,
			says: "no directory"},
		"stale, not empty": {make: func(t *testing.T, p string) {
			makeLock(t, p, 0)
			mustWrite(t, filepath.Join(p, "x"), "")
			when := time.Now().Add(-time.Hour)
			_ = os.Chtimes(p, when, when)
		}, stuck: true, says: "something in it"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.lock")
			tt.make(t, path)
			l, err := lockAt(path).Take(context.Background())
			if tt.taken {
				if err != nil {
					t.Fatal(err)
				}
				if got := names(t, path); len(got) != 0 {
					t.Errorf("something is in the lock: %v", got)
				}
				if err := l.Release(); err != nil || exists(path) {
					t.Errorf("release: %v", err)
				}
				return
			}
			var busy *BusyError
			if !errors.As(err, &busy) || !errors.Is(err, ErrBusy) || busy.Stuck != tt.stuck ||
				!strings.Contains(err.Error(), tt.says) || busy.Hint == "" {
				t.Fatalf("err = %#v", err)
			}
			if !exists(path) {
				t.Error("the lock was removed")
			}
		})
	}
}

func TestLockWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	first := take(t, lockAt(path))
	go func() {
		time.Sleep(100 * time.Millisecond)
		_ = first.Release()
	}()
	w := lockAt(path)
	w.Wait = 10 * time.Second
	if err := take(t, w).Release(); err != nil {
		t.Fatal(err)
	}
}

func TestLockWaitEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	makeLock(t, path, 0)
	synctest.Test(t, func(t *testing.T) {
		w := lockAt(path)
		real := time.Now() // the bubble's clock starts in 2000; the lock must not look dated ahead
		_ = os.Chtimes(path, real, real)
		w.Now = func() time.Time { return real }
		w.Wait = 20 * time.Second
		start := time.Now()
		if _, err := w.Take(context.Background()); !errors.Is(err, ErrBusy) {
			t.Errorf("err = %v", err)
		}
		if waited := time.Since(start); waited != 20*time.Second {
			t.Errorf("waited %v", waited)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := w.Take(ctx); !errors.Is(err, ErrBusy) {
			t.Errorf("at the context's deadline: %v", err)
		}
		ctx, cancel = context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		if _, err := w.Take(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestLockHeartbeat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	synctest.Test(t, func(t *testing.T) {
		l := take(t, lockAt(path))
		for range 5 {
			time.Sleep(5*time.Second - time.Millisecond)
			synctest.Wait()
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if age := time.Since(info.ModTime()); age < 0 || age > 5*time.Second {
				t.Errorf("the client would see no sign of life for %v", age)
			}
		}
		if err := l.Held(); err != nil {
			t.Error(err)
		}
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	})
}

func TestLockNoticesTheLoss(t *testing.T) {
	losses := map[string]func(path string) error{
		"removed": os.Remove,
		"taken over": func(path string) error {
			later := time.Now().Add(3 * time.Second)
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o755), os.Chtimes(path, later, later))
		},
		"dated by another": func(path string) error {
			later := time.Now().Add(3 * time.Second)
			return os.Chtimes(path, later, later)
		},
	}
	for name, lose := range losses {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.lock")
			synctest.Test(t, func(t *testing.T) {
				l := take(t, lockAt(path))
				if err := lose(path); err != nil {
					t.Fatal(err)
				}
				kept := exists(path)
				time.Sleep(2 * heartbeat)
				synctest.Wait()
				if l.mu.Lock(); l.lost == nil {
					t.Error("the heartbeat did not notice")
				}
				l.mu.Unlock()
				if err := l.Held(); !errors.Is(err, ErrCompromised) {
					t.Errorf("held: %v", err)
				}
				if err := l.Release(); !errors.Is(err, ErrCompromised) {
					t.Errorf("release: %v", err)
				}
				if exists(path) != kept {
					t.Error("the other's lock was removed")
				}
			})
		})
	}
}

// Nothing but the lock orders these programs.
func TestLockExcludesOtherProcesses(t *testing.T) {
	home := t.TempDir()
	var children []*exec.Cmd
	for range 3 {
		children = append(children, lockChild(t, home))
	}
	for _, child := range children {
		child.Stdout = nil
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, child := range children {
		if err := child.Wait(); err != nil {
			t.Errorf("%v", err)
		}
	}
	if got := mustRead(t, home+"/count"); got != "60" {
		t.Errorf("counted to %s, want 60", got)
	}
}

func lockChild(t *testing.T, home string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), "KTTEST_LOCK_HOME="+home)
	child.Stderr = os.Stderr
	return child
}

func TestOwnerIsTrustedOnlyWhenEverythingFits(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the owner file's format is known on Linux")
	}
	const gonePID = 1<<22 + 5 // above every pid_max
	domain, space := processDomain()
	if domain == "" {
		t.Skip("no machine id here")
	}
	path := filepath.Join(t.TempDir(), "a.lock")
	makeLock(t, path, 0)
	info, _ := os.Stat(path)
	birth := milliseconds(birthTime(path, info))
	if birth <= 0 {
		t.Skip("the file system tells no time of birth")
	}
	self := os.Getpid()
	tests := map[string]struct {
		owner Owner
		birth float64
		gone  bool
	}{
		"dead":              {Owner{PID: gonePID, ProcStart: "1", PIDDomain: domain, PIDSpace: space}, birth, true},
		"number given anew": {Owner{PID: self, ProcStart: "1", PIDDomain: domain, PIDSpace: space}, birth, true},
		"alive": {Owner{PID: self, ProcStart: processStart(self), PIDDomain: domain, PIDSpace: space},
			birth, false},
		"another machine": {Owner{PID: gonePID, ProcStart: "1", PIDDomain: "linux:x", PIDSpace: space}, birth,
			false},
		"another container": {Owner{PID: gonePID, ProcStart: "1", PIDDomain: domain, PIDSpace: "x"}, birth, false},
		"another directory": {Owner{PID: gonePID, ProcStart: "1", PIDDomain: domain, PIDSpace: space}, birth + 1,
			false},
		"birth is not known": {Owner{PID: gonePID, ProcStart: "1", PIDDomain: domain, PIDSpace: space}, 0, false},
	}
	for name, tt := range tests {
		if got := tt.owner.Gone(path, info, tt.birth); got != tt.gone {
			t.Errorf("%s: gone = %v", name, got)
		}
	}
}

func FuzzOwner(f *testing.F) {
	f.Add(
		[]byte(
			`{"pid":19094,"procStart":"148934","pidDomain":"linux:0:pid:[1]","pidSpace":"h#pid:[1]","lockBirthtimeMs":1795230423380.539,"legacyLockBirthtimeMs":1795230423380.539}`))
	f.Add([]byte(`{"pid":1e99}`))
	f.Add([]byte(`[]`))
	f.Add([]byte(`{"pid":-1,"procStart":"1","pidDomain":"d","pidSpace":"s"}`))
	path := filepath.Join(f.TempDir(), "a.lock")
	if err := os.Mkdir(path, 0o700); err != nil {
		f.Fatal(err)
	}
	info, _ := os.Stat(path)
	f.Fuzz(func(t *testing.T, data []byte) {
		// A text that does not name this machine and this directory proves nobody dead.
		if o, ok := parseOwner(data); ok && (o.PID <= 0 || o.Gone(path, info, o.LockBirthtimeMs)) {
			t.Errorf("%s is believed", data)
		}
	})
}

// Windows answers "access denied" for a lock that is just being removed, and for a folder
// in which we may make none: the first passes.
func TestLockIsDenied(t *testing.T) {
	whole := beingRemoved
	defer func() { beingRemoved = whole }()
	denied := &os.PathError{} // a folder that is missing stands for one that is closed to us
	beingRemoved = func(err error) bool { return errors.As(err, &denied) && errors.Is(err, os.ErrNotExist) }
	dir := filepath.Join(t.TempDir(), "closed")
	synctest.Test(t, func(t *testing.T) {
		w := lockAt(filepath.Join(dir, "a.lock"))
		w.Wait = 20 * time.Second
		start := time.Now()
		_, err := w.Take(context.Background())
		if errors.Is(err, ErrBusy) || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("for ever: %v", err)
		}
		if waited := time.Since(start); waited < deniedLimit || waited > deniedLimit+time.Second {
			t.Errorf("gave up after %v", waited)
		}
		w.Wait = time.Second
		if _, err := w.Take(context.Background()); !errors.Is(err, ErrBusy) {
			t.Errorf("for as long as was waited: %v", err)
		}
		w.Wait = 20 * time.Second
		time.AfterFunc(time.Second, func() { _ = os.Mkdir(dir, 0o700) })
		if err := take(t, w).Release(); err != nil {
			t.Errorf("for a moment: %v", err)
		}
	})
}
