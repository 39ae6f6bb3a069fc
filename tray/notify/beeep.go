//go:build !linux && !windows

package notify

import (
	"sync"

	"github.com/gen2brain/beeep"

	"keytender/tray/menu"
)

// byBeeep shows notifications under the name of a program of the system's, and without
// buttons: what a person can do stands in the menu.
func byBeeep() func(Notice) error {
	beeep.AppName = menu.AppName
	picture := sync.OnceValue(iconFile)
	return func(n Notice) error { return beeep.Notify(n.Title, n.Body, picture()) }
}
