package fakeclaude

import (
	"maps"
	"net/http"
	"strings"
	"time"

	"keytender/internal/secret"
)

// maxRecords bounds the memory of a long run; the oldest are dropped.
const maxRecords = 10_000

// Record is one request as it came. It holds no secret: codes, verifiers, states and
// tokens are there as fingerprints (secret.String's).
type Record struct {
	Kind      string            `json:"kind"`
	Method    string            `json:"method"`
	Path      string            `json:"path"`
	Time      time.Time         `json:"time"`
	UserAgent string            `json:"userAgent"`
	Header    map[string]string `json:"header"` // of recordedHeaders, those that came
	Bearer    string            `json:"bearer"` // fingerprint of the token that authorized the call
	Body      map[string]string `json:"body"`   // value, or fingerprint, by key
	Spent     bool              `json:"spent"`  // a renewal with a refresh token that was used before
	Status    int               `json:"status"` // of the response; 0: none was sent
}

var recordedHeaders = []string{"Accept", "Content-Type", "Anthropic-Beta", "Anthropic-Version", "Origin", "Connection"}

// plainKeys are the body's keys whose values are no secret.
var plainKeys = map[string]bool{
	"grant_type": true, "client_id": true, "redirect_uri": true, "scope": true,
	"expires_in": true, "token_type_hint": true, "model": true, "stream": true,
}

func fingerprint(text string) string { return secret.New(text).Fingerprint() }

// note counts and records a request.
func (s *Server) note(kind string, r *http.Request, body map[string]string) *Record {
	record := &Record{
		Kind: kind, Method: r.Method, Path: r.URL.Path, Time: s.now(), UserAgent: r.UserAgent(),
		Header: map[string]string{}, Body: map[string]string{},
	}
	for _, name := range recordedHeaders {
		if value := r.Header.Get(name); value != "" {
			record.Header[name] = value
		}
	}
	record.Bearer = fingerprint(bearer(r))
	for key, value := range body {
		if !plainKeys[key] {
			value = fingerprint(value)
		}
		record.Body[key] = value
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[kind]++
	if t := s.ledger.tokens[body["refresh_token"]]; kind == "renew" && t != nil {
		record.Spent = t.spent
	}
	if verifier := body["code_verifier"]; verifier != "" {
		s.ledger.verifiers[verifier] = true
	}
	if len(s.records) == maxRecords {
		s.records = append([]*Record(nil), s.records[maxRecords/2:]...)
	}
	s.records = append(s.records, record)
	return record
}

func (s *Server) answered(record *Record, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	record.Status = status
}

// Requests returns what came so far, oldest first, at most the last few thousand.
// Records and their maps are copies of the server's or never changed again.
func (s *Server) Requests() []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Record, 0, len(s.records))
	for _, record := range s.records {
		list = append(list, *record)
	}
	return list
}

// Count is the number of requests of a kind so far: exchange, exchange-reused (a
// code came twice), renew, renew-reused (a spent refresh token came again), token
// (a token call of unknown grant), revoke, profile, roles, create_api_key, models,
// messages, hello, authorize, allow, decline, paste, other. The reused ones are
// counted as exchange and renew too.
func (s *Server) Count(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[kind]
}

// Counts returns all counters that are not zero.
func (s *Server) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

func bearer(r *http.Request) string {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(text)
}
