//go:build notray || (darwin && !cgo) || (!fynetray && !windows && !linux && !darwin)

package main

func run([]byte) {}
