package callback

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// host listens on one port, on every stack, and passes on what is asked there.
type host struct {
	listeners []net.Listener
	limiters  []*limiter
	running   sync.WaitGroup
	judge     atomic.Pointer[judge]
}

// judge decides what q gets. It calls ours as soon as q has shown that it belongs to the
// attempt.
type judge func(q request, ours func()) reply

func newHost(j judge) *host {
	h := &host{}
	h.ask(j)
	return h
}

// ask has j decide from now on.
func (h *host) ask(j judge) { h.judge.Store(&j) }

func (h *host) start(listeners []net.Listener) {
	h.listeners = listeners
	for _, l := range listeners {
		open := newLimiter()
		h.limiters = append(h.limiters, open)
		h.running.Go(func() { h.accept(l, open) })
	}
}

// close frees the port and sends everybody away.
func (h *host) close() {
	for _, l := range h.listeners {
		l.Close()
	}
	for _, open := range h.limiters {
		open.close()
	}
}

func (h *host) accept(l net.Listener, open *limiter) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors: what is open will close
			time.Sleep(silenceLimit)
			continue
		}
		if c := open.enter(conn); c != nil {
			h.running.Go(func() {
				defer open.leave(c)
				h.serve(c, open)
			})
		}
	}
}

// serve answers one request. One per connection leaves nothing to smuggle and no
// idle connection to wait for.
func (h *host) serve(c *connection, open *limiter) {
	_ = c.SetReadDeadline(time.Now().Add(readLimit))
	open.listening(c)
	head, err := readHead(c)
	var q request
	if err == nil {
		q, err = parseHead(head)
	}
	var a reply
	switch {
	case errors.Is(err, errHeadMalformed):
		a = refuse(refuseMalformed)
	case errors.Is(err, errHeadTooBig):
		a = refuse(refuseTooBig)
	case err != nil: // silent, too slow, or gone: there is nobody to tell
		return
	default:
		go bookFor(q) // the pages are made while the login is got
		a = (*h.judge.Load())(q, func() { open.keep(c) })
	}
	_ = c.SetWriteDeadline(time.Now().Add(writeLimit))
	if _, err := c.Write(a.bytes(bookFor(q), q.method != http.MethodHead)); err != nil {
		return
	}
	hangUp(c.Conn)
	if a.fetched != nil {
		a.fetched()
	}
}
