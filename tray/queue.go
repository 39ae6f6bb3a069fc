package tray

import "sync"

// queue carries work to the goroutine that owns the app's state. It has no limit,
// so whoever posts (a click, an event of the engine) never waits and loses nothing.
type queue struct {
	mu    sync.Mutex
	waits []func()
	wake  chan struct{} // holds one token while something waits
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

func (q *queue) post(work func()) {
	q.mu.Lock()
	q.waits = append(q.waits, work)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) take() []func() {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.waits
	q.waits = nil
	return all
}
