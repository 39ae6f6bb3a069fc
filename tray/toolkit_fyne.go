//go:build !notray && ((fynetray && (!darwin || cgo)) || (!fynetray && linux && !cgo))

package tray

import "fyne.io/systray"

// Library names the tray library of this build.
const Library = "fyne.io/systray"

type nativeItem = systray.MenuItem

var (
	nativeSetTemplateIcon  = systray.SetTemplateIcon
	nativeSetTooltip       = systray.SetTooltip
	nativeAddSeparator     = systray.AddSeparator
	nativeAddItem          = systray.AddMenuItem
	nativeAddCheckableItem = systray.AddMenuItemCheckbox
)

// nativeSetIcon outlives a bus that went away: the library panics then.
func nativeSetIcon(icon []byte) {
	defer func() { _ = recover() }()
	systray.SetIcon(icon)
}
