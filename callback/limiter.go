package callback

import (
	"net"
	"sync"
	"time"
)

const (
	// connectionLimit bounds the connections of one stack, and with them the memory: each
	// holds a goroutine and at most maxHead bytes.
	connectionLimit = 256
	// silenceLimit is how long a connection may be silent before it can be evicted for
	// a newcomer. A browser that has a request sends it along with the
	// connection, so that 20 ms decide; short enough to let a thousand silent
	// strangers through in less than a tenth of a second.
	silenceLimit = 20 * time.Millisecond
)

// limiter holds the open connections of one listener. When there are too many the one
// that has waited longest is evicted, so that silent or slow strangers never keep the
// person's browser outside.
type limiter struct {
	slots chan struct{}

	mu          sync.Mutex
	connections map[*connection]struct{}
	closed      bool
}

type connection struct {
	net.Conn
	since time.Time // when it was first listened to; zero before
	stays bool      // it belongs to the attempt and is never evicted
}

func newLimiter() *limiter {
	return &limiter{slots: make(chan struct{}, connectionLimit), connections: map[*connection]struct{}{}}
}

// enter waits for a slot, evicting another connection when it must. It returns nil, with
// conn closed, once the limiter is.
func (l *limiter) enter(conn net.Conn) *connection {
	for {
		select {
		case l.slots <- struct{}{}:
			return l.register(&connection{Conn: conn})
		default:
		}
		if l.evict() {
			continue
		}
		select {
		case l.slots <- struct{}{}:
			return l.register(&connection{Conn: conn})
		case <-time.After(silenceLimit / 5):
		}
	}
}

// register takes in a connection that has a slot.
func (l *limiter) register(c *connection) *connection {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.connections[c] = struct{}{}
	if l.closed {
		c.Close()
		l.remove(c)
		return nil
	}
	return c
}

// evict closes the connection that has waited longest, and reports whether there is a chance
// of a slot now.
func (l *limiter) evict() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return true
	}
	var oldest *connection
	for c := range l.connections {
		if !c.stays && !c.since.IsZero() && (oldest == nil || c.since.Before(oldest.since)) {
			oldest = c
		}
	}
	if oldest == nil || time.Since(oldest.since) < silenceLimit {
		return false
	}
	oldest.Close()
	l.remove(oldest)
	return true
}

// remove frees the connection's slot. The caller holds mu.
func (l *limiter) remove(c *connection) {
	if _, here := l.connections[c]; here {
		delete(l.connections, c)
		<-l.slots
	}
}

// listening marks the moment from which the connection's silence counts.
func (l *limiter) listening(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.since = time.Now()
}

// keep protects a connection that showed that it belongs to the attempt.
func (l *limiter) keep(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.stays = true
}

func (l *limiter) leave(c *connection) {
	c.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(c)
}

// close closes them all and lets no other in.
func (l *limiter) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for c := range l.connections {
		c.Close()
		l.remove(c)
	}
}
