package session

import (
	"testing"
	"time"
)

// A twin that another program added during the sign-in is found when the login is stored.
func TestNoTwinIsTakenIn(t *testing.T) {
	r := newRig(t)
	first, second := r.issued("a@example.com", time.Hour), r.issued("b@example.com", time.Hour)
	r.keep("Work", first)
	w := r.work()
	if _, _, err := w.takingIn().takeIn(t.Context(),
		takenIn{account: "work", c: second, what: "signed-in"}); exitOf(err) != ExitUsage {
		t.Errorf("a twin: %v", err)
	}
	w.end()
	r.keep("Work", second)
	r.keep("workshop", first)
	if names, _, err := r.start().AccountNames(); err != nil || len(names) != 2 {
		t.Errorf("%v (%v)", names, err)
	}
}
