//go:build !childonly

package keychain

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
)

// wire is a connection to a bus on which the greeting (D-Bus Specification, Authentication
// Protocol) goes out together with the first calls, as systemd's library does it. A connection of
// the bus library waits for each of its four answers, which is half of the time that a read takes,
// and for all others in goroutines, which start threads. So only the library's messages are used. The
// socket is one that blocks, since Go's runtime reads others with one thread more.
type wire struct {
	socket  *os.File // a read or write of it blocks the thread
	in      *bufio.Reader
	greeted bool         // the bus has let us in
	out     bytes.Buffer // goes out before an answer is waited for
	last    uint32       // the number of the last call
	answers map[uint32]*dbus.Message
}

// serialAt is where a message's number stands in it (D-Bus Specification, Message Format): the
// library gives one to what its own connections send alone.
const serialAt = 8

// headLength is the part of a message that tells its lengths: of the body, and of the other fields.
const headLength = 16

// lengthOf is a whole message's: the library adds the two up in 32 bits, and would read four GiB.
func lengthOf(head []byte) (length uint32, ok bool) {
	order := binary.ByteOrder(binary.LittleEndian)
	if head[0] == 'B' {
		order = binary.BigEndian
	}
	body, fields := order.Uint32(head[4:]), order.Uint32(head[12:])
	return headLength + (fields+7)&^7 + body, body <= longest && fields <= longest
}

// noBytes is the type of a value that takes none, which no service has. An array of such values has no end for
// the library, and takes all memory.
var noBytes = []byte("()")

// longest is far more than a secret and its attributes need.
const longest = 1 << 20

// onBus gives ask a connection of its own, if there is one, until ctx ends: done is false then.
func onBus(ctx context.Context, ask func(*wire)) (done bool) {
	if w := connect(ctx); w != nil {
		defer w.socket.Close()
		defer context.AfterFunc(ctx, w.end)()
		ask(w)
	}
	return ctx.Err() == nil
}

// connect opens a connection; nil: there is none to be had.
func connect(ctx context.Context) *wire {
	socket := dial(ctx)
	if socket == nil {
		return nil
	}
	w := &wire{socket: socket, in: bufio.NewReader(socket), answers: map[uint32]*dbus.Message{}}
	w.out.WriteString("\x00AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")
	w.send("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")
	return w
}

// dial connects to the first socket of the bus that lets us in. One that has no room for one more is that of a bus
// that stands still, and is waited for until ctx ends.
func dial(ctx context.Context) *os.File {
	for {
		full := false
		for _, name := range sockets(busAddress()) {
			socket, err := dialOne(name)
			if err == nil {
				return socket
			}
			full = full || err == syscall.EAGAIN
		}
		if !full || ctx.Err() != nil {
			return nil
		}
		time.Sleep(fullPause)
	}
}

func dialOne(name string) (*os.File, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: name}); err == nil {
		err = syscall.SetNonblock(fd, false)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// end ends what is being read or written, now and later.
func (w *wire) end() {
	if raw, err := w.socket.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = syscall.Shutdown(int(fd), syscall.SHUT_RDWR) })
	}
}

// call calls a method of the Secret Service API of freedesktop.org, draft 0.2. It starts nothing.
func (w *wire) call(path dbus.ObjectPath, of, method string, args ...any) (serial uint32) {
	return w.send("org.freedesktop.secrets", path, of, method, args...)
}

// send returns zero for what is no message, since the path is the service's own word.
func (w *wire) send(to string, path dbus.ObjectPath, of, method string, args ...any) (serial uint32) {
	m := dbus.Message{Type: dbus.TypeMethodCall, Flags: dbus.FlagNoAutoStart, Body: args,
		Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldDestination: dbus.MakeVariant(to),
			dbus.FieldPath:        dbus.MakeVariant(path),
			dbus.FieldInterface:   dbus.MakeVariant(of),
			dbus.FieldMember:      dbus.MakeVariant(method),
		}}
	if len(args) > 0 {
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(args...))
	}
	start := w.out.Len()
	if m.EncodeTo(&w.out, binary.LittleEndian) != nil {
		return 0
	}
	w.last++
	binary.LittleEndian.PutUint32(w.out.Bytes()[start+serialAt:], w.last)
	return w.last
}

// answered sends what waits, and reports whether the call brought these values.
func (w *wire) answered(serial uint32, values ...any) bool {
	if serial == 0 {
		return false
	}
	_, _ = w.out.WriteTo(w.socket) // else no answer comes
	for w.answers[serial] == nil {
		if !w.read() {
			return false
		}
	}
	answer := w.answers[serial]
	return answer.Type == dbus.TypeMethodReply && dbus.Store(answer.Body, values...) == nil
}

// read reads one message, and the greeting before the first; false: nothing comes any more.
func (w *wire) read() bool {
	for !w.greeted {
		line, err := w.in.ReadSlice('\n')
		w.greeted = bytes.HasPrefix(line, []byte("OK "))
		if err != nil || !w.greeted && string(line) != "DATA\r\n" { // the bus asks who we are, and knows already
			return false
		}
	}
	head, err := w.in.Peek(headLength)
	if err != nil {
		return false
	}
	length, ok := lengthOf(head)
	if !ok {
		return false
	}
	whole := make([]byte, length)
	if _, err := io.ReadFull(w.in, whole); err != nil || bytes.Contains(whole, noBytes) {
		return false
	}
	m, err := dbus.DecodeMessage(bytes.NewReader(whole))
	if err != nil {
		return false
	}
	// Signals have none, and an answer to what was never asked is not kept.
	if to, _ := m.Headers[dbus.FieldReplySerial].Value().(uint32); to <= w.last {
		w.answers[to] = m
	}
	return true
}
