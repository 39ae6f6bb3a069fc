package testguard

import (
	"errors"
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

// The ports that FreePort chooses from are none that a system gives to who asks for any, as a
// sign-in does where its own port is taken, say in the same tests run by somebody else.
const firstPort, lastPort = 16384, 32767

// FreePort is a port that is free on both loopback stacks of the machine, and that no other test
// is given until t ends.
func FreePort(t testing.TB) string {
	t.Helper()
	for {
		port := strconv.Itoa(firstPort + rand.N(lastPort-firstPort+1))
		if !reserved(t, port) {
			continue
		}
		free := true
		for _, address := range []string{"127.0.0.1", "::1"} {
			l, err := net.Listen("tcp", net.JoinHostPort(address, port))
			if err == nil {
				l.Close()
			}
			free = free && (err == nil || address == "::1" && !errors.Is(err, syscall.EADDRINUSE))
		}
		if free {
			return port
		}
	}
}

// reserved keeps other processes' tests from a port, on Linux by a name that lives as long as its
// socket: two elsewhere are unlikely to choose the same one.
func reserved(t testing.TB, port string) bool {
	if runtime.GOOS != "linux" {
		return true
	}
	l, err := net.Listen("unix", "@keytender-test-port-"+port)
	if err != nil {
		return false
	}
	t.Cleanup(func() { l.Close() })
	return true
}
