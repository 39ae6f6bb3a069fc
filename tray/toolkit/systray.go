//go:build !(notray || (darwin && !cgo) || (!fynetray && !windows && !linux && !darwin))

package toolkit

import (
	"runtime"
	"strings"

	"keytender/assets"
	"keytender/tray/menu"
)

// needsDisplay: GTK ends the process when there is no display to open.
const needsDisplay = runtime.GOOS == "linux" && Library == "getlantern/systray"

func New() Kit { return systrayKit{} }

// systrayKit works on either systray library: their functions are the same.
type systrayKit struct{}

func (systrayKit) Run(ready, exit func()) {
	if runtime.GOOS == "linux" { // there Run returns, and a library takes the icon away only after exit
		exit = nil
	}
	nativeRun(func() {
		nativeReady()
		ready()
	}, exit)
}

func (systrayKit) Quit() { nativeQuit() }

func (systrayKit) Rejoin() bool { return nativeRejoin() }

func (systrayKit) SetIcon(state menu.IconState) {
	name := string(state)
	switch runtime.GOOS {
	case "windows":
		nativeSetIcon(assets.Icon(name + ".ico"))
	case "darwin":
		nativeSetTemplateIcon(assets.Icon(name+"-template.png"), assets.Icon(name+"-44.png"))
	default:
		// Twice the usual 22 pixels: panels halve it cleanly.
		nativeSetIcon(assets.Icon(name + "-44.png"))
	}
}

func (systrayKit) SetTooltip(tip string) { nativeSetTooltip(tip) }

func (systrayKit) AddSeparator() { nativeAddSeparator() }

// clicksHeld is how many clicks a line keeps while nobody receives.
const clicksHeld = 64

func (systrayKit) AddLine(parent Line, label string, checkable bool) Line {
	var item *nativeItem
	switch {
	case parent != nil && checkable:
		item = parent.(systrayLine).AddSubMenuItemCheckbox(asLabel(label), "", false)
	case parent != nil:
		item = parent.(systrayLine).AddSubMenuItem(asLabel(label), "")
	case checkable:
		item = nativeAddCheckableItem(asLabel(label), "", false)
	default:
		item = nativeAddItem(asLabel(label), "")
	}
	// The libraries send clicks without waiting, and drop them when nobody receives
	// at that moment. With a buffer in between none is lost.
	item.ClickedCh = make(chan struct{}, clicksHeld)
	return systrayLine{item}
}

type systrayLine struct{ *nativeItem }

func (l systrayLine) SetTitle(label string)   { l.nativeItem.SetTitle(asLabel(label)) }
func (l systrayLine) Clicks() <-chan struct{} { return l.ClickedCh }

// asLabel doubles the character that marks a keyboard shortcut in a menu's label,
// or it would vanish from an e-mail address: com.canonical.dbusmenu gives the
// underscore that meaning, Windows the ampersand.
func asLabel(text string) string {
	switch runtime.GOOS {
	case "windows":
		return strings.ReplaceAll(text, "&", "&&")
	case "linux":
		return strings.ReplaceAll(text, "_", "__")
	}
	return text
}
