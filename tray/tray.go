// Package tray is the menu-bar app: it shows how the login stands, offers what can
// be done about it, and tells the person in time when something needs them. What
// it shows is decided by pure functions (Menu, StateOf, Decide); one goroutine owns
// everything that changes; one file per toolkit knows the tray library. The package
// sees session.Status and nothing deeper, so it cannot show, log or leak a token,
// and it never opens a network connection.
package tray
