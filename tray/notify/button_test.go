package notify

import "testing"

func TestOnlyTheLastButtonCounts(t *testing.T) {
	var b button
	asking := Notice{Action: "Sign in again…"}
	pressed := func(b *button, mark string) bool { _, counts := b.press(mark); return counts }
	if pressed(&b, "") || b.next(Notice{}) != "" || pressed(&b, "") {
		t.Error("a button that is not there was pressed")
	}
	first := b.next(asking)
	if !pressed(&b, first) || pressed(&b, first) {
		t.Error("one press is one press")
	}
	second := b.next(asking)
	if first == second || pressed(&b, first) || pressed(&b, "sign-in-") {
		t.Error("an old button counts")
	}
	b.next(Notice{Title: "Signed in"})
	if pressed(&b, second) {
		t.Error("a button that was answered counts")
	}
	if pressed(new(button), second) {
		t.Error("another run's button counts")
	}
	if deed, _ := b.press(b.next(Notice{Action: "x", Deed: SignInWithClaude})); deed != SignInWithClaude {
		t.Errorf("it asks for %v", deed)
	}
}
