package callback

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"keytender/internal/testguard"
)

const (
	testState = "stateFAKEstateFAKEstateFAKEstateFAKEstateFA"
	testCode  = "codeFAKE1"
)

// start runs a server and checks at the end that nothing of it is left.
func start(t testing.TB, c Config) *Server {
	t.Helper()
	leftovers := goleak.IgnoreCurrent()
	if c.State == "" {
		c.State = testState
	}
	s, err := Listen(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.noteFetched() // most tests end before a browser would
		s.Close()
		goleak.VerifyNone(t, leftovers)
	})
	return s
}

// address is one of the server's addresses, each stack in turn.
func (s *Server) address(n int) string { return s.listeners[n%len(s.listeners)].Addr().String() }

// send writes raw bytes to address and returns all that comes back.
func send(t testing.TB, address, raw string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testguard.Patience))
	// A server that refuses early may stop reading before all is written.
	_, _ = io.WriteString(conn, raw)
	response, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("reading the response: %v (after %q)", err, response)
	}
	return string(response)
}

// parse reads a raw response, and checks what holds for every one.
func parse(t testing.TB, raw, method string) (*http.Response, string) {
	t.Helper()
	reader := bufio.NewReader(strings.NewReader(raw))
	r, err := http.ReadResponse(reader, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("not an HTTP response: %v\n%q", err, raw)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(reader); len(rest) > 0 {
		t.Errorf("bytes after the response: %q", rest)
	}
	checkHeader(t, r)
	return r, string(body)
}

func checkHeader(t testing.TB, r *http.Response) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
		"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		"Content-Security-Policy": pageFrame().policy,
	} {
		if got := strings.Join(r.Header.Values(name), "|"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !strings.HasPrefix(pageFrame().policy, "default-src 'none';") {
		t.Errorf("policy %q", pageFrame().policy)
	}
	if !r.Close {
		t.Error("the connection is kept open")
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Server" || name == "Set-Cookie" {
			t.Errorf("header %s is there", name)
		}
	}
}

// get is a plain request by a browser, with extra fields.
func (s *Server) get(target string, fields ...string) string {
	return s.request("GET", target, fields...)
}

func (s *Server) request(method, target string, fields ...string) string {
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: localhost:%d\r\n", method, target, s.port)
	for _, f := range fields {
		head += f + "\r\n"
	}
	return head + "\r\n"
}

const right = "/callback?code=" + testCode + "&state=" + testState

func (s *Server) expectNoRedirect(t testing.TB) {
	t.Helper()
	select {
	case a := <-s.Redirects():
		t.Errorf("a redirect came: %+v %q", a, a.Code.Reveal())
	default:
	}
}

