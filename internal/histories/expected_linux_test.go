package histories

import (
	"fmt"
	"strings"
	"testing"
)

// expected are the histories that still lose something. Each is taken out as soon as it
// holds.
var expected = map[string]bool{
	"TestKilledWithTheLocksInHand": sometimes,
}

// How often something is expected to fail.
const always, sometimes = true, false

// holds runs a history in a world of its own.
func holds(t *testing.T, history func(w *world)) {
	t.Helper()
	t.Parallel()
	often, listed := expected[t.Name()]
	if !listed {
		w := newWorld(t)
		defer w.end()
		history(w)
		return
	}
	if said := failure(history); said != "" {
		t.Skip("expected: " + said)
	}
	if often == always {
		t.Skip("this holds now: take it out of the list of what is expected to fail")
	}
}

// failure is how a history ends that is expected to fail; empty when it holds.
func failure(history func(w *world)) string {
	v := &verdict{}
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(v) {
				panic(r)
			}
		}()
		w := newWorld(v)
		defer w.end()
		history(w)
	}()
	return strings.Join(v.said, "; ")
}

// verdict is a reporter that only remembers.
type verdict struct{ said []string }

func (v *verdict) Helper()             {}
func (v *verdict) Logf(string, ...any) {}

func (v *verdict) Errorf(format string, args ...any) {
	v.said = append(v.said, fmt.Sprintf(format, args...))
}

func (v *verdict) Fatalf(format string, args ...any) {
	v.Errorf(format, args...)
	panic(any(v))
}
