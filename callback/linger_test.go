package callback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keytender/internal/testguard"
)

// lingers runs an attempt to its end and returns its server, which answers on.
func lingers(t *testing.T, c Config, o Outcome) *Server {
	t.Helper()
	leftovers := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		release()
		goleak.VerifyNone(t, leftovers)
	})
	c.State, c.Hold = testState, time.Millisecond
	if c.Linger == 0 {
		c.Linger = time.Minute
	}
	s, err := Listen(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	s.Finish(o)
	begin := time.Now()
	if s.Close(); time.Since(begin) > time.Second {
		t.Errorf("Close took %v", time.Since(begin))
	}
	return s
}

// Whoever is late meets the page of how the attempt ended, in every way an attempt ends,
// and its code leaves the address bar.
func TestALateRedirectMeetsThePageOfTheEnd(t *testing.T) {
	for _, tc := range []struct {
		outcome Outcome
		want    string
	}{
		{Outcome{Kind: TimedOut}, "This sign-in took too long"},
		{Outcome{Kind: Cancelled}, "This sign-in was cancelled"},
		{Outcome{Kind: Declined, Said: "secret reason"}, "You chose not to allow it"},
		{Outcome{Kind: Failed, Problem: "locked"}, "keychain of this computer is locked"},
		{Outcome{Kind: SignedIn, Email: "a@example.com", Plan: "max"}, "<h1>Signed in</h1>"},
		{Outcome{Kind: ElsewhereDone, Email: "a@example.com"}, "<h1>Signed in already</h1>"},
	} {
		s := lingers(t, Config{}, tc.outcome)
		for i, target := range []string{
			right, "/callback?code=c&state=wrong", "/callback?error=access_denied&state=" + testState, "/callback",
			"/callback?%zz&code=" + testCode,
		} {
			raw := send(t, s.address(i), s.get(target))
			r, body := parse(t, raw, "GET")
			if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != overPath ||
				!strings.Contains(body, tc.want) {
				t.Errorf("%+v, %s: %d to %q, want the page %q", tc.outcome, target, r.StatusCode,
					r.Header.Get("Location"), tc.want)
			}
			if strings.Contains(raw, testCode) || strings.Contains(raw, testState) || strings.Contains(raw, "zz") {
				t.Errorf("%s: the response repeats the request:\n%s", target, raw)
			}
		}
		r, body := parse(t, send(t, s.address(0), s.get(overPath)), "GET")
		if r.StatusCode != 200 || !strings.Contains(body, tc.want) {
			t.Errorf("%+v: %d at %s", tc.outcome, r.StatusCode, overPath)
		}
		// A stranger who finds the port does not learn whose login it was.
		if strings.Contains(body, "a@example.com") || strings.Contains(body, "Max") ||
			strings.Contains(body, "secret reason") {
			t.Errorf("%+v: the page tells strangers too much", tc.outcome)
		}
		s.expectNoRedirect(t)
	}
}

// The browser of the attempt itself, which may still be on its way, gets its own page.
func TestTheAttemptsBrowserFetchesItsPageLater(t *testing.T) {
	s := lingers(t, Config{}, Outcome{Kind: SignedIn, Email: "a@example.com", Plan: "max"})
	r, _ := parse(t, send(t, s.address(0), s.get(s.finishing)), "GET")
	if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != s.done {
		t.Errorf("the finishing page leads to %d %q", r.StatusCode, r.Header.Get("Location"))
	}
	for i := range 2 { // reloading
		if r, body := parse(t, send(t, s.address(i), s.get(s.done, "Accept-Language: de")),
			"GET"); r.StatusCode != 200 || !strings.Contains(body, "Angemeldet als a@example.com") {
			t.Errorf("%d:\n%s", r.StatusCode, body)
		}
	}
}

