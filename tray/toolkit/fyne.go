//go:build !notray && ((fynetray && (!darwin || cgo)) || (!fynetray && linux && !cgo))

package toolkit

import "fyne.io/systray"

// Library names the tray library of this build.
const Library = "fyne.io/systray"

type nativeItem = systray.MenuItem

var (
	nativeSetTemplateIcon  = systray.SetTemplateIcon
	nativeAddSeparator     = systray.AddSeparator
	nativeAddItem          = systray.AddMenuItem
	nativeAddCheckableItem = systray.AddMenuItemCheckbox
)
