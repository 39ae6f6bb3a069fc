package tray

import (
	"time"

	"keytender/internal/session"
	"keytender/tray/menu"
	"keytender/tray/notify"
	"keytender/tray/reminder"
)

// noIcon stands in the memory for the desktop without a place for the icon; no account
// can be called that.
const noIcon = "(icon)"

// decide says what to tell the person now of any of their logins, if anything, and what to
// remember once that is done.
func decide(w *menu.Words, now session.Status, m reminder.Memory, at time.Time) (*notify.Notice, reminder.Memory) {
	for _, s := range reminder.Logins(now) {
		var r *reminder.Reminder
		if r, m = reminder.Next(s, m, at); r != nil {
			n := worded(w, *r, s)
			return &n, m
		}
	}
	return nil, m
}

func worded(w *menu.Words, r reminder.Reminder, s session.Status) notify.Notice {
	switch r.Kind {
	case reminder.Ending:
		return noticeEnding(w, r.Left, s)
	case reminder.Ended:
		return noticeEnded(w, s)
	case reminder.Trouble:
		return noticeTrouble(w, *s.Problem)
	case reminder.SignInAgain: // whatever its reason is
	}
	return noticeSignInAgain(w, s)
}
