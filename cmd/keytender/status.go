package main

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
	"keytender/internal/session"
)

// statusOptions are the flags of `status`.
type statusOptions struct {
	asJSON, check, ics bool
	account            string
	endsWithin         lengthFlag
}

func newStatus(c *console) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show who is signed in, until when, and how Claude Code's entry stands",
		Long: "Shows who is signed in, the end of the access token and of the login itself, where both are stored,\nand how Claude Code's entry stands. Makes no connection without --check, which makes one test call, after a\n" +
			"renewal when the token has ended. A refusal of that call is a warning; no response to it is exit 5.\n\n" +
			"--ends-within is for monitoring: exit 4 when a login of any account (or of --account) ends within that time.\n" +
			"--ics prints a calendar with the end of every login and every exported token, and alarms before them.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case o.ics && (o.asJSON || o.check || o.endsWithin.given):
				return &usageError{"--ics goes with --account alone", "leave the other flags out"}
			case o.ics:
				engine, err := c.openFor(o.account)
				if err != nil {
					return err
				}
				return c.printCalendar(engine)
			}
			return c.status(cmd, o)
		},
	}
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print one JSON object on stdout")
	cmd.Flags().BoolVar(&o.check, "check", false, "make one test call with the access token")
	cmd.Flags().BoolVar(&o.ics, "ics", false,
		"print a calendar (RFC 5545) with the end of every login and exported token")
	cmd.Flags().Var(&o.endsWithin, "ends-within", "exit 4 when a login ends within this time, say 72h or 3d")
	accountFlag(cmd, &o.account)
	return cmd
}

func (c *console) status(cmd *cobra.Command, o statusOptions) error {
	engine, err := c.openFor(o.account)
	if err != nil {
		if o.asJSON { // the object comes in every case
			st := session.NoStatus()
			if o.account != "" {
				st.Account = o.account
			}
			if known := words.Known(err); known != nil && known.Code == session.CodeNoAccount {
				st.State = session.SignedOut // waiting makes no account
			}
			return errors.Join(c.result(failedObject(st, err)), err)
		}
		return err
	}
	var (
		sentence string
		ok       bool
		probeErr error
	)
	if o.check { // first: it may renew
		sentence, ok, probeErr = engine.Probe(cmd.Context())
	}
	st := engine.Status(cmd.Context())
	words.Status(&st)
	code := st.Exit()
	if known := words.Known(probeErr); code == 0 && known != nil {
		code = known.Exit
	}
	if st.State == session.SignedIn && code == session.ExitTryLater {
		st.State = session.TryLater
	}
	var soon []session.End
	if o.endsWithin.given {
		if soon, err = endsSoon(engine, o.endsWithin.length, time.Now()); err != nil && code == 0 {
			return err
		}
		if len(soon) > 0 {
			code = session.ExitSignInAgain
		}
	}
	if o.asJSON {
		if st.Problem == nil && probeErr != nil {
			st = failedStatus(st, probeErr)
		}
		if err := c.statusObject(st, o, soon); err != nil {
			return err
		}
	} else {
		c.showStatus(st, time.Now())
		c.showEndsSoon(soon, time.Now())
	}
	if o.check {
		c.showProbe(sentence, ok, probeErr)
	}
	if code != 0 {
		return exitError(code)
	}
	return nil
}

func (c *console) showProbe(sentence string, ok bool, err error) {
	switch {
	case err != nil:
		message, hint, known := words.Of(err)
		c.say(danger, "Test call: %s", message)
		if known {
			c.say(plain, "hint: %s", hint)
		}
	case ok:
		c.say(tick, "Test call: %s", sentence)
	default:
		c.say(danger, "Test call: %s", sentence)
	}
}

