package locale

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Languages are the languages that the person chose for the session. A program
// that Finder or launchd starts has no LANG; the order in the system's settings is
// asked for then.
func Languages(ctx context.Context) []string {
	if locale := localeOf(os.Getenv); locale != "" {
		return []string{locale}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "/usr/bin/defaults", "read", "-g", "AppleLanguages").Output()
	if err != nil {
		return nil
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return strings.ContainsRune("() \",\n", r) })
}
