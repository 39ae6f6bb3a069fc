package main

import (
	"io"
	"os"

	"golang.org/x/sys/windows"
)

// stderr is where words for the person go. A program that is started by a click has no
// console: it shows a box.
func stderr() io.Writer {
	if _, err := windows.GetFileType(windows.Handle(os.Stderr.Fd())); err == nil {
		return os.Stderr
	}
	return box{}
}

type box struct{}

func (box) Write(text []byte) (int, error) {
	words, err := windows.UTF16PtrFromString(string(text))
	if err != nil {
		return 0, err
	}
	title, _ := windows.UTF16PtrFromString("Keytender")
	_, err = windows.MessageBox(0, words, title, windows.MB_OK|windows.MB_ICONINFORMATION|windows.MB_SETFOREGROUND)
	return len(text), err
}
