package session

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/robustio"

	"keytender/internal/atomicfile"
	"keytender/internal/oauth"
	"keytender/internal/secret"
)

// A sign-in in two steps, for whoever cannot stay while the person is in the browser: one
// call gives the link and ends, another one takes what its page showed. Between the two
// the attempt waits in a file of the state folder, mode 0600, for ten minutes.

const (
	attemptFile = "sign-in.json"
	// finishingFile is the attempt while its code is on the way to the server: whoever
	// renamed it there is the one who sends.
	finishingFile = "sign-in.finishing.json"

	attemptLife = 10 * time.Minute
)

// savedAttempt is the attempt with what the person chose for it.
type savedAttempt struct {
	secret.Hidden
	Begun       time.Time     `json:"begun"`
	State       string        `json:"state"`
	Verifier    string        `json:"verifier"`
	ClientID    string        `json:"clientId"`
	TokenURL    string        `json:"tokenUrl,omitempty"` // an earlier version kept none
	RedirectURI string        `json:"redirectUri"`
	Scopes      []string      `json:"scopes"`
	Account     string        `json:"account,omitempty"`
	Replace     bool          `json:"replace,omitempty"`
	Expect      string        `json:"expect,omitempty"`
	Org         string        `json:"org,omitempty"`
	Console     bool          `json:"console,omitempty"`
	LongLived   time.Duration `json:"longLived,omitempty"` // nanoseconds
	NoMirror    bool          `json:"noMirror,omitempty"`
}

func (s savedAttempt) options() SignInOptions {
	return SignInOptions{Method: ByPaste, Account: s.Account, Replace: s.Replace, Expect: s.Expect, Org: s.Org,
		Scopes: s.Scopes, Console: s.Console, LongLived: s.LongLived, NoMirror: s.NoMirror}
}

// BegunSignIn is a sign-in that waits to be finished.
type BegunSignIn struct {
	PasteURL string
	Ends     time.Time
}

// BeginSignIn makes a sign-in whose code FinishSignIn takes. The store is tried first, and
// one that waited before is given up.
func (e *Engine) BeginSignIn(ctx context.Context, o SignInOptions, tell func(Event)) (BegunSignIn, error) {
	if err := e.MayWrite(); err != nil {
		return BegunSignIn{}, err
	}
	l, err := e.ledger()
	if err != nil {
		return BegunSignIn{}, err
	}
	if o.Account != "" {
		if err := checkName(l, o.Account); err != nil {
			return BegunSignIn{}, err
		}
	}
	s := signIn{e, o, tell}
	if err := s.tryStore(ctx, l); err != nil {
		return BegunSignIn{}, err
	}
	if already, err := e.vault(l).load(ctx, l.Choose(o.Account)); err == nil {
		tell(Event{Kind: EventAlready, Value: already.Account.Email, Detail: l.Choose(o.Account)})
	}
	if !l.TermsTold {
		tell(Event{Kind: EventTerms})
	}
	c := s.attemptConfig()
	attempt, err := oauth.NewAttempt(c)
	if err != nil {
		return BegunSignIn{}, unusableURLs(err)
	}
	saved := savedAttempt{Begun: e.wall(), State: attempt.State(), Verifier: attempt.Verifier().Reveal(),
		ClientID: c.ClientID, TokenURL: e.config.TokenURL, RedirectURI: c.PasteRedirect, Scopes: c.Scopes,
		Account: o.Account, Replace: o.Replace,
		Expect: o.Expect, Org: o.Org, Console: o.Console, LongLived: o.LongLived, NoMirror: o.NoMirror}
	if err := s.saveAttempt(ctx, saved); err != nil {
		return BegunSignIn{}, err
	}
	tell(Event{Kind: EventPasteURL, Value: attempt.PasteURL()})
	return BegunSignIn{PasteURL: attempt.PasteURL(), Ends: saved.Begun.Add(attemptLife)}, nil
}

