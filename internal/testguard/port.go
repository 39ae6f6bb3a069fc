package testguard

import (
	"errors"
	"net"
	"strconv"
	"syscall"
	"testing"
)

// FreePort is a port that was free a moment ago, on both loopback stacks of the machine.
func FreePort(t testing.TB) string {
	t.Helper()
	for {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
		other, err := net.Listen("tcp6", "[::1]:"+port)
		l.Close()
		if err == nil {
			other.Close()
		} else if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		return port
	}
}
