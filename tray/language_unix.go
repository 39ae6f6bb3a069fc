//go:build !windows && !darwin

package tray

import (
	"context"
	"os"
)

// sessionLanguages are the languages that the person chose for the session.
func sessionLanguages(context.Context) []string { return []string{localeOf(os.Getenv)} }
