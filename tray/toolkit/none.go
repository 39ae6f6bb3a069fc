//go:build notray || (darwin && !cgo) || (!fynetray && !windows && !linux && !darwin)

package toolkit

// Library names the tray library of this build: there is none.
const Library = ""

const needsDisplay = false

func New() Kit { return nil }
