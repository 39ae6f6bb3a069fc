// Package fakeclaude is the built-in authorization server and API. It stands in
// for the real ones on loopback, for `keytender demo` and for tests, with a switch
// for every fault a client must live through. It issues nothing but made-up tokens
// that carry the word FAKE, listens on no address but loopback, connects to nobody
// but itself, and writes nothing to disk.
package fakeclaude

import (
	"context"
	"errors"
	"fmt"
	"keytender/internal/address"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ClientID is the public client that the server knows.
const ClientID = "9d1c250a-e61b-44d9-88ed-5944d1962f5e"

// Paths of the server. The console's authorize page and the subscription's differ
// in nothing else.
const (
	authorizePath        = "/cai/oauth/authorize"
	consoleAuthorizePath = "/oauth/authorize"
	decisionPath         = "/oauth/decision"
	pastePath            = "/oauth/code/callback"
	tokenPath            = "/v1/oauth/token"
	revokePath           = "/v1/oauth/token/revoke"
)

// Options say how a server is started. The zero value is a free loopback port,
// the real clock, and no control path.
type Options struct {
	Addr string           // "127.0.0.1:0" when empty; any other host than loopback is refused
	Now  func() time.Time // time.Now when nil
	// Control is (*Server).Control where another process is to work the switches. The demo's
	// program does not hold it.
	Control func(*Server, http.ResponseWriter, *http.Request)
}

// Server is a running stand-in. All methods are safe for concurrent use.
type Server struct {
	addr    string // HOST:PORT, fixed once listening
	control func(*Server, http.ResponseWriter, *http.Request)
	now     func() time.Time
	serve   func(*Server, net.Listener) (stop func())
	traffic traffic

	closed   chan struct{} // closed by Close: lets held requests go
	handlers sync.WaitGroup

	serving sync.Mutex // one Offline, Online or Close at a time
	stop    func()     // nil while offline

	mu       sync.Mutex // everything below
	ledger   ledger
	switches Behaviour
	tickets  map[string]ticket // consent pages shown and not yet answered
	counts   map[string]int
	records  []*Record
	release  chan struct{} // closed and renewed by Release
	held     int
}

// Start serves everything on a free loopback port.
func Start() (*Server, error) { return StartWith(Options{}) }

// StartWith serves everything, the way the options say.
func StartWith(o Options) (*Server, error) { return startServing(o, serveWhole) }

// StartSmall is for a program that needs the server for a demonstration alone.
func StartSmall() (*Server, error) { return startServing(Options{}, serveSmall) }

func startServing(o Options, serve func(*Server, net.Listener) (stop func())) (*Server, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{
		addr:     o.Addr,
		control:  o.Control,
		now:      o.Now,
		serve:    serve,
		traffic:  traffic{busy: map[net.Conn]bool{}},
		closed:   make(chan struct{}),
		ledger:   newLedger(),
		switches: defaults(),
		tickets:  map[string]ticket{},
		counts:   map[string]int{},
		release:  make(chan struct{}),
	}
	if err := s.Online(); err != nil {
		return nil, err
	}
	return s, nil
}

// Online listens again after Offline, on the same port and with everything that
// was issued before.
func (s *Server) Online() error {
	s.serving.Lock()
	defer s.serving.Unlock()
	if s.stop != nil {
		return nil
	}
	host, _, err := net.SplitHostPort(s.addr)
	if err != nil {
		return fmt.Errorf("reading the address %q: %w", s.addr, err)
	}
	if !address.Loopback(host) {
		return fmt.Errorf("the stand-in server listens on loopback only, not on %q", host)
	}
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("starting the stand-in server: %w", err)
	}
	if actual := listener.Addr().String(); s.addr != actual { // only when Start let the system choose
		s.addr = actual
	}
	s.stop = s.serve(s, listener)
	return nil
}