// One wrong request after another goes to one server, over raw sockets and both
// stacks: none may get more than its refusal, and the right request must still
// count in the end.
func TestWrongRequestsChangeNothing(t *testing.T) {
	s := start(t, Config{Issuer: "https://issuer.example", Hold: time.Millisecond})
	port := fmt.Sprint(s.port)
	host := "Host: localhost:" + port
	line := "GET " + right + " HTTP/1.1\r\n"
	withHost := func(h string) string { return line + "Host: " + h + "\r\n\r\n" }
	st := "state=" + testState

	type row struct {
		name, raw string
		status    int
		text      string // stands on the page
	}
	rows := []row{
		{"no query", s.get("/callback"), 400, "State mismatch"},
		{"empty query", s.get("/callback?"), 400, "State mismatch"},
		{"no state", s.get("/callback?code=c"), 400, "State mismatch"},
		{"empty state", s.get("/callback?code=c&state="), 400, "State mismatch"},
		{"wrong state", s.get("/callback?code=c&state=wrong"), 400, "State mismatch: possible CSRF attack"},
		{"state with another case", s.get("/callback?code=c&state=" + strings.ToUpper(testState)), 400,
			"State mismatch"},
		{"beginning of the state", s.get("/callback?code=c&state=" + testState[:42]), 400, "State mismatch"},
		{"longer state", s.get("/callback?code=c&state=" + testState + "A"), 400, "State mismatch"},
		{"name with another case", s.get("/callback?code=c&State=" + testState), 400, "State mismatch"},
		{"forged error", s.get("/callback?error=access_denied&state=wrong"), 400, "State mismatch"},
		{"forged error without state", s.get("/callback?error=access_denied"), 400, "State mismatch"},
		{"state twice", s.get("/callback?code=c&" + st + "&" + st), 400, "twice"},
		{"right and wrong state", s.get("/callback?code=c&" + st + "&state=x"), 400, "twice"},
		{"wrong and right state", s.get("/callback?code=c&state=x&" + st), 400, "State mismatch"},
		{"code twice", s.get("/callback?code=c&code=c&" + st), 400, "twice"},
		{"code and empty code", s.get("/callback?code=c&code=&" + st), 400, "twice"},
		{"error twice", s.get("/callback?error=a&error=a&" + st), 400, "twice"},
		{"description twice", s.get("/callback?error=a&error_description=a&error_description=b&" + st), 400, "twice"},
		{"code and error", s.get("/callback?code=c&error=access_denied&" + st), 400, "both"},
		{"no code", s.get("/callback?" + st), 400, "No authorization code received"},
		{"empty code", s.get("/callback?code=&" + st), 400, "No authorization code received"},
		{"error of nothing but control characters", s.get("/callback?error=%00%07&" + st), 400, "malformed"},
		{"code with a space", s.get("/callback?code=a+b&" + st), 400, "code is malformed"},
		{"code with a line break", s.get("/callback?code=a%0d%0ab&" + st), 400, "code is malformed"},
		{"code with a null byte", s.get("/callback?code=a%00b&" + st), 400, "code is malformed"},
		{"code beyond ASCII", s.get("/callback?code=%C3%A4&" + st), 400, "code is malformed"},
		{"code of 4097 bytes", s.get("/callback?code=" + strings.Repeat("c", 4097) + "&" + st), 400,
			"code is malformed"},
		{"bad escape", s.get("/callback?code=%zz&" + st), 400, "malformed"},
		{"cut escape", s.get("/callback?code=c&" + st + "&x=%4"), 400, "malformed"},
		{"semicolon", s.get("/callback?code=c;" + st), 400, "malformed"},
		{"wrong issuer", s.get(right + "&iss=https%3A%2F%2Fevil.example"), 400, "Issuer mismatch"},
		{"empty issuer", s.get(right + "&iss="), 400, "Issuer mismatch"},
		{"issuer with a slash", s.get(right + "&iss=https%3A%2F%2Fissuer.example%2F"), 400, "Issuer mismatch"},
		{"issuer twice", s.get(right + "&iss=https%3A%2F%2Fissuer.example&iss=https%3A%2F%2Fissuer.example"), 400,
			"twice"},

		{"root", s.get("/"), 404, "no page"},
		{"favicon", s.get("/favicon.ico"), 404, "no page"},
		{"guessed outcome", s.get("/done/"), 404, "no page"},
		{"guessed outcome id", s.get("/done/00000000000000000000000000000000"), 404, "no page"},
		{"outcome before there is one", s.get(s.done), 404, "no page"},
		{"absolute form", "GET http://localhost:" + port + right + " HTTP/1.1\r\n" + host + "\r\n\r\n", 404, "no page"},
		{"absolute form, foreign", "GET http://evil.example" + right + " HTTP/1.1\r\n" + host + "\r\n\r\n", 403,
			"not one of"},
		{"absolute form, userinfo", "GET http://localhost:" + port + "@evil.example" + right + " HTTP/1.1\r\n" + host +
			"\r\n\r\n", 403, "not one of"},
		{"asterisk form", s.request("OPTIONS", "*"), 404, "no page"},
		{"authority form", s.request("CONNECT", "evil.example:443"), 404, "no page"},

		{"foreign host", withHost("evil.example"), 403, "not one of"},
		{"foreign host with our port", withHost("evil.example:" + port), 403, "not one of"},
		{"host without port", withHost("localhost"), 403, "not one of"},
		{"host with another port", withHost("localhost:1"), 403, "not one of"},
		{"host with a leading zero", withHost("localhost:0" + port), 403, "not one of"},
		{"host with a dot", withHost("localhost.:" + port), 403, "not one of"},
		{"sub-domain", withHost("x.localhost:" + port), 403, "not one of"},
		{"host that folds to ours", withHost("localho\u017ft:" + port), 403, "not one of"},
		{"another loopback", withHost("127.0.0.2:" + port), 403, "not one of"},
		{"decimal loopback", withHost("2130706433:" + port), 403, "not one of"},
		{"long loopback", withHost("[0:0:0:0:0:0:0:1]:" + port), 403, "not one of"},
		{"any address", withHost("0.0.0.0:" + port), 403, "not one of"},
		{"empty host", withHost(""), 403, "not one of"},
		{"host with userinfo", withHost("a@localhost:" + port), 403, "not one of"},
		{"foreign host beats path", "GET /x HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, "not one of"},
		{"foreign host beats method", "POST /callback HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, "not one of"},
		{"path beats method", s.request("POST", "/x"), 404, "no page"},

		{"no host", line + "\r\n", 400, "malformed"},
		{"two hosts", line + host + "\r\n" + host + "\r\n\r\n", 400, "malformed"},
		{"right and foreign host", line + host + "\r\nHost: evil.example\r\n\r\n", 400, "malformed"},
		{"HTTP/1.0", "GET " + right + " HTTP/1.0\r\n" + host + "\r\n\r\n", 400, "malformed"},
		{"HTTP/1.0 without host", "GET " + right + " HTTP/1.0\r\n\r\n", 400, "malformed"},
		{"HTTP/0.9", "GET " + right + "\r\n\r\n", 400, "malformed"},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed"},
		{"lower-case protocol", "GET " + right + " http/1.1\r\n" + host + "\r\n\r\n", 400, "malformed"},
		{"two spaces", "GET  " + right + " HTTP/1.1\r\n" + host + "\r\n\r\n", 400, "malformed"},
		{"tab for a space", "GET\t" + right + " HTTP/1.1\r\n" + host + "\r\n\r\n", 400, "malformed"},
		{"blank line first", "\r\n" + s.get(right), 400, "malformed"},
		{"nothing but blank lines", "\r\n\r\n", 400, "malformed"},
		{"bare LF", "GET " + right + " HTTP/1.1\n" + host + "\n\n", 400, "malformed"},
		{"one bare LF", line + host + "\nX: y\r\n\r\n", 400, "malformed"},
		{"bare CR", line + host + "\rX: y\r\n\r\n", 400, "malformed"},
		{"null byte in the target", "GET " + right + "\x00 HTTP/1.1\r\n" + host + "\r\n\r\n", 400, "malformed"},
		{"null byte in a field", line + host + "\r\nX: a\x00b\r\n\r\n", 400, "malformed"},
		{"delete character", line + host + "\r\nX: a\x7fb\r\n\r\n", 400, "malformed"},
		{"fragment", s.get(right + "#x"), 400, "malformed"},
		{"raw bytes in the target", s.get(right + "\xff"), 400, "malformed"},
		{"folded line", line + host + "\r\nX: a\r\n b\r\n\r\n", 400, "malformed"},
		{"folded line first", line + " x: y\r\n" + host + "\r\n\r\n", 400, "malformed"},
		{"space before the colon", line + "Host : localhost:" + port + "\r\n\r\n", 400, "malformed"},
		{"no colon", line + host + "\r\nnonsense\r\n\r\n", 400, "malformed"},
		{"empty field name", line + host + "\r\n: x\r\n\r\n", 400, "malformed"},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "malformed"},
		{"body", s.get(right, "Content-Length: 4") + "body", 400, "malformed"},
		{"two lengths", s.get(right, "Content-Length: 0", "Content-Length: 4") + "body", 400, "malformed"},
		{"list of lengths", s.get(right, "Content-Length: 0, 4") + "body", 400, "malformed"},
		{"chunked body", s.get(right, "Transfer-Encoding: chunked") + "0\r\n\r\n", 400, "malformed"},
		{"length and chunked", s.get(right, "Content-Length: 0", "Transfer-Encoding: chunked") + "0\r\n\r\n", 400,
			"malformed"},
		{"chunked and length", s.get(right, "Transfer-Encoding: chunked", "Content-Length: 0") + "0\r\n\r\n", 400,
			"malformed"},
		{"unknown coding", s.get(right, "Transfer-Encoding: xchunked"), 400, "malformed"},
		{"identity coding", s.get(right, "Transfer-Encoding: identity"), 400, "malformed"},
		{"empty coding", s.get(right, "Transfer-Encoding:"), 400, "malformed"},
		{"coding with a space before the colon", s.get(right, "Transfer-Encoding : chunked"), 400, "malformed"},
		{"coding on a folded line", s.get(right, "X: y", "\tTransfer-Encoding: chunked"), 400, "malformed"},
		{"length with a sign", s.get(right, "Content-Length: +0"), 400, "malformed"},
		{"length in hex", s.get(right, "Content-Length: 0x0"), 400, "malformed"},
		{"long zero", s.get(right, "Content-Length: 00"), 400, "malformed"},
		{"negative length", s.get(right, "Content-Length: -1"), 400, "malformed"},
		{"empty length", s.get(right, "Content-Length:"), 400, "malformed"},
		{"length with a comma", s.get(right, "Content-Length: 0,0"), 400, "malformed"},
		{"second request line in a field", s.get(right, "X: y\rGET / HTTP/1.1"), 400, "malformed"},
		{"huge target", s.get("/callback?code=" + strings.Repeat("c", 20<<10)), 431, "too big"},
		{"huge header", s.get(right, "X: "+strings.Repeat("x", 1<<20)), 431, "too big"},
		{"many headers", s.get(right, strings.Split(strings.Repeat("X: y\n", 4000)+"X: y", "\n")...), 431, "too big"},

		{"iframe", s.get(right, "Sec-Fetch-Dest: iframe"), 403, "person opens"},
		{"image", s.get(right, "Sec-Fetch-Dest: image"), 403, "person opens"},
		{"fetch()", s.get(right, "Sec-Fetch-Dest: empty"), 403, "person opens"},
		{"page in upper case", s.get(right, "Sec-Fetch-Dest: Document"), 403, "person opens"},
		{"empty destination", s.get(right, "Sec-Fetch-Dest:"), 403, "person opens"},
		{"two destinations", s.get(right, "Sec-Fetch-Dest: document", "Sec-Fetch-Dest: image"), 403, "person opens"},
		{"foreign origin", s.get(right, "Origin: https://evil.example"), 403, "person opens"},
		{"null origin", s.get(right, "Origin: null"), 403, "person opens"},
		{"origin with another port", s.get(right, "Origin: http://localhost:1"), 403, "person opens"},
		{"origin by https", s.get(right, "Origin: https://localhost:"+port), 403, "person opens"},
	}
	for _, path := range []string{
		"//callback", "/callback/", "/./callback", "/../callback", "/x/../callback", "/%63allback", "/callback%00",
		"/callback%2F",
		"/Callback", "/CALLBACK", "/callback;x", "/callback.", "/callback%20", "callback", "/callbacks", "/%2Fcallback",
		"\\callback", "/callback\\",
	} {
		rows = append(rows, row{"path " + path, s.get(path + "?code=" + testCode + "&" + st), 404, "no page"})
	}
	for _, method := range []string{"HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get",
		"GETT", "PROPFIND"} {
		rows = append(rows, row{method, s.request(method, right), 405, "Only GET"})
	}
	for _, field := range []string{
		"Sec-Purpose: prefetch", "Sec-Purpose: prefetch;prerender", "sec-purpose: PREFETCH", "Purpose: prefetch",
		"Purpose: preview",
		"X-Moz: prefetch", "X-Purpose: preview", "Sec-Purpose: prefetch;anonymous-client-ip",
	} {
		rows = append(rows, row{field, s.get(right, field), 403, "person opens"})
	}

	for _, dest := range []string{"audio", "audioworklet", "embed", "fencedframe", "font", "frame", "json", "manifest",
		"object", "paintworklet", "report",
		"script", "serviceworker", "sharedworker", "style", "track", "video", "webidentity", "worker", "xslt"} {
		rows = append(rows, row{"destination " + dest, s.get(right, "Sec-Fetch-Dest: "+dest), 403, "person opens"})
	}

	for i, r := range rows {
		t.Run(strings.ReplaceAll(r.name, "/", "∕"), func(t *testing.T) {
			method, _, _ := strings.Cut(r.raw, " ")
			raw := send(t, s.address(i), r.raw)
			response, body := parse(t, raw, method)
			if response.StatusCode != r.status {
				t.Fatalf("status %d, want %d", response.StatusCode, r.status)
			}
			if method == "HEAD" {
				if body != "" {
					t.Error("a body was sent to HEAD")
				}
			} else if !strings.Contains(body, r.text) {
				t.Errorf("the page lacks %q:\n%s", r.text, body)
			}
			if allow := response.Header.Get("Allow"); (allow == "GET") != (r.status == 405) {
				t.Errorf("Allow: %q", allow)
			}
			if location := response.Header.Get("Location"); location != "" {
				t.Errorf("redirect to %q", location)
			}
			for _, repeated := range []string{testState, testCode, "evil", s.done, s.finishing} {
				if strings.Contains(raw, repeated) {
					t.Errorf("the response repeats %q", repeated)
				}
			}
			s.expectNoRedirect(t)
		})
	}

	response, _ := parse(t, send(t, s.address(0), s.get(right+"&iss=https%3A%2F%2Fissuer.example")), "GET")
	if response.StatusCode != 200 {
		t.Errorf("the right request got %d", response.StatusCode)
	}
	if a := <-s.Redirects(); a.Code.Reveal() != testCode || a.Err != "" {
		t.Errorf("redirect %+v", a)
	}
}

func TestRightRequestsAreAccepted(t *testing.T) {
	for _, tc := range []struct {
		name, host, target string
		fields             []string
		code               string
	}{
		{name: "plain", target: right},
		{name: "other order and unknown names", target: "/callback?x=1&x=2&state=" + testState + "&scope=a+b&code=" +
			testCode},
		{name: "escaped", target: "/callback?code=%63odeFAKE1&state=" + testState},
		{name: "no iss though an issuer is set", target: right},
		{name: "empty error", target: right + "&error="},
		{name: "by v4 address", host: "127.0.0.1", target: right},
		{name: "by v6 address", host: "[::1]", target: right},
		{name: "upper-case host", host: "LocalHost", target: right},
		{name: "a browser's fields", target: right, fields: []string{
			"Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Site: cross-site", "Sec-Fetch-User: ?1",
			"Upgrade-Insecure-Requests: 1", "User-Agent: Mozilla/5.0 (\xe4)", "Connection: keep-alive",
			"Content-Length: 0", "Cookie: a=b",
			"X-Padding: " + strings.Repeat("x", 10<<10)}},
		{name: "our own origin", target: right, fields: []string{"Origin: http://localhost:PORT"}},
		{name: "longest code", target: "/callback?state=" + testState + "&code=" + strings.Repeat("c", 4096),
			code: strings.Repeat("c", 4096)},
		{name: "code with every printable character", target: "/callback?state=" + testState +
			"&code=%21%22%23%24%25%26%27%2B%2F%3B%3C%3D%3E%7E", code: "!\"#$%&'+/;<=>~"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, Config{Issuer: "https://issuer.example"})
			s.hold = time.Minute
			host := tc.host
			if host == "" {
				host = "localhost"
			}
			raw := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s:%d\r\n", tc.target, host, s.port)
			for _, f := range tc.fields {
				raw += strings.ReplaceAll(f, "PORT", fmt.Sprint(s.port)) + "\r\n"
			}
			go func() {
				a := <-s.Redirects()
				want := tc.code
				if want == "" {
					want = testCode
				}
				if a.Code.Reveal() != want {
					t.Errorf("code %q, want %q", a.Code.Reveal(), want)
				}
				s.Finish(Outcome{Kind: SignedIn, Email: "a@example.com"})
			}()
			s.expectOutcome(t, send(t, s.address(0), raw+"\r\n"), "Signed in as a@example.com")
		})
	}
}

