package fakeclaude

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/testguard"
)

// raw sends one renewal over a bare connection and returns all that came back.
func raw(t *testing.T, s *Server, refresh string) (string, error) {
	t.Helper()
	conn := dial(t, s, refresh)
	defer conn.Close()
	text, err := io.ReadAll(conn)
	return string(text), err
}

func dial(t *testing.T, s *Server, refresh string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(testguard.Patience)); err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"grant_type":"refresh_token","refresh_token":%q,"client_id":%q}`, refresh, ClientID)
	_, err = fmt.Fprintf(conn,
		"POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		tokenPath, len(body), body)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// parsed reads a whole response; the body's error is returned with what came.
func parsed(t *testing.T, text string) (*http.Response, string, error) {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), nil)
	if err != nil {
		t.Fatalf("%q is no response: %v", text, err)
	}
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

func TestFaultResponses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fault  Fault
		status int
		header [2]string
		body   string // is in it
		spent  bool
	}{
		{"normal", Fault{}, 200, [2]string{"Content-Type", "application/json"}, `"access_token":"sk-ant-oat01-FAKE-`,
			true},
		{"429 with Retry-After", busy(429, "17"), 429, [2]string{"Retry-After", "17"}, "rate_limit_error", false},
		{"429 without", Fault{Status: 429}, 429, [2]string{"Retry-After", ""}, "rate_limit_error", false},
		{"503", busy(503, "Fri, 20 Nov 2026 12:00:00 GMT"), 503,
			[2]string{"Retry-After", "Fri, 20 Nov 2026 12:00:00 GMT"}, "api_error", false},
		{"invalid_grant", Fault{Status: 400, Body: gone}, 400, [2]string{"Cache-Control", "no-store"},
			`"error":"invalid_grant"`, false},
		{"page, 200", page(200), 200, [2]string{"Content-Type", "text/html; charset=utf-8"}, "<h1>", false},
		{"page, 403", page(403), 403, [2]string{"Content-Type", "text/html; charset=utf-8"}, "<h1>", false},
		{"redirect", elsewhere("http://127.0.0.1:9/x"), 307, [2]string{"Location", "http://127.0.0.1:9/x"}, "", false},
		{"502 after rotation", Fault{When: Processed, Status: 502}, 502, [2]string{"Retry-After", ""}, "Bad Gateway",
			true},
		{"504 unread", Fault{When: Unread, Status: 504}, 504, [2]string{"Retry-After", ""}, "Gateway", false},
		{"other token type", spoilt("token_type", `"mac"`), 200, [2]string{"Retry-After", ""}, `"token_type":"mac"`,
			true},
		{"lifetime in words", spoilt("expires_in", `"soon"`), 200, [2]string{"Retry-After", ""}, `"expires_in":"soon"`,
			true},
		{"lifetime too big", spoilt("expires_in", `1e300`), 200, [2]string{"Retry-After", ""}, `"expires_in":1e300`,
			true},
		{"cut 200 keeps the header", Fault{CutAfter: 5}, 200, [2]string{"Content-Type", "application/json"}, `{"acc`,
			true},
		{"cut page", Fault{Status: 200, Body: "0123456789", CutAfter: 4}, 200, [2]string{"Content-Length", "10"},
			"0123", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, Options{})
			_, refresh := s.Issue("a@example.com")
			s.Set(func(b *Behaviour) { b.Faults = []Fault{tc.fault} })
			text, err := raw(t, s, refresh)
			if err != nil {
				t.Fatal(err)
			}
			response, body, err := parsed(t, text)
			if cut := tc.fault.CutAfter > 0; cut != errors.Is(err, io.ErrUnexpectedEOF) || cut &&
				len(body) != tc.fault.CutAfter {
				t.Errorf("body %q, error %v", body, err)
			}
			if response.StatusCode != tc.status || response.Header.Get(tc.header[0]) != tc.header[1] ||
				!strings.Contains(body, tc.body) {
				t.Errorf("%d %v %q", response.StatusCode, response.Header, body)
			}
			if s.Spent(refresh) != tc.spent {
				t.Errorf("spent is %v", s.Spent(refresh))
			}
			if len(s.Behaviour().Faults) != 0 {
				t.Error("the fault stayed in the queue")
			}
			if records := s.Requests(); len(records) != 1 || records[0].Status != tc.status {
				t.Errorf("records are %+v", records)
			}
		})
	}
}

