//go:build !linux

package tray

import "errors"

// startAgain is for a lost session bus, which only Linux has.
func startAgain(string) error { return errors.ErrUnsupported }

// replaced leaves it to the person to start what an update brought.
func replaced(string) bool { return false }
