//go:build linux

package main

import "golang.org/x/sys/unix"

// getTermios is the request by which this system tells a terminal's settings.
const getTermios = unix.TCGETS
