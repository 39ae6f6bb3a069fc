//go:build !notray && (fynetray || !cgo)

package toolkit

import (
	"io"
	"log"
	"sync"

	"fyne.io/systray"

	"keytender/tray/menu"
)

// The library's loop is ours: it only waits for the end, and ours can start the icon
// a second time.
var (
	ended  = make(chan struct{})
	rejoin = make(chan struct{}, 1)

	nativeQuit = sync.OnceFunc(func() { close(ended) })
)

// itemID names the icon to a panel, which keeps the person's wishes about it by that.
const itemID = "keytender"

func nativeRun(ready, exit func()) {
	systray.SetTitle(itemID) // what the title is at the start is the item's Id for good
	start, end := systray.RunWithExternalLoop(ready, exit)
	// The library closes the connection that it may never have had:
	// https://github.com/fyne-io/fyne/issues/6403.
	defer func() { _ = recover() }()
	defer end()
	stay := stayOnPanel()
	start()
	show()
	go stay()
	for {
		select {
		case <-ended:
			// The library goes on drawing beside us, and tells of a connection that is closed.
			log.SetOutput(io.Discard)
			return
		case <-rejoin:
			// It keeps the menu, and puts all of it on the bus that is there now.
			again, _ := systray.RunWithExternalLoop(nil, nil)
			stay := stayOnPanel()
			again()
			show()
			go stay()
		}
	}
}

func nativeReady() {}

func nativeRejoin() bool {
	select {
	case rejoin <- struct{}{}:
	default: // one is due already
	}
	return true
}

// current is what the icon is to look like. The library loses what is set while it puts
// its properties on the bus: https://github.com/fyne-io/systray/pull/122.
var current struct {
	sync.Mutex
	icon []byte
	tip  string
}

func nativeSetIcon(icon []byte) {
	current.Lock()
	defer current.Unlock()
	current.icon = icon
	setIcon(icon)
}

func nativeSetTooltip(tip string) {
	current.Lock()
	defer current.Unlock()
	current.tip = tip
	systray.SetTooltip(tip)
}

// show sets both again, and the title.
func show() {
	systray.SetTitle(menu.AppName)
	current.Lock()
	defer current.Unlock()
	if current.icon != nil {
		setIcon(current.icon)
	}
	systray.SetTooltip(current.tip)
}

// setIcon outlives a bus that went away: the library panics then.
func setIcon(icon []byte) {
	defer func() { _ = recover() }()
	systray.SetIcon(append([]byte(straightMagic), icon...))
}
