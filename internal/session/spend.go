package session

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"keytender/internal/ledger"
	"keytender/internal/oauth"
	"keytender/keychain"
)

// fallbackLogin is how long a login lives when the server does not say.
const fallbackLogin = 30 * 24 * time.Hour

// Tests shorten these.
var (
	// callLimit is the time that one token call may take in all.
	callLimit = 30 * time.Second
	// resendAfter is the pause before a refresh token whose response never came is
	// sent once more.
	resendAfter = 5 * time.Second
)

// spend sends the refresh token. The caller holds our lock and Claude Code's and has
// read every place again. Nothing is sent unless every place that holds a copy takes the
// new pair. From the send on nothing cancels it: what the server answers is stored.
func (r *renewal) spend(ctx context.Context) error {
	if err := r.maySend(); err != nil {
		return err
	}
	if err := r.prove(ctx); err != nil {
		return r.inTheWay(err)
	}
	reserved, err := r.vault(r.l).prepare(r.account)
	if err != nil {
		return err
	}
	r.crash("prepared")
	grant, callErr := r.send(ctx)
	if grant.Refresh.IsZero() && callErr != nil {
		reserved.discard()
		return r.refused(ctx, callErr)
	}
	// Whatever comes now is shorter than the death of a process.
	r.crash("answered")
	renewed := r.merge(r.current, grant, callErr)
	where, keepErr := reserved.take(ctx, renewed)
	r.crash("kept")

	r.current = renewed
	r.chain.Advance(pairOf(&renewed))
	r.chain.Doubted, r.chain.Bare = false, false
	r.chain.Unsure = r.chain.Unsure && grant.Account.AccountID == ""
	r.chain.Renewed(ledger.Change{At: r.wall(), What: ledger.ChangeRenewed, Who: "keytender"})
	r.pace(grant, callErr)
	r.describeAccount(r.account, &renewed)
	soon, cancel := briefAfter(ctx)
	r.carryHeld(soon)
	cancel()
	r.crash("mirrored")
	return r.noteRenewal(where, keepErr, callErr)
}

// noteRenewal writes down what became of a renewal that brought a new pair.
func (r *renewal) noteRenewal(where string, keepErr, callErr error) error {
	record := Record{Account: r.account, What: ledger.ChangeRenewed}
	var result *Error
	switch {
	case keepErr != nil:
		record.Remark = RemarkUnstored
		unkept := storageTrouble(r.config.Paths.State, FaultKeptFailed, "", keepErr)
		r.chain.Problem = noteOf(unkept)
		if r.l.NewestOf(r.chain) == nil {
			result = unkept // it lies nowhere, and ends with this process
		}
	case where == "spill":
		record.Remark = RemarkSpilled
	}
	if callErr != nil {
		result = laterBy(FaultResponseMisfit, Values{Reason: callErr.Error()}, callErr)
		r.chain.Problem = noteOf(result)
	}
	if err := r.save(); err != nil {
		r.log.Error("the ledger could not be written after a renewal", "reason", plain(err))
	}
	r.crash("noted")
	r.remember(record)
	if result != nil {
		return result
	}
	return nil
}

// noteOf is an error as the ledger keeps it.
func noteOf(e *Error) *ledger.Problem {
	said := e.Values
	if said.Reason == "" && said.Because == nil && e.Err != nil {
		said.Reason = e.Err.Error()
	}
	values, _ := json.Marshal(said)
	return &ledger.Problem{Code: e.Code, Fault: string(e.Fault), Values: values}
}

// errorOf is the error that noteOf kept.
func errorOf(p *ledger.Problem, exit int) *Error {
	e := &Error{Code: p.Code, Exit: exit, Fault: Fault(p.Fault)}
	if p.Fault == "" { // an earlier version noted what it said
		e.Fault, e.Values = FaultAsSaid, Values{Reason: p.Message, Repair: p.Hint}
	}
	if len(p.Values) > 0 {
		_ = json.Unmarshal(p.Values, &e.Values)
	}
	return e
}

