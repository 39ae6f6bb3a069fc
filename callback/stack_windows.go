package callback

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// absent reports whether err says that the machine lacks the address or its family.
func absent(err error) bool {
	return errors.Is(err, windows.WSAEADDRNOTAVAIL) || errors.Is(err, windows.WSAEAFNOSUPPORT) ||
		errors.Is(err, windows.WSAEPROTONOSUPPORT)
}

// taken reports whether err says that somebody else holds the port. A port held
// exclusively, or reserved by the system, is answered with WSAEACCES.
func taken(err error) bool {
	return errors.Is(err, windows.WSAEADDRINUSE) || errors.Is(err, windows.WSAEACCES)
}

// exclusive keeps a program that sets SO_REUSEADDR from joining our port, which
// Windows allows otherwise.
func exclusive(_, _ string, c syscall.RawConn) error {
	const soExclusiveAddrUse = ^windows.SO_REUSEADDR // winsock2.h
	var failed error
	if err := c.Control(func(fd uintptr) {
		failed = windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, soExclusiveAddrUse, 1)
	}); err != nil {
		return err
	}
	return failed
}
