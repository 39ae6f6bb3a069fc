package locale

import (
	"context"
	"os"

	"golang.org/x/sys/windows"
)

// Languages are the languages that the person chose for the session. POSIX's
// variables count where somebody has set them.
func Languages(context.Context) []string {
	if locale := localeOf(os.Getenv); locale != "" {
		return []string{locale}
	}
	tags, err := windows.GetUserPreferredUILanguages(windows.MUI_LANGUAGE_NAME)
	if err != nil {
		return nil
	}
	return tags
}
