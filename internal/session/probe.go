package session

import (
	"context"
	"errors"
	"net/http"
	"time"

	"keytender/internal/oauth"
)

// probing makes test calls with the access token.
type probing struct{ *Engine }

// Probe makes the one test call with the access token, renewed first if it has
// ended. A token that the server does not accept although it should is renewed by
// force, once: where that did not help, not again for a day. ok is false for a response
// that is a warning; the sentence explains it.
func (e *Engine) Probe(ctx context.Context) (sentence string, ok bool, err error) {
	return probing{e}.probe(ctx)
}

func (p probing) probe(ctx context.Context) (sentence string, ok bool, err error) {
	token, err := p.Token(ctx, 0)
	if err != nil {
		return "", false, err
	}
	result, err := p.client.Probe(ctx, token)
	if err == nil && renewalMayHelp(result) && !p.renewedInVain() {
		if _, err := p.Renew(ctx, true); err != nil {
			if result.Outcome == oauth.ProbeRestricted {
				err = nil // the first response explains itself
			}
			return result.Sentence, false, err
		}
		if token, err = p.Token(ctx, 0); err != nil {
			return "", false, err
		}
		result, err = p.client.Probe(ctx, token)
		if err == nil {
			if err := p.noteProbe(ctx, renewalMayHelp(result)); err != nil {
				p.log.Warn("the test call's outcome could not be noted", "reason", plain(err))
			}
		}
	}
	if err != nil {
		fault := FaultProbeUnanswered
		if failure := (&oauth.Error{}); errors.As(err, &failure) && failure.Answered {
			fault = FaultProbeFailed
		}
		return "", false, laterBy(fault, Values{Reason: err.Error()}, err)
	}
	return result.Sentence, result.Outcome == oauth.ProbeOK, nil
}

// renewalMayHelp: a 403 that names Claude Code is about the use, and no other token
// would change it.
func renewalMayHelp(r oauth.ProbeResult) bool {
	return r.Outcome == oauth.ProbeUnauthorized || r.Status == http.StatusForbidden && !r.ClaudeCodeOnly
}

// vainPause is how long a renewal that did not help the test call is not tried again.
const vainPause = 24 * time.Hour

func (p probing) renewedInVain() bool {
	l, err := p.ledger()
	if err != nil || p.watches(l) { // Claude Code renews its own login
		return true
	}
	c := l.ChainOf(l.Choose(p.account))
	if c == nil {
		return false
	}
	since := p.wall().Sub(c.InVain)
	return since >= 0 && since < vainPause
}

// noteProbe keeps in mind whether the renewal was in vain.
func (p probing) noteProbe(ctx context.Context, inVain bool) error {
	w, err := p.begin(ctx, lockWait)
	if err != nil {
		return err
	}
	defer w.end()
	_, c := w.chosen()
	if c == nil {
		return nil
	}
	c.InVain = time.Time{}
	if inVain {
		c.InVain = p.wall()
	}
	return w.save()
}
