//go:build !linux

package toolkit

// Display reports whether there is a screen that a browser could open on.
func Display() bool { return true }
