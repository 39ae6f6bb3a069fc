// Package program prepares other programs to be started: to end together with what they
// start, and without a window of their own. It starts none itself.
package program
