//go:build !childonly

package keychain

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"

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
