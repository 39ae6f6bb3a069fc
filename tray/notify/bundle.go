package notify

import (
	"os"
	"path/filepath"
	"strings"

	"keytender/internal/session"
)

// inBundle reports whether the program runs from the bundle of an application, as macOS
// sees its main bundle and we see our own file. Outside of one, macOS ends a program
// that asks for its notifications.
func inBundle(identifier, bundle, program string) bool {
	return identifier != "" && strings.EqualFold(filepath.Ext(bundle), ".app") &&
		filepath.Dir(program) == filepath.Join(bundle, "Contents", "MacOS")
}

// fuse is a file that stands while something is tried that may end the whole program.
// Found at a start, it says that it did, and this version does not try again.
type fuse struct{ path string }

func (f fuse) blown() bool {
	data, err := os.ReadFile(f.path)
	return err == nil && string(data) == session.Version
}

// try calls do unless that once ended the program, or cannot be noted; it reports
// whether it did.
func (f fuse) try(do func()) bool {
	if f.path == "" || f.blown() || os.WriteFile(f.path, []byte(session.Version), 0o600) != nil {
		return false
	}
	do()
	_ = os.Remove(f.path)
	return true
}
