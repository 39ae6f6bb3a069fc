//go:build !notray && ((fynetray && (!darwin || cgo)) || (!fynetray && linux && !cgo))

package main

import "fyne.io/systray"

func run(icon []byte) {
	systray.Run(func() {
		systray.SetIcon(icon)
		systray.AddMenuItem("Quit", "")
	}, nil)
}
