package testbus

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// Trial is a run of a test that may count for nothing: what it complains of is kept until that is
// known, and what it tidies up is tidied up when it ends.
type Trial struct {
	testing.TB

	mu       sync.Mutex
	problems []string
	cleanups []func()
}

type abandoned struct{}

// Run runs the test to its end, or to where it gives up.
func (t *Trial) Run(test func(t testing.TB)) {
	t.step(func() { test(t) })
	for len(t.cleanups) > 0 {
		last := len(t.cleanups) - 1
		cleanup := t.cleanups[last]
		t.cleanups = t.cleanups[:last]
		t.step(cleanup)
	}
}

func (t *Trial) step(do func()) {
	defer func() {
		if reason := recover(); reason != nil && reason != (abandoned{}) {
			panic(reason)
		}
	}()
	do()
}

// Report makes its problems those of the test itself.
func (t *Trial) Report() {
	t.TB.Helper()
	for _, problem := range t.problems {
		t.TB.Error(problem)
	}
}

func (t *Trial) add(problem string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.problems = append(t.problems, strings.TrimSuffix(problem, "\n"))
}

// Cleanup and what follows are testing.TB's.
func (t *Trial) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

func (t *Trial) Error(args ...any)                 { t.add(fmt.Sprintln(args...)) }
func (t *Trial) Errorf(format string, args ...any) { t.add(fmt.Sprintf(format, args...)) }
func (t *Trial) Fatal(args ...any)                 { t.Error(args...); panic(abandoned{}) }
func (t *Trial) Fatalf(format string, args ...any) { t.Errorf(format, args...); panic(abandoned{}) }
func (t *Trial) FailNow()                          { t.Fail(); panic(abandoned{}) }
func (t *Trial) Fail()                             { t.add("it failed") }

// Failed reports whether it complained.
func (t *Trial) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.problems) > 0
}
