package testguard

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// Patience is how long a test waits for what has to come. It is far longer than
// anything takes: a shorter wait tells how busy the machine is, and what is expected
// comes as soon with this one.
const Patience = 2 * time.Minute

// Stopwatch judges how fast something is, on a machine that others use too.
type Stopwatch struct {
	begin  time.Time
	stalls time.Duration
}

// Start starts one.
func Start() Stopwatch { return Stopwatch{time.Now(), stalls()} }

// Elapsed is what went by since the start.
func (s Stopwatch) Elapsed() time.Duration { return time.Since(s.begin) }

// Within is an error of the test where more than limit went by since the start.
// Stretches on which a program waited for a processor or a disk do not count: what
// happens meanwhile is the other programs' doing. Nothing that works takes as long as
// Patience.
func (s Stopwatch) Within(t testing.TB, limit time.Duration, what string) {
	t.Helper()
	took, stalled := s.Elapsed(), stalls()-s.stalls
	if _, err := os.Stat("/proc/pressure"); err != nil {
		limit *= 5 // how busy it is cannot be known
	}
	if took-stalled > limit || took > Patience {
		t.Errorf("%s took %v, want at most %v; the machine was too busy for %v of it", what, took, limit, stalled)
	}
}

// stalls is how long since its start some program of this machine waited for a
// processor or a disk: proc_pressure(5), which other systems than Linux lack.
func stalls() (total time.Duration) {
	for _, what := range []string{"cpu", "io"} {
		text, err := os.ReadFile("/proc/pressure/" + what)
		if err != nil {
			continue
		}
		var ten, sixty, threeHundred float64
		var us int64
		if _, err := fmt.Sscanf(string(text), "some avg10=%f avg60=%f avg300=%f total=%d", &ten, &sixty, &threeHundred,
			&us); err == nil {
			total += time.Duration(us) * time.Microsecond
		}
	}
	return total
}
