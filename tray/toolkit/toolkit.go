// Package toolkit puts the icon and the menu on the screen: one file per tray library, and
// what finds out whether there is a place for an icon at all. It decides nothing about what
// is shown, and opens no connection but to the session's bus and display.
package toolkit

import "keytender/tray/menu"

// Kit is what the app needs of a tray library. All of its methods but Quit are
// called by one goroutine at a time.
type Kit interface {
	// Run shows the icon and serves the menu until Quit. It must be called on the
	// main goroutine. ready is called once, on another goroutine, when lines may be
	// added, and has to return soon: one library answers no request for the menu
	// before it did. exit ends what is under way, and is called where Run may never return:
	// on a Mac the library ends the process, and so does Windows itself when the session
	// ends.
	Run(ready, exit func())
	// Quit may be called from any goroutine once ready was called, and more than once.
	Quit()
	// Rejoin shows the icon again on a session bus that went away and came back. False:
	// this library never can, only a new process.
	Rejoin() bool
	// AddLine adds a line at the end of the menu, or of parent's submenu.
	AddLine(parent Line, label string, checkable bool) Line
	AddSeparator()
	SetIcon(menu.IconState)
	SetTooltip(string)
}

// Line is one line of a toolkit's menu. Changing a hidden line in any way may show
// it (getlantern), so a hidden line is left alone.
type Line interface {
	SetTitle(string)
	Enable()
	Disable()
	Check()
	Uncheck()
	Show()
	Hide()
	// Clicks delivers the clicks; none is lost while nobody receives.
	Clicks() <-chan struct{}
}