// expectOutcome follows a 303 to the outcome's page.
func (s *Server) expectOutcome(t testing.TB, raw, want string) {
	t.Helper()
	response, along := parse(t, raw, "GET")
	if !strings.Contains(along, want) { // for who follows no redirect
		t.Errorf("no %q in what comes with the redirect:\n%s", want, along)
	}
	location := response.Header.Get("Location")
	if response.StatusCode != http.StatusSeeOther || !regexp.MustCompile(`^/done/[0-9a-f]{32}$`).MatchString(location) {
		t.Fatalf("status %d, location %q, want 303 to /done/…", response.StatusCode, location)
	}
	if strings.Contains(raw, testCode) || strings.Contains(raw, testState) {
		t.Errorf("the redirect repeats the query:\n%s", raw)
	}
	response, body := parse(t, send(t, s.address(1), s.get(location, "Sec-Fetch-Dest: document")), "GET")
	if response.StatusCode != 200 || !strings.Contains(body, want) {
		t.Errorf("status %d, want a page with %q:\n%s", response.StatusCode, want, body)
	}
}

func TestSlowOutcomeIsFoundThroughTheFinishingPage(t *testing.T) {
	s := start(t, Config{Hold: 10 * time.Millisecond})
	response, body := parse(t, send(t, s.address(0), s.get(right)), "GET")
	next := regexp.MustCompile(
		`<meta http-equiv="refresh" content="1;url=(/finishing/[0-9a-f]{32})">`).FindStringSubmatch(body)
	if response.StatusCode != 200 || next == nil {
		t.Fatalf("status %d, want the finishing page:\n%s", response.StatusCode, body)
	}
	if strings.Contains(body, testCode) || strings.Contains(body, testState) || strings.Contains(body, "Signed in") {
		t.Errorf("the finishing page says too much:\n%s", body)
	}
	if _, again := parse(t, send(t, s.address(1), s.get(next[1])), "GET"); again != body {
		t.Errorf("the finishing page changed:\n%s", again)
	}
	<-s.Redirects()
	s.Finish(Outcome{Kind: SignedIn, Email: "a@example.com"})
	s.Finish(Outcome{Kind: Failed, Problem: "locked"})
	s.expectOutcome(t, send(t, s.address(0), s.get(next[1])), "Signed in as a@example.com")
}

