package session

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"keytender/callback"
	"keytender/internal/oauth"
	"keytender/internal/secret"
	"keytender/keychain"
)

var (
	errNothingMore  = errors.New("no code came")
	errLoginTimeout = errors.New("nobody came back from the browser in time")
)

// waiting is the part of a sign-in in which two ways are open: the redirect of the
// browser and what the person pastes.
type waiting struct {
	secret.Hidden
	signIn
	attempt   *oauth.Attempt
	loopback  string                   // redirect URI that we listen on; empty: none
	redirects <-chan callback.Redirect // nil: none can come
	lines     <-chan string            // nil: none can come
	opened    chan error
	paste     pasting
	sent      []secret.String // codes that went to the server: each goes there once
	// pipedAlone: nothing but the lines can bring a code, so their end is the wait's.
	pipedAlone bool
}

// answered is what ended a wait: a code and the redirect URI that it is bound to.
type answered struct {
	oauth.Pasted
	pasted bool
	bare   bool // nothing but the server's word can tell that it is no code of this sign-in
}

// credential opens the browser and waits until a code comes that the server takes.
func (s signIn) credential(ctx context.Context, attempt *oauth.Attempt, server *callback.Server) (c keychain.Credential,
	pasted bool, err error) {
	timed, cancel := context.WithTimeoutCause(ctx, s.loginTimeout(), errLoginTimeout)
	defer cancel()
	w := &waiting{signIn: s, attempt: attempt, lines: s.options.Paste, opened: make(chan error, 1)}
	if server != nil {
		w.redirects, w.loopback = server.Redirects(), server.RedirectURI()
	}
	if s.options.Open != nil && server != nil {
		go func() { w.opened <- s.options.Open(timed, attempt.URL(w.loopback)) }()
	}
	for {
		w.renew(timed)
		got, err := w.next(timed)
		if err != nil {
			return keychain.Credential{}, false, err
		}
		s.tell(Event{Kind: EventFinishing})
		w.sent = append(w.sent, got.Code)
		c, err := s.exchange(ctx, attempt, got)
		if err == nil || !got.bare || !isNoCode(err) || !w.open(timed) {
			return c, got.pasted, err
		}
		s.tell(Event{Kind: EventRefused, Err: err, Warn: true})
	}
}

// isNoCode: the server knows no such code, or sees at once that it is none.
func isNoCode(err error) bool {
	failure := &oauth.Error{}
	return errors.As(err, &failure) &&
		(failure.Kind == oauth.Spent || failure.Code == "invalid_request" || failure.Code == "invalid_request_error")
}

// renew begins a wait for what the person may paste now.
func (w *waiting) renew(ctx context.Context) {
	deadline, _ := ctx.Deadline()
	w.paste = pasting{attempt: w.attempt, loopback: w.loopback, deadline: deadline}
	w.tell(Event{Kind: EventWaiting, Left: time.Until(deadline)})
}

// open reports whether a code can still come.
func (w *waiting) open(ctx context.Context) bool {
	return ctx.Err() == nil && (w.lines != nil || w.redirects != nil)
}

// next waits for the redirect and for pasted lines; the first right one wins.
func (w *waiting) next(ctx context.Context) (answered, error) {
	for {
		select {
		case <-ctx.Done():
			return answered{}, w.timedOut(ctx)
		case err := <-w.opened:
			if err != nil && ctx.Err() == nil {
				w.tell(Event{Kind: EventOpenFailed, Value: plain(err), Warn: true})
			}
		case a := <-w.redirects:
			got := answered{Pasted: oauth.Pasted{Code: a.Code, RedirectURI: w.loopback, Err: a.Err,
				ErrDescription: a.ErrDescription}}
			if w.wasSent(got.Code) {
				return answered{}, failedAs(codeCodeRefused, FaultCodeSentBefore, nil)
			}
			return got, redirectError(got.Pasted)
		case line, open := <-w.lines:
			if !open {
				w.lines = nil // the end of stdin does not end the sign-in
				if got, ok := w.bareCode(ctx); ok {
					return got, nil
				}
				if w.pipedAlone {
					return answered{}, errNothingMore
				}
			}
			if strings.TrimSpace(line) == "" {
				continue
			}
			pasted, done, err := w.paste.take(line)
			if err == nil && w.wasSent(pasted.Code) {
				done, err = false, errSentBefore
			}
			if err != nil {
				w.tell(Event{Kind: EventRefused, Err: err, Warn: true})
			}
			if done {
				return answered{Pasted: pasted, pasted: true}, redirectError(pasted)
			}
		case <-w.paste.ready():
			if got, ok := w.bareCode(ctx); ok {
				return got, nil
			}
		}
	}
}

var errSentBefore error = failedAs(codeCodeRefused, FaultPastedBefore, nil)

// bareCode is the code without its state that waits, unless the server has seen it.
func (w *waiting) bareCode(ctx context.Context) (got answered, ok bool) {
	if w.paste.ready() == nil {
		return answered{}, false
	}
	if w.wasSent(w.paste.bare.Code) {
		w.tell(Event{Kind: EventRefused, Err: errSentBefore, Warn: true})
		w.renew(ctx)
		return answered{}, false
	}
	return answered{Pasted: w.paste.bare, pasted: true, bare: true}, true
}

func (w *waiting) wasSent(code secret.String) bool {
	return !code.IsZero() && slices.ContainsFunc(w.sent, code.Equal)
}

// timedOut is why the wait ended: nobody came, or the person gave it up.
func (s signIn) timedOut(ctx context.Context) error {
	if !errors.Is(context.Cause(ctx), errLoginTimeout) {
		return ctx.Err()
	}
	return &Error{Code: CodeTimedOut, Exit: ExitTimedOut, Fault: FaultNobodyCame,
		Values: Values{Limit: s.loginTimeout()}, Err: errLoginTimeout}
}
