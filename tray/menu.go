package tray

import (
	"strings"
	"time"

	"keytender/internal/session"
)

// ID names a line of the menu. The toolkits cannot take lines away or put one
// between others, so all lines exist from the start, in this order, and are shown
// or hidden.
type ID int

// The lines, from top to bottom.
const (
	ItemWho ID = iota
	ItemClocks
	ItemEntry
	ItemProblem
	ItemHint

	ItemSignIn
	ItemCancel
	ItemCopyLink
	ItemRenew
	ItemMirror
	ItemMirrorNow
	ItemSignOut
	ItemSignOutHere
	ItemSignOutBoth

	ItemQuit

	itemCount
)

// slot is how a line is built: what never changes about it.
type slot struct {
	under     ID   // the line whose submenu it is in; itself when in none
	checkable bool // has a check mark
	lineAbove bool // a separator stands before it
}

// slots describes every line. The lines ItemWho, ItemSignIn and ItemQuit are always
// shown, so that no two separators ever meet: a separator cannot be hidden.
var slots = func() (all [itemCount]slot) {
	for id := range all {
		all[id].under = ID(id)
	}
	all[ItemSignIn].lineAbove = true
	all[ItemMirror].checkable = true
	all[ItemSignOutHere].under = ItemSignOut
	all[ItemSignOutBoth].under = ItemSignOut
	all[ItemQuit].lineAbove = true
	return all
}()

// Item is one line as it is to be shown.
type Item struct {
	ID      ID
	Text    string
	Enabled bool
	Checked bool
}

// Activity is what the app itself is doing. The zero value is: nothing.
type Activity struct {
	SignIn    SignInPhase
	Link      string    // the sign-in's URL, once it is known
	Until     time.Time // when the sign-in gives up
	Renewing  bool
	Mirroring bool
	Leaving   bool // signing out
	// Failed is what the last click could not do; it stands until the next click.
	Failed *session.Problem
}

// SignInPhase is how far a sign-in has come.
type SignInPhase int

// The phases, in order.
const (
	NoSignIn SignInPhase = iota
	Opening
	Waiting
	Finishing
	Cancelling
)

func (a Activity) busy() bool {
	return a.SignIn != NoSignIn || a.Renewing || a.Mirroring || a.Leaving
}

// recently is how long the menu mentions that Claude Code renewed.
const recently = time.Hour

// lineLength keeps the menu narrow enough for a small screen, in characters.
const lineLength = 80

