//go:build !notray && (fynetray || !cgo)

package tray

import (
	"sync"

	"fyne.io/systray"
)

// The library's loop is ours: it only waits for the end, and ours can start the icon
// a second time.
var (
	ended  = make(chan struct{})
	rejoin = make(chan struct{}, 1)

	nativeQuit = sync.OnceFunc(func() { close(ended) })
)

func nativeRun(ready, exit func()) {
	start, end := systray.RunWithExternalLoop(ready, exit)
	// The library closes the connection that it may never have had.
	defer func() { _ = recover() }()
	defer end()
	start()
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

func nativeRejoin() bool {
	select {
	case rejoin <- struct{}{}:
	default: // one is due already
	}
	return true
}
