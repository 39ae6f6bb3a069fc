package session

import (
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var unbiasedTime = windows.NewLazySystemDLL("kernel32.dll").NewProc("QueryUnbiasedInterruptTime")

// awake is how long the machine has been awake since its start. Go's monotonic time is Windows'
// interrupt time, which goes on while it sleeps: https://go.dev/issue/35482.
func awake() time.Duration {
	var count uint64 // of 100 ns
	_, _, _ = unbiasedTime.Call(uintptr(unsafe.Pointer(&count)))
	return time.Duration(count) * 100
}
