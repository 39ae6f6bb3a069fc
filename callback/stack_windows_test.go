package callback

import (
	"net"
	"testing"

	"golang.org/x/sys/windows"
)

// Windows lets a program that sets SO_REUSEADDR take a port from under its holder,
// unless the holder asked for it alone. Wine has that option and not the theft.
func TestThePortIsOursAlone(t *testing.T) {
	l, err := listenLoopback(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		if alone, err := windows.GetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET,
			^windows.SO_REUSEADDR); err != nil || alone == 0 {
			t.Errorf("SO_EXCLUSIVEADDRUSE is %d, %v", alone, err)
		}
	}); err != nil {
		t.Fatal(err)
	}
}
