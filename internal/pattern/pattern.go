// Package pattern holds regular expressions that are compiled when they are first
// used: a command that prints a token needs none of them, and compiling them all took
// a third of its time.
package pattern

import (
	"regexp"
	"sync"
)

// New returns the expression, compiled at the first call. A wrong expression panics
// there, so each needs a test that uses it.
func New(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
