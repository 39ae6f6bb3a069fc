//go:build !childonly

package keychain

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/secret"
	"keytender/internal/testbus"
	"keytender/internal/testguard"
)

// firstPiece is what a bus gets before it says a word, which is then this answer.
func firstPiece(t *testing.T, answer string, ask func(context.Context)) string {
	t.Helper()
	path := filepath.Join(testguard.ShortDir(t), "bus")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path+",guid=0123456789abcdef")
	came := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		first := make([]byte, 4096)
		n, _ := conn.Read(first)
		came <- string(first[:n])
		_, _ = conn.Write([]byte(answer))
	}()
	ctx, cancel := context.WithTimeout(t.Context(), testguard.Patience)
	defer cancel()
	ask(ctx)
	if ctx.Err() != nil {
		t.Error(ctx.Err())
	}
	return <-came
}

// Whatever a bus answers to the greeting that is no welcome leaves the read to the child.
func TestBusThatDoesNotGreet(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing": "", "another way": "REJECTED DBUS_COOKIE_SHA1\r\n",
		"no word of the protocol": "HTTP/1.1 400 Bad Request\r\n",
		"half a line":             "OK", "gone after the greeting": "OK 0123456789abcdef\r\n",
		"no message": "OK 0123456789abcdef\r\nno message", "asked for ever": strings.Repeat("DATA\r\n", 1000),
		"a message of four GiB": "OK 0123456789abcdef\r\nl\x02\x01\x01\xff\xff\xff\xff\x01\x00\x00\x00\x10\x00\x00\x00",
		"an array without an end": "OK 0123456789abcdef\r\nl\x02\x01\x01\x10\x00\x00\x00\x07\x00\x00\x00\x15\x00\x00\x00" +
			"\x05\x01u\x00\x01\x00\x00\x00\x08\x01g\x00\x07a((()))\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x0012345678",
	} {
		t.Run(name, func(t *testing.T) {
			firstPiece(t, answer, func(ctx context.Context) {
				if record, done := osKeychain(t).loadDirect(ctx, "default"); done || !record.IsZero() {
					t.Errorf("done %v", done)
				}
			})
		})
	}
}

// The greeting goes out in one piece with what the service answers to somebody whom it does not know
// yet, and with nothing else.
func TestFirstQuestionIsHarmless(t *testing.T) {
	k := osKeychain(t)
	for name, ask := range map[string]func(context.Context){
		"reading":       func(ctx context.Context) { _, _ = k.loadDirect(ctx, "default") },
		"looking":       func(ctx context.Context) { k.wouldAsk(ctx, "default") },
		"a first trial": func(ctx context.Context) { _ = k.Reach(ctx) },
	} {
		first := firstPiece(t, "", ask)
		for _, part := range []string{"\x00AUTH EXTERNAL\r\n", "\r\nBEGIN\r\n", "Hello", "ReadAlias"} {
			if !strings.Contains(first, part) {
				t.Errorf("%s: the first piece lacks %q", name, part)
			}
		}
		for _, later := range []string{"OpenSession", "SearchItems", "Properties"} {
			if strings.Contains(first, later) {
				t.Errorf("%s: %s comes from somebody whom the service does not know", name, later)
			}
		}
	}
}

// So does the child, which asks whether there are two items before a session is opened.
func TestFirstQuestionOfTheChildIsHarmless(t *testing.T) {
	s := testbus.Serve(t, testbus.Start(t))
	asked := make(chan string, 100)
	s.Behave(func(method string) testbus.Step { asked <- method; return testbus.Step{} })
	if err := osKeychain(t).Save(t.Context(), "default", secret.New("FAKE")); err != nil {
		t.Fatal(err)
	}
	if first := <-asked; first != "ReadAlias" {
		t.Errorf("%s comes from somebody whom the service does not know", first)
	}
}

// However the address of the bus is written, reads that nobody waits for ask the person once.
func TestAddressesOfTheBus(t *testing.T) {
	address := testbus.Start(t)
	path := strings.TrimPrefix(address, "unix:path=")
	s := testbus.Serve(t, address)
	s.Put("default", "FAKE")
	s.Lock(true)
	for _, address := range []string{address, address + ",guid=0123456789abcdef",
		"unix:guid=0123456789abcdef,path=" + path, "unix:path=/nowhere/bus;" + address,
		"carrier-pigeon:coop=1;" + address + ";", "unix:path=" + strings.Replace(path, "bus", "%62us", 1),
		"unix:abstract=" + filepath.Base(filepath.Dir(path)) + ";" + address} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
		before, k := s.Calls("Unlock"), osKeychain(t)
		for range 3 {
			if _, err := k.Load(t.Context(), "default"); !errors.Is(err, ErrLocked) {
				t.Errorf("%s: %v", address, err)
			}
		}
		if n := s.Calls("Unlock") - before; n != 1 {
			t.Errorf("%s: the person was asked %d times", address, n)
		}
	}
}

// A bus that stands still is no bus that is not there, also where its queue is full, and on an
// abstract socket.
func TestBusThatStandsStill(t *testing.T) {
	dir := testguard.ShortDir(t)
	for name, address := range map[string]string{
		filepath.Join(dir, "bus"): "path", "@" + filepath.Base(dir): "abstract"} {
		t.Run(address, func(t *testing.T) {
			fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer syscall.Close(fd)
			if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: name}); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Listen(fd, 1); err != nil {
				t.Fatal(err)
			}
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:"+address+"="+strings.TrimPrefix(name, "@"))
			k := osKeychain(t)
			k.Limit = 300 * time.Millisecond
			for n := range 4 { // each takes a place in the queue
				ctx, cancel := context.WithTimeout(t.Context(), k.Limit)
				defer cancel()
				_, err := k.Load(t.Context(), "default")
				for what, err := range map[string]error{"looking": k.Reach(ctx), "reading": err,
					"writing": k.Save(t.Context(), "default", secret.New("FAKE"))} {
					if !errors.Is(err, ErrTimedOut) {
						t.Errorf("%s, number %d: %v", what, n, err)
					}
				}
			}
		})
	}
}

// A record in an unlocked collection is read without the child.
func TestReadsDirectly(t *testing.T) {
	testbus.StartKeyring(t, testbus.Start(t))
	k := osKeychain(t)
	if err := k.Save(t.Context(), "default", secret.New("FAKE")); err != nil {
		t.Fatal(err)
	}
	if got, done := k.loadDirect(t.Context(), "default"); !done || got.Reveal() != "FAKE" {
		t.Errorf("done %v", done)
	}
}
