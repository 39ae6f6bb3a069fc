package callback

import (
	"net/http"
	"sync"
	"time"
)

// overPath is where a late redirect leads: a bare path, so that its code leaves the
// address bar.
const overPath = "/over"

// ending answers after an attempt: with the page that says how it ended, and with nothing
// else. That page is all it has of the attempt: no state is compared any more, and
// whoever asks without knowing the page's own address is not told whose login it was.
type ending struct {
	gate    *gate
	done    string // the attempt's own path of the outcome's page
	outcome Outcome
	instead *instead
}

func newEnding(s *Server) *ending {
	routes := s.instead.among(map[string]route{"/callback": atCallback, overPath: atOver, s.finishing: atFinishing,
		s.done: atDone})
	return &ending{gate: newGate(Config{}, s.port, routes), done: s.done, outcome: *s.outcome, instead: s.instead}
}

func (e *ending) replyTo(q request, _ func()) reply {
	where, no := e.gate.admit(q)
	if no != nil {
		return refuse(no)
	}
	known := func(in *book) []byte { return in.outcome(e.outcome) }
	nameless := func(in *book) []byte {
		return in.outcome(Outcome{Kind: e.outcome.Kind, Problem: e.outcome.Problem})
	}
	switch where {
	case atCallback:
		return reply{status: http.StatusSeeOther, location: overPath, page: nameless}
	case atOver:
		return reply{status: http.StatusOK, page: nameless}
	case atFinishing:
		return reply{status: http.StatusSeeOther, location: e.done, page: known}
	case atInstead:
		return e.instead.follow()
	case nowhere, atDone: // what leads nowhere is refused already
	}
	return reply{status: http.StatusOK, page: known}
}

// lingering is the one host that goes on answering after its attempt. It belongs to the
// process and to no Server, because the next attempt of this process takes its port back.
var lingering struct {
	sync.Mutex
	host *host
	end  *time.Timer
}

// linger lets h answer for a while longer.
func linger(h *host, e *ending, while time.Duration) {
	lingering.Lock()
	defer lingering.Unlock()
	leave()
	h.ask(e.replyTo)
	lingering.host = h
	lingering.end = time.AfterFunc(while, func() {
		lingering.Lock()
		defer lingering.Unlock()
		if lingering.host == h {
			leave()
		}
	})
}

// release frees the port that is answered on after an attempt, if there is one.
func release() {
	lingering.Lock()
	defer lingering.Unlock()
	leave()
}

// leave is release for who holds the lock. When it returns the port is free.
func leave() {
	if lingering.host == nil {
		return
	}
	lingering.end.Stop()
	lingering.host.close()
	lingering.host.running.Wait()
	lingering.host = nil
}