// Offline closes the port and every connection, so that a call is not even sent.
// What was issued stays; Online brings it back.
func (s *Server) Offline() {
	s.serving.Lock()
	defer s.serving.Unlock()
	if s.stop == nil {
		return
	}
	s.stop()
	s.stop = nil
}

// Close ends the server at once, held requests too, and waits for its handlers.
func (s *Server) Close() error {
	s.mu.Lock()
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
	s.mu.Unlock()
	s.Offline()
	s.handlers.Wait()
	return nil
}

// URL is the base, without a slash at its end.
func (s *Server) URL() string { return "http://" + s.addr }

// AuthorizeURL is the subscription's sign-in page.
func (s *Server) AuthorizeURL() string { return s.URL() + authorizePath }

// ConsoleAuthorizeURL is the Console's sign-in page.
func (s *Server) ConsoleAuthorizeURL() string { return s.URL() + consoleAuthorizePath }

// TokenURL is the token endpoint; the revocation endpoint is at /revoke below it.
func (s *Server) TokenURL() string { return s.URL() + tokenPath }

// APIURL is the API's base.
func (s *Server) APIURL() string { return s.URL() }

// PasteURL is the page that shows a code for pasting; it is also the redirect_uri
// of that way.
func (s *Server) PasteURL() string { return s.URL() + pastePath }

// Env returns the variables, as NAME=value, that point keytender at this server.
func (s *Server) Env() []string {
	return []string{
		"ANTHROPIC_AUTH_URL=" + s.AuthorizeURL(),
		"KEYTENDER_CONSOLE_AUTH_URL=" + s.ConsoleAuthorizeURL(),
		"ANTHROPIC_TOKEN_URL=" + s.TokenURL(),
		"ANTHROPIC_REDIRECT_URI=" + s.PasteURL(),
		"KEYTENDER_API_URL=" + s.APIURL(),
	}
}

// Approve does what a click on Allow does: see the function Approve.
func (s *Server) Approve(ctx context.Context, authorizeURL string) (string, error) {
	return Approve(ctx, authorizeURL)
}

// Decline does what a click on Decline does: see the function Decline.
func (s *Server) Decline(ctx context.Context, authorizeURL string) (string, error) {
	return Decline(ctx, authorizeURL)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		panic(http.ErrAbortHandler)
	}
	defer s.handlers.Done()
	switch path := r.URL.Path; {
	case path == authorizePath, path == consoleAuthorizePath:
		s.serveConsent(w, r)
	case path == decisionPath:
		s.serveDecision(w, r)
	case path == pastePath:
		s.servePaste(w, r)
	case s.control != nil && strings.HasPrefix(path, controlPrefix):
		s.control(s, w, r)
	default:
		s.serveCall(w, r)
	}
}

// begin counts a handler in, unless the server is closing and nobody would wait for
// it any more.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
		return false
	default:
		s.handlers.Add(1)
		return true
	}
}

// wait sleeps for d, or less when the client or the server is gone. What has not to wait is dealt
// with in any case, as by every server that has read a request.
func (s *Server) wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return errors.New("the server is closing")
	}
}

// hold keeps the request silent until Release; an error when the client or the
// server is gone before.
func (s *Server) hold(ctx context.Context) error {
	s.mu.Lock()
	release := s.release
	s.held++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.held--
		s.mu.Unlock()
	}()
	select {
	case <-release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return errors.New("the server is closing")
	}
}

// Release lets every request go on that a Silent fault holds.
func (s *Server) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.release)
	s.release = make(chan struct{})
}

// Held is the number of requests that a Silent fault holds right now.
func (s *Server) Held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// loopbackRedirect reports whether uri is exactly http://localhost:PORT/callback,
// the only loopback form that the real server takes.
func loopbackRedirect(uri string) bool {
	port, ok := strings.CutPrefix(uri, "http://localhost:")
	if !ok {
		return false
	}
	port, ok = strings.CutSuffix(port, "/callback")
	n, err := strconv.Atoi(port)
	return ok && err == nil && n >= 1 && n <= 65535 && strconv.Itoa(n) == port
}
