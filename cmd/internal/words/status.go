package words

import "keytender/internal/session"

// Status puts what the engine tells of a login into words: its problem and its places.
func Status(st *session.Status) {
	problem(st.Problem)
	Places(st.Places)
}

// Which puts what the engine tells of Claude Code's credential into words.
func Which(w *session.Which) {
	problem(w.Client.Problem)
	for i := range w.Notes {
		if n := &w.Notes[i]; n.Because != nil {
			n.What = OfReason(n.Because)
		}
	}
}

// Places puts what is said of each place into words.
func Places(places []session.PlaceStatus) {
	for i := range places {
		Place(&places[i])
	}
}

// Place puts what is said of a place into words.
func Place(p *session.PlaceStatus) { p.Place, p.Reason = Store(p.Place), OfReason(p.Because) }

func problem(p *session.Problem) {
	if p != nil && p.Err != nil {
		p.Message, p.Hint = ofFault(p.Err)
	}
}
