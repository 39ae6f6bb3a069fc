package testguard

import (
	"net"
	"os"
	"strings"
	"testing"
)

// TestApart: on a network of its own nothing else holds a port or can be reached, and
// the right that made it is gone.
func TestApart(t *testing.T) {
	if !Apart() {
		t.Skip("this system allows no network namespace")
	}
	for _, address := range []string{"127.0.0.1:8765", "[::1]:8765"} {
		l, err := net.Listen("tcp", address)
		if err != nil && !strings.Contains(err.Error(), "cannot assign") { // no IPv6 at all
			t.Errorf("%s is not free: %v", address, err)
		} else if err == nil {
			defer l.Close()
		}
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			t.Errorf("%s leads out", i.Name)
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() != 0 && !strings.Contains(string(status), "CapEff:\t0000000000000000") {
		t.Errorf("the tests run with permissions of their own:\n%s", status)
	}
}
