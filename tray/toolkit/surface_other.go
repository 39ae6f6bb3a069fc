//go:build !linux

package toolkit

import "context"

// Look: macOS and Windows have a menu bar wherever a person is signed in.
func Detect(context.Context) Surface { return MenuBar }

func Appears(context.Context) <-chan struct{} { return nil }

func Returns(context.Context) <-chan struct{} { return nil }