func (s signIn) saveAttempt(ctx context.Context, saved savedAttempt) error {
	release, err := s.lock(ctx, lockWait)
	if err != nil {
		return err
	}
	defer release()
	if _, err := os.Lstat(s.statePath(attemptFile)); err == nil {
		s.tell(Event{Kind: EventNote, Said: Said{Remark: RemarkGivenUp}})
	}
	return s.writeState(attemptFile, saved)
}

// FinishSignIn takes the code of the sign-in that waits from lines, exchanges it and keeps
// the login. What is no code of it ends nothing while there are lines and time left.
func (e *Engine) FinishSignIn(ctx context.Context, lines <-chan string, tell func(Event)) (Status, error) {
	if err := e.MayWrite(); err != nil {
		return Status{}, err
	}
	l, err := e.ledger()
	if err != nil {
		return Status{}, err
	}
	if e.watches(l) {
		return Status{}, e.watchOnly()
	}
	saved, err := e.waitingAttempt()
	if err != nil {
		return Status{}, err
	}
	s := signIn{e, saved.options(), tell}
	if err := s.tryStore(ctx, l); err != nil {
		return Status{}, goesOn(err, saved)
	}
	config := s.attemptConfig()
	config.PasteRedirect = saved.RedirectURI // the code is bound to it
	attempt, err := oauth.ResumeAttempt(config, saved.State, secret.New(saved.Verifier))
	if err != nil {
		return Status{}, damagedState(e.statePath(attemptFile))
	}
	f := &finishing{saved: saved}
	s.tell = func(step Event) {
		if step.Kind == EventRefused {
			f.refused = step.Err
		}
		tell(step)
	}
	f.waiting = waiting{signIn: s, attempt: attempt, lines: lines, pipedAlone: true}
	timed, cancel := context.WithTimeoutCause(ctx, saved.Begun.Add(attemptLife).Sub(e.wall()), errLoginTimeout)
	defer cancel()
	if err := f.finish(timed, ctx); err != nil {
		return Status{}, err
	}
	return e.Status(context.WithoutCancel(ctx)), nil
}

// waitingAttempt reads the attempt that waits. One whose time is over is ended.
func (e *Engine) waitingAttempt() (savedAttempt, error) {
	var saved savedAttempt
	path := e.statePath(attemptFile)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return saved, noAttempt()
	}
	data, readErr := atomicfile.Read(path, maxStateFile)
	switch {
	case errors.Is(readErr, fs.ErrNotExist):
		return saved, noAttempt()
	case err != nil || readErr != nil:
		return saved, e.storageTrouble(FaultStateUnread, path, errors.Join(err, readErr))
	case json.Unmarshal(data, &saved) != nil || saved.State == "":
		return saved, failedBy(CodeDamaged, FaultAttemptDamaged, Values{Path: path}, nil)
	}
	if e.isOld(info) || e.wall().Before(saved.Begun.Add(-time.Minute)) ||
		!e.wall().Before(saved.Begun.Add(attemptLife)) {
		e.endAttempt(attemptFile)
		return saved, tooLate()
	}
	// The code is for the server that it was asked of, and for no other one.
	changed := ""
	switch {
	case saved.ClientID != e.config.ClientID:
		changed = "ANTHROPIC_CLIENT_ID"
	case saved.TokenURL != "" && saved.TokenURL != e.config.TokenURL:
		changed = "ANTHROPIC_TOKEN_URL"
	default:
		return saved, nil
	}
	return saved, failedBy(codeSettingsChanged, FaultClientChanged, Values{Reason: changed}, nil)
}

func noAttempt() *Error {
	return failedAs(codeNoSignIn, FaultNoAttempt, nil)
}

func tooLate() *Error {
	return &Error{Code: CodeTimedOut, Exit: ExitTimedOut, Fault: FaultAttemptTooOld, Err: errLoginTimeout}
}

func (s *state) isOld(info fs.FileInfo) bool { return s.wall().Sub(info.ModTime()) >= attemptLife }

func (s *state) endAttempt(name string) {
	if err := robustio.RemoveAll(s.statePath(name)); err != nil {
		s.log.Warn("a sign-in that has ended could not be taken away", "reason", plain(err))
	}
}