func TestRepetitionsAreCalm(t *testing.T) {
	s := start(t, Config{Hold: time.Minute})
	first := make(chan string)
	go func() { first <- send(t, s.address(0), s.get(right)) }()
	if a := <-s.Redirects(); a.Code.Reveal() != testCode {
		t.Errorf("redirect %+v", a)
	}
	repetitions := []string{
		right, "/callback?code=another&state=" + testState, "/callback?error=access_denied&state=" + testState,
	}
	for i, target := range repetitions { // the first is still held, these are not
		response, body := parse(t, send(t, s.address(i), s.get(target)), "GET")
		if response.StatusCode != 200 || !strings.Contains(body, "Finishing") {
			t.Errorf("%s: status %d, want the finishing page", target, response.StatusCode)
		}
	}
	if r, _ := parse(t, send(t, s.address(0), s.get("/callback?code=c&state=wrong")), "GET"); r.StatusCode != 400 {
		t.Errorf("a wrong state after the right one got %d", r.StatusCode)
	}
	s.Finish(Outcome{Kind: SignedIn, Email: "a@example.com"})
	s.expectOutcome(t, <-first, "Signed in as a@example.com")
	for i, target := range repetitions {
		s.expectOutcome(t, send(t, s.address(i), s.get(target)), "Signed in as a@example.com")
	}
	s.expectNoRedirect(t)
}

