//go:build !childonly

package keychain

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"keytender/internal/secret"
	"keytender/internal/testbus"
	"keytender/internal/testguard"
)

// The greeting goes out with the first question in one piece, and whatever a bus answers to it that
// is no welcome leaves the read to the child. Nobody opens a session before the service has answered.
func TestBusThatDoesNotGreet(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing": "", "another way": "REJECTED DBUS_COOKIE_SHA1\r\n",
		"no word of the protocol": "HTTP/1.1 400 Bad Request\r\n",
		"half a line":             "OK", "gone after the greeting": "OK 0123456789abcdef\r\n",
		"no message": "OK 0123456789abcdef\r\nno message", "asked for ever": strings.Repeat("DATA\r\n", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(testguard.ShortDir(t), "bus")
			listener, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path+",guid=0123456789abcdef")
			came := make(chan []byte, 1)
			go func() {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				first := make([]byte, 4096)
				n, _ := conn.Read(first)
				came <- first[:n]
				_, _ = conn.Write([]byte(answer))
			}()
			ctx, cancel := context.WithTimeout(t.Context(), testguard.Patience)
			defer cancel()
			if record, done := osKeychain(t).loadDirect(ctx, "default"); done || !record.IsZero() || ctx.Err() != nil {
				t.Errorf("done %v, context %v", done, ctx.Err())
			}
			first := <-came
			for _, part := range []string{"\x00AUTH EXTERNAL\r\n", "\r\nBEGIN\r\n", "Hello", "SearchItems"} {
				if !bytes.Contains(first, []byte(part)) {
					t.Errorf("the first piece lacks %q", part)
				}
			}
			if bytes.Contains(first, []byte("OpenSession")) {
				t.Error("a session is opened by somebody whom the service does not know yet")
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
