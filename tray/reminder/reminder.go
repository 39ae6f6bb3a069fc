// Package reminder decides what a person is told of their logins' ends, and remembers what
// they were told, so that nothing is said twice. It has no words and shows nothing.
package reminder

import (
	"slices"
	"time"

	"keytender/internal/session"
)

// Soon is how long before a login's end it is told of first.
const Soon = 7 * day

// Kind is what there is to tell.
type Kind string

// The kinds.
const (
	Ending      Kind = "ending"        // the login ends in Left
	Ended       Kind = "ended"         // its end has come
	SignInAgain Kind = "sign-in-again" // it cannot be renewed any more
	Trouble     Kind = "trouble"       // a problem that only the person can solve
)

// Reminder is what to tell now.
type Reminder struct {
	Kind Kind
	Left time.Duration // of Ending
}

// Logins are a status for each account, that of the active one first: every login's end is
// told, not only that of the one in use.
func Logins(st session.Status) []session.Status {
	all := []session.Status{st}
	for _, a := range st.Accounts {
		if a.Name == st.Account || st.Role == session.RoleWatch {
			continue
		}
		all = append(all, session.Status{State: a.State, Account: a.Name, Email: a.Email, Organization: a.Organization,
			Plan: a.Plan, Login: a.Login})
	}
	return all
}

// Memory is what the person has been told, by account name. It outlives the
// program, so that nothing is told twice.
type Memory map[string]Told

// Told is what was said about one login.
type Told struct {
	Email     string    `json:"email"`
	LoginEnds time.Time `json:"loginEnds"` // zero: unknown
	Step      Step      `json:"step"`
	At        time.Time `json:"at"` // when the last step was told
	// WasOver is when the person was last told that a login was over which then came
	// back: one that comes and goes is told of once a day.
	WasOver time.Time `json:"wasOver"`
	// Trouble is the code of a problem that only the person can solve, and Since when
	// it has been there; TroubleAt is when they were last told of one.
	Trouble   session.Code `json:"trouble,omitempty"`
	Since     time.Time    `json:"since,omitzero"`
	TroubleAt time.Time    `json:"troubleAt,omitzero"`
}

// Step is how near the end of a login is. Each is told once, the nearest one only.
type Step int

// The steps, in order.
const (
	Far Step = iota
	SevenDays
	ThreeDays
	OneDay
	Over // ended, or cannot be renewed any more
)

const day = 24 * time.Hour

// stepOf is the nearest step that a login with this much time left has reached.
func stepOf(left time.Duration) Step {
	switch {
	case left <= 0:
		return Over
	case left <= day:
		return OneDay
	case left <= 3*day:
		return ThreeDays
	case left <= Soon:
		return SevenDays
	}
	return Far
}

// Next says what to tell the person now, if anything, and what to remember once that is
// done. at is the wall clock. The access token's own end never leads to a
// notice.
func Next(now session.Status, m Memory, at time.Time) (*Reminder, Memory) {
	if now.State == "" || now.State == session.SignedOut {
		return nil, m
	}
	n, m := trouble(now, m, at)
	if n != nil {
		return n, m
	}
	told := m[now.Account]
	if !told.isAbout(now) {
		told = Told{Email: now.Email}
	}
	if end := now.Login.ExpiresAt; end != nil {
		told.LoginEnds = end.UTC().Round(0)
	}
	if told.At.After(at) { // said while the clock was ahead
		told.Step, told.At = Far, time.Time{}
	}
	step := Far
	if now.State == session.SignInAgain {
		step = Over
	} else if end := now.Login.ExpiresAt; end != nil {
		step = stepOf(end.Sub(at))
	}

	if step < Over && told.Step == Over {
		// The login came back to life, say by a pair that Claude Code had renewed.
		told.Step, told.WasOver = step, told.At
		return nil, m.With(now.Account, told)
	}
	if step <= told.Step || step == Over && at.Sub(told.WasOver).Abs() < day {
		return nil, m
	}
	told.Step, told.At = step, at.UTC().Round(0)
	return reminder(step, now, at), m.With(now.Account, told)
}

func reminder(step Step, s session.Status, at time.Time) *Reminder {
	switch {
	case step < Over:
		return &Reminder{Ending, s.Login.ExpiresAt.Sub(at)}
	case s.Login.ExpiresAt != nil && !at.Before(*s.Login.ExpiresAt):
		return &Reminder{Kind: Ended}
	}
	return &Reminder{Kind: SignInAgain}
}

// troubleFor is how long a problem must stand before the person is told: a keychain
// is locked for a while after each start of the desktop.
const troubleFor = 10 * time.Minute

// needsPerson says whether the problem is one that does not pass by itself.
func needsPerson(s session.Status) bool {
	if s.State != session.TryLater || s.Problem == nil || s.AccessToken.Valid {
		return false
	}
	return slices.Contains(personal, s.Problem.Code)
}

var personal = []session.Code{session.CodeLocked, session.CodeDenied, session.CodeUnavailable, session.CodeDamaged,
	session.CodeRefused, session.CodeTooBig, session.CodeStorage, session.CodeConfiguration, session.CodeNotPermitted,
	session.CodeLaterVersion}

// trouble tells of a problem that stays, once a day at most.
func trouble(s session.Status, m Memory, at time.Time) (*Reminder, Memory) {
	told := m[s.Account]
	at = at.UTC().Round(0)
	if !needsPerson(s) {
		if told.Trouble != "" {
			told.Trouble, told.Since = "", time.Time{}
			m = m.With(s.Account, told)
		}
		return nil, m
	}
	if told.Trouble != s.Problem.Code || at.Before(told.Since) {
		told.Trouble, told.Since = s.Problem.Code, at
		m = m.With(s.Account, told)
	}
	stands := at.Sub(told.Since) >= troubleFor || s.Problem.Code == session.CodeLaterVersion // which does not pass
	if stands && at.Sub(told.TroubleAt).Abs() >= day && told.TroubleAt.Before(told.Since) {
		told.TroubleAt = at
		return &Reminder{Kind: Trouble}, m.With(s.Account, told)
	}
	return nil, m
}

// sameEnd is how far apart two readings of one login's end may lie: a server that
// tells the time left, not the end, gives each reading a little shift.
const sameEnd = 12 * time.Hour

// isAbout reports whether t was said about the login that s shows. An end that is
// unknown on either side tells nothing.
func (t Told) isAbout(s session.Status) bool {
	if t.Email != s.Email {
		return false
	}
	if t.LoginEnds.IsZero() || s.Login.ExpiresAt == nil {
		return true
	}
	return s.Login.ExpiresAt.Sub(t.LoginEnds).Abs() < sameEnd
}

// With remembers what was said about an account.
func (m Memory) With(account string, t Told) Memory {
	next := m.Without(account)
	next[account] = t
	return next
}

// Without forgets what was said about an account, because it has a new login.
func (m Memory) Without(account string) Memory {
	next := Memory{}
	for name, t := range m {
		if name != account {
			next[name] = t
		}
	}
	return next
}

// Equal reports whether both remember the same.
func (m Memory) Equal(other Memory) bool {
	for account, t := range m {
		if o, there := other[account]; !there || o != t {
			return false
		}
	}
	return len(m) == len(other)
}