func TestOneRedirectOfManyAtOnce(t *testing.T) {
	s := start(t, Config{})
	s.hold = time.Minute
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			target := fmt.Sprintf("/callback?code=c%d&state=%s", i, testState)
			if r, _ := parse(t, send(t, s.address(i), s.get(target)), "GET"); r.StatusCode != 200 &&
				r.StatusCode != 303 {
				t.Errorf("status %d", r.StatusCode)
			}
		})
	}
	<-s.Redirects()
	s.Finish(Outcome{Kind: SignedIn})
	wg.Wait()
	s.expectNoRedirect(t)
}

func TestErrorEndsTheAttempt(t *testing.T) {
	for _, tc := range []struct {
		query string
		want  Redirect
		page  string
	}{
		{"error=access_denied", Redirect{Err: "access_denied"}, "You chose not to allow it"},
		{"error=access_denied&code=", Redirect{Err: "access_denied"}, "choose <strong>Allow</strong>"},
		{"error=access_denied&error_description=The+user+said+no",
			Redirect{Err: "access_denied", ErrDescription: "The user said no"}, "The user said no"},
		{"error=server_error", Redirect{Err: "server_error"}, "is in trouble"},
		{"error=temporarily_unavailable", Redirect{Err: "temporarily_unavailable"}, "wait a few minutes"},
		{"error=invalid_scope&error_description=a%0d%0ab%00c%E2%80%AEd",
			Redirect{Err: "invalid_scope", ErrDescription: "a bcd"}, "reason: a bcd</p>"},
		{"error=x%3Cscript%3E&error_description=%3Cb%3E%22%27%26", Redirect{Err: "x<script>", ErrDescription: `<b>"'&`},
			"reason: &lt;b&gt;&#34;&#39;&amp;</p>"},
		{"error=" + strings.Repeat("e", 100), Redirect{Err: strings.Repeat("e", 63) + "…"}, "does not let Keytender"},
		{"error=x&error_description=" + strings.Repeat("d", 5000),
			Redirect{Err: "x", ErrDescription: strings.Repeat("d", 299) + "…"}, "does not let Keytender"},
	} {
		t.Run(tc.query[:min(40, len(tc.query))], func(t *testing.T) {
			s := start(t, Config{Hold: time.Minute})
			// No Finish: the page must not wait for anybody.
			s.expectOutcome(t, send(t, s.address(0), s.get("/callback?state="+testState+"&"+tc.query)), tc.page)
			if a := <-s.Redirects(); a != tc.want {
				t.Errorf("redirect %+v, want %+v", a, tc.want)
			}
			s.Finish(Outcome{Kind: SignedIn}) // comes too late
			s.expectOutcome(t, send(t, s.address(0), s.get(right)), tc.page)
			s.expectNoRedirect(t)
		})
	}
}

