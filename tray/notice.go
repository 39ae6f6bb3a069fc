package tray

import (
	"maps"
	"time"

	"keytender/internal/session"
	"keytender/tray/menu"
	"keytender/tray/notify"
)

// Memory is what the person has been told, by account name. It outlives the
// program, so that nothing is told twice.
type Memory map[string]Told

// noIcon stands in the Memory for the desktop without a place for the icon; no account
// can be called that.
const noIcon = "(icon)"

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
	Trouble   string    `json:"trouble,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	TroubleAt time.Time `json:"troubleAt,omitzero"`
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
	case left <= menu.SoonBefore:
		return SevenDays
	}
	return Far
}

// Decide says what to tell the person now, if anything, and what to remember once
// that is done. at is the wall clock. The access token's own end never leads to a
// notice.
func Decide(w *menu.Words, now session.Status, m Memory, at time.Time) (*notify.Notice, Memory) {
	if now.State == "" || now.State == session.SignedOut {
		return nil, m
	}
	n, m := decideTrouble(w, now, m, at)
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
	step := Far
	if now.State == session.SignInAgain {
		step = Over
	} else if end := now.Login.ExpiresAt; end != nil {
		step = stepOf(end.Sub(at))
	}

	if step < Over && told.Step == Over {
		// The login came back to life, say by a pair that Claude Code had renewed.
		told.Step, told.WasOver = step, told.At
		return nil, m.with(now.Account, told)
	}
	if step <= told.Step || step == Over && at.Sub(told.WasOver).Abs() < day {
		return nil, m
	}
	told.Step, told.At = step, at.UTC().Round(0)
	return notice(w, step, now, at), m.with(now.Account, told)
}

func notice(w *menu.Words, step Step, s session.Status, at time.Time) *notify.Notice {
	var n notify.Notice
	switch {
	case step < Over:
		n = noticeEnding(w, s.Login.ExpiresAt.Sub(at), s)
	case s.Login.ExpiresAt != nil && !at.Before(*s.Login.ExpiresAt):
		n = noticeEnded(w, s)
	default:
		n = noticeSignInAgain(w, s)
	}
	return &n
}

// troubleFor is how long a problem must stand before the person is told: a keychain
// is locked for a while after each start of the desktop.
const troubleFor = 10 * time.Minute

// needsPerson says which problems do not pass by themselves.
func needsPerson(s session.Status) bool {
	if s.State != session.TryLater || s.Problem == nil || s.AccessToken.Valid {
		return false
	}
	switch s.Problem.Code {
	case "locked", "denied", "unavailable", "damaged", "refused", "too-big", "storage", "configuration", session.NotPermitted:
		return true
	}
	return false
}

// decideTrouble tells of a problem that stays, once a day at most.
func decideTrouble(w *menu.Words, s session.Status, m Memory, at time.Time) (*notify.Notice, Memory) {
	told := m[s.Account]
	at = at.UTC().Round(0)
	switch {
	case !needsPerson(s):
		if told.Trouble != "" {
			told.Trouble, told.Since = "", time.Time{}
			m = m.with(s.Account, told)
		}
	case told.Trouble != s.Problem.Code || at.Before(told.Since):
		told.Trouble, told.Since = s.Problem.Code, at
		m = m.with(s.Account, told)
	case at.Sub(told.Since) >= troubleFor && at.Sub(told.TroubleAt).Abs() >= day && !told.TroubleAt.After(told.Since):
		told.TroubleAt = at
		n := noticeTrouble(w, *s.Problem)
		return &n, m.with(s.Account, told)
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

func (m Memory) with(account string, t Told) Memory {
	next := maps.Clone(m)
	if next == nil {
		next = Memory{}
	}
	next[account] = t
	return next
}

// without forgets what was said about an account, because it has a new login.
func (m Memory) without(account string) Memory {
	next := maps.Clone(m)
	delete(next, account)
	return next
}