// showStatus writes the report. A problem and what to do go to stderr.
func (c *console) showStatus(st session.Status, now time.Time) {
	switch st.State {
	case session.SignedIn:
		c.say(tick, "Signed in as: %s", who(st))
	case session.SignedOut:
		c.say(cross, "Signed out: nobody is signed in")
	case session.SignInAgain:
		c.say(cross, "Sign in again: %s", who(st))
	case session.TryLater:
		c.say(danger, "Try later: %s", who(st))
	}
	if st.AccessToken.ExpiresAt != nil {
		note := ""
		if st.AccessToken.Renewable {
			note = ", renews by itself"
			if st.Role == session.RoleWatch {
				note = ", Claude Code renews it when it starts"
			}
		}
		c.say(plain, "Expires: %s%s", when(*st.AccessToken.ExpiresAt, now), note)
	}
	if st.Login.ExpiresAt != nil {
		note := ""
		if st.Login.Estimated {
			note = ", an estimate: the server did not say"
		}
		c.say(plain, "Sign in again by: %s%s", when(*st.Login.ExpiresAt, now), note)
	}
	c.showReminders(st, now)
	if st.Role == session.RoleWatch {
		c.say(plain, "Role: watch-only; no copy of a login is kept here, and none is renewed")
	}
	if len(st.Accounts) > 1 {
		c.say(plain, "Account: %s (of %s)", st.Account, strings.Join(st.Names(), ", "))
	}
	if st.LastChange != nil {
		c.say(plain, "Last change: %s by %s, %s ago", st.LastChange.What, st.LastChange.Who,
			spoken(now.Sub(st.LastChange.At)))
	}
	for _, store := range st.Stores {
		if store.State != session.StoreNotUsed {
			c.say(plain, "Stored in: %s (%s)", store.Name, store.State)
		}
	}
	c.say(plain, "Claude Code: %s", entryWords(st))
	if len(st.ClaudeCode.OverriddenBy) > 0 {
		c.say(danger,
			"Overridden by: %s (as this environment and your settings say; a project's were not looked at, see `keytender which`)",
			strings.Join(st.ClaudeCode.OverriddenBy, ", "))
	}
	switch {
	case st.Tray.Running:
		c.say(plain, "Menu bar: running")
	case st.State == session.SignedOut:
		c.say(plain, "Menu bar: not running")
	default:
		c.say(danger, "Menu bar: not running, %s", untended)
	}
	if st.Problem != nil {
		c.problem(st.Problem.Message, st.Problem.Hint)
	} else if st.State == session.SignedOut {
		c.line(plain, "hint: sign in with `keytender login`")
	}
}

// untended is what it means that neither the menu-bar app nor the agent runs.
const untended = "nor `keytender agent`: nobody tells you before the login ends (`keytender autostart on`, without a desktop with --agent)"

func who(st session.Status) string {
	name := st.Email
	if name == "" {
		name = "account " + st.Account
	}
	if st.Plan != "" {
		name += " (" + st.Plan + ")"
	}
	return name
}

// entryWords says in words how Claude Code's entry stands. What to do fits the login: one
// that is over, or not there, is not mirrored.
func entryWords(st session.Status) string {
	e := st.ClaudeCode
	advice := func(words, what string) string {
		if st.State != session.SignedIn {
			return words
		}
		return words + "; " + what
	}
	other := "holds the login of " + e.Whose + ", which is left alone"
	if st.State == session.SignedOut {
		other = "holds the login of " + e.Whose + "; `keytender import claude-code` takes it over"
	}
	words := map[session.EntryState]string{
		session.InStep:         "in step",
		session.Newer:          "holds newer tokens of this login; they are taken over at the next renewal",
		session.Older:          advice("holds older tokens of this login", "`keytender mirror` brings it in step"),
		session.OtherLogin:     other,
		session.EntrySignedOut: advice("signed out there", "`keytender mirror` signs it in"),
		session.Absent:         advice("no entry", "`keytender mirror` makes it"),
		session.Damaged:        "cannot be used",
		session.Busy:           "locked by another program",
		session.Off:            "not mirrored",
		session.UnknownLogin:   "holds tokens of which nobody could say whose they are; they are left alone",
	}[e.State]
	if st.Role == session.RoleWatch {
		words = watchedWords(e.State)
	}
	if e.Place != "" {
		words += " (" + e.Place + ")"
	}
	return words
}

// watchedWords says what Claude Code's entry holds where nothing of ours stands beside it.
func watchedWords(state session.EntryState) string {
	switch state {
	case session.Off:
		return "signed in"
	case session.Damaged:
		return "cannot be used"
	case session.Busy:
		return "locked by another program"
	case session.EntrySignedOut, session.Absent: // and the rest stands only beside a login of ours
	case session.InStep, session.Newer, session.Older, session.OtherLogin, session.UnknownLogin:
	}
	return "signed out"
}
