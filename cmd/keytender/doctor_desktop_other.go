//go:build !linux

package main

import (
	"context"

	"keytender/cmd/internal/words"
)

// checkDesktop has nothing to ask: these systems always have what the menu-bar app needs.
func (c *console) checkDesktop(context.Context) []words.Check { return nil }
