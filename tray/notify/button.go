package notify

import (
	"crypto/rand"
	"sync"
)

// actionKey names the one button that a notification can have.
const actionKey = "sign-in"

// button tells the button of the last notification from those of older ones, of this
// run or another, which the systems keep in a list. Whatever came after the question
// answered it or made it out of date.
type button struct {
	mu    sync.Mutex
	asked string
	deed  Deed
}

// next returns the mark of the notification's button, "" when it has none.
func (b *button) next(n Notice) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked, b.deed = "", n.Deed
	if n.Action != "" {
		b.asked = actionKey + "-" + rand.Text() // not the time, which on Windows is the same twice in a row
	}
	return b.asked
}

// press is what the button with this mark asks for, and whether it counts, once.
func (b *button) press(mark string) (Deed, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := mark != "" && mark == b.asked
	if counts {
		b.asked = ""
	}
	return b.deed, counts
}
