//go:build !windows && !darwin

package locale

import (
	"context"
	"os"
)

// Languages are the languages that the person chose for the session.
func Languages(context.Context) []string { return []string{localeOf(os.Getenv)} }
