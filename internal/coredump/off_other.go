//go:build !unix

package coredump

// Off does nothing: Windows writes no dump of a program that did not ask for it, and
// leaves it to the person to turn error reports off.
func Off() {}
