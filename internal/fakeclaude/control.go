package fakeclaude

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

const controlPrefix = "/_control/"

// Control lets another process work the switches:
//
//	POST behaviour  a JSON object with the fields of Behaviour to change
//	POST faults     a JSON list of Fault, put behind those that wait
//	POST release    lets held requests go on
//	POST issue      {"account": e-mail}: a pair of tokens
//	POST token      {"token": …}: {"alive", "spent", "familyRevoked"}
//	GET  behaviour, counts, requests
//
// A test, not a browser, asks: an Origin header is refused.
func (s *Server) Control(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Origin") != "" {
		send(w, refused(http.StatusForbidden), 0)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		send(w, refused(http.StatusBadRequest), 0)
		return
	}
	var in struct{ Account, Token string }
	var out any = map[string]any{}
	switch r.Method + " " + strings.TrimPrefix(r.URL.Path, controlPrefix) {
	case "POST behaviour":
		// On a copy, so that half a change is none.
		s.mu.Lock()
		b := s.behaviour()
		waiting := b.Faults
		b.Faults = nil // else a new fault would be merged into the old one in its place
		if err = json.Unmarshal(body, &b); err == nil {
			if b.Faults == nil {
				b.Faults = waiting
			}
			s.switches = b
		}
		s.mu.Unlock()
	case "POST faults":
		var faults []Fault
		if err = json.Unmarshal(body, &faults); err == nil {
			s.Set(func(b *Behaviour) { b.Faults = append(b.Faults, faults...) })
		}
	case "POST release":
		s.Release()
	case "POST issue":
		if err = json.Unmarshal(body, &in); err == nil {
			access, refresh := s.Issue(in.Account)
			out = map[string]string{"access": access, "refresh": refresh}
		}
	case "POST token":
		if err = json.Unmarshal(body, &in); err == nil {
			out = map[string]bool{"alive": s.Alive(in.Token), "spent": s.Spent(in.Token),
				"familyRevoked": s.FamilyRevoked(in.Token)}
		}
	case "GET behaviour":
		out = s.Behaviour()
	case "GET counts":
		counts := s.Counts()
		counts["held"] = s.Held()
		out = counts
	case "GET requests":
		out = s.Requests()
	default:
		send(w, refused(http.StatusNotFound), 0)
		return
	}
	if err != nil {
		send(w, apiError(http.StatusBadRequest, err.Error()), 0)
		return
	}
	encoded, err := json.Marshal(out)
	if err != nil {
		send(w, apiError(http.StatusInternalServerError, err.Error()), 0)
		return
	}
	send(w, response{status: http.StatusOK, raw: string(encoded)}, 0)
}
