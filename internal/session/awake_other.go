//go:build !windows

package session

import "time"

var started = time.Now()

// awake is how long the machine has been awake since the program's start: monotonic time stands
// still while it sleeps (clock_gettime(2), CLOCK_MONOTONIC; mach_absolute_time).
func awake() time.Duration { return time.Since(started) }
