//go:build !linux && !windows

package tray

func introduce(string) {}
