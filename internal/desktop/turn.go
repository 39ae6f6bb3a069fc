//go:build linux

package desktop

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/testguard"
)

// turnWait is longer than all the desktops of a whole run take.
const turnWait = 20 * time.Minute

// takeTurn waits until no other desktop of this user runs. The lock goes with its
// process however that ends; a socket would not do, since test binaries have networks
// of their own.
func takeTurn(t testing.TB) {
	t.Helper()
	name := filepath.Clean(strings.TrimSuffix(place(), "-") + ".lock")
	lock, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lock.Close() })
	for end := time.Now().Add(turnWait); ; time.Sleep(100 * time.Millisecond) {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			t.Fatalf("desktop: locking %s: %v", name, err)
		}
		if time.Now().After(end) {
			holder, _ := os.ReadFile(name)
			t.Fatalf("desktop: another one has been running for %v, in process %s", turnWait, holder)
		}
	}
	_ = lock.Truncate(0)
	_, _ = lock.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
}

// usualPort is where a sign-in listens.
const usualPort = 8765

// callbackPort is the usual one wherever the tests have a network of their own. On the
// machine's network another program may hold it: then a port that is free, and the
// test's log says so.
func callbackPort(t testing.TB) int {
	t.Helper()
	free := true
	for _, address := range []string{"127.0.0.1", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(usualPort)))
		if err == nil {
			l.Close()
		}
		free = free && !errors.Is(err, syscall.EADDRINUSE)
	}
	if free {
		return usualPort
	}
	if testguard.Apart() {
		t.Errorf("desktop: something holds port %d on a network of our own", usualPort)
	}
	port, _ := strconv.Atoi(testguard.FreePort(t))
	t.Logf("desktop: port %d is taken, and no network namespace is to be had: signing in on port %d", usualPort, port)
	return port
}
