//go:build !darwin

package claudecode

// composed is never used outside macOS but in tests, which put in the real one.
var composed = func(text string) string { return text }
