package callback

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
)

func testGate(port int) *gate {
	return newGate(Config{State: testState, Issuer: "https://issuer.example"}, port,
		map[string]route{"/callback": atCallback, "/done/x": atDone})
}

// Browsers leave the port out of Host when it is the scheme's own.
func TestPort80IsNotNamedInHost(t *testing.T) {
	for _, tc := range []struct {
		port int
		host string
		want *refusal
	}{
		{80, "localhost", nil}, {80, "localhost:80", nil}, {80, "[::1]", nil}, {80, "evil", refuseHost},
		{8765, "localhost:8765", nil}, {8765, "localhost", refuseHost}, {8765, "localhost:80", refuseHost},
	} {
		_, got := testGate(tc.port).admit(request{method: "GET", path: "/callback",
			fields: map[string][]string{"host": {tc.host}}})
		if got != tc.want {
			t.Errorf("port %d, Host %s: %v", tc.port, tc.host, got)
		}
	}
}

// Whatever a query holds, only the right state with one good code, or one error,
// gets through.
func FuzzGateQuery(f *testing.F) {
	for _, q := range []string{
		"", "code=c&state=" + testState, "state=" + testState + "&error=access_denied&error_description=a%0ab",
		"state=" + testState + "&code=c&code=d", "code=c&state=" + testState + "&iss=https://issuer.example",
		"code=c;state=" + testState, "%zz", "state=" + testState + "&code=%00", "state=x&error=y",
		"error=%ff%fe&state=" + testState,
	} {
		f.Add(q)
	}
	g := testGate(8765)
	f.Fuzz(func(t *testing.T, query string) {
		a, no := g.read(query)
		if no != nil {
			if a != (Redirect{}) || bookIn("en").refusals[no] == nil {
				t.Fatal("a refusal with a redirect or without a page")
			}
			return
		}
		values, err := url.ParseQuery(query)
		if err != nil || len(values["state"]) != 1 || values.Get("state") != testState {
			t.Fatalf("accepted %q", query)
		}
		if a.Code.IsZero() == (a.Err == "") {
			t.Fatalf("neither or both: %+v", a)
		}
		if !a.Code.IsZero() && !isCode(a.Code.Reveal()) {
			t.Fatalf("code %q", a.Code.Reveal())
		}
		if iss, has := values["iss"]; has && iss[0] != "https://issuer.example" {
			t.Fatalf("issuer %q", iss)
		}
		for text, limit := range map[string]int{a.Err: 64, a.ErrDescription: 300} {
			if len([]rune(text)) > limit || strings.ContainsFunc(text,
				func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u202e' }) {
				t.Fatalf("unclean %q", text)
			}
		}
	})
}

// What we take for a request, net/http takes for the same one; a byte at a time
// or all at once makes no difference; memory is bounded.
func FuzzHead(f *testing.F) {
	for _, head := range []string{
		"", "\r\n\r\n", "GET /callback?code=c HTTP/1.1\r\nHost: localhost:8765\r\n\r\n",
		"GET http://evil/callback HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET / HTTP/1.1\nHost: x\n\n",
		"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx", "GET / HTTP/1.0\r\n\r\n",
		"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "GET / HTTP/1.1\r\n: b\r\n\r\n", "GET /\x00 HTTP/1.1\r\n\r\n",
		"\x16\x03\x01",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", strings.Repeat("x", maxHead+1),
	} {
		f.Add([]byte(head))
	}
	g := testGate(8765)
	f.Fuzz(func(t *testing.T, sent []byte) {
		head, err := readHead(bytes.NewReader(sent))
		again, errAgain := readHead(iotest.OneByteReader(bytes.NewReader(sent)))
		if !bytes.Equal(head, again) || err != errAgain {
			t.Fatalf("read as %q, %v and as %q, %v", head, err, again, errAgain)
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && err != errHeadMalformed && err != errHeadTooBig {
				t.Fatal(err)
			}
			return
		}
		if len(head) > maxHead || !bytes.HasPrefix(sent, head) {
			t.Fatalf("head of %d bytes", len(head))
		}
		r, err := parseHead(head)
		if err != nil {
			return
		}
		where, no := g.admit(r)
		if (where == nowhere) == (no == nil) {
			t.Fatalf("route %v and refusal %v", where, no)
		}
		if no != nil {
			return
		}
		theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
		if err != nil {
			return // stricter than we are, say about lengths
		}
		if theirs.Method != r.method || theirs.URL.EscapedPath() != r.path || theirs.URL.RawQuery != r.query ||
			theirs.Host != r.fields["host"][0] {
			t.Fatalf("we read %+v, net/http reads %+v", r, theirs)
		}
	})
}

func BenchmarkGateWrongState(b *testing.B) {
	g := testGate(8765)
	r := request{method: "GET", path: "/callback", query: "code=c&state=wrong",
		fields: map[string][]string{"host": {"localhost:8765"}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, no := g.admit(r); no != nil {
			b.Fatal(no)
		}
		if _, no := g.read(r.query); no != refuseState {
			b.Fatal(no)
		}
	}
}

func BenchmarkHead(b *testing.B) {
	head := []byte("GET " + right + " HTTP/1.1\r\nHost: localhost:8765\r\nUser-Agent: " + strings.Repeat("x", 120) +
		"\r\nSec-Fetch-Dest: document\r\nAccept: */*\r\n\r\n")
	b.ReportAllocs()
	b.SetBytes(int64(len(head)))
	for b.Loop() {
		read, err := readHead(bytes.NewReader(head))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := parseHead(read); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrongRequest(b *testing.B) {
	s := start(b, Config{})
	raw := s.get("/callback?code=c&state=wrong")
	for b.Loop() {
		send(b, s.address(0), raw)
	}
}
