// Package desktop brings up a private Linux desktop without a screen for tests: a
// display, a session bus, a panel with a tray, a keyring, a notification daemon and
// a browser. Tests look at it and click in it as a person does, with the pointer.
// It never touches the desktop, the home or the keyring of whoever runs the tests,
// opens no connection but to loopback, and leaves no process behind.
package desktop
