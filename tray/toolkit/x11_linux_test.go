package toolkit

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// record is one entry of an Xauthority file.
func record(number, kind string, cookie []byte) []byte {
	out := []byte{1, 0}
	for _, field := range [][]byte{[]byte("host"), []byte(number), []byte(kind), cookie} {
		out = binary.BigEndian.AppendUint16(out, uint16(len(field)))
		out = append(out, field...)
	}
	return out
}

func TestFindCookies(t *testing.T) {
	file := bytes.Join([][]byte{record("0", cookieName, []byte("a")), record("7", "OTHER", []byte("b")),
		record("7", cookieName, []byte("c")), record("", cookieName, []byte("d")), {9}}, nil)
	var got []string
	for _, cookie := range findCookies(file, "7") {
		got = append(got, string(cookie))
	}
	if len(got) != 2 || got[0] != "c" || got[1] != "d" {
		t.Errorf("found %q", got)
	}
	many := bytes.Repeat(record("7", cookieName, []byte("x")), 50)
	if n := len(findCookies(many, "7")); n != maxCookies {
		t.Errorf("%d cookies are tried", n)
	}
}

func FuzzFindCookies(f *testing.F) {
	f.Add(record("7", cookieName, []byte("FAKE")))
	f.Add([]byte{1, 0, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		found := findCookies(data, "7")
		for _, cookie := range found {
			if !bytes.Contains(data, cookie) {
				t.Errorf("cookie %q stands nowhere", cookie)
			}
		}
		behind := findCookies(append(record("7", cookieName, []byte("FAKE")), data...), "7")
		if len(found) > maxCookies || len(behind) != min(len(found)+1, maxCookies) || string(behind[0]) != "FAKE" {
			t.Errorf("%q, behind another %q", found, behind)
		}
	})
}

// xServer answers greetings on a port: granted to who has the cookie.
func xServer(t *testing.T, cookie string) (display string) {
	t.Helper()
	var l net.Listener
	for number := 200; ; number++ {
		var err error
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(6000+number))); err == nil {
			display = "127.0.0.1:" + strconv.Itoa(number) + ".0"
			break
		}
		if number > 300 {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			head := make([]byte, 12)
			if _, err := io.ReadFull(conn, head); err == nil {
				name := make([]byte, (int(binary.LittleEndian.Uint16(head[6:]))+3)&^3)
				given := make([]byte, (int(binary.LittleEndian.Uint16(head[8:]))+3)&^3)
				_, _ = io.ReadFull(conn, name)
				_, _ = io.ReadFull(conn, given)
				reply := make([]byte, 8)
				if string(bytes.TrimRight(given, "\x00")) == cookie {
					reply[0] = 1
				}
				_, _ = conn.Write(reply)
			}
			conn.Close()
		}
	}()
	return display
}

// TestDisplayThatRefuses: GTK would end the program there, so we must know before.
func TestDisplayThatRefuses(t *testing.T) {
	dir := t.TempDir()
	display := xServer(t, "FAKE-cookie")
	_, rest, _ := bytes.Cut([]byte(display), []byte(":"))
	number, _, _ := bytes.Cut(rest, []byte("."))
	t.Setenv("DISPLAY", display)
	for _, c := range []struct {
		name string
		file []byte
		want any
	}{
		{"no file", nil, displayRefuses},
		{"a wrong cookie", record(string(number), cookieName, []byte("wrong")), displayRefuses},
		{"another display's", record("1", cookieName, []byte("FAKE-cookie")), displayRefuses},
		{"the right one after a wrong one", append(record(string(number), cookieName, []byte("wrong")),
			record(string(number), cookieName, []byte("FAKE-cookie"))...), displayOpens},
	} {
		path := filepath.Join(dir, c.name)
		t.Setenv("XAUTHORITY", path)
		if c.file != nil {
			if err := os.WriteFile(path, c.file, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := openDisplay(t.Context()); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	t.Setenv("XAUTHORITY", filepath.Join(dir, "no file"))
	want := NoSurface // the pure-Go library needs the bus alone
	if needsDisplay {
		want = Refused
	}
	if got := Detect(t.Context()); got != want {
		t.Errorf("the place is %v, want %v", got, want)
	}
	t.Setenv("DISPLAY", xServer(t, ""))
	if openDisplay(t.Context()) != displayOpens {
		t.Error("a server that asks for nothing refuses")
	}
}
