package oauth

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keytender/internal/testguard"
)

// readRequest reads one request to its end, as a server would.
func readRequest(conn net.Conn) error {
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r.Body)
	return err
}

func reset(conn net.Conn) {
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

func compressed(text string) string {
	var packed strings.Builder
	w := gzip.NewWriter(&packed)
	io.WriteString(w, text)
	w.Close()
	return packed.String()
}

// Whatever becomes of the connection, a call opens one and sends one request.
func TestBrokenResponses(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(goodResponse)) +
		"\r\n\r\n"
	tests := []struct {
		name           string
		handle         func(net.Conn)
		kind           Kind
		sent, answered bool
		refresh        string
	}{
		{"reset after reading", func(c net.Conn) { readRequest(c); reset(c) }, Unavailable, true, false, ""},
		{"closed after reading", func(c net.Conn) { readRequest(c) }, Unavailable, true, false, ""},
		{"silence", func(c net.Conn) { readRequest(c); c.Read(make([]byte, 1)) }, Unavailable, true, false, ""},
		{"half a head", func(c net.Conn) { readRequest(c); io.WriteString(c, head[:20]) }, Unavailable, true, false,
			""},
		{"head alone", func(c net.Conn) { readRequest(c); io.WriteString(c, head) }, Unavailable, true, false, ""},
		{"head, then reset", func(c net.Conn) { readRequest(c); io.WriteString(c, head); reset(c) }, Unavailable, true,
			false, ""},
		{"head, then silence", func(c net.Conn) { readRequest(c); io.WriteString(c, head); c.Read(make([]byte, 1)) },
			Unavailable, true, false, ""},
		{"body cut early", func(c net.Conn) { readRequest(c); io.WriteString(c, head+goodResponse[:30]) }, Unavailable,
			true, false, ""},
		{"body cut behind the refresh token", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c,
				head+goodResponse[:len(goodResponse)-30])
		}, Unavailable, true, false, "sk-ant-ort01-FAKE-new"},
		{"chunk cut", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n"+goodResponse[:30])
		}, Unavailable, true, false, ""},
		{"body without a length, cut", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"+goodResponse[:30])
		}, Unavailable, true, false, ""},
		{"body without a length, cut behind the refresh token", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n"+goodResponse[:len(goodResponse)-30])
		}, Unavailable, true, false, "sk-ant-ort01-FAKE-new"},
		{"no body and no length", func(c net.Conn) { readRequest(c); io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n") },
			Unavailable, true, false, ""},
		{"dead grant within a 200, cut behind it", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"error\":\"invalid_grant\"}")
		}, Spent, true, true, ""},
		{"last chunk missing", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1e\r\n"+goodResponse[:30]+"\r\n")
		}, Unavailable, true, false, ""},
		{"whole, and half an object", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n"+goodResponse[:30])
		}, Malformed, true, true, ""},
		{"compressed and cut", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"+compressed(goodResponse)[:30])
		}, Unavailable, true, false, ""},
		{"refusal without a length, cut", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n{\"error\":\"inva")
		}, Unavailable, true, false, ""},
		{"refusal without a length and a body", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\n\r\n")
		}, Malformed, true, true, ""},
		{"refusal cut", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 99\r\n\r\n{\"error\":\"inva")
		}, Unavailable, true, false, ""},
		{"outage cut", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 503 Down\r\nContent-Length: 99\r\n\r\n{")
		}, Unavailable, true, true, ""},
		{"not HTTP", func(c net.Conn) { readRequest(c); io.WriteString(c, "SSH-2.0-sk-ant-oat01-FAKE\r\n") },
			Unavailable, true, false, ""},
		{"endless head", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := io.WriteString(c, "X-A: "+strings.Repeat("a", 1000)+"\r\n"); err != nil {
					return
				}
			}
		}, Unavailable, true, false, ""},
		{"endless body", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n{\"a\":\"")
			for {
				if _, err := io.WriteString(c, strings.Repeat("a", 1000)); err != nil {
					return
				}
			}
		}, Malformed, true, true, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var requests atomic.Int32
			base, connections := listen(t, func(c net.Conn) {
				requests.Add(1)
				test.handle(c)
			})
			c := client(base)
			c.timeout = 3 * time.Second    // the server has heard of it by then, on a busy machine too
			if runtime.GOOS == "windows" { // an endless body has to reach its limit before, also under Wine
				c.timeout = 5 * time.Second
			}
			got, err := c.Renew(t.Context(), fakeRefresh, nil)
			e := wantError(t, err, test.kind, test.sent, test.answered)
			if got.Refresh.Reveal() != test.refresh || !got.Access.IsZero() {
				t.Errorf("refresh %q", got.Refresh.Reveal())
			}
			if strings.Contains(e.Error(), "FAKE") || strings.Contains(e.Error(), "SSH") {
				t.Errorf("the server's bytes are shown: %v", e)
			}
			if connections() != 1 || requests.Load() != 1 {
				t.Errorf("%d connections, %d requests", connections(), requests.Load())
			}
		})
	}
}

