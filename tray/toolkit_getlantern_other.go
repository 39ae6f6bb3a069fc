//go:build !notray && !(linux && cgo && !fynetray)

package tray

// stayWithoutBus is for GTK alone.
func stayWithoutBus() {}
