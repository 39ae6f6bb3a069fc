//go:build !linux && !windows && !darwin

package notify

func systemNotices(func()) func(Notice) error { return byBeeep() }
