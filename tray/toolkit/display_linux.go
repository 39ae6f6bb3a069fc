package toolkit

import "os"

// Display reports whether there is a screen that a browser could open on.
func Display() bool { return os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != "" }
