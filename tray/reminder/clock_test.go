package reminder

import (
	"testing"
	"time"

	"keytender/internal/session"
)

// Rules 8 and 12: told in time. The clock was 28 days ahead for a moment, so that the login seemed to
// end in two days, which was told. With the right clock the warnings of seven and of three days do not
// come any more: the person hears of the end a day before.
func TestClockThatWasAheadTakesWarningsAway(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	ends := now.Add(30 * day)
	s := session.Status{State: session.SignedIn, Account: "ann", Email: "ann@example.com",
		Login: session.LoginClock{ExpiresAt: &ends}}
	_, m := Next(s, nil, now)
	_, m = Next(s, m, now.Add(28*day)) // the clock is ahead
	_, m = Next(s, m, now)
	var told []Reminder
	for at := now; at.Before(ends.Add(-2 * day)); at = at.Add(time.Hour) {
		var r *Reminder
		if r, m = Next(s, m, at); r != nil {
			told = append(told, *r)
		}
	}
	if len(told) == 0 {
		t.Error("two days before the end nobody has been told of it")
	}
}
