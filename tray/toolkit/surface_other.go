//go:build !linux

package toolkit

import "context"

// Detect finds a menu bar: macOS and Windows have one wherever a person is signed in.
func Detect(context.Context) Surface { return MenuBar }

func Appears(context.Context) <-chan struct{} { return nil }

func Returns(context.Context) <-chan struct{} { return nil }
