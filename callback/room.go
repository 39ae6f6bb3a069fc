package callback

import (
	"net"
	"sync"
	"time"
)

const (
	// roomSize bounds the connections of one stack, and with them the memory: each
	// holds a goroutine and at most maxHead bytes.
	roomSize = 256
	// patience is how long a connection may be silent before it can lose its place
	// to a newcomer. A browser that has a request sends it along with the
	// connection, so that 20 ms decide; short enough to let a thousand silent
	// strangers through in less than a tenth of a second.
	patience = 20 * time.Millisecond
)

// room holds the open connections of one listener. When it is full the one that
// has waited longest leaves, so that silent or slow strangers never keep the
// person's browser outside.
type room struct {
	places chan struct{}

	mu     sync.Mutex
	guests map[*guest]struct{}
	closed bool
}

type guest struct {
	net.Conn
	since time.Time // when it was first listened to; zero before
	stays bool      // it belongs to the attempt and is never sent away
}

func newRoom() *room {
	return &room{places: make(chan struct{}, roomSize), guests: map[*guest]struct{}{}}
}

// enter waits for a place, making one when it must. It returns nil, with the
// connection closed, once the room is.
func (r *room) enter(conn net.Conn) *guest {
	for {
		select {
		case r.places <- struct{}{}:
			return r.seat(&guest{Conn: conn})
		default:
		}
		if r.makePlace() {
			continue
		}
		select {
		case r.places <- struct{}{}:
			return r.seat(&guest{Conn: conn})
		case <-time.After(patience / 5):
		}
	}
}

// seat takes in a guest for whom there is a place.
func (r *room) seat(g *guest) *guest {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.guests[g] = struct{}{}
	if r.closed {
		g.Close()
		r.remove(g)
		return nil
	}
	return g
}

// makePlace sends the longest waiting guest away and reports whether there is a
// chance of a place now.
func (r *room) makePlace() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return true
	}
	var oldest *guest
	for g := range r.guests {
		if !g.stays && !g.since.IsZero() && (oldest == nil || g.since.Before(oldest.since)) {
			oldest = g
		}
	}
	if oldest == nil || time.Since(oldest.since) < patience {
		return false
	}
	oldest.Close()
	r.remove(oldest)
	return true
}

// remove frees the guest's place. The caller holds mu.
func (r *room) remove(g *guest) {
	if _, here := r.guests[g]; here {
		delete(r.guests, g)
		<-r.places
	}
}

// listening marks the moment from which the guest's silence counts.
func (r *room) listening(g *guest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g.since = time.Now()
}

// keep protects a guest who showed that it belongs to the attempt.
func (r *room) keep(g *guest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g.stays = true
}

func (r *room) leave(g *guest) {
	g.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(g)
}

// close sends everybody away and lets nobody in any more.
func (r *room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for g := range r.guests {
		g.Close()
		r.remove(g)
	}
}