// endOldAttempt takes away an attempt that nobody came back to. Every command that writes
// looks, since no process of its own waits for it.
func (s *state) endOldAttempt() {
	for _, name := range []string{attemptFile, finishingFile} {
		if info, err := os.Lstat(s.statePath(name)); err == nil && s.isOld(info) {
			s.endAttempt(name)
		}
	}
}

// finishing is the second step.
type finishing struct {
	waiting
	saved   savedAttempt
	refused error // why the last line was
}

// finish ends with timed; what is kept goes on with ctx.
func (f *finishing) finish(timed, ctx context.Context) error {
	for {
		f.renew(timed)
		got, err := f.next(timed)
		if err != nil {
			return f.noCode(timed, err)
		}
		if err := f.claim(); err != nil {
			return err
		}
		f.tell(Event{Kind: EventFinishing})
		f.sent = append(f.sent, got.Code)
		c, err := f.exchange(ctx, f.attempt, got)
		switch {
		case err == nil:
			defer f.endAttempt(finishingFile)
			_, err := f.keepSignIn(ctx, c)
			return err
		case got.bare && isNoCode(err), neverLookedAt(err):
			if f.putBack(); !f.open(timed) || !isNoCode(err) {
				return goesOn(err, f.saved)
			}
			f.tell(Event{Kind: EventRefused, Err: err, Warn: true})
		default:
			f.endAttempt(finishingFile)
			return beginAnew(err)
		}
	}
}

// claim takes the attempt, so that no other process sends a code of it.
func (f *finishing) claim() error {
	err := atomicfile.Rename(f.statePath(attemptFile), f.statePath(finishingFile))
	if errors.Is(err, fs.ErrNotExist) {
		return noAttempt() // another process was faster
	}
	if err != nil {
		return goesOn(f.storageTrouble(FaultAttemptUntaken, "", err), f.saved)
	}
	var now savedAttempt
	if err := f.readState(finishingFile, &now); err != nil || now.State != f.saved.State {
		f.putBack()
		return noAttempt() // a new one was begun since we read ours
	}
	return nil
}

// noCode says why no code came. A server's word on the page ends the attempt.
func (f *finishing) noCode(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, errNothingMore) && f.refused == nil:
		return goesOn(failedAs(codeNoCode, FaultNothingOnStdin, nil), f.saved)
	case errors.Is(err, errNothingMore):
		return goesOn(failedAs(codeNoCode, FaultNoCode, f.refused), f.saved)
	case errors.Is(context.Cause(ctx), errLoginTimeout):
		f.endAttempt(attemptFile)
		return tooLate()
	case ctx.Err() != nil:
		return ctx.Err()
	}
	f.endAttempt(attemptFile)
	return beginAnew(err)
}

// putBack lets the attempt wait again, unless another one was begun meanwhile.
func (f *finishing) putBack() {
	if _, err := os.Lstat(f.statePath(attemptFile)); err == nil {
		f.endAttempt(finishingFile)
	} else if err := atomicfile.Rename(f.statePath(finishingFile), f.statePath(attemptFile)); err != nil {
		f.log.Warn("the sign-in could not be put back", "reason", plain(err))
	}
}

// neverLookedAt: the code did not reach the server, or it did not look at it.
func neverLookedAt(err error) bool {
	failure := &oauth.Error{}
	return errors.As(err, &failure) && (!failure.Sent || failure.Kind == oauth.Throttled)
}

// goesOn notes that the sign-in waits on.
func goesOn(err error, saved savedAttempt) error {
	known := errorIn(err)
	if known == nil {
		return err
	}
	on := *known
	on.Values.WaitsUntil = saved.Begun.Add(attemptLife)
	return &on
}

// beginAnew notes that the sign-in was one in two steps.
func beginAnew(err error) error {
	known := errorIn(err)
	if known == nil {
		return err
	}
	ended := *known
	ended.Values.TwoSteps = true
	return &ended
}
