//go:build !linux && !windows

package main

import "golang.org/x/sys/unix"

// getTermios is the request by which this system tells a terminal's settings.
const getTermios = unix.TIOCGETA
