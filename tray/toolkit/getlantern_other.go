//go:build !notray && !fynetray && (windows || (darwin && cgo))

package toolkit

import "github.com/getlantern/systray"

var (
	nativeRun        = systray.Run
	nativeSetTooltip = systray.SetTooltip
)

func nativeReady() {}
