package session

import (
	"os"
	"sync"
	"time"
)

// clockFile says how far our clock is from the server's; it is there only while it is.
const clockFile = "clock.json"

// clockLimit is more than a slow response and the seconds that a Date header counts in.
const clockLimit = time.Minute

type clockNote struct {
	At         time.Time `json:"at"`
	OffSeconds int64     `json:"offSeconds"` // the server's clock less ours
}

// heard is how far the clock was from the server's at the last response. It is written down
// when the work is done: between a response and its storing there is no time for that.
type heard struct {
	mu   sync.Mutex
	note *clockNote
}

// noteServerDate is called with the server's date at each response. A laptop may have slept
// between the sending and the response, so either time of ours may be the right one.
func (s *state) noteServerDate(server, sent time.Time) {
	now := s.wall()
	off := server.Sub(now)
	if sinceSent := server.Sub(sent); sinceSent.Abs() < off.Abs() {
		off = sinceSent
	}
	s.heard.mu.Lock()
	defer s.heard.mu.Unlock()
	s.heard.note = &clockNote{now, int64(off / time.Second)}
}

// serversWall is the present by the clock of the server that answered in this piece of work.
func (s *state) serversWall() time.Time {
	s.heard.mu.Lock()
	defer s.heard.mu.Unlock()
	if s.heard.note == nil {
		return s.wall()
	}
	return s.wall().Add(time.Duration(s.heard.note.OffSeconds) * time.Second)
}

// keepServerDate writes down what was heard, for whoever holds our lock.
func (s *state) keepServerDate() {
	s.heard.mu.Lock()
	defer s.heard.mu.Unlock()
	note := s.heard.note
	s.heard.note = nil
	switch {
	case note == nil:
	case (time.Duration(note.OffSeconds) * time.Second).Abs() < clockLimit:
		_ = os.Remove(s.statePath(clockFile))
	default:
		if err := s.writeState(clockFile, note); err != nil {
			s.log.Warn("how far the clock is off could not be noted", "reason", plain(err))
		}
	}
}

func (s *state) serverClock() (off time.Duration, at time.Time, known bool) {
	var note clockNote
	if s.readState(clockFile, &note) != nil || note.OffSeconds == 0 {
		return 0, time.Time{}, false
	}
	return time.Duration(note.OffSeconds) * time.Second, note.At, true
}