// Menu returns the lines to show, top to bottom. Only what makes sense is enabled.
func Menu(s session.Status, a Activity, now time.Time) []Item {
	var items []Item
	add := func(id ID, text string, enabled bool) {
		if text != "" {
			items = append(items, Item{ID: id, Text: shorten(oneLine(text), lineLength), Enabled: enabled})
		}
	}
	signedIn := s.State == session.SignedIn || s.State == session.TryLater
	known := s.State != ""
	idle := !a.busy()

	switch {
	case !known:
		add(ItemWho, textReading, false)
	case s.State == session.SignedOut:
		add(ItemWho, textSignedOut, false)
	default:
		add(ItemWho, textWho(s), false)
		add(ItemClocks, clocks(s, now), false)
	}
	if known && s.State != session.SignedOut {
		add(ItemEntry, entry(s, now), false)
	}
	if problem := problem(s, a); problem != nil {
		add(ItemProblem, "⚠ "+problem.Message, false)
		// What a command line would say to do, the line below does.
		if a.Failed != nil || s.State != session.SignInAgain && s.State != session.SignedOut {
			add(ItemHint, problem.Hint, false)
		}
	}

	switch a.SignIn {
	case NoSignIn:
		text := textSignIn
		if known && s.State != session.SignedOut {
			text = textSignInAgain
		}
		add(ItemSignIn, text, idle)
	case Opening:
		add(ItemSignIn, textOpening, false)
	case Waiting:
		add(ItemSignIn, textWaiting(a.Until.Sub(now)), false)
	case Finishing:
		add(ItemSignIn, textFinishing, false)
	case Cancelling:
		add(ItemSignIn, textCancelling, false)
	}
	if a.SignIn != NoSignIn {
		add(ItemCancel, textCancel, a.SignIn != Cancelling)
	}
	if a.SignIn == Opening || a.SignIn == Waiting {
		add(ItemCopyLink, textCopyLink, a.Link != "")
	}

	if known && s.State != session.SignedOut {
		renew := textRenew
		if a.Renewing {
			renew = textRenewing
		}
		add(ItemRenew, renew, idle && signedIn && s.AccessToken.Renewable)
	}
	if known {
		mirror := textMirror
		if a.Mirroring {
			mirror = textMirroring
		}
		add(ItemMirror, mirror, idle)
		if last := len(items) - 1; items[last].ID == ItemMirror {
			items[last].Checked = s.ClaudeCode.Mirror
		}
	}
	if signedIn && s.ClaudeCode.Mirror && !a.Mirroring && needsMirror(s.ClaudeCode.State) {
		add(ItemMirrorNow, textMirrorNow, idle)
	}
	if known && s.State != session.SignedOut {
		out := textSignOut
		if a.Leaving {
			out = textSigningOut
		}
		add(ItemSignOut, out, idle)
		add(ItemSignOutHere, textSignOutHere, idle)
		add(ItemSignOutBoth, textSignOutBoth, idle)
	}
	add(ItemQuit, textQuit, true)
	return items
}

// needsMirror says in which states only the person's word writes into the entry:
// background work never replaces or revives what Claude Code holds.
func needsMirror(state string) bool {
	switch state {
	case "older", "other-login", "signed-out", "absent":
		return true
	}
	return false
}

// clocks is the line of the two ends: the login's, which matters to the person, and
// the access token's, which looks after itself.
func clocks(s session.Status, now time.Time) string {
	var parts []string
	if end := s.Login.ExpiresAt; end != nil {
		if left := end.Sub(now); left > 0 {
			parts = append(parts, textLoginEnds(left, s.Login.Estimated))
		} else {
			parts = append(parts, textLoginEnded)
		}
	}
	if end := s.AccessToken.ExpiresAt; end != nil && s.State != session.SignInAgain {
		left := end.Sub(now)
		switch {
		case !s.AccessToken.Renewable && left > 0:
			// A long-lived token is the login; its end is said once.
			if s.Login.ExpiresAt == nil {
				parts = append(parts, textTokenEnds(left))
			}
		case s.AccessToken.Renewable && left > 0:
			parts = append(parts, textTokenRenews(left))
		case s.AccessToken.Renewable && s.State == session.TryLater:
			parts = append(parts, textTokenEnded)
		case s.AccessToken.Renewable:
			parts = append(parts, textTokenRenewing)
		}
	}
	line := strings.Join(parts, " · ")
	if line == "" {
		return ""
	}
	return strings.ToUpper(line[:1]) + line[1:]
}

// entry is the line about Claude Code.
func entry(s session.Status, now time.Time) string {
	c := s.LastChange
	switch {
	case len(s.ClaudeCode.OverriddenBy) > 0:
		return textOverridden(s.ClaudeCode.OverriddenBy)
	case s.ClaudeCode.State == "in-step" && c != nil && c.Who == "Claude Code" &&
		now.Sub(c.At) >= 0 && now.Sub(c.At) < recently:
		return textOtherRenewed(now.Sub(c.At))
	}
	return textEntry(s.ClaudeCode.State)
}

// problem is what to show as wrong: what the person has just tried comes first.
func problem(s session.Status, a Activity) *session.Problem {
	if a.Failed != nil {
		return a.Failed
	}
	return s.Problem
}

// oneLine keeps a line a line, whatever stands in a name or message.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
