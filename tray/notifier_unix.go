//go:build !linux && !windows && !darwin

package tray

func systemNotices(func()) func(Notice) error { return byBeeep() }
