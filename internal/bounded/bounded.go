// Package bounded keeps the beginning of what another program prints and lets the rest go,
// so that the program neither waits nor fills our memory.
package bounded

import "keytender/internal/secret"

// Output is an io.Writer for a program's stdout or stderr. What it holds may be a secret.
type Output struct {
	secret.Hidden
	room int
	kept []byte
}

// Keep returns an Output that keeps so many bytes.
func Keep(n int) *Output { return &Output{room: n} }

// Write never fails.
func (o *Output) Write(p []byte) (int, error) {
	n := min(len(p), o.room)
	o.kept = append(o.kept, p[:n]...)
	o.room -= n
	return len(p), nil
}

// Bytes is what was kept.
func (o *Output) Bytes() []byte { return o.kept }
