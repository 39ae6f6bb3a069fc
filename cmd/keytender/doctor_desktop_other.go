//go:build !linux

package main

import (
	"context"

	"keytender/internal/session"
)

// checkDesktop has nothing to ask: these systems always have what the menu-bar app needs.
func (c *console) checkDesktop(context.Context) []session.Check { return nil }
