//go:build !notray && !fynetray && (windows || (cgo && (linux || darwin)))

package main

import "github.com/getlantern/systray"

func run(icon []byte) {
	systray.Run(func() {
		systray.SetIcon(icon)
		systray.AddMenuItem("Quit", "")
	}, nil)
}
