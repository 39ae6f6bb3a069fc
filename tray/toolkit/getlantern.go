//go:build !notray && !fynetray && (windows || (cgo && (linux || darwin)))

package toolkit

import "github.com/getlantern/systray"

// Library names the tray library of this build.
const Library = "getlantern/systray"

type nativeItem = systray.MenuItem

var (
	nativeQuit             = systray.Quit
	nativeSetIcon          = systray.SetIcon
	nativeSetTemplateIcon  = systray.SetTemplateIcon
	nativeAddSeparator     = systray.AddSeparator
	nativeAddItem          = systray.AddMenuItem
	nativeAddCheckableItem = systray.AddMenuItemCheckbox
)

// nativeRejoin: on Linux, GIO gives everybody in the process the connection that was
// lost for as long as somebody holds it, and the library holds it for good. Elsewhere
// there is no bus.
func nativeRejoin() bool { return false }
