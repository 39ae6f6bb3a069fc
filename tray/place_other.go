//go:build !linux

package tray

import "context"

// lookForPlace: macOS and Windows have a menu bar wherever a person is signed in.
func lookForPlace(context.Context) place { return placeMenuBar }

func placeAppears(context.Context) <-chan struct{} { return nil }

func placeReturns(context.Context) <-chan struct{} { return nil }
