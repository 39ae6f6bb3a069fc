package menu

import (
	"strings"
	"time"

	"keytender/internal/session"
)

// LentName is a lent place as people write it: their own folder is ~.
func LentName(p session.PlaceStatus, home string) string {
	if rest, inside := strings.CutPrefix(p.Place, home); inside && home != "" &&
		(rest == "" || rest[0] == '/' || rest[0] == '\\') {
		return "~" + rest
	}
	return p.Place
}

// lent says how a lent place stands.
func (w *Words) lent(p session.PlaceStatus, now time.Time) string {
	switch {
	case p.State == session.PlaceUnwritable:
		return w.LentLeft
	case p.Ends != nil && !now.Before(*p.Ends):
		return w.LentEnded
	case p.State == session.PlaceUnreachable:
		return w.LentAway
	case p.State == session.PlaceBehind:
		return w.LentBehind
	}
	return w.LentFine
}

// LentDetail is the same as a sentence, with the end of the token that lies there.
func (w *Words) LentDetail(p session.PlaceStatus, now time.Time) []string {
	lines := []string{capital(w.lent(p, now))}
	if p.Ends != nil && now.Before(*p.Ends) {
		lines = append(lines, capital(w.tokenEnds(p.Ends.Sub(now))))
	}
	return lines
}
