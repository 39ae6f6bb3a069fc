// Package tray is the menu-bar app: it shows how the login stands, offers what can
// be done about it, and tells the person in time when something needs them. What
// it shows is decided by pure functions (tray/menu, Decide); one goroutine owns everything
// that changes; tray/toolkit knows the tray libraries, tray/notify the notifications. The package
// sees session.Status and nothing deeper, so it cannot show, log or leak a token,
// and it never opens a network connection.
package tray
