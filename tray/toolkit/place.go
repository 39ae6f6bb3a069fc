package toolkit

// Place says where the app can show itself.
type Place int

// The places.
const (
	MenuBar   Place = iota // an icon can be shown
	NoPlace                // a desktop session, but nothing that shows icons
	Refused                // there is a display, and it does not let us in
	NoSession              // no desktop at all
)
