package tray

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keytender/internal/session"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// change returns a login in order, changed.
func changed(f func(*session.Status)) session.Status {
	s := signedInStatus(noon)
	f(&s)
	return s
}

func at(d time.Duration) *time.Time { t := noon.Add(d); return &t }

func TestMenu(t *testing.T) {
	for _, c := range []struct {
		name   string
		status session.Status
		doing  Activity
		want   string
	}{
		{"before the first reading", session.Status{}, Activity{}, `
# Reading your login…
  Sign in…
  Quit`},
		{"signed out", session.Status{State: session.SignedOut}, Activity{}, `
# Signed out
  Sign in…
  Mirror to Claude Code
  Quit`},
		{"in order", signedInStatus(noon), Activity{}, `
# first_last@example.com · Max
# Login ends in 24 days · token renews itself in 6 h
# Claude Code: in step
  Sign in again…
  Renew now
  [x] Mirror to Claude Code
  Sign out…
  Here only
  Here and in Claude Code
  Quit`},
		{"a team, and Claude Code renewed", changed(func(s *session.Status) {
			s.Plan, s.Organization = "team", "Example\n Ltd"
			s.LastChange = &session.ChainChange{At: noon.Add(-5 * time.Minute), What: "adopted", Who: "Claude Code"}
		}), Activity{}, `
# first_last@example.com · Example Ltd (Team)
# Login ends in 24 days · token renews itself in 6 h
# Claude Code renewed 5 min ago
  Sign in again…
  Renew now
  [x] Mirror to Claude Code
  Sign out…
  Here only
  Here and in Claude Code
  Quit`},
		{"Claude Code has another login", changed(func(s *session.Status) { s.ClaudeCode.State = "other-login" }), Activity{}, `
# first_last@example.com · Max
# Login ends in 24 days · token renews itself in 6 h
# Claude Code has another login
  Sign in again…
  Renew now
  [x] Mirror to Claude Code
  Put this login into Claude Code
  Sign out…
  Here only
  Here and in Claude Code
  Quit`},
		{"overridden; the mirror is off", changed(func(s *session.Status) {
			s.ClaudeCode = session.EntryStatus{State: "off", OverriddenBy: []string{"ANTHROPIC_API_KEY"}}
		}), Activity{}, `
# first_last@example.com · Max
# Login ends in 24 days · token renews itself in 6 h
# Claude Code uses ANTHROPIC_API_KEY instead of this login
  Sign in again…
  Renew now
  Mirror to Claude Code
  Sign out…
  Here only
  Here and in Claude Code
  Quit`},
		{"the network is down and the token has ended", changed(func(s *session.Status) {
			s.State = session.TryLater
			s.AccessToken = session.AccessClock{ExpiresAt: at(-time.Minute), Renewable: true}
			s.Problem = &session.Problem{Code: "try-later", Message: "the server did not answer", Hint: "nothing to do; it is tried again"}
		}), Activity{}, `
# first_last@example.com · Max
# Login ends in 24 days · token has ended; it renews itself when it can
# Claude Code: in step
# ⚠ the server did not answer
# nothing to do; it is tried again
  Sign in again…
  Renew now
  [x] Mirror to Claude Code
  Sign out…
  Here only
  Here and in Claude Code
  Quit`},
		{"the keychain is locked", session.Status{State: session.TryLater, Account: "default", ClaudeCode: session.EntryStatus{Mirror: true},
			Problem: &session.Problem{Message: "the keychain is locked", Hint: "unlock it"}}, Activity{}, `
# Your login cannot be read now
# ⚠ the keychain is locked
# unlock it
  Sign in again…
# Renew now
  [x] Mirror to Claude Code
  Sign out…
  Here only
  Here and in Claude Code
  Quit`},
		{"sign in again", changed(func(s *session.Status) {
			s.State = session.SignInAgain
			s.Problem = &session.Problem{Code: "sign-in-again", Message: "the login was revoked", Hint: "sign in again with a command"}
		}), Activity{}, `
# first_last@example.com · Max
# Login ends in 24 days
# Claude Code: in step
# ⚠ the login was revoked
  Sign in again…
# Renew now
  [x] Mirror to Claude Code
  Sign out…
  Here only
  Here and in Claude Code
  Quit`},
		{"the login has ended, its end only estimated", changed(func(s *session.Status) {
			s.Login = session.LoginClock{ExpiresAt: at(-time.Hour), Estimated: true}
			s.AccessToken.ExpiresAt = at(0)
		}), Activity{}, `
# first_last@example.com · Max
# Login has ended · token renews itself now
# Claude Code: in step
  Sign in again…
  Renew now
  [x] Mirror to Claude Code
  Sign out…
  Here only
  Here and in Claude Code
  Quit`},
		{"a long-lived token of an unnamed account", session.Status{
			State: session.SignedIn, Account: "ci", ClaudeCode: session.EntryStatus{State: "absent"},
			AccessToken: session.AccessClock{ExpiresAt: at(300 * day), Valid: true},
		}, Activity{}, `
# Signed in as ci
# Token ends in 300 days
# Claude Code has no login here
  Sign in again…
# Renew now
  Mirror to Claude Code
  Sign out…
  Here only
  Here and in Claude Code
  Quit`},
		{"a sign-in opens", session.Status{State: session.SignedOut}, Activity{SignIn: Opening}, `
# Signed out
# Opening the browser…
  Cancel sign-in
# Copy link
# Mirror to Claude Code
  Quit`},
		{"a sign-in waits", session.Status{State: session.SignedOut},
			Activity{SignIn: Waiting, Link: "https://example.com", Until: noon.Add(4*time.Minute + 10*time.Second)}, `
# Signed out
# Waiting for the browser… 4 min left
  Cancel sign-in
  Copy link
# Mirror to Claude Code
  Quit`},
		{"a sign-in is being cancelled", session.Status{State: session.SignedOut}, Activity{SignIn: Cancelling, Link: "https://example.com"}, `
# Signed out
# Cancelling…
# Cancel sign-in
# Mirror to Claude Code
  Quit`},
		{"a sign-in failed", session.Status{State: session.SignedOut},
			Activity{Failed: &session.Problem{Message: "the port is taken", Hint: "stop the other program"}}, `
# Signed out
# ⚠ the port is taken
# stop the other program
  Sign in…
  Mirror to Claude Code
  Quit`},
		{"renewing", signedInStatus(noon), Activity{Renewing: true}, `
# first_last@example.com · Max
# Login ends in 24 days · token renews itself in 6 h
# Claude Code: in step
# Sign in again…
# Renewing…
# [x] Mirror to Claude Code
# Sign out…
# Here only
# Here and in Claude Code
  Quit`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got strings.Builder
			items := Menu(c.status, c.doing, noon)
			for i, item := range items {
				got.WriteString("\n" + render(item))
				if i > 0 && items[i-1].ID >= item.ID {
					t.Errorf("line %d is out of order", item.ID)
				}
			}
			if diff := cmp.Diff(c.want, got.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestMenuNeverJoinsSeparators holds what slots promises: the lines around each
// separator are there in every state, since separators cannot be hidden.
func TestMenuNeverJoinsSeparators(t *testing.T) {
	for _, state := range []session.State{"", session.SignedIn, session.SignedOut, session.SignInAgain, session.TryLater} {
		for phase := NoSignIn; phase <= Cancelling; phase++ {
			shown := looks(Menu(session.Status{State: state}, Activity{SignIn: phase}, noon))
			for _, id := range []ID{ItemWho, ItemSignIn, ItemQuit} {
				if !shown[id].visible {
					t.Errorf("%q, phase %d: line %d is missing", state, phase, id)
				}
			}
		}
	}
}

func TestMenuShortensLongLines(t *testing.T) {
	s := changed(func(s *session.Status) { s.Email = strings.Repeat("é", 500) })
	for _, item := range Menu(s, Activity{}, noon) {
		if n := len([]rune(item.Text)); n > lineLength {
			t.Errorf("a line of %d characters: %s", n, item.Text)
		}
	}
}

func TestS4_12_Span(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour:                      "less than a minute",
		59 * time.Second:                "less than a minute",
		time.Minute:                     "1 min",
		4*time.Minute + 59*time.Second:  "5 min",
		59*time.Minute + 40*time.Second: "1 h",
		3*time.Hour + 4*time.Minute:     "3 h 4 min",
		6 * time.Hour:                   "6 h",
		11*time.Hour + 20*time.Minute:   "11 h",
		23*time.Hour + 50*time.Minute:   "1 day",
		26 * time.Hour:                  "1 day 2 h",
		47*time.Hour + 40*time.Minute:   "2 days",
		7*day - time.Minute:             "7 days",
	} {
		if got := Span(d); got != want {
			t.Errorf("Span(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestTooltipFitsWindows(t *testing.T) {
	s := changed(func(s *session.Status) { s.Email = strings.Repeat("x", 200) })
	if n := len([]rune(textTooltip(IconFine, s))); n != 127 {
		t.Errorf("the tooltip has %d characters", n)
	}
}
