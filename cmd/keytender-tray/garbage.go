package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// mostGarbage is the heap at which a collection is worth it: Go's own first goal.
	mostGarbage = 4 << 20
	// mostMemory has Go collect by itself where much is needed at once.
	mostMemory = 48 << 20
)

// collectSeldom takes over when garbage is collected. Once a program has had its first
// collection, Go makes one every two minutes, however little there is to collect
// (forcegcperiod in https://go.dev/src/runtime/proc.go), and each wakes the idle app some
// fifty times. It looks on a full minute of the clock, as everything else here does.
func collectSeldom() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(mostMemory)
	go func() {
		held := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
			if metrics.Read(held); held[0].Value.Uint64() > mostGarbage {
				runtime.GC()
			}
		}
	}()
}