func TestRedirectAfterTheOutcomeGetsThePage(t *testing.T) {
	s := start(t, Config{})
	s.Finish(Outcome{Kind: ElsewhereDone, Email: "a@example.com"})
	s.expectOutcome(t, send(t, s.address(0), s.get(right)), "Signed in already as a@example.com")
	s.expectNoRedirect(t)
}

// Two requests in one write: the second is not even looked at.
func TestPipelinedRequestIsIgnored(t *testing.T) {
	s := start(t, Config{Hold: time.Millisecond})
	raw := send(t, s.address(0), s.get("/x")+s.get(right))
	if r, _ := parse(t, raw, "GET"); r.StatusCode != 404 {
		t.Errorf("status %d", r.StatusCode)
	}
	smuggled := s.request("POST", "/callback", "Content-Length: 0",
		fmt.Sprintf("Content-Length: %d", len(s.get(right)))) + s.get(right)
	if r, _ := parse(t, send(t, s.address(0), smuggled), "POST"); r.StatusCode != 405 {
		t.Errorf("status %d", r.StatusCode)
	}
	s.expectNoRedirect(t)
}

// The whole response arrives although a lot of what was sent is never read.
func TestUnreadInputDoesNotResetTheResponse(t *testing.T) {
	s := start(t, Config{})
	for range 20 {
		raw := send(t, s.address(0), s.request("POST", "/callback", "Content-Length: 60000")+strings.Repeat("x", 60000))
		if r, body := parse(t, raw, "POST"); r.StatusCode != 405 || !strings.HasSuffix(body, "</html>\n") {
			t.Fatalf("status %d, body of %d bytes", r.StatusCode, len(body))
		}
	}
}

func TestSilentAndSlowConnectionsEnd(t *testing.T) {
	for _, tc := range []struct {
		name, first string
		every       time.Duration
	}{
		{"silent", "", 0},
		{"stops in the middle", "GET /callback HTTP/1.1\r\nHo", 0},
		{"a byte a second", "GET /callback HTTP/1.1\r\nX: ", time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, r := newServer(Config{State: testState}, 8765), newLimiter()
				here, there := net.Pipe()
				begun := time.Now()
				var writer sync.WaitGroup
				writer.Go(func() {
					_, err := io.WriteString(there, tc.first)
					for tc.every > 0 && err == nil {
						time.Sleep(tc.every)
						_, err = io.WriteString(there, "x")
					}
				})
				g := r.enter(here)
				s.serve(g, r)
				r.leave(g)
				if took := time.Since(begun); took != readLimit {
					t.Errorf("took %v, want %v", took, readLimit)
				}
				there.Close()
				writer.Wait()
			})
		})
	}
}

