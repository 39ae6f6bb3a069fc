//go:build !linux && !windows && !darwin

package notify

func systemNotices(func(Deed)) func(Notice) error { return byBeeep() }