// Winsock's numbers, which package syscall does not take for the POSIX errors.
const wsaeConnReset, wsaeConnRefused = syscall.Errno(10054), syscall.Errno(10061)

func is(err error, posix, winsock syscall.Errno) bool {
	return errors.Is(err, posix) || runtime.GOOS == "windows" && errors.Is(err, winsock)
}

func TestFaultResets(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault Fault
		kind  string
		spent bool
	}{
		{"unread", Fault{When: Unread, Reset: true}, "token", false},
		{"unprocessed", Fault{Reset: true}, "renew", false},
		{"response lost after rotation", Fault{When: Processed, Reset: true}, "renew", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, Options{})
			_, refresh := s.Issue("a@example.com")
			s.Set(func(b *Behaviour) { b.Faults = []Fault{tc.fault} })
			text, err := raw(t, s, refresh)
			if text != "" || !is(err, syscall.ECONNRESET, wsaeConnReset) {
				t.Errorf("got %q, %v", text, err)
			}
			if s.Spent(refresh) != tc.spent || s.Count(tc.kind) != 1 || s.Requests()[0].Status != 0 {
				t.Errorf("spent %v, counts %v", s.Spent(refresh), s.Counts())
			}
		})
	}
}

func TestFaultOmits(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	_, refresh := s.Issue("a@example.com")
	s.Set(func(b *Behaviour) {
		b.Faults = []Fault{without("refresh_token"), without("access_token"), without("expires_in", "scope")}
	})
	status, fields := w.renew(refresh)
	if _, has := fields["refresh_token"]; status != 200 || has || s.Spent(refresh) {
		t.Errorf("without a new refresh token the old one stays: %d %v", status, fields)
	}
	status, fields = w.renew(refresh)
	if _, has := fields["access_token"]; status != 200 || has || !s.Spent(refresh) {
		t.Errorf("without an access token: %d %v", status, fields)
	}
	status, fields = w.renew(fields["refresh_token"])
	if len(fields) != 6 || fields["expires_in"] != nil || fields["scope"] != nil || status != 200 {
		t.Errorf("without a lifetime: %d %v", status, fields)
	}
	s.Set(func(b *Behaviour) { b.Omit = []string{"refresh_token_expires_in", "account", "organization"} })
	if _, fields = w.renew(fields["refresh_token"]); len(fields) != 5 {
		t.Errorf("standing omissions: %v", fields)
	}
}

func TestFaultQueue(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	_, refresh := s.Issue("a@example.com")
	queue := []Fault{busy(429, "1").For("exchange").Repeat(2), {On: "renew"}, Fault{Status: 503}.For("renew"),
		Fault{Status: 429}.For("profile").Repeat(Forever)}
	s.Set(func(b *Behaviour) { b.Faults = queue })
	renew := func() int {
		status, fields := w.renew(refresh)
		if token, ok := fields["refresh_token"].(string); ok {
			refresh = token
		}
		return status
	}
	if a, b, c := renew(), renew(), renew(); a != 200 || b != 503 || c != 200 {
		t.Errorf("renewals: %d %d %d", a, b, c)
	}
	code := w.code()
	var exchanges []int
	for range 3 {
		status, _ := w.exchange(code)
		exchanges = append(exchanges, status)
	}
	if fmt.Sprint(exchanges) != "[429 429 200]" {
		t.Errorf("exchanges: %v", exchanges)
	}
	for range 3 {
		if response := get(t, s.APIURL()+"/api/oauth/profile"); response.StatusCode != 429 {
			t.Errorf("profile: %d", response.StatusCode)
		} else {
			response.Body.Close()
		}
	}
	if left := s.Behaviour().Faults; len(left) != 1 || queue[0].Times != 2 {
		t.Errorf("left are %v; the caller's queue is %v", left, queue)
	}
}