// maySend applies what earlier responses said about sending.
func (r *renewal) maySend() error {
	c, now := r.chain, r.wall()
	refusal := c.MaySpend(pairOf(&r.current), now)
	if refusal == ledger.MaySend && r.l.Former(c, pairOf(&r.current)) {
		refusal = ledger.WasLeft
	}
	switch refusal {
	case ledger.MaySend:
		return r.contestedAside()
	case ledger.NoRefresh:
		if !r.current.LoginEnds.IsZero() && now.Before(r.current.LoginEnds) || r.validFor(&r.current, time.Second) {
			return againAs(FaultNoRefresh, nil)
		}
		return againAs(FaultEndedNoRefresh, nil)
	case ledger.WasRevoked:
		if c.Problem != nil && c.Problem.Code == CodeSignInAgain {
			return errorOf(c.Problem, ExitSignInAgain)
		}
		return againAs(FaultEnded, nil)
	case ledger.WasLeft:
		return againAs(FaultOlderThanRenewal, nil)
	case ledger.MustWait: // for a while, or until the person has seen to it
	}
	if c.Problem != nil && isRefusal(c.Problem.Code) {
		return errorOf(c.Problem, ExitFailed)
	}
	fault := FaultAskedToWait
	if c.Why != "" {
		fault = FaultWaits
	}
	text, because := whyOf(c)
	limit := c.Blocked(now).Sub(now).Round(time.Second)
	return laterBy(fault, Values{Reason: text, Because: because, Limit: limit}, nil)
}

// whyOf is why nothing is sent for a chain: what the server said, or a remark of ours by its
// name. An earlier version noted the sentence.
func whyOf(c *ledger.Chain) (text string, because *Reason) {
	switch why := Remark(c.Why); why {
	case RemarkClaudeRenewedNone, RemarkIncomplete, RemarkShortLived:
		return "", &Reason{Remark: why}
	default:
		return c.Why, nil
	}
}

// send makes the token call, and once more when its response never came, or when the server
// took offence at a scope: it has looked at nothing else then. The intent is on the disk
// before the first byte leaves.
func (r *renewal) send(ctx context.Context) (oauth.Grant, error) {
	refresh := pairOf(&r.current).Refresh
	if r.chain.Intent != nil && r.chain.Intent.Refresh != refresh {
		r.chain.Intent = nil
	}
	scopes := renewalScopes(r.current.Scopes)
	for {
		if r.chain.Intent != nil {
			// An earlier send, maybe of a process that was killed, has no known outcome.
			if pause := resendAfter - r.wall().Sub(r.chain.Intent.At); pause > 0 {
				if err := sleep(ctx, min(pause, resendAfter)); err != nil {
					return oauth.Grant{}, err
				}
			}
			switch moved, err := r.reread(ctx); {
			case err != nil:
				return oauth.Grant{}, err
			case moved:
				return oauth.Grant{}, errMoved
			}
		}
		if err := r.noteSend(ctx); err != nil {
			return oauth.Grant{}, err
		}
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), callLimit)
		// A laptop may sleep while the connection is made, and who wakes with it takes old locks over.
		var lost error
		call = oauth.LookingLast(call, func() error { lost = r.stillHeld(); return lost })
		grant, err := r.client.Renew(call, r.current.Refresh, scopes)
		cancel()
		failure := &oauth.Error{}
		switch {
		case lost != nil:
			r.chain.ForgetSend()
			return oauth.Grant{}, lost
		case err == nil, !errors.As(err, &failure), !grant.Refresh.IsZero():
			return grant, err
		case failure.Kind == oauth.Misconfigured && failure.Code == "invalid_scope" && len(scopes) > 0:
			r.log.Warn("the server refuses a scope; the renewal is asked for without any", "account", r.account)
			scopes, r.scopeless = nil, true
			r.chain.ForgetSend()
		case failure.Answered, !failure.Sent, r.chain.Intent.Sends >= 2:
			return grant, err
		default:
			r.log.Warn("no response to a renewal; it is sent once more", "account", r.account, "reason", err.Error())
		}
	}
}

