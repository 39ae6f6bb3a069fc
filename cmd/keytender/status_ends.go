package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"keytender/cmd/internal/words"
	"keytender/internal/session"
)

// lengthFlag is a length of time that may be given in days and weeks.
type lengthFlag struct {
	length time.Duration
	given  bool
}

const maxLength = 20 * 365 * 24 * time.Hour

func (f *lengthFlag) String() string { return "" }
func (f *lengthFlag) Type() string   { return "length" }

func (f *lengthFlag) Set(text string) error {
	length, err := time.ParseDuration(text)
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			var n uint64
			n, err = strconv.ParseUint(number, 10, 16)
			length = time.Duration(n) * unit
		}
	}
	if err != nil || length < 0 || length > maxLength {
		return errors.New("no length of time, say 72h or 3d")
	}
	f.length, f.given = length, true
	return nil
}

// printCalendar prints the ends of all accounts, or of the one that the engine works on.
func (c *console) printCalendar(engine *session.Engine) error {
	ends, err := engine.Ends()
	if err != nil {
		return err
	}
	if len(ends) == 0 {
		// A calendar has at least one entry (RFC 5545 section 3.6).
		glance, err := engine.Glance(nil)
		if names, _, err := engine.AccountNames(); err != nil || len(names) > 0 || glance.State != session.SignedOut {
			return errors.Join(err, &words.Error{Code: "no-end", Exit: session.ExitFailed,
				Message: "no end of a login is known, so there is no calendar",
				Hint:    "`keytender status` says what is known"})
		}
		return errors.Join(err, &words.Error{Code: "signed-out", Exit: session.ExitSignedOut,
			Message: "nobody is signed in",
			Hint:    "sign in with `keytender login`"})
	}
	return calendar(c.out, ends, time.Now(), engine.Config().Paths.State)
}

// endsSoon are the logins that end within a length of time, or that have ended.
func endsSoon(engine *session.Engine, within time.Duration, now time.Time) ([]session.End, error) {
	ends, err := engine.Ends()
	soon := []session.End{}
	for _, e := range ends {
		if e.Repo == "" && e.EndsAt.Sub(now) <= within {
			soon = append(soon, e)
		}
	}
	return soon, err
}

// statusObject prints the status, with what was asked for besides.
func (c *console) statusObject(st session.Status, o statusOptions, soon []session.End) error {
	if !o.endsWithin.given {
		return c.result(st)
	}
	return c.result(struct {
		session.Status
		EndsSoon []session.End `json:"endsSoon"`
	}{st, soon})
}

func (c *console) showEndsSoon(soon []session.End, now time.Time) {
	for _, e := range soon {
		name := "account " + e.Account
		if e.Email != "" {
			name = e.Email + ", " + name
		}
		if left := e.EndsAt.Sub(now); left > 0 {
			c.say(danger, "Ends soon: %s, in %s", name, spoken(left))
		} else {
			c.say(cross, "Ended: %s", name)
		}
	}
}