// A person's slow network is not a slow browser: a head may come in pieces.
func TestHeadInPiecesIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := newServer(Config{State: testState, Hold: time.Second}, 8765), newLimiter()
		here, there := net.Pipe()
		go func() {
			for _, c := range s.get(right) {
				_, _ = there.Write([]byte{byte(c)})
				time.Sleep(time.Millisecond)
			}
		}()
		go s.serve(r.enter(here), r)
		response := make([]byte, 64<<10)
		n, _ := io.ReadFull(there, response[:12])
		if got := string(response[:n]); got != "HTTP/1.1 200" {
			t.Errorf("response %q", got)
		}
		if a := <-s.Redirects(); a.Code.Reveal() != testCode {
			t.Errorf("redirect %+v", a)
		}
		there.Close()
	})
}

// expectInTime sends the right request and wants its page within 100 ms.
func (s *Server) expectInTime(t *testing.T) {
	t.Helper()
	go func() {
		<-s.Redirects()
		s.Finish(Outcome{Kind: SignedIn})
	}()
	begun := testguard.Start()
	raw := send(t, s.address(0), s.get(right))
	t.Logf("the right request took %v", begun.Elapsed())
	if r, _ := parse(t, raw, "GET"); r.StatusCode != 303 {
		t.Errorf("status %d, want 303", r.StatusCode)
	}
	limit := 100 * time.Millisecond
	switch {
	case runtime.GOOS == "windows": // under Wine each packet goes through another process
		limit *= 50
	case raceEnabled:
		limit *= 5
	}
	begun.Within(t, limit, "the right request")
}

func TestFloodOfWrongRequestsDelaysNothing(t *testing.T) {
	s := start(t, Config{})
	var sent, other atomic.Int64
	wrong := []string{s.get("/callback?code=c&state=wrong"), s.get("/favicon.ico"), s.request("POST", right),
		s.get("/callback?error=access_denied&state=x")}
	var wg sync.WaitGroup
	half := make(chan struct{})
	for i := range 64 {
		wg.Go(func() {
			for n := sent.Add(1); n <= 10_000; n = sent.Add(1) {
				if n == 5_000 {
					close(half)
				}
				conn, err := net.Dial("tcp", s.address(i))
				if err != nil {
					other.Add(1)
					continue
				}
				_, _ = io.WriteString(conn, wrong[i%len(wrong)])
				response := make([]byte, 10)
				_, _ = io.ReadFull(conn, response)
				if !bytes.HasPrefix(response, []byte("HTTP/1.1 4")) {
					other.Add(1)
				}
				conn.Close()
			}
		})
	}
	<-half
	s.expectInTime(t)
	wg.Wait()
	if n := other.Load(); n > 100 {
		t.Errorf("%d of 10,000 wrong requests got no refusal", n)
	}
}

// Strangers who send as much as they may and never end take a bounded amount of
// memory, and the right request comes through all the same.
func TestMemoryIsBounded(t *testing.T) {
	s := start(t, Config{})
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before, goroutines := heap(), runtime.NumGoroutine()
	almost := []byte(s.get(right, "X: "+strings.Repeat("x", maxHead)))[:maxHead-1]
	for i := range 4 * connectionLimit {
		conn, err := net.Dial("tcp", s.address(i))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = conn.Write(almost)
	}
	// Those who were sent away end in a moment.
	goroutineLimit := len(s.limiters) * connectionLimit * 5 / 4
	limit := int64(len(s.limiters) * connectionLimit * (maxHead + 14<<10))
	for end := time.Now().Add(testguard.Patience); ; time.Sleep(20 * time.Millisecond) {
		more, grown := runtime.NumGoroutine()-goroutines, int64(heap())-int64(before)
		if more <= goroutineLimit && grown <= limit {
			t.Logf("%d KiB", grown>>10)
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d connections took %d KiB and %d goroutines, limits %d KiB and %d", 4*connectionLimit, grown>>10,
				more, limit>>10, goroutineLimit)
		}
	}
	s.expectInTime(t)
}

// A tab of an earlier attempt on the same port, opened again, is told so and ends
// nothing; neither is the outcome of that attempt to be found any more.
func TestStaleTab(t *testing.T) {
	old := start(t, Config{State: strings.Repeat("o", 43)})
	stale := "/callback?code=OLD&state=" + strings.Repeat("o", 43)
	old.noteFetched()
	old.Close()
	s := start(t, Config{Port: old.Port(), Exact: true})
	for target, status := range map[string]int{stale: 400, old.done: 404, old.finishing: 404,
		stale + "&error=access_denied": 400} {
		if r, body := parse(t, send(t, s.address(0), s.get(target)), "GET"); r.StatusCode != status ||
			strings.Contains(body, "OLD") {
			t.Errorf("%s: status %d, want %d:\n%s", target, r.StatusCode, status, body)
		}
	}
	s.expectNoRedirect(t)
	s.expectInTime(t)
}