// noteSend puts the intent on the disk.
func (r *renewal) noteSend(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.stillHeld(); err != nil {
		return err
	}
	if r.chain.Intent == nil {
		r.chain.Intent = &ledger.Intent{Refresh: pairOf(&r.current).Refresh}
	}
	r.chain.Intent.At = r.wall()
	r.chain.Intent.Sends++
	r.expectHeld(r.chain.ID)
	if err := r.save(); err != nil {
		return err
	}
	r.crash("intent")
	return nil
}

// expectHeld notes what is about to be written into the entries that are held; "" takes it
// back.
func (r *renewal) expectHeld(chain string) {
	for _, h := range r.held {
		if place := r.l.Place(h.dir.ID()); place != nil && r.holds(place) {
			place.Next = chain
		}
	}
}

// renewalScopes leaves out what only a sign-in may ask for; the server refuses it in a
// renewal.
func renewalScopes(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool {
		return strings.HasPrefix(scope, "org:") || scope == "user:privacy_consents:write"
	})
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// merge makes the new credential. What the response leaves out stays as it was.
func (w *work) merge(current keychain.Credential, grant oauth.Grant, callErr error) keychain.Credential {
	renewed := current
	renewed.Issued = w.issuedAfter(&current)
	if !grant.Refresh.IsZero() {
		renewed.Refresh = grant.Refresh
	}
	if callErr != nil {
		return renewed // the chain moved on, but no access token came
	}
	renewed.Access = grant.Access
	renewed.AccessEnds, renewed.Lifetime = w.wall().Add(grant.ExpiresIn), grant.ExpiresIn
	if grant.Scopes != nil {
		renewed.Scopes = grant.Scopes
	}
	if renewed.Account.ID == "" {
		renewed.Account = renewed.Account.Or(account(grant.Account))
	}
	renewed.LoginEnds, renewed.LoginEndsEstimated = w.loginEnd(current, grant)
	return renewed
}

// loginEnd is the login's own end after a renewal. An end that the server tells replaces
// a guess, and an earlier one always wins; no renewal moves a known end away. A guess that has
// passed, by the server's clock too, was wrong: the server has just renewed the login. So was an
// end that was told, by a clock that was wrong, where the server tells another one.
func (w *work) loginEnd(current keychain.Credential, grant oauth.Grant) (ends time.Time, estimated bool) {
	told, passed := w.wall().Add(grant.LoginExpiresIn), !current.LoginEnds.IsZero() &&
		!current.LoginEnds.After(w.wall()) && !current.LoginEnds.After(w.serversWall())
	switch {
	case grant.LoginExpiresIn <= 0 && passed && current.LoginEndsEstimated:
		return w.wall().Add(fallbackLogin), true
	case grant.LoginExpiresIn <= 0:
		return current.LoginEnds, current.LoginEndsEstimated
	}
	if passed || current.LoginEnds.IsZero() || current.LoginEndsEstimated || told.Before(current.LoginEnds) {
		return told, false
	}
	return current.LoginEnds, false
}

// issuedAfter dates the pair that follows another one: also when the clock was put
// back it is the newer of the two. Records count in milliseconds.
func (w *work) issuedAfter(former *keychain.Credential) time.Time {
	now := w.wall().Truncate(time.Millisecond)
	if next := former.Issued.Add(time.Millisecond); now.Before(next) {
		return next
	}
	return now
}

// paceChain keeps a server that gives odd responses from being asked without end.
func (w *work) paceChain(c *ledger.Chain, grant oauth.Grant, callErr error) {
	now := w.wall()
	c.NotBefore, c.Why = time.Time{}, ""
	switch {
	case callErr != nil, !grant.ExpiresInKnown:
		c.NotBefore, c.Why = now.Add(10*time.Minute), string(RemarkIncomplete)
	case grant.ExpiresIn <= time.Second:
		c.Hasty = slices.DeleteFunc(c.Hasty, func(at time.Time) bool {
			return now.Sub(at) >= time.Hour ||
				at.After(now)
		})
		c.Hasty = append(c.Hasty, now)
		c.NotBefore, c.Why = now.Add(time.Minute), string(RemarkShortLived)
		if len(c.Hasty) >= 5 {
			c.NotBefore = c.Hasty[0].Add(time.Hour)
		}
	default:
		c.Hasty = nil
	}
}

