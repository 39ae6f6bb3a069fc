package tray

import (
	"fmt"
	"math"
	"strings"
	"time"

	"keytender/internal/session"
)

// This file holds every word that the app shows, so that another language is
// another file of the same names. Rules: a line of the menu has no full stop; a
// notification's title says what happened, its body what to do.

// AppName is the program's name as people see it.
const AppName = "Keytender"

// The menu's fixed lines.
const (
	textReading       = "Reading your login…"
	textUnread        = "Your login cannot be read now"
	textSignedOut     = "Signed out"
	textSignIn        = "Sign in…"
	textSignInAgain   = "Sign in again…"
	textOpening       = "Opening the browser…"
	textFinishing     = "Finishing the sign-in…"
	textCancelling    = "Cancelling…"
	textCancel        = "Cancel sign-in"
	textCopyLink      = "Copy link"
	textRenew         = "Renew now"
	textRenewing      = "Renewing…"
	textMirror        = "Mirror to Claude Code"
	textMirrorNow     = "Put this login into Claude Code"
	textMirroring     = "Writing to Claude Code…"
	textSignOut       = "Sign out…"
	textSigningOut    = "Signing out…"
	textSignOutHere   = "Here only"
	textSignOutBoth   = "Here and in Claude Code"
	textQuit          = "Quit"
	textTokenEnded    = "token has ended; it renews itself when it can"
	textTokenRenewing = "token renews itself now"
	textLoginEnded    = "Login has ended"
)

// What goes to stderr or into a dialog-less end.
const (
	textAlreadyRunning = "Keytender is already running."
	textNotAsRoot      = "Keytender keeps your own login: start it as yourself, without sudo."
	textNoSession      = "There is no desktop here, neither a display nor a session bus.\nhint: sign in on the command line with `keytender login`; it keeps the same login."
	textNoPlace        = "This desktop has no place for a menu-bar icon, so Keytender goes on without one: it renews your login and tells you before it ends.\nhint: on GNOME, install and enable the extension \"AppIndicator and KStatusNotifierItem Support\"; the icon then appears by itself.\nhint: or use the command line: `keytender login`, `keytender status`."
	textNoMenu         = "This build of Keytender has no menu, so it goes on without one: it renews your login and tells you before it ends.\nhint: use the command line: `keytender login`, `keytender status`."
)

func textWho(s session.Status) string {
	who := s.Email
	if who == "" && s.State == session.TryLater && s.AccessToken.ExpiresAt == nil {
		return textUnread
	}
	if who == "" {
		who = "Signed in"
		if s.Account != "" && s.Account != "default" {
			who += " as " + s.Account
		}
	}
	if s.Organization != "" && (s.Plan == "team" || s.Plan == "enterprise") {
		return who + " · " + s.Organization + " (" + planName(s.Plan) + ")"
	}
	if s.Plan != "" {
		return who + " · " + planName(s.Plan)
	}
	return who
}

func planName(plan string) string {
	switch plan {
	case "pro", "max", "team", "enterprise":
		return strings.ToUpper(plan[:1]) + plan[1:]
	}
	return plan
}

func textLoginEnds(left time.Duration, estimated bool) string {
	if estimated {
		return "Login ends in about " + Span(left)
	}
	return "Login ends in " + Span(left)
}

func textTokenRenews(left time.Duration) string { return "token renews itself in " + Span(left) }
func textTokenEnds(left time.Duration) string   { return "token ends in " + Span(left) }

func textWaiting(left time.Duration) string {
	return "Waiting for the browser… " + Span(left) + " left"
}

func textOverridden(by []string) string {
	return "Claude Code uses " + strings.Join(by, ", ") + " instead of this login"
}

func textOtherRenewed(ago time.Duration) string {
	if ago < time.Minute {
		return "Claude Code renewed just now"
	}
	return "Claude Code renewed " + Span(ago) + " ago"
}

// textEntry says how Claude Code's entry stands beside our record.
func textEntry(state string) string {
	switch state {
	case "in-step":
		return "Claude Code: in step"
	case "newer":
		return "Claude Code renewed; taking its token over"
	case "older":
		return "Claude Code has an older token"
	case "other-login":
		return "Claude Code has another login"
	case "signed-out":
		return "Claude Code is signed out"
	case "absent":
		return "Claude Code has no login here"
	case "damaged":
		return "Claude Code's entry cannot be read"
	case "busy":
		return "Claude Code is busy with its entry"
	case "off":
		return "Claude Code is left alone"
	}
	return ""
}

