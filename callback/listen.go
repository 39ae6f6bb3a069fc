package callback

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"keytender/internal/shown"
)

// listenFunc is net.ListenConfig.Listen; tests put other machines in its place.
type listenFunc func(ctx context.Context, network, address string) (net.Listener, error)

func listenLoopback(ctx context.Context, network, address string) (net.Listener, error) {
	c := net.ListenConfig{Control: exclusive}
	c.SetMultipathTCP(false) // the holder of a multipath listener cannot be named
	return c.Listen(ctx, network, address)
}

// claim takes the port that c asks for on every loopback stack there is.
func claim(ctx context.Context, listen listenFunc, c Config) ([]net.Listener, error) {
	if c.Port < 0 || c.Port > 65535 {
		return nil, fmt.Errorf("port %d is not between 1 and 65535", c.Port)
	}
	listeners, err := bind(ctx, listen, c.Port)
	if err != nil && c.Exact {
		if taken(err) {
			return nil, &PortError{Port: c.Port, Holder: shown.Cut(shown.Line(holder(c.Port, time.Second)), 100)}
		}
		return nil, fmt.Errorf("listening on port %d: %w", c.Port, err)
	}
	// The system picks a port that is free on the first stack; only by bad luck
	// is it taken on the other.
	for try := 0; err != nil && try < 16; try++ {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		listeners, err = bind(ctx, listen, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("listening on loopback: %w", err)
	}
	return listeners, nil
}

// bind listens on one port of 127.0.0.1 and ::1. A stack that the machine does
// not have is left out; one whose port somebody else holds spoils the port, since
// the browser, which tries ::1 first, would hand the code to that stranger.
func bind(ctx context.Context, listen listenFunc, port int) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, stack := range []struct{ network, host string }{{"tcp4", "127.0.0.1"}, {"tcp6", "::1"}} {
		l, err := listen(ctx, stack.network, net.JoinHostPort(stack.host, strconv.Itoa(port)))
		if absent(err) {
			continue
		}
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			return nil, err
		}
		port = l.Addr().(*net.TCPAddr).Port
		listeners = append(listeners, l)
	}
	if len(listeners) == 0 {
		return nil, errors.New("this machine has no loopback address")
	}
	return listeners, nil
}
