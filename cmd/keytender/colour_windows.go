package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// colourful switches the console to understanding colours, which a classic one does
// not do by itself, and reports whether it does.
func colourful(f *os.File) bool {
	var mode uint32
	console := windows.Handle(f.Fd())
	return windows.GetConsoleMode(console, &mode) == nil &&
		windows.SetConsoleMode(console,
			mode|windows.ENABLE_PROCESSED_OUTPUT|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
