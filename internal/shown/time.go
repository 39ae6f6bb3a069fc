package shown

import (
	"fmt"
	"time"
)

var units = []struct {
	name string
	long time.Duration
}{{"year", 365 * 24 * time.Hour}, {"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute},
	{"second", time.Second}}

// Span writes a length of time as people say it, in at most two units: "5 minutes",
// "1 minute 30 seconds", "1 year".
func Span(d time.Duration) string {
	d = d.Abs()
	if d > 0 && d < time.Second {
		return fmt.Sprintf("%d milliseconds", d.Milliseconds())
	}
	for i, u := range units {
		if d < u.long {
			continue
		}
		span := Count(int(d/u.long), u.name)
		if i+1 < len(units) {
			if rest := int(d % u.long / units[i+1].long); rest > 0 {
				span += " " + Count(rest, units[i+1].name)
			}
		}
		return span
	}
	return "0 seconds"
}

// Around writes about how long a time is, in one unit: "10 minutes".
func Around(d time.Duration) string {
	d = d.Abs()
	for _, u := range units[1:] {
		if d >= u.long-u.long/100 { // 59.5 minutes are an hour
			return Count(int((d+u.long/2)/u.long), u.name)
		}
	}
	return "0 seconds"
}

// Count writes how many there are of something: "1 finding", "2 findings".
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