// All rules of the gate but that of the state hold after the attempt, too.
func TestTheGateHoldsAfterTheAttempt(t *testing.T) {
	s := lingers(t, Config{}, Outcome{Kind: TimedOut})
	line := "GET " + right + " HTTP/1.1\r\n"
	for _, tc := range []struct {
		name, raw string
		status    int
	}{
		{"foreign host", line + "Host: evil.example\r\n\r\n", 403},
		{"foreign host with our port", fmt.Sprintf("%sHost: evil.example:%d\r\n\r\n", line, s.port), 403},
		{"no host", line + "\r\n", 400},
		{"two hosts", fmt.Sprintf("%sHost: localhost:%d\r\nHost: localhost:%d\r\n\r\n", line, s.port, s.port), 400},
		{"HEAD", s.request("HEAD", right), 405},
		{"POST", s.request("POST", right, "Content-Length: 0"), 405},
		{"OPTIONS", s.request("OPTIONS", "/callback"), 405},
		{"another path", s.get("/"), 404},
		{"favicon", s.get("/favicon.ico"), 404},
		{"trailing slash", s.get("/callback/?code=" + testCode), 404},
		{"another case", s.get("/Callback?code=" + testCode), 404},
		{"escaped", s.get("/c%61llback?code=" + testCode), 404},
		{"guessed outcome", s.get("/done/00000000000000000000000000000000"), 404},
		{"prefetch", s.get(right, "Sec-Purpose: prefetch"), 403},
		{"sub-resource", s.get(right, "Sec-Fetch-Dest: image"), 403},
		{"foreign origin", s.get(right, "Origin: https://evil.example"), 403},
		{"body", s.get(right, "Content-Length: 3"), 400},
		{"old HTTP", "GET / HTTP/1.0\r\n\r\n", 400},
		{"bare LF", "GET / HTTP/1.1\n\n", 400},
		{"too big", s.get("/" + strings.Repeat("a", maxHead)), 431},
	} {
		method, _, _ := strings.Cut(tc.raw, " ")
		raw := send(t, s.address(0), tc.raw)
		r, _ := parse(t, raw, method)
		if r.StatusCode != tc.status {
			t.Errorf("%s: %d, want %d", tc.name, r.StatusCode, tc.status)
		}
		if strings.Contains(raw, testCode) || r.Header.Get("Location") != "" {
			t.Errorf("%s: the response repeats the request or leads on", tc.name)
		}
		if allow := r.Header.Get("Allow"); (tc.status == 405) != (allow == "GET") {
			t.Errorf("%s: Allow %q", tc.name, allow)
		}
	}
}

// The next attempt gets the port at once, and nothing of the one before answers any more.
func TestTheNextAttemptGetsThePort(t *testing.T) {
	free := start(t, Config{})
	port := free.Port()
	free.Close()
	old := lingers(t, Config{Port: port}, Outcome{Kind: TimedOut})
	if old.Port() != port {
		t.Skipf("port %d was taken meanwhile", port)
	}
	silent, err := net.Dial("tcp", old.address(0)) // nobody on the old port holds it up
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	begin := testguard.Start()
	next, err := Listen(context.Background(),
		Config{Port: port, Exact: true, State: "otherFAKE", Hold: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { next.noteFetched(); next.Close() })
	begin.Within(t, time.Second, "the next attempt's start")
	if r, body := parse(t, send(t, next.address(0), next.get(right)), "GET"); r.StatusCode != 400 ||
		strings.Contains(body, "too long") {
		t.Errorf("the old attempt's redirect gets %d:\n%s", r.StatusCode, body)
	}
	if r, _ := parse(t, send(t, next.address(0), next.get(old.done)), "GET"); r.StatusCode != 404 {
		t.Errorf("the old attempt's page is still there: %d", r.StatusCode)
	}
	if r, _ := parse(t, send(t, next.address(0), next.get("/callback?code=c&state=otherFAKE")),
		"GET"); r.StatusCode != 200 {
		t.Errorf("the new attempt's redirect gets %d", r.StatusCode)
	}
	old.Close() // long over, and not the new one's business
	if a := <-next.Redirects(); a.Code.Reveal() != "c" {
		t.Errorf("redirect %+v", a)
	}
}

// Another process has to do with another port, or learns who holds this one.
func TestAnotherProcessGetsAnotherPort(t *testing.T) {
	s := lingers(t, Config{}, Outcome{Kind: TimedOut})
	listeners, err := claim(t.Context(), listenLoopback, Config{Port: s.Port()}) // what another process does
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range listeners {
		if l.Addr().(*net.TCPAddr).Port == s.Port() {
			t.Error("the port was held by nobody")
		}
		l.Close()
	}
	if _, err := claim(t.Context(), listenLoopback, Config{Port: s.Port(), Exact: true}); !errors.Is(err,
		ErrPortTaken) {
		t.Errorf("error %v", err)
	}
}

func TestLingeringEndsByItself(t *testing.T) {
	s := lingers(t, Config{Linger: 50 * time.Millisecond}, Outcome{Kind: Cancelled})
	for deadline := time.Now().Add(testguard.Patience); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", s.address(0))
		if err != nil {
			break
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("the port still answers")
		}
	}
	lingering.Lock()
	defer lingering.Unlock()
	if lingering.host != nil {
		t.Error("it is still held")
	}
}

// A cancelled context ends the attempt and not the page after it.
func TestACancelledAttemptLingers(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s, err := Listen(ctx, Config{State: testState, Linger: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	cancel()
	s.Close()
	if _, body := parse(t, send(t, s.address(1), s.get(right)), "GET"); !strings.Contains(body, "was cancelled") {
		t.Errorf("the page: %s", body)
	}
}

// A redirect that is being answered while the attempt ends is answered.
func TestTheEndDoesNotCutAResponse(t *testing.T) {
	s, err := Listen(context.Background(), Config{State: testState, Hold: time.Minute, Linger: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	conn, err := net.Dial("tcp", s.address(0))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, s.get(right))
	<-s.Redirects()
	s.Finish(Outcome{Kind: SignedIn, Email: "a@example.com"})
	s.Close()
	raw, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	s.expectOutcome(t, string(raw), "Signed in as a@example.com")
}
