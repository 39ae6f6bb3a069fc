package callback

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	defaultHold = 500 * time.Millisecond
	readLimit   = 5 * time.Second // for a whole head
	writeLimit  = 5 * time.Second
	drainLimit  = 250 * time.Millisecond
	drainBytes  = 64 << 10

	deliverLimit = 2 * time.Second
	// hurriedLimit replaces deliverLimit once the context is done: who interrupts
	// us waits for it.
	hurriedLimit = 250 * time.Millisecond
)

// Server listens for one attempt's redirect, from Listen to Close.
type Server struct {
	*host
	port      int
	hold      time.Duration
	linger    time.Duration
	gate      *gate
	finishing string // path that leads on to the outcome once there is one
	done      string // path of the outcome's page
	instead   *instead

	redirects chan Redirect
	settled   chan struct{} // closed when the outcome is there
	delivered chan struct{} // closed when the outcome's page was fetched
	ended     <-chan struct{}
	detach    func() bool // from the context

	mu      sync.Mutex
	taken   bool // a redirect was taken; every later one is a repetition
	owed    bool // a browser came with the right state and waits for the outcome
	outcome *Outcome

	delivery sync.Once
	closing  sync.Once
}

// Listen starts to listen on 127.0.0.1 and ::1, on the same port; a machine
// without one of them listens on the other alone. When c.Port cannot be had on
// both, another port is taken, or with c.Exact a *PortError returned. The server
// is ready before Listen returns. When ctx is done the server closes. A port that this
// process still answers on for an earlier attempt is free for this one.
func Listen(ctx context.Context, c Config) (*Server, error) {
	return listen(ctx, listenLoopback, c)
}

func listen(ctx context.Context, l listenFunc, c Config) (*Server, error) {
	if c.State == "" {
		return nil, errors.New("listening for a redirect needs a state")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	release()
	listeners, err := claim(ctx, l, c)
	if err != nil {
		return nil, err
	}
	s := newServer(c, listeners[0].Addr().(*net.TCPAddr).Port)
	s.ended = ctx.Done()
	s.start(listeners)
	s.detach = context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			s.Finish(Outcome{Kind: TimedOut})
		}
		s.close()
	})
	return s, nil
}

// newServer makes a server that listens nowhere yet.
func newServer(c Config, port int) *Server {
	s := &Server{
		port: port, hold: c.Hold, linger: c.Linger,
		// Unguessable, so that a stranger on loopback cannot look up the outcome.
		finishing: "/finishing/" + randomHex(), done: "/done/" + randomHex(),
		redirects: make(chan Redirect, 1), settled: make(chan struct{}), delivered: make(chan struct{}),
	}
	if s.hold <= 0 {
		s.hold = defaultHold
	}
	s.instead = newInstead(c.Instead)
	s.host = newHost(s.replyTo)
	s.gate = newGate(c, port, s.instead.among(map[string]route{"/callback": atCallback, s.finishing: atFinishing,
		s.done: atDone}))
	return s
}

func randomHex() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// Port is the port that was taken.
func (s *Server) Port() int { return s.port }

// RedirectURI is the redirect_uri of the attempt.
func (s *Server) RedirectURI() string {
	return "http://localhost:" + strconv.Itoa(s.port) + "/callback"
}

// Redirects delivers the one redirect. It is never closed.
func (s *Server) Redirects() <-chan Redirect { return s.redirects }

// Finish says what the browser is told; the first call counts. An error in the
// redirect is an outcome of its own, told before Finish is called.
func (s *Server) Finish(o Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(o)
}

// settle is Finish for who holds mu.
func (s *Server) settle(o Outcome) {
	if s.outcome == nil {
		o.instead = s.instead.pathFor(o)
		s.outcome = &o
		close(s.settled)
	}
}

// Close stops listening and closes every connection, silent ones too. It does so
// at once, except that a browser which came with the right state gets 2 s to
// fetch the outcome's page (250 ms when the context is done). Without an outcome
// that browser is told that the sign-in was cancelled. When Close returns the
// port is free and nothing of the server is left running. The error is always nil.
//
// With Config.Linger it returns at once, and the port goes on answering with the
// outcome's page alone.
func (s *Server) Close() error {
	s.detach()
	s.close()
	return nil
}

func (s *Server) close() {
	s.closing.Do(func() {
		s.Finish(Outcome{Kind: Cancelled})
		if s.linger > 0 {
			linger(s.host, newEnding(s), s.linger)
			return
		}
		s.deliver()
		s.host.close()
	})
	if s.linger <= 0 {
		s.running.Wait()
	}
}

func (s *Server) deliver() {
	s.mu.Lock()
	owed := s.owed
	s.mu.Unlock()
	if !owed {
		return
	}
	select {
	case <-s.delivered:
		return
	case <-time.After(deliverLimit):
		return
	case <-s.ended:
	}
	select {
	case <-s.delivered:
	case <-time.After(hurriedLimit):
	}
}

// replyTo is the attempt's judge.
func (s *Server) replyTo(q request, ours func()) reply {
	where, no := s.gate.admit(q)
	if no != nil {
		return refuse(no)
	}
	switch where {
	case atCallback:
		a, no := s.gate.read(q.query)
		if no != nil {
			return refuse(no)
		}
		ours()
		if s.take(a) {
			select {
			case <-s.settled:
			case <-time.After(s.hold):
			}
		}
		return s.progress()
	case atFinishing:
		ours()
		return s.progress()
	case atInstead:
		ours()
		return s.instead.follow()
	case nowhere, atOver, atDone: // what leads nowhere is refused already, and atOver comes after an attempt alone
	}
	ours()
	return s.end()
}

// take hands the first redirect on and reports whether it was the first.
func (s *Server) take(a Redirect) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owed = true
	if s.taken || s.outcome != nil {
		return false
	}
	s.taken = true
	s.redirects <- a // has room for the only one
	if a.Err != "" {
		s.settle(outcomeOf(a))
	}
	return true
}

// progress leads to the outcome's page, or says that there is none yet.
func (s *Server) progress() reply {
	select {
	case <-s.settled:
		// A bare path of ours: the code leaves the address bar and the history. The page
		// itself comes along for who follows no redirect.
		return reply{status: http.StatusSeeOther, location: s.done, page: s.end().page}
	default:
		return reply{status: http.StatusOK, page: func(in *book) []byte { return in.wait(s.finishing) }}
	}
}

func (s *Server) end() reply {
	s.mu.Lock()
	o := s.outcome
	s.mu.Unlock()
	if o == nil {
		return refuse(refusePath)
	}
	return reply{status: http.StatusOK, page: func(in *book) []byte { return in.outcome(*o) }, fetched: s.noteFetched}
}

func (s *Server) noteFetched() {
	s.delivery.Do(func() { close(s.delivered) })
}

// outcomeOf is what the browser is told about an error in the redirect (RFC 6749
// §4.1.2.1).
func outcomeOf(a Redirect) Outcome {
	switch a.Err {
	case "access_denied":
		return Outcome{Kind: Declined, Said: a.ErrDescription}
	case "server_error", "temporarily_unavailable":
		return Outcome{Kind: Failed, Problem: "try-later", Said: a.ErrDescription}
	}
	return Outcome{Kind: Failed, Problem: "not-permitted", Said: a.ErrDescription}
}
