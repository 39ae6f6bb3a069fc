package atomicfile

import (
	"os"
	"syscall"
)

// The marks of chflags(1), by the person or by root.
const (
	immutable  = 0x2 | 0x20000
	appendOnly = 0x4 | 0x40000
)

func marksOf(path string) marks {
	m := marks{path: path}
	var st syscall.Stat_t
	if syscall.Lstat(path, &st) != nil {
		return m
	}
	switch {
	case st.Flags&immutable != 0:
		m.fixed = "it is locked (chflags nouchg takes that away)"
	case st.Flags&appendOnly != 0:
		m.fixed = "it is marked append-only (chflags nouappnd takes the mark away)"
	}
	return m
}

// allocate does nothing: macOS mounts no single files, so none is written in place.
func allocate(*os.File, int64) error { return nil }