func (r *renewal) pace(grant oauth.Grant, callErr error) { r.paceChain(r.chain, grant, callErr) }

// refused notes what a failed call means for the chain, and returns it as an error of ours.
func (r *renewal) refused(ctx context.Context, callErr error) error {
	failure := &oauth.Error{}
	if !errors.As(callErr, &failure) {
		return callErr // ours: cancelled, moved, or the ledger could not be written
	}
	r.expectHeld("")
	chain, now := r.chain, r.wall()
	resent := chain.Intent != nil && chain.Intent.Sends >= 2
	switch {
	case failure.Kind == oauth.Spent:
		chain.Intent = nil
		chain.Revoke(pairOf(&r.current).Refresh)
		if moved, err := r.reread(ctx); err == nil && moved {
			return errMoved // somebody who takes no locks was faster
		}
	case failure.Answered, !failure.Sent:
		chain.ForgetSend()
	}
	var result *Error
	pause, said := time.Duration(0), Values{Reason: failure.Error()}
	switch {
	case !failure.Sent:
		// The token never left: nothing to wait for but the network.
		result = laterBy(FaultServerUnreached, said, callErr)
	case failure.Kind == oauth.Spent:
		fault := FaultEnded
		what, remark := ledger.ChangeRefused, RemarkSpent
		if resent {
			what, remark, fault = ledger.ChangeLost, RemarkResponseLost, FaultResponseLost
		}
		r.remember(Record{Account: r.account, What: what, Said: Said{remark, nil}})
		result = againAs(fault, callErr)
	case failure.Kind == oauth.Misconfigured:
		pause = 30 * time.Minute
		if r.scopeless { // it was asked twice
			pause = ledger.MaxPause
		}
		result = failedBy(misfit(failure), FaultAskingMisfit, said, callErr)
	case failure.Kind == oauth.Malformed:
		pause = 10 * time.Minute
		result = laterBy(FaultResponseUnusable, said, callErr)
	case failure.Kind == oauth.Throttled && failure.RetryAfter > 0, failure.Kind == oauth.Unavailable &&
		failure.RetryAfter > 0:
		pause = failure.RetryAfter
		if chain.Failures >= takenAtWord { // a server that goes on asking for a second is not asked each second
			pause = max(pause, backOff(chain.Failures))
		}
		chain.Failures++
		said.Limit = pause.Round(time.Second)
		result = laterBy(FaultRetryAfter, said, callErr)
	default:
		pause = backOff(chain.Failures)
		if failure.Answered && failure.Status/100 == 2 && chain.Failures > 0 {
			pause = max(pause, 10*time.Minute) // a web page, twice: no network that asks to sign in first
		}
		chain.Failures++
		fault := FaultServer
		if r.Tended() { // which tries again by itself
			fault = FaultServerTended
		}
		result = laterBy(fault, said, callErr)
	}
	chain.Why = ""
	if pause > 0 {
		chain.NotBefore, chain.Why = now.Add(pause), failure.Error()
	}
	chain.Problem = noteOf(result)
	if err := r.save(); err != nil {
		return errors.Join(result, err)
	}
	r.log.Warn("a renewal failed", "account", r.account, "kind", failure.Kind.String(), "status", failure.Status,
		"sent", failure.Sent)
	return result
}

// takenAtWord is how many Retry-Afters in a row are taken at their word when they are short.
const takenAtWord = 3

// backOff doubles from 30 s to an hour, with up to a fifth of chance on top: seven
// sends in the first hour of an outage.
func backOff(failures int) time.Duration {
	pause := ledger.MaxPause
	if failures < 7 {
		pause = 30 * time.Second << failures
	}
	return min(pause+rand.N(pause/5), ledger.MaxPause)
}

// briefAfter outlives ctx by half a second: what was received is stored already, and
// whoever is asked to end must not wait long for Claude Code's lock. The next start
// catches up.
func briefAfter(ctx context.Context) (context.Context, context.CancelFunc) {
	brief, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(500*time.Millisecond, cancel) })
	return brief, func() { stop(); cancel() }
}
