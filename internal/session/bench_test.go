package session

import (
	"testing"
	"time"
)

// BenchmarkToken is what the engine does for each `keytender token` that needs no
// renewal.
func BenchmarkToken(b *testing.B) {
	r := newRig(b)
	r.signIn(time.Hour)
	e := r.start()
	b.ReportAllocs()
	for b.Loop() {
		if token, err := e.Token(b.Context(), time.Minute); err != nil || token.IsZero() {
			b.Fatal(err)
		}
	}
}
