//go:build !linux

package testguard

// Apart reports whether the tests have a network of their own: not on this system.
func Apart() bool { return false }

func goApart() {}
