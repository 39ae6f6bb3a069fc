//go:build !notray && fynetray && !linux && (!darwin || cgo)

package toolkit

import "fyne.io/systray"

var (
	nativeRun        = systray.Run
	nativeQuit       = systray.Quit
	nativeSetIcon    = systray.SetIcon
	nativeSetTooltip = systray.SetTooltip
)

func nativeReady() {}

func nativeRejoin() bool { return false } // there is no bus to come back
