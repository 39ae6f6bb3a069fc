//go:build !childonly

package keychain

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strings"

	"github.com/godbus/dbus/v5"

	"keytender/internal/await"
)

// wire is a connection to a bus on which the greeting (D-Bus Specification, Authentication
// Protocol) goes out together with the first calls, as systemd's library does it. The bus
// library waits for each of its four answers, which is half of the time that a read takes. So
// it is told at once what it waits for, and the bus's own word is looked at when that comes.
type wire struct {
	ctx     context.Context
	bus     *dbus.Conn
	socket  *net.UnixConn
	in      *bufio.Reader
	told    string // what the library reads first
	greeted bool   // the bus has let us in
	out     []byte // what waits to be sent; nil: nothing waits any more
}

// onBus gives ask a connection of its own, if there is one, until ctx ends. The bus library can
// wait for ever when its connection ends between greeting and first answer, so ask is left
// behind when the time is over: done is false then.
func onBus(ctx context.Context, ask func(*wire)) (done bool) {
	_ = await.End(ctx, func() error {
		if w := connect(ctx); w != nil {
			ask(w)
			_ = w.bus.Close()
		}
		return nil
	})
	return ctx.Err() == nil
}

// connect opens a connection; nil: there is none to be had, or the address is not one socket's,
// which is the library's business in the child.
func connect(ctx context.Context) *wire {
	path, isUnix := strings.CutPrefix(busAddress(), "unix:path=")
	path, _, _ = strings.Cut(path, ",")
	if !isUnix || strings.ContainsAny(path, "%;") {
		return nil
	}
	socket, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil
	}
	w := &wire{ctx: ctx, socket: socket, in: bufio.NewReader(socket), told: "REJECTED EXTERNAL\r\nOK 0\r\n",
		out: []byte{}}
	w.bus, _ = dbus.NewConn(w, dbus.WithContext(ctx)) // its options fail where they say so
	_ = w.bus.Auth(nil)                               // by what it is told here
	w.out = []byte("\x00AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")
	w.bus.BusObject().GoWithContext(ctx, "org.freedesktop.DBus.Hello", 0, make(chan *dbus.Call, 1))
	return w
}

// call calls a method of the Secret Service API of freedesktop.org, draft 0.2. It starts nothing.
func (w *wire) call(path dbus.ObjectPath, method string, args ...any) *dbus.Call {
	return w.bus.Object("org.freedesktop.secrets", path).GoWithContext(w.ctx, method, dbus.FlagNoAutoStart,
		make(chan *dbus.Call, 1), args...)
}

// answered sends what waits, and reports whether the call brought these values.
func (w *wire) answered(call *dbus.Call, values ...any) bool {
	if out := w.out; out != nil {
		w.out = nil
		_, _ = w.socket.Write(out) // else no answer comes
	}
	select {
	case <-w.ctx.Done():
		return false
	case <-call.Done:
		return call.Store(values...) == nil
	}
}

// Close implements io.Closer for the library.
func (w *wire) Close() error { return w.socket.Close() }

// Write keeps what is to be sent with the greeting. Nobody can have called us before that.
func (w *wire) Write(b []byte) (int, error) {
	if w.out == nil {
		return w.socket.Write(b)
	}
	w.out = append(w.out, b...)
	return len(b), nil
}

func (w *wire) Read(b []byte) (int, error) {
	if n := copy(b, w.told); n > 0 {
		w.told = w.told[n:]
		return n, nil
	}
	for !w.greeted {
		line, err := w.in.ReadSlice('\n')
		w.greeted = bytes.HasPrefix(line, []byte("OK "))
		if err != nil || !w.greeted && string(line) != "DATA\r\n" { // the bus asks who we are, and knows already
			return 0, io.EOF
		}
	}
	return w.in.Read(b)
}
