package toolkit

// Surface says where the app can show itself.
type Surface int

// The surfaces.
const (
	MenuBar   Surface = iota // an icon can be shown
	NoSurface                // a desktop session, but nothing that shows icons
	Refused                  // there is a display, and it does not let us in
	NoSession                // no desktop at all
)
