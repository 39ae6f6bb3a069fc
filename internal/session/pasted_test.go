package session

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keytender/internal/oauth"
)

// TestJoinedLines: which lines make an answer together.
func TestJoinedLines(t *testing.T) {
	attempt, err := oauth.NewAttempt(oauth.AttemptConfig{AuthorizeURL: "https://example.com/a", ClientID: "FAKE-client",
		PasteRedirect: "https://example.com/paste", Scopes: []string{"user:inference"}})
	if err != nil {
		t.Fatal(err)
	}
	state := attempt.State()
	const code = "FAKE-code-0123456789"
	url := "https://example.com/paste?code=" + code + "&state=" + state
	tests := []struct {
		name  string
		lines []string
		want  string // the code
		waits bool   // it is taken only when nothing more came
	}{
		{"one line", []string{code + "#" + state}, code, false},
		{"cut in the code", []string{code[:9], code[9:] + "#" + state}, code, false},
		{"cut before the mark", []string{code, "#" + state}, code, false},
		{"cut behind the mark", []string{code + "#", state}, code, false},
		{"cut in the state", []string{code + "#" + state[:20], state[20:]}, code, false},
		{"three pieces", []string{code[:5], code[5:] + "#" + state[:3], state[3:]}, code, false},
		{"a wrapped URL", []string{url[:12], url[12:50], url[50:]}, code, false},
		{"nonsense first", []string{"is it this?", code + "#" + state}, code, false},
		{"another state first", []string{"FAKE-other#FAKE-state", code + "#" + state}, code, false},
		{"a token first", []string{"sk-ant-oat01-FAKE-a1", code + "#" + state}, code, false},
		{"bare", []string{code}, code, true},
		{"bare after another state", []string{"FAKE-other#FAKE-state", code}, code, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := pasting{attempt: attempt, deadline: time.Now().Add(time.Minute)}
				for i, line := range test.lines {
					pasted, done, err := p.take(line + "\n")
					last := i == len(test.lines)-1
					if done != (last && !test.waits) {
						t.Fatalf("line %d: done is %v, err %v", i, done, err)
					}
					if done && pasted.Code.Reveal() != test.want {
						t.Errorf("got %q, want %q", pasted.Code.Reveal(), test.want)
					}
				}
				if !test.waits {
					return
				}
				start := time.Now()
				<-p.ready()
				if waited := time.Since(start); waited != joinWait || p.bare.Code.Reveal() != test.want {
					t.Errorf("after %s: %q", waited, p.bare.Code.Reveal())
				}
			})
		})
	}
	// Short of time the wait is shorter, so that the code can still be exchanged.
	p := pasting{attempt: attempt, deadline: time.Now().Add(300 * time.Millisecond)}
	if _, _, err := p.take(code); err != nil || p.exchangeTime() > 100*time.Millisecond {
		t.Errorf("patience %s, %v", p.exchangeTime(), err)
	}
	// What is kept between lines is bounded.
	p = pasting{attempt: attempt, deadline: time.Now().Add(time.Minute)}
	for range 3 {
		_, _, _ = p.take("FAKE#" + strings.Repeat("x", 40<<10))
	}
	if len(p.pieces) > maxPieces {
		t.Errorf("%d bytes are kept", len(p.pieces))
	}
}
