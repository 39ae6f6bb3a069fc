//go:build linux

package desktop

import "testing"

// TestTooltipIsNoMenu: a pointer that rests on the icon brings up a window that looks
// like a menu's in all but its type.
func TestTooltipIsNoMenu(t *testing.T) {
	d := Start(t, Options{Without: []Part{Browser, Notify, Keyring}})
	startSample(t, d)
	d.WaitMenu("Sign in")
	x, y := d.trayIconBox().centre()
	for _, at := range []int{x - 1, x, x + 1} { // only a pointer that moves is on it
		d.point(at, y)
	}
	d.wait("the tooltip", func() bool {
		for id, w := range d.windows(plugin) {
			if w.w > 40 && w.y > y && d.viewable(id) {
				return true
			}
		}
		return false
	})
	if found := d.popups(); len(found) > 0 {
		t.Errorf("the tooltip is taken for a menu: %v", found)
	}
	d.ClickMenu("Sign in")
}