func TestSilentConnectionsKeepNobodyOutside(t *testing.T) {
	s := start(t, Config{})
	var conns []net.Conn
	for range 2 * connectionLimit {
		conn, err := net.Dial("tcp", s.address(0))
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	s.expectInTime(t)
	for _, r := range s.limiters {
		r.mu.Lock()
		if n := len(r.connections); n > connectionLimit {
			t.Errorf("%d connections are open, limit %d", n, connectionLimit)
		}
		r.mu.Unlock()
	}
	for _, conn := range conns {
		conn.Close()
	}
}

// Who belongs to the attempt is never sent away, however many press in.
func TestRoomKeepsWhoBelongsToTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLimiter()
		conn := func() net.Conn { here, _ := net.Pipe(); return here }
		kept := r.enter(conn())
		r.listening(kept)
		r.keep(kept)
		young := r.enter(conn())
		var silent []*connection
		for range connectionLimit - 2 {
			g := r.enter(conn())
			r.listening(g)
			silent = append(silent, g)
		}
		begun := time.Now()
		r.enter(conn())
		if waited := time.Since(begun); waited < silenceLimit || waited > 2*silenceLimit {
			t.Errorf("the newcomer waited %v, want about %v", waited, silenceLimit)
		}
		for _, g := range []*connection{kept, young} {
			if _, here := r.connections[g]; !here {
				t.Error("a connection was evicted that is kept, or was not listened to yet")
			}
		}
		gone := 0
		for _, g := range silent {
			if _, here := r.connections[g]; !here {
				gone++
			}
		}
		if gone != 1 || len(r.connections) != connectionLimit {
			t.Errorf("%d connections went, %d are here", gone, len(r.connections))
		}
		r.close()
		if r.enter(conn()) != nil || len(r.connections) != 0 || len(r.slots) != 0 {
			t.Error("the closed limiter has connections")
		}
	})
}

func TestCloseDoesNotWaitForSilentConnections(t *testing.T) {
	s := start(t, Config{})
	var conns []net.Conn
	for i := range 20 {
		conn, err := net.Dial("tcp", s.address(i))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i%2 == 0 {
			_, _ = io.WriteString(conn, "GET /call")
		}
		conns = append(conns, conn)
	}
	begun := testguard.Start()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	begun.Within(t, 500*time.Millisecond, "closing")
	for _, conn := range conns {
		_ = conn.SetReadDeadline(time.Now().Add(testguard.Patience))
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("a connection is still served")
		}
	}
	again, err := Listen(context.Background(), Config{Port: s.Port(), Exact: true, State: testState})
	if err != nil {
		t.Fatalf("the port is not free: %v", err)
	}
	again.Close()
	s.Close() // once more does no harm
}

func TestCloseDeliversTheOutcome(t *testing.T) {
	s := start(t, Config{Hold: time.Millisecond})
	_, body := parse(t, send(t, s.address(0), s.get(right)), "GET")
	if !strings.Contains(body, s.finishing) {
		t.Fatalf("not the finishing page:\n%s", body)
	}
	s.Finish(Outcome{Kind: SignedIn, Email: "a@example.com"})
	closed := make(chan struct{})
	begun := testguard.Start()
	go func() {
		s.Close()
		close(closed)
	}()
	time.Sleep(50 * time.Millisecond) // a browser's refresh comes later than Close
	s.expectOutcome(t, send(t, s.address(0), s.get(s.finishing)), "Signed in as a@example.com")
	<-closed
	begun.Within(t, time.Second, "Close, although the page was fetched,")
}

func TestCloseWaitsTwoSecondsForABrowserThatIsGone(t *testing.T) {
	s := start(t, Config{Hold: time.Millisecond})
	send(t, s.address(0), s.get(right))
	begun := testguard.Start()
	s.Close()
	if took := begun.Elapsed(); took < deliverLimit {
		t.Errorf("Close took %v, want %v", took, deliverLimit)
	}
	begun.Within(t, deliverLimit+500*time.Millisecond, "Close")
}

func TestCloseWithoutOutcomeTellsTheBrowser(t *testing.T) {
	s := start(t, Config{Hold: time.Minute})
	held := make(chan string)
	go func() { held <- send(t, s.address(0), s.get(right)) }()
	<-s.Redirects()
	closed := make(chan struct{})
	go func() { s.Close(); close(closed) }()
	s.expectOutcome(t, <-held, "This sign-in was cancelled")
	<-closed
}

func TestContextClosesTheServer(t *testing.T) {
	leftovers := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := Listen(ctx, Config{State: testState, Hold: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan string)
	go func() { held <- send(t, s.address(0), s.get(right)) }()
	<-s.Redirects()
	begun := testguard.Start()
	cancel()
	s.expectOutcome(t, <-held, "This sign-in was cancelled")
	s.Close()
	begun.Within(t, time.Second, "closing")
	goleak.VerifyNone(t, leftovers)

	ctx, cancel = context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	s, err = Listen(ctx, Config{State: testState})
	if err != nil {
		t.Fatal(err)
	}
	<-s.settled
	if s.outcome.Kind != TimedOut {
		t.Errorf("outcome %+v, want TimedOut", s.outcome)
	}
	s.Close()
	if _, err := Listen(ctx, Config{State: testState}); err == nil {
		t.Error("Listen works with a context that is done")
	}
}
