package oauth

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keytender/internal/secret"
	"keytender/internal/testguard"
)

func TestMain(m *testing.M) {
	code := testguard.Run(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines left over:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// seen is one request as a server got it.
type seen struct {
	method, path string
	header       http.Header
	body         string
	proto        string
}

// fake is a server that records what it gets and answers as told.
type fake struct {
	*httptest.Server
	mu   sync.Mutex
	seen []seen
}

func serve(t *testing.T, respond http.HandlerFunc) *fake {
	t.Helper()
	f := &fake{}
	f.Server = httptest.NewUnstartedServer(f.record(respond))
	f.Start()
	t.Cleanup(f.Close)
	return f
}

func (f *fake) record(respond http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.seen = append(f.seen, seen{r.Method, r.URL.String(), r.Header.Clone(), string(body), r.Proto})
		f.mu.Unlock()
		respond(w, r)
	})
}

func (f *fake) requests() []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

func (f *fake) client() *Client { return client(f.URL) }

func client(base string) *Client {
	return &Client{
		TokenURL: base + "/v1/oauth/token", RevokeURL: base + "/v1/oauth/token/revoke", APIURL: base,
		ClientID: "client-1", UserAgent: "keytender/0.0.0-test", timeout: 5 * time.Second,
	}
}

// says answers with a status and a body.
func says(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// listen runs one function per connection; it says how many connections came.
func listen(t *testing.T, handle func(net.Conn)) (base string, connections func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu    sync.Mutex
		count int
		wg    sync.WaitGroup
	)
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			count++
			mu.Unlock()
			wg.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(20 * time.Second))
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return "http://" + l.Addr().String(), func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}

var (
	fakeRefresh  = secret.New("sk-ant-ort01-FAKE-old")
	fakeAccess   = secret.New("sk-ant-oat01-FAKE-a1")
	fakeExchange = ExchangeRequest{
		Code: secret.New("FAKE-code-1"), Verifier: secret.New("FAKE-verifier-1"),
		State: "state-1", RedirectURI: "http://localhost:8765/callback",
	}
)

const goodResponse = `{"access_token":"sk-ant-oat01-FAKE-new","refresh_token":"sk-ant-ort01-FAKE-new","expires_in":28800,"token_type":"Bearer"}`

// quiet swallows what a test server logs about handshakes that are meant to fail.
var quiet = log.New(io.Discard, "", 0)
