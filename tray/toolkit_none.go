//go:build notray || (darwin && !cgo) || (!fynetray && !windows && !linux && !darwin)

package tray

// Library names the tray library of this build: there is none.
const Library = ""

const needsDisplay = false

func newToolkit() toolkit { return nil }
