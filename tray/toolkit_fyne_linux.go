//go:build !notray && (fynetray || !cgo)

package tray

import (
	"sync"

	"fyne.io/systray"

	"keytender/assets"
)

// The library's loop is ours: it only waits for the end, and ours can start the icon
// a second time.
var (
	ended  = make(chan struct{})
	rejoin = make(chan struct{}, 1)

	nativeQuit = sync.OnceFunc(func() { close(ended) })
)

func nativeRun(ready, exit func()) {
	// The library loses what is set while it puts its first properties on the bus.
	systray.SetTitle(AppName)
	systray.SetIcon(assets.Icon(string(IconWorking) + "-44.png"))
	started := make(chan struct{})
	start, end := systray.RunWithExternalLoop(func() { <-started; ready() }, exit)
	// The library closes the connection that it may never have had.
	defer func() { _ = recover() }()
	defer end()
	start()
	close(started)
	for {
		select {
		case <-ended:
			return
		case <-rejoin:
			// It keeps the menu, and puts all of it on the bus that is there now.
			again, _ := systray.RunWithExternalLoop(nil, nil)
			again()
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
