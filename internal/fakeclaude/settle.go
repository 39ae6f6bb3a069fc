package fakeclaude

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// traffic is what a server has to do with at the moment.
type traffic struct {
	mu   sync.Mutex
	busy map[net.Conn]bool // connections on which something is read or answered
}

func (t *traffic) note(c net.Conn, state http.ConnState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch state {
	case http.StateNew, http.StateActive:
		t.busy[c] = true
	case http.StateIdle, http.StateHijacked, http.StateClosed:
		delete(t.busy, c)
	}
}

func (t *traffic) quiet() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.busy) == 0
}

// Settle waits until the server has dealt with everything that was on its way to it, of
// processes too that were killed meanwhile. It returns the context's error, or a connection's.
func (s *Server) Settle(ctx context.Context) error {
	// Connections are accepted in their order: what came before this one is known after it.
	last, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { last.Close() })()
	_, _ = io.WriteString(last, "no request\r\n\r\n")
	_, err = io.Copy(io.Discard, last) // its refusal
	last.Close()
	for err == nil && !s.traffic.quiet() {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return err
}