// The request is whole, once, and nothing follows it on the connection.
func TestOneRequestPerConnection(t *testing.T) {
	got := make(chan string, 10)
	base, connections := listen(t, func(c net.Conn) {
		buffered := bufio.NewReader(c)
		r, err := http.ReadRequest(buffered)
		if err != nil {
			got <- err.Error()
			return
		}
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
		if !r.Close {
			t.Error("the connection is to be kept")
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(len(goodResponse))+"\r\n\r\n"+goodResponse)
		rest, _ := io.ReadAll(buffered)
		if len(rest) > 0 {
			t.Errorf("more came: %q", rest)
		}
	})
	for want := range 3 {
		if _, err := client(base).Renew(t.Context(), fakeRefresh, nil); err != nil {
			t.Fatal(err)
		}
		if body := <-got; !strings.Contains(body, `"refresh_token":"sk-ant-ort01-FAKE-old"`) ||
			connections() != want+1 {
			t.Errorf("body %s, %d connections", body, connections())
		}
	}
}

func TestWholeObjectInABodyCutBehindIt(t *testing.T) {
	base, _ := listen(t, func(c net.Conn) {
		readRequest(c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"+goodResponse)
	})
	got, err := client(base).Renew(t.Context(), fakeRefresh, nil)
	if err != nil || got.Refresh.Reveal() != "sk-ant-ort01-FAKE-new" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNotSent(t *testing.T) {
	silent, _ := listen(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	untrusted := httptest.NewUnstartedServer(says(200, goodResponse))
	untrusted.Config.ErrorLog = quiet
	untrusted.StartTLS()
	defer untrusted.Close()
	tests := []struct{ name, url, words string }{
		{"nobody listens", "http://127.0.0.1:" + testguard.FreePort(t), "does not accept connections"},
		{"no such port", "http://127.0.0.1:99999", "127.0.0.1"},
		{"certificate not trusted", untrusted.URL, "certificate of 127.0.0.1 is not trusted"},
		{"TLS never answered", strings.Replace(silent, "http:", "https:", 1), "could not be reached within "},
		{"no TLS there", strings.Replace(serve(t, says(200, goodResponse)).URL, "http:", "https:", 1),
			"does not speak TLS"},
		// The environment of the tests names a proxy where nobody listens.
		{"dead proxy", "https://platform.example", "the proxy cannot be reached"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := client(test.url)
			c.timeout = time.Minute // Windows asks the system about a certificate, which takes its time at first
			if strings.HasSuffix(test.words, "within ") {
				c.timeout = 300 * time.Millisecond
			}
			for name, err := range allCalls(t.Context(), c) {
				e := wantError(t, err, Unavailable, false, false)
				if !strings.Contains(e.Error(), test.words) ||
					!strings.HasPrefix(e.Error(), "the server could not be reached: ") {
					t.Errorf("%s: %v", name, e)
				}
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	const host = "platform.example"
	secretText := errors.New(`malformed HTTP response "sk-ant-oat01-FAKE"`)
	tests := []struct {
		err  error
		sent bool
		want string
	}{
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: host}}, false,
			"the name platform.example cannot be resolved"},
		{&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}, false,
			"the certificate of platform.example is out of date, or this computer's clock is wrong"},
		{&tls.CertificateVerificationError{Err: x509.HostnameError{}}, false,
			"the certificate of platform.example is not trusted"},
		{context.Canceled, true, "it was cancelled"},
		{context.DeadlineExceeded, true, "nothing more came within 30s"},
		{context.DeadlineExceeded, false, "platform.example could not be reached within 30s"},
		{secretText, true, "the connection broke"},
		{secretText, false, "no connection to platform.example could be made"},
	}
	for _, test := range tests {
		if got := describe(test.err, host, 30*time.Second, test.sent); got != test.want {
			t.Errorf("%v: %s", test.err, got)
		}
	}
}

func TestTLS(t *testing.T) {
	start := func(version uint16) (*fake, *Client) {
		f := &fake{}
		f.Server = httptest.NewUnstartedServer(f.record(says(200, goodResponse)))
		f.EnableHTTP2 = true
		f.Config.ErrorLog = quiet
		f.TLS = &tls.Config{MaxVersion: version}
		f.StartTLS()
		t.Cleanup(f.Close)
		c := f.client()
		c.rootCAs = x509.NewCertPool()
		c.rootCAs.AddCert(f.Certificate())
		return f, c
	}
	// HTTP/2 resends on its own after a GOAWAY; it is not spoken although offered.
	f, c := start(tls.VersionTLS13)
	if _, err := c.Renew(t.Context(), fakeRefresh, nil); err != nil {
		t.Fatal(err)
	}
	if got := f.requests()[0].proto; got != "HTTP/1.1" {
		t.Errorf("protocol %s", got)
	}
	f, c = start(tls.VersionTLS11)
	_, err := c.Renew(t.Context(), fakeRefresh, nil)
	wantError(t, err, Unavailable, false, false)
	if len(f.requests()) != 0 {
		t.Error("TLS 1.1 was spoken")
	}
}

// A 307 asks to repeat the body at another address.
func TestRedirectsAreNotFollowed(t *testing.T) {
	other := serve(t, says(200, goodResponse))
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, target := range []string{other.URL + "/elsewhere", "/elsewhere"} {
			f := serve(t, says(status, ``, "Location", target))
			for name, err := range allCalls(t.Context(), f.client()) {
				if e := wantError(t, err, Unavailable, true, true); e.Status != status {
					t.Errorf("%s: %+v", name, e)
				}
			}
			if len(f.requests()) != 6 {
				t.Errorf("%d: %d requests", status, len(f.requests()))
			}
		}
	}
	if len(other.requests()) != 0 {
		t.Errorf("%d requests came elsewhere", len(other.requests()))
	}
}

// A refused CONNECT is the proxy's response, not the server's.
func TestProxyRefuses(t *testing.T) {
	base, _ := listen(t, func(c net.Conn) {
		readRequest(c)
		io.WriteString(c, "HTTP/1.1 407 sk-ant-oat01-FAKE\r\nContent-Length: 0\r\n\r\n")
	})
	proxy, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	transport := new(Client).transport(time.Second)
	transport.Proxy = http.ProxyURL(proxy)
	_, err = transport.RoundTrip(httptest.NewRequest("POST", "https://platform.example/", nil))
	if got := describe(err, "platform.example", time.Second, false); got != "the proxy responded with HTTP 407" {
		t.Errorf("%s (%v)", got, err)
	}
}

// The tests' environment names a proxy, which loopback hosts bypass.
func TestLoopbackIsNeverProxied(t *testing.T) {
	proxied := new(Client).transport(time.Second).Proxy
	for target, want := range map[string]bool{
		"http://localhost:1/": false, "http://LOCALHOST/": false, "http://127.0.0.1:1/": false,
		"http://127.8.8.8/": false, "https://[::1]:1/": false,
		"https://platform.example/": true, "https://localhost.example/": true,
	} {
		got, err := proxied(httptest.NewRequest("POST", target, nil))
		if err != nil || (got != nil) != want {
			t.Errorf("%s: %v, %v", target, got, err)
		}
	}
}

func TestCancelled(t *testing.T) {
	for _, after := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		base, _ := listen(t, func(c net.Conn) {
			readRequest(c)
			cancel()
			c.Read(make([]byte, 1))
		})
		if !after {
			cancel()
		}
		_, err := client(base).Renew(ctx, fakeRefresh, nil)
		e := wantError(t, err, Unavailable, after, false)
		if !errors.Is(err, context.Canceled) || !strings.Contains(e.Error(), "it was cancelled") {
			t.Errorf("%v", err)
		}
		cancel()
	}
}

