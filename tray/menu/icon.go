package menu

import (
	"time"

	"keytender/internal/session"
	"keytender/tray/reminder"
)

// IconState is what the icon tells at a glance, by its shape. Each is the name of
// the pictures in assets/icons.
type IconState string

// The shapes.
const (
	IconSignedOut IconState = "signed-out" // a hollow key
	IconFine      IconState = "fine"       // a solid key
	IconSoon      IconState = "soon"       // a key with a clock
	IconTrouble   IconState = "trouble"    // a hollow key with a warning triangle
	IconWorking   IconState = "working"    // a key with dots
)

// soonBefore is how long before the login's end the icon begins to show it; the
// first notification comes at the same time.
const soonBefore = reminder.Soon

// StateOf chooses the icon. The access token's own end never shows, as long as it
// can be renewed; trouble that passes by itself shows only when it already leaves
// the person without a valid token.
func StateOf(s session.Status, a Activity, now time.Time) IconState {
	end := s.Login.ExpiresAt
	switch {
	case a.Busy() || s.State == "":
		return IconWorking
	case s.State == session.SignedOut:
		return IconSignedOut
	case s.State == session.SignInAgain,
		s.State == session.TryLater && !s.AccessToken.Valid,
		end != nil && !now.Before(*end):
		return IconTrouble
	case end != nil && end.Sub(now) <= soonBefore:
		return IconSoon
	}
	return IconFine
}
