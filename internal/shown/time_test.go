package shown

import (
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	for _, c := range []struct {
		d            time.Duration
		span, around string
	}{
		{0, "0 seconds", "0 seconds"},
		{100 * time.Millisecond, "100 milliseconds", "0 seconds"},
		{time.Second, "1 second", "1 second"},
		{90 * time.Second, "1 minute 30 seconds", "2 minutes"},
		{5 * time.Minute, "5 minutes", "5 minutes"},
		{10*time.Minute + 3*time.Second, "10 minutes 3 seconds", "10 minutes"},
		{-5 * time.Minute, "5 minutes", "5 minutes"},
		{59*time.Minute + 58*time.Second, "59 minutes 58 seconds", "1 hour"},
		{time.Hour, "1 hour", "1 hour"},
		{26 * time.Hour, "1 day 2 hours", "1 day"},
		{30 * 24 * time.Hour, "30 days", "30 days"},
		{365 * 24 * time.Hour, "1 year", "365 days"},
		{8760 * time.Hour, "1 year", "365 days"},
		{400 * 24 * time.Hour, "1 year 35 days", "400 days"},
	} {
		if got := Span(c.d); got != c.span {
			t.Errorf("Span(%v) = %q, want %q", c.d, got, c.span)
		}
		if got := Around(c.d); got != c.around {
			t.Errorf("Around(%v) = %q, want %q", c.d, got, c.around)
		}
	}
}
