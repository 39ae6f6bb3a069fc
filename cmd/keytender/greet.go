package main

import (
	"context"
	"time"

	"keytender/internal/session"
)

// greet is what a person sees who types the name alone: how it stands, and where help is.
func (c *console) greet(ctx context.Context) error {
	engine, err := c.open()
	if err != nil {
		return err
	}
	st := engine.Status(ctx)
	switch {
	case st.State == session.SignedOut:
		c.say(cross, "Signed out: nobody is signed in; `keytender login` signs you in")
	case st.State == session.SignedIn && st.Problem == nil:
		c.say(tick, "Signed in as: %s", who(st))
	case st.State == session.SignedIn:
		c.say(danger, "Signed in as: %s, but something is in the way: `keytender doctor` says what", who(st))
	default:
		c.say(cross, "%s: the login does not work now; `keytender doctor` says why", who(st))
	}
	switch {
	case st.Login.ExpiresAt != nil && st.State == session.SignedIn:
		c.say(plain, "Sign in again by: %s", when(*st.Login.ExpiresAt, time.Now()))
	default:
		c.say(plain, "Claude Code: %s", entryWords(st))
	}
	c.say(plain, "Help: `keytender help` lists the verbs, `keytender status` says more")
	return nil
}
