package testguard

import (
	"testing"
	"time"
)

// heard is a test that notes whether it failed.
type heard struct {
	testing.TB
	failed bool
}

func (h *heard) Helper()               {}
func (h *heard) Errorf(string, ...any) { h.failed = true }

func TestStopwatch(t *testing.T) {
	for _, c := range []struct {
		name  string
		watch Stopwatch
		limit time.Duration
		fails bool
	}{
		{"in time", Start(), Patience, false},
		{"too slow", Stopwatch{time.Now().Add(-9 * time.Second), stalls()}, time.Second, true},
		{"slowed down", Stopwatch{time.Now().Add(-9 * time.Second), stalls() - 8500*time.Millisecond}, time.Second,
			false},
		{"hanging", Stopwatch{time.Now().Add(-Patience - time.Second), stalls() - Patience}, time.Second, true},
	} {
		h := &heard{TB: t}
		if c.watch.Within(h, c.limit, "it"); h.failed != c.fails {
			t.Errorf("%s: failed is %v", c.name, h.failed)
		}
	}
}
