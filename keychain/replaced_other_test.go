//go:build !linux

package keychain

func upgraded() {}