func TestCallersDeadline(t *testing.T) {
	base, _ := listen(t, func(c net.Conn) { readRequest(c); c.Read(make([]byte, 1)) })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := client(base).Renew(ctx, fakeRefresh, nil)
	e := wantError(t, err, Unavailable, true, false)
	if !errors.Is(err, context.DeadlineExceeded) ||
		e.Error() != "no whole response came: nothing more came within 100ms" {
		t.Errorf("%v", err)
	}
}

// A response that comes before the body was asked for leaves the token unspent, and
// nothing of it leaves afterwards.
func TestSealedBodyStaysHere(t *testing.T) {
	out := &outgoing{rest: strings.NewReader("FAKE")}
	if out.seal() {
		t.Fatal("left before it was read")
	}
	if n, err := out.Read(make([]byte, 10)); n != 0 || err == nil || err == io.EOF {
		t.Errorf("%d bytes, %v", n, err)
	}
	out = &outgoing{rest: strings.NewReader("FAKE")}
	out.Read(make([]byte, 1))
	if !out.seal() {
		t.Error("a byte left and nobody knows")
	}
}

func TestEarlyResponse(t *testing.T) {
	base, connections := listen(t, func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c)) // the head alone
		io.WriteString(c, "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n")
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c)
	})
	_, err := client(base).Renew(t.Context(), fakeRefresh, nil)
	var e *Error
	if !errors.As(err, &e) || connections() != 1 {
		t.Fatalf("%v, %d connections", err, connections())
	}
	if !e.Answered || e.Kind != Throttled || e.RetryAfter != 7*time.Second {
		t.Errorf("%+v", e)
	}
}

