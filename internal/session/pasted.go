package session

import (
	"errors"
	"strings"
	"time"

	"keytender/internal/oauth"
	"keytender/internal/secret"
)

// joinWait is how long a code without its state waits for the rest: a terminal cuts a
// wrapped code into lines, and the person presses Enter behind the last one.
const joinWait = 1500 * time.Millisecond

// maxPieces bounds what is joined; no terminal is narrower than that.
const maxPieces = 64 << 10

// pasting reads what a person pastes, a line at a time, and joins the lines that a
// code was cut into.
type pasting struct {
	secret.Hidden
	attempt  *oauth.Attempt
	loopback string
	deadline time.Time    // of the sign-in
	pieces   string       // refused or incomplete lines so far
	bare     oauth.Pasted // a code without its state, taken when nothing follows
	wait     *time.Timer  // runs while bare waits
}

// take reads a line. done is false while more may follow, and then an error says why
// the line alone is no answer.
func (p *pasting) take(line string) (pasted oauth.Pasted, done bool, err error) {
	if p.pieces != "" && len(p.pieces)+len(line) <= maxPieces {
		// Joined first: the end of a state alone looks like a code.
		joined := strings.TrimRight(p.pieces, "\r\n") + line
		if pasted, err := p.attempt.ParsePaste(joined, p.loopback); err == nil && p.whole(joined) {
			return pasted, true, nil
		}
		p.pieces = joined
	} else {
		p.pieces = line
	}
	pasted, err = p.attempt.ParsePaste(line, p.loopback)
	switch {
	case err == nil && p.whole(line):
		return pasted, true, nil
	case err == nil:
		if p.wait == nil {
			p.bare, p.wait = pasted, time.NewTimer(p.exchangeTime())
		} else {
			p.wait.Reset(p.exchangeTime())
		}
		return oauth.Pasted{}, false, nil
	case errors.Is(err, oauth.ErrPastedToken):
		p.pieces = "" // no secret is kept
	case p.wait != nil:
		p.wait.Reset(p.exchangeTime())
	case errors.Is(err, oauth.ErrNotACode) && !strings.Contains(p.pieces, "://") && !strings.Contains(p.pieces, "#"):
		p.pieces = "" // no beginning of a code: it must not spoil the right line after it
	}
	return oauth.Pasted{}, false, err
}

// exchangeTime leaves time to exchange the code.
func (p *pasting) exchangeTime() time.Duration {
	return min(joinWait, max(0, time.Until(p.deadline)/3))
}

// ready is when a code without its state is taken as it is; nil: there is none.
func (p *pasting) ready() <-chan time.Time {
	if p.wait == nil {
		return nil
	}
	return p.wait.C
}

// whole reports whether a text that could be read holds more than a bare code: the
// state, whichever form it has.
func (p *pasting) whole(text string) bool {
	return strings.Contains(strings.Join(strings.Fields(text), ""), p.attempt.State())
}
