//go:build !notray && !fynetray && (windows || (cgo && (linux || darwin)))

package tray

import "github.com/getlantern/systray"

// Library names the tray library of this build.
const Library = "getlantern/systray"

type nativeItem = systray.MenuItem

var (
	nativeRun              = systray.Run
	nativeQuit             = systray.Quit
	nativeSetIcon          = systray.SetIcon
	nativeSetTemplateIcon  = systray.SetTemplateIcon
	nativeSetTitle         = systray.SetTitle
	nativeSetTooltip       = systray.SetTooltip
	nativeAddSeparator     = systray.AddSeparator
	nativeAddItem          = systray.AddMenuItem
	nativeAddCheckableItem = systray.AddMenuItemCheckbox
)