func TestLimit(t *testing.T) {
	for _, test := range []struct{ client, call, want time.Duration }{
		{0, 0, 30 * time.Second}, {0, probeTimeout, 10 * time.Second}, {time.Minute, probeTimeout, 10 * time.Second},
		{time.Second, probeTimeout, time.Second}, {time.Minute, 0, time.Minute}, {-1, 0, 30 * time.Second},
	} {
		if got := (&Client{timeout: test.client}).limit(test.call); got != test.want {
			t.Errorf("client %v, call %v: %v", test.client, test.call, got)
		}
	}
}

func TestCompressedResponses(t *testing.T) {
	zipped := func(body io.Reader) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.Copy(z, body)
			z.Close()
		}
	}
	f := serve(t, zipped(strings.NewReader(goodResponse)))
	if _, err := f.client().Renew(t.Context(), fakeRefresh, nil); err != nil {
		t.Error(err)
	}
	f = serve(t, zipped(io.LimitReader(zeros{}, 5<<20)))
	_, err := f.client().Renew(t.Context(), fakeRefresh, nil)
	if e := wantError(t, err, Malformed, true, true); !errors.Is(e, errTooBig) {
		t.Errorf("%v", e)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// The last look is taken when the connection stands, once, and before the token leaves.
func TestLastLook(t *testing.T) {
	f := serve(t, says(200, `{"access_token":"FAKE","expires_in":60}`))
	looks := 0
	ctx := LookingLast(t.Context(), func() error { looks++; return nil })
	if _, err := f.client().Renew(ctx, fakeRefresh, nil); err != nil || looks != 1 {
		t.Errorf("%v after %d looks", err, looks)
	}
	_, err := f.client().Renew(LookingLast(ctx, func() error { return errors.New("lost") }), fakeRefresh, nil)
	failure := &Error{}
	if !errors.As(err, &failure) || failure.Sent || failure.Answered {
		t.Errorf("%+v", failure)
	}
	for _, seen := range f.requests()[1:] {
		if strings.Contains(seen.body, fakeRefresh.Reveal()) {
			t.Error("the token was sent")
		}
	}
}
