package dirlock

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// These tests meet the real other side. They run when it is installed and named:
// KTTEST_NODE is a directory with node_modules/proper-lockfile 4.1.2 in it.

// nodeLock starts node with a script that sees lock(), path and say().
func nodeLock(t *testing.T, path, script string) (lines *bufio.Scanner, stop func()) {
	t.Helper()
	node := exec.Command("node", "-e", `
		const lockfile = require('proper-lockfile'), path = process.argv[1];
		const say = (s) => process.stdout.write(s + "\n");
		const lock = (stale) => lockfile.lock(path, {realpath: false, lockfilePath: path, stale, update: 1000, onCompromised: (e) => say("lost " + e.code)});
		(async () => {`+script+`})().catch((e) => say(e.code || String(e)));`, path)
	node.Dir = os.Getenv("KTTEST_NODE")
	node.Stderr = os.Stderr
	stdin, _ := node.StdinPipe()
	stdout, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			_ = stdin.Close()
			_ = node.Process.Kill()
			_ = node.Wait()
		}
		stopped = true
	}
	t.Cleanup(stop)
	return bufio.NewScanner(stdout), stop
}

func expect(t *testing.T, lines *bufio.Scanner, want string) {
	t.Helper()
	if lines.Scan(); lines.Text() != want {
		t.Fatalf("node says %q, want %q", lines.Text(), want)
	}
}

func TestLocksAgreeWithProperLockfile(t *testing.T) {
	if os.Getenv("KTTEST_NODE") == "" {
		t.Skip("KTTEST_NODE names no directory with proper-lockfile in it")
	}
	t.Run("ours holds it off", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a.lock")
		l := take(t, lockAt(path))
		lines, _ := nodeLock(t, path, `await lock(15000); say("taken")`)
		expect(t, lines, "ELOCKED")
		if err := l.Release(); err != nil {
			t.Error(err)
		}
		lines, _ = nodeLock(t, path, `const release = await lock(15000); await release(); say("taken and released")`)
		expect(t, lines, "taken and released")
		if exists(path) {
			t.Error("the lock is left")
		}
	})
	t.Run("its heartbeat and release are seen", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a.lock")
		lines, _ := nodeLock(t, path,
			`const release = await lock(15000); say("taken"); setTimeout(async () => { await release(); say("released") }, 3500)`)
		expect(t, lines, "taken")
		r := lockAt(path)
		r.Stale = 3 * time.Second // its sign of life comes every second
		if _, err := r.Take(t.Context()); !errors.Is(err, ErrBusy) {
			t.Fatalf("err = %v", err)
		}
		r.Wait = 20 * time.Second
		start := time.Now()
		l := take(t, r)
		if waited := time.Since(start); waited < 2*time.Second {
			t.Errorf("taken after %v", waited)
		}
		expect(t, lines, "released")
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	})
	t.Run("what either leaves behind the other takes over", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a.lock")
		lines, kill := nodeLock(t, path, `await lock(15000); say("taken"); process.stdin.resume()`)
		expect(t, lines, "taken")
		kill()
		if !exists(path) {
			t.Fatal("a killed node removed its lock")
		}
		old := time.Now().Add(-16 * time.Second)
		_ = os.Chtimes(path, old, old)
		l := take(t, lockAt(path)) // and is killed, in effect, by going back in time
		close(l.stop)
		<-l.stopped
		_ = os.Chtimes(path, old, old)
		lines, _ = nodeLock(t, path, `const release = await lock(15000); await release(); say("taken and released")`)
		expect(t, lines, "taken and released")
	})
	t.Run("it notices that we took over", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a.lock")
		lines, _ := nodeLock(t, path, `await lock(15000); say("taken"); process.stdin.resume()`)
		expect(t, lines, "taken")
		_ = os.Remove(path)
		l := take(t, lockAt(path))
		expect(t, lines, "lost ECOMPROMISED")
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	})
}