// textTooltip is at most 127 characters: Windows has no room for more.
func textTooltip(state IconState, s session.Status) string {
	text := AppName + ": " + map[IconState]string{
		IconSignedOut: "signed out", IconFine: "signed in", IconSoon: "the login ends soon",
		IconTrouble: "needs you", IconWorking: "working",
	}[state]
	if s.Email != "" && s.State != session.SignedOut {
		text += " (" + s.Email + ")"
	}
	return shorten(text, 127)
}

// shorten cuts text to at most n characters and shows that it did.
func shorten(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}

// Span puts a length of time in words, as coarse as a person would: "24 days",
// "1 day 2 h", "3 h 4 min", "5 min".
func Span(d time.Duration) string {
	minutes := int(math.Round(d.Minutes()))
	hours, days := int(math.Round(d.Hours())), int(math.Round(d.Hours()/24))
	switch {
	case d < time.Minute:
		return "less than a minute"
	case minutes < 60:
		return fmt.Sprintf("%d min", minutes)
	case hours < 10:
		if minutes%60 == 0 {
			return fmt.Sprintf("%d h", minutes/60)
		}
		return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
	case hours < 24:
		return fmt.Sprintf("%d h", hours)
	case hours < 48:
		if hours == 24 {
			return "1 day"
		}
		return fmt.Sprintf("1 day %d h", hours-24)
	}
	return fmt.Sprintf("%d days", days)
}

// The notifications.

func noticeSignedIn(s session.Status) Notice {
	body := "Your login is kept and renewed by itself."
	if s.Email != "" && s.Plan != "" {
		body = "Plan: " + planName(s.Plan) + ". " + body
	}
	title := "Signed in"
	if s.Email != "" {
		title = "Signed in as " + s.Email
	}
	return Notice{Title: title, Body: body}
}

func noticeFailed(title string, p session.Problem) Notice {
	return Notice{Title: title, Body: sentences(p.Message, p.Hint)}
}

// The titles of what a click could not do.
const (
	titleSignInFailed  = "Sign-in did not work"
	titleRenewFailed   = "Could not renew"
	titleMirrorFailed  = "Could not write to Claude Code"
	titleSignOutFailed = "Could not sign out completely"
	titleSignedOut     = "Signed out"
	titleMirrored      = "Claude Code"
	titleLinkCopied    = "Link copied"
	titleNoClipboard   = "The link could not be copied"
	titleNoBrowser     = "No browser opened"

	textLinkCopied     = "Paste it into your browser on this computer."
	textUnexpected     = "Something unexpected happened"
	textUnexpectedHint = "Look into keytender.log, or run `keytender doctor`"

	textNoBrowser = "Choose \"Copy link\" in Keytender's menu and open the link yourself."
)

func textNoClipboard(link string) string { return "Open this link in your browser: " + link }

func textNoStateDir(err error) string {
	return "Keytender cannot use its state folder: " + err.Error() + "\nhint: look at free space and rights, or set KEYTENDER_HOME."
}

func noticeEnding(left time.Duration, s session.Status) Notice {
	return Notice{
		Title:  textLoginEnds(left, s.Login.Estimated),
		Body:   sentences(whose(s), "Sign in again before then, and nothing is interrupted."),
		Action: textSignInAgain,
	}
}

func noticeEnded(s session.Status) Notice {
	return Notice{Title: "Your login has ended", Body: sentences(whose(s), "Sign in again to go on."), Action: textSignInAgain, Urgent: true}
}

func noticeSignInAgain(s session.Status) Notice {
	n := Notice{Title: "You need to sign in again", Body: whose(s), Action: textSignInAgain, Urgent: true}
	if s.Problem != nil {
		n.Body = sentences(whose(s), s.Problem.Message)
	}
	return n
}

func whose(s session.Status) string {
	if s.Email == "" {
		return ""
	}
	return "Account: " + s.Email
}

// sentences joins texts into one line of sentences.
func sentences(texts ...string) string {
	var out []string
	for _, text := range texts {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		if !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "`") && !strings.HasSuffix(text, "!") && !strings.HasSuffix(text, "?") {
			text += "."
		}
		out = append(out, strings.ToUpper(text[:1])+text[1:])
	}
	return strings.Join(out, " ")
}
