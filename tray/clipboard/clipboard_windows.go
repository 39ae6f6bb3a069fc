// Package clipboard puts text on the clipboard and reads it back, by Windows' own functions.
package clipboard

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Windows's own commands will not do: clip guesses the encoding of what it gets, and
// PowerShell takes a second to start. Neither can keep a token out of the clipboard's
// history, nor can the libraries that we know.

// maxClipboard is more than anything that we look for on it, in UTF-16.
const maxClipboard = 64 << 10

const (
	unicodeText = 13 // CF_UNICODETEXT
	moveable    = 2  // GMEM_MOVEABLE
)

var (
	user32   = windows.NewLazySystemDLL("user32.dll")
	kernel32 = windows.NewLazySystemDLL("kernel32.dll")

	openClipboard    = user32.NewProc("OpenClipboard")
	closeClipboard   = user32.NewProc("CloseClipboard")
	emptyClipboard   = user32.NewProc("EmptyClipboard")
	getClipboardData = user32.NewProc("GetClipboardData")
	setClipboardData = user32.NewProc("SetClipboardData")
	registerFormat   = user32.NewProc("RegisterClipboardFormatW")
	globalAlloc      = kernel32.NewProc("GlobalAlloc")
	globalFree       = kernel32.NewProc("GlobalFree")
	globalLock       = kernel32.NewProc("GlobalLock")
	globalUnlock     = kernel32.NewProc("GlobalUnlock")
	globalSize       = kernel32.NewProc("GlobalSize")
)

// unrecorded are formats by which a program asks that what it copies is kept out of the
// clipboard's history and off the person's other machines.
var unrecorded = []string{"ExcludeClipboardContentFromMonitorProcessing", "CanIncludeInClipboardHistory",
	"CanUploadToCloudClipboard"}

// Copy puts text on the clipboard; an empty one clears it.
func Copy(ctx context.Context, text string) error {
	return withClipboard(ctx, func() error {
		if ok, _, err := emptyClipboard.Call(); ok == 0 {
			return fmt.Errorf("clearing the clipboard: %w", err)
		}
		if text == "" {
			return nil
		}
		units, err := windows.UTF16FromString(strings.ReplaceAll(text, "\n", "\r\n"))
		if err != nil {
			return fmt.Errorf("copying: %w", err)
		}
		for _, name := range unrecorded {
			if format, _, _ := registerFormat.Call(uintptr(
				unsafe.Pointer(windows.StringToUTF16Ptr(name)))); format != 0 {
				_ = putOnClipboard(format, []uint16{0, 0}) // a DWORD of 0: no
			}
		}
		return putOnClipboard(unicodeText, units)
	})
}

// putOnClipboard hands the system a copy of units.
func putOnClipboard(format uintptr, units []uint16) error {
	memory, _, err := globalAlloc.Call(moveable, uintptr(2*len(units)))
	if memory == 0 {
		return fmt.Errorf("copying: %w", err)
	}
	at, _, err := globalLock.Call(memory)
	if at == 0 {
		_, _, _ = globalFree.Call(memory)
		return fmt.Errorf("copying: %w", err)
	}
	copy(unsafe.Slice((*uint16)(pointer(at)), len(units)), units)
	_, _, _ = globalUnlock.Call(memory)
	if ok, _, err := setClipboardData.Call(format, memory); ok == 0 {
		_, _, _ = globalFree.Call(memory) // it is the system's only when that worked
		return fmt.Errorf("copying: %w", err)
	}
	return nil
}

// Text returns what is on the clipboard; nothing, or no text, is "".
func Text(ctx context.Context) (text string, err error) {
	err = withClipboard(ctx, func() error {
		memory, _, _ := getClipboardData.Call(unicodeText)
		if memory == 0 {
			return nil
		}
		at, _, err := globalLock.Call(memory)
		if at == 0 {
			return fmt.Errorf("reading the clipboard: %w", err)
		}
		defer globalUnlock.Call(memory)
		size, _, _ := globalSize.Call(memory)
		units := unsafe.Slice((*uint16)(pointer(at)), min(size/2, maxClipboard))
		text = strings.ReplaceAll(windows.UTF16ToString(units), "\r\n", "\n")
		return nil
	})
	if !utf8.ValidString(text) {
		text = ""
	}
	return text, err
}

// withClipboard opens the clipboard for f. One program can have it open at a time.
func withClipboard(ctx context.Context, f func() error) error {
	runtime.LockOSThread() // it is open for a thread
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for {
		ok, _, err := openClipboard.Call(0)
		if ok != 0 {
			break
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), fmt.Errorf("opening the clipboard: %w", err))
		}
	}
	defer closeClipboard.Call()
	return f()
}

// pointer is what the system said, which is no address of Go's memory.
func pointer(address uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&address)) }
