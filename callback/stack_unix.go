//go:build !windows

package callback

import (
	"errors"
	"syscall"
)

// absent reports whether err says that the machine lacks the address or its family.
func absent(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) ||
		errors.Is(err, syscall.EPROTONOSUPPORT)
}

// taken reports whether err says that somebody else holds the port.
func taken(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// exclusive has nothing to do: without SO_REUSEPORT nobody can join our port.
var exclusive func(network, address string, c syscall.RawConn) error
