package fakeclaude

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Forever as Fault.Times keeps the fault in the queue.
const Forever = -1

// Behaviour holds the switches. Start sets AccessLife, LoginLife, Account, Plan and
// ClientID; the zero value of every other field is the well-behaved server. In JSON
// (the control path) durations are nanoseconds.
type Behaviour struct {
	ClientID     string        `json:"clientId"`     // the one client that is known
	Account      string        `json:"account"`      // e-mail of who signs in; ids are made from it
	Organization string        `json:"organization"` // name; empty: one named after the account
	Plan         string        `json:"plan"`         // pro, max, team, enterprise
	AccessLife   time.Duration `json:"accessLife"`   // of an access token
	// from sign-in to the end of the refresh tokens; no renewal moves it
	LoginLife time.Duration `json:"loginLife"`

	// most that a custom expires_in is granted; 0: what was asked
	LongLifeCap time.Duration `json:"longLifeCap"`
	// scopes that a custom expires_in goes with, besides user:inference
	LongLifeScopes  []string `json:"longLifeScopes"`
	LongLifeRefresh bool     `json:"longLifeRefresh"` // a refresh token with a custom expires_in too

	Forms        bool `json:"forms"`        // token calls may be forms; JSON always works
	NestedErrors bool `json:"nestedErrors"` // OAuth errors as {"error":{"type":…}} instead of {"error":…}
	// RFC 9207: the iss of every redirect; empty: none. The right one is URL()
	Iss        string `json:"iss"`
	AllowError string `json:"allowError"` // Allow redirects with this OAuth error instead of a code
	// scopes answered with invalid_scope, at the page and at a renewal
	RefuseScopes []string       `json:"refuseScopes"`
	Omit         []string       `json:"omit"`   // fields left out of every token response, see Fault.Omit
	Refuse       map[string]int `json:"refuse"` // kind of API call ("profile", "models", …) to the status it gets

	Faults []Fault `json:"faults"` // a queue: each call takes the first that fits it

	// OnToken is called once a token call was processed and before it is answered,
	// with the grant type. Everything is rotated by then and nothing is told. Close
	// waits for it to return.
	OnToken func(grant string) `json:"-"`
}

// When a fault strikes.
type When string

const (
	Unprocessed When = "" // the request was read, nothing was done: the tokens are as before
	// only the headers were read; a token call's grant is then unknown, so On cannot tell exchange from renew
	Unread    When = "unread"
	Processed When = "processed" // all is done, tokens are rotated, the response was not sent yet
)

// Fault is the scripted response to a call. The zero Fault is a normal response, so
// that a queue can say "normal, then 503".
type Fault struct {
	On    string `json:"on"`    // kind of call: exchange, renew, revoke, profile, models, …; empty: exchange or renew
	Times int    `json:"times"` // how many calls; 0 means one, Forever all

	Delay time.Duration `json:"delay"` // before anything is done

	// What happens at When, the first that is set.
	When   When              `json:"when"`
	Silent bool              `json:"silent"` // nothing until Release, then on as if nothing had been
	Reset  bool              `json:"reset"`  // the connection is reset (RST)
	Status int               `json:"status"` // this status, Header and Body instead of the real response
	Header map[string]string `json:"header"`
	Body   string            `json:"body"` // empty: an error object that fits Status

	// How the response is spoiled, the real one too.
	// bytes of the body that are sent before the connection closes; 0: all
	CutAfter int `json:"cutAfter"`
	// fields left out; without refresh_token nothing is rotated either
	Omit    []string                   `json:"omit"`
	Replace map[string]json.RawMessage `json:"replace"` // fields set to raw JSON
}

// For makes the fault one for a kind of call.
func (f Fault) For(kind string) Fault { f.On = kind; return f }

// Repeat makes the fault one for several calls, or Forever.
func (f Fault) Repeat(times int) Fault { f.Times = times; return f }

func (f Fault) fits(kind string) bool {
	return f.On == kind || f.On == "" && (kind == "exchange" || kind == "renew")
}

// unread tells the faults that end a call before its body is read. A silent call is
// read first: only then does the server notice that the client is gone.
func (f Fault) unread() bool { return f.When == Unread && !f.Silent && (f.Reset || f.Status != 0) }

func defaults() Behaviour {
	return Behaviour{
		ClientID:   ClientID,
		Account:    "a@example.com",
		Plan:       "max",
		AccessLife: 8 * time.Hour,
		LoginLife:  30 * 24 * time.Hour,
	}
}

// Set changes the switches; the change is seen whole by the next request. It must
// not call the server's methods, URL and its kin excepted.
func (s *Server) Set(change func(*Behaviour)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.switches)
}

// Behaviour returns a copy of the switches; its Faults are those not yet used up.
func (s *Server) Behaviour() Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behaviour()
}

func (s *Server) behaviour() Behaviour {
	b := s.switches
	b.RefuseScopes, b.Omit = slices.Clone(b.RefuseScopes), slices.Clone(b.Omit)
	b.Faults = append([]Fault(nil), b.Faults...)
	b.Refuse = maps.Clone(b.Refuse)
	return b
}

// takeFault takes the first fault that fits out of the queue, if it is one that
// strikes at this point: before the body is read, or later.
func (s *Server) takeFault(unread bool, fits func(Fault) bool) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, fault := range s.switches.Faults {
		if !fits(fault) {
			continue
		}
		if fault.unread() != unread {
			break
		}
		// The array may be shared with the caller who set it.
		queue := append([]Fault{}, s.switches.Faults...)
		switch {
		case fault.Times == Forever:
		case fault.Times > 1:
			queue[i].Times--
		default:
			queue = append(queue[:i], queue[i+1:]...)
		}
		s.switches.Faults = queue
		return fault, true
	}
	return Fault{}, false
}
