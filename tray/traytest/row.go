// Package traytest is a desktop in small for tests: a session bus of their own, the
// list of tray icons with a panel that reads and clicks menus, and a notification
// service. It never touches the real session.
package traytest

// Row writes a line of a menu the way tests compare it.
func Row(label string, enabled, checked bool) string {
	mark, check := "  ", ""
	if !enabled {
		mark = "# "
	}
	if checked {
		check = "[x] "
	}
	return mark + check + label
}
