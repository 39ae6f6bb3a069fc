// Package testbus gives tests a D-Bus session bus of their own, and on it a keyring:
// gnome-keyring as it is, or a Secret Service that does what real ones do at their
// worst. It never touches the person's bus or keyring, and only tests use it.
package testbus