// eventually waits for what another goroutine does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testguard.Patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

func TestFaultSilence(t *testing.T) {
	for _, when := range []When{Unprocessed, Unread, Processed} {
		t.Run("released "+string(when), func(t *testing.T) {
			s := start(t, Options{})
			_, refresh := s.Issue("a@example.com")
			s.Set(func(b *Behaviour) { b.Faults = []Fault{{When: when, Silent: true}} })
			conn := dial(t, s, refresh)
			defer conn.Close()
			eventually(t, "held", func() bool { return s.Held() == 1 })
			if s.Spent(refresh) != (when == Processed) {
				t.Error("processed at the wrong time")
			}
			s.Release()
			text, err := io.ReadAll(conn)
			if err != nil {
				t.Fatal(err)
			}
			if response, _, _ := parsed(t, string(text)); response.StatusCode != 200 || !s.Spent(refresh) {
				t.Errorf("after the release: %d", response.StatusCode)
			}
		})
	}
	t.Run("client gone", func(t *testing.T) {
		s := start(t, Options{})
		_, refresh := s.Issue("a@example.com")
		s.Set(func(b *Behaviour) { b.Faults = []Fault{{Silent: true}} })
		conn := dial(t, s, refresh)
		eventually(t, "held", func() bool { return s.Held() == 1 })
		conn.Close()
		eventually(t, "let go", func() bool { return s.Held() == 0 })
		if s.Spent(refresh) {
			t.Error("processed for nobody")
		}
	})
	t.Run("closed", func(t *testing.T) {
		s := start(t, Options{})
		_, refresh := s.Issue("a@example.com")
		s.Set(func(b *Behaviour) { b.Faults = []Fault{{Silent: true}, {Delay: time.Hour}} })
		defer dial(t, s, refresh).Close()
		defer dial(t, s, refresh).Close()
		eventually(t, "both came", func() bool { return s.Held() == 1 && s.Count("renew") == 2 })
		if err := s.Close(); err != nil { // and goleak looks afterwards
			t.Fatal(err)
		}
	})
}

func TestFaultDelay(t *testing.T) {
	s := start(t, Options{})
	_, refresh := s.Issue("a@example.com")
	s.Set(func(b *Behaviour) { b.Faults = []Fault{{Delay: 50 * time.Millisecond}} })
	began := time.Now()
	if _, err := raw(t, s, refresh); err != nil || time.Since(began) < 50*time.Millisecond {
		t.Errorf("answered after %v, %v", time.Since(began), err)
	}
}

func TestOnToken(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	_, refresh := s.Issue("a@example.com")
	var seen []string
	s.Set(func(b *Behaviour) {
		b.OnToken = func(grant string) { seen = append(seen, fmt.Sprint(grant, s.Spent(refresh))) }
	})
	w.exchange(w.code())
	w.renew(refresh)
	if fmt.Sprint(seen) != "[authorization_codefalse refresh_tokentrue]" {
		t.Errorf("seen %v", seen)
	}
}

func TestNestedErrors(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	s.Set(func(b *Behaviour) { b.NestedErrors = true })
	status, fields := w.renew("sk-ant-ort01-FAKE-none")
	if inner, ok := fields["error"].(map[string]any); status != 400 || !ok || inner["type"] != "invalid_grant" {
		t.Errorf("%d %v", status, fields)
	}
}

func TestOfflineKeepsWhatWasIssued(t *testing.T) {
	s := start(t, Options{})
	w := newWalker(t, s)
	_, refresh := s.Issue("a@example.com")
	s.Offline()
	if _, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://")); !is(err, syscall.ECONNREFUSED,
		wsaeConnRefused) {
		t.Errorf("dialling: %v", err)
	}
	if err := s.Online(); err != nil {
		t.Fatal(err)
	}
	if status, fields := w.renew(refresh); status != 200 {
		t.Errorf("back again: %d %v", status, fields)
	}
}

func TestLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "example.com:80", "[::]:0", "192.0.2.1:0", "127.0.0.1"} {
		if s, err := StartWith(Options{Addr: addr}); err == nil {
			s.Close()
			t.Errorf("%s was taken", addr)
		}
	}
	s := start(t, Options{})
	if second, err := StartWith(Options{Addr: strings.TrimPrefix(s.URL(), "http://")}); err == nil {
		second.Close()
		t.Error("a port was taken twice")
	}
}

func TestControl(t *testing.T) {
	s := start(t, Options{Control: (*Server).Control})
	w := newWalker(t, s)
	at := s.URL() + controlPrefix
	_, pair := post(t, at+"issue", map[string]any{"account": "b@example.com"})
	if status, fields := post(t, at+"behaviour",
		map[string]any{"accessLife": int64(time.Minute), "faults": []Fault{busy(429, "3")}}); status != 200 {
		t.Fatalf("%d %v", status, fields)
	}
	response, err := httpClient.Post(at+"faults", "application/json",
		strings.NewReader(`[{"on":"renew","replace":{"scope":"\"x\""}},{"silent":true}]`))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if b := s.Behaviour(); response.StatusCode != 200 || len(b.Faults) != 3 || b.AccessLife != time.Minute ||
		b.LoginLife == 0 {
		t.Errorf("%d, behaviour is %+v", response.StatusCode, b)
	}
	if status, fields := post(t, at+"behaviour", map[string]any{"plan": "pro", "accessLife": "soon"}); status != 400 ||
		s.Behaviour().Plan != "max" {
		t.Errorf("half a change: %d %v", status, fields)
	}
	post(t, at+"behaviour", map[string]any{"plan": "pro"})
	if b := s.Behaviour(); len(b.Faults) != 3 || b.Plan != "pro" {
		t.Errorf("behaviour is %+v", b)
	}
	post(t, at+"behaviour", map[string]any{"faults": []Fault{{On: "renew"}}})
	if b := s.Behaviour(); len(b.Faults) != 1 || b.Faults[0].Status != 0 {
		t.Errorf("a new queue mixed with the old one: %+v", b.Faults)
	}
	w.renew(pair["refresh"])
	if _, token := post(t, at+"token", map[string]any{"token": pair["refresh"]}); token["spent"] != true ||
		token["alive"] != false {
		t.Errorf("token is %v", token)
	}
	if _, counts := object(t, get(t, at+"counts")); counts["renew"] != 1.0 || counts["held"] != 0.0 {
		t.Errorf("counts are %v", counts)
	}
	var records []Record
	response = get(t, at+"requests")
	if err := json.NewDecoder(response.Body).Decode(&records); err != nil || len(records) != 1 {
		t.Errorf("requests: %v, %v", records, err)
	}
	response.Body.Close()
	for target, want := range map[string]int{"nothing": 404, "counts": 403} {
		response := get(t, at+target, "Origin", map[string]string{"counts": "http://example.com"}[target])
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %d", target, response.StatusCode)
		}
	}
}

func TestControlIsOffByDefault(t *testing.T) {
	s := start(t, Options{})
	response, err := httpClient.Post(s.URL()+controlPrefix+"issue", "application/json",
		bytes.NewReader([]byte(`{"account":"a"}`)))
	if err != nil {
		t.Fatal(err)
	}
	if status, fields := object(t, response); status != 404 || fields["access"] != nil {
		t.Errorf("%d %v", status, fields)
	}
}

func page(status int) Fault {
	return Fault{Status: status, Header: map[string]string{"Content-Type": "text/html; charset=utf-8"},
		Body: "<h1>Accept the terms of this network</h1>"}
}

const gone = `{"error":"invalid_grant","error_description":"gone"}`

func busy(status int, retryAfter string) Fault {
	return Fault{Status: status, Header: map[string]string{"Retry-After": retryAfter}}
}

func elsewhere(to string) Fault { return Fault{Status: 307, Header: map[string]string{"Location": to}} }

func spoilt(field, raw string) Fault {
	return Fault{Replace: map[string]json.RawMessage{field: json.RawMessage(raw)}}
}

func without(fields ...string) Fault { return Fault{Omit: fields} }
