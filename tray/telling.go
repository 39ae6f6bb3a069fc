package tray

import (
	"errors"
	"fmt"
	"time"

	"keytender/internal/session"
	"keytender/internal/shown"
	"keytender/tray/menu"
	"keytender/tray/notify"
)

// The notifications' texts, and the errors'.

// problemOf is an error as a problem, which the menu tells by its code. An error that was
// not written for people keeps its text to itself: it may hold what nobody should see.
func problemOf(w *menu.Words, err error) session.Problem {
	var known *session.Error
	if errors.As(err, &known) {
		return session.Problem{Code: codeOf(known)}
	}
	return session.Problem{Code: "unexpected", Message: w.Unexpected, Hint: w.UnexpectedHint}
}

// codeOf tells the two errors apart that have one code: a keychain that does not
// answer, and a person who does not.
func codeOf(e *session.Error) session.Code {
	if e.Code == session.CodeTimedOut && e.Exit != session.ExitTimedOut {
		return "keychain-timed-out"
	}
	return e.Code
}

// noticeSignedIn tells of a sign-in, and what did not go as wished beside it.
func noticeSignedIn(w *menu.Words, s session.Status, asides []string) notify.Notice {
	kept := w.DoneSignedInBody
	switch s.Keep() {
	case session.InKeychain:
		kept = w.DoneKeptInKeychain
	case session.InFile:
		kept = w.DoneKeptInFile
	case session.Aside:
		kept = w.DoneKeptAside
	}
	if s.Role == session.RoleWatch {
		kept = w.WatchOnly
	}
	lines := []string{kept}
	if s.Email != "" && s.Plan != "" {
		lines = []string{fmt.Sprintf(w.DoneSignedInPlan, shown.Plan(s.Plan)), kept}
	}
	title := w.DoneSignedIn
	if s.Email != "" {
		title = fmt.Sprintf(w.DoneSignedInAs, s.Email)
	}
	return notify.Notice{Title: title, Body: menu.Sentences(append(lines, asides...)...)}
}

// noticeFailed tells why a click was in vain. Where nothing but a sign-in helps it offers that: it
// may come after the notice of the ended login, and takes its place.
func noticeFailed(w *menu.Words, title string, p session.Problem) notify.Notice {
	said := w.Problem(p)
	n := notify.Notice{Title: title, Body: menu.Sentences(said.Message, said.Hint)}
	if p.Code == session.CodeSignInAgain {
		n.Action, n.Urgent = w.SignInAgain, true
	}
	return n
}

// noticeRefused: only Claude Code's own sign-in helps, so that is what it offers.
func noticeRefused(w *menu.Words, title string, p session.Problem) notify.Notice {
	n := noticeFailed(w, title, p)
	n.Action, n.Deed = w.Instead, notify.SignInWithClaude
	return n
}

func noticeEnding(w *menu.Words, left time.Duration, s session.Status) notify.Notice {
	return notify.Notice{Title: w.EndsIn(left, s.Login.Estimated), Body: menu.Sentences(whose(w, s), w.EndingBody),
		Action: w.SignInAgain}
}

func noticeEnded(w *menu.Words, s session.Status) notify.Notice {
	return notify.Notice{Title: w.Ended, Body: menu.Sentences(whose(w, s), w.EndedBody), Action: w.SignInAgain,
		Urgent: true}
}

func noticeSignInAgain(w *menu.Words, s session.Status) notify.Notice {
	n := notify.Notice{Title: w.Again, Body: whose(w, s), Action: w.SignInAgain, Urgent: true}
	if s.Problem != nil {
		n.Body = menu.Sentences(whose(w, s), w.Standing(*s.Problem).Message)
	}
	return n
}

func noticeTrouble(w *menu.Words, p session.Problem) notify.Notice {
	if p.Refused() {
		return noticeRefused(w, w.Trouble, p)
	}
	p = w.Standing(p)
	return notify.Notice{Title: w.Trouble, Body: menu.Sentences(p.Message, p.Hint)}
}

func whose(w *menu.Words, s session.Status) string {
	if s.Email == "" {
		return ""
	}
	return fmt.Sprintf(w.WhoseAccount, s.Email)
}
