package notify

import "testing"

func TestOnlyTheLastButtonCounts(t *testing.T) {
	var b button
	asking := Notice{Action: "Sign in again…"}
	if b.press("") || b.next(Notice{}) != "" || b.press("") {
		t.Error("a button that is not there was pressed")
	}
	first := b.next(asking)
	if !b.press(first) || b.press(first) {
		t.Error("one press is one press")
	}
	second := b.next(asking)
	if first == second || b.press(first) || b.press("sign-in-") {
		t.Error("an old button counts")
	}
	b.next(Notice{Title: "Signed in"})
	if b.press(second) {
		t.Error("a button that was answered counts")
	}
	if new(button).press(second) {
		t.Error("another run's button counts")
	}
}
