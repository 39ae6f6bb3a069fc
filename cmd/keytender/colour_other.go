//go:build !windows

package main

import "os"

// colourful: terminals understand colours.
func colourful(*os.File) bool { return true }
