package session

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"keytender/internal/dirlock"
	"keytender/internal/oauth"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// fallbackLogin is how long a login lives when the server does not say.
const fallbackLogin = 30 * 24 * time.Hour

// Tests shorten these.
var (
	// callLimit is the time that one token call may take in all.
	callLimit = 30 * time.Second
	// resendAfter is the pause before a refresh token whose answer never came is
	// sent once more.
	resendAfter = 5 * time.Second
)

// movedError says that a newer pair turned up and was taken over.
type movedError struct{ to keychain.Credential }

func (e *movedError) Error() string { return "the login was renewed by another program meanwhile" }

// spend sends the refresh token. The caller holds our lock and Claude Code's and
// has read every store again. From the send on nothing cancels it: what the server
// answers is stored.
func (e *Engine) spend(ctx context.Context, s settings, account string, j journal, current keychain.Credential, l *claudecode.RenewalLock) (keychain.Credential, error) {
	chain := j.chainOf(account)
	if err := e.maySend(chain, current); err != nil {
		return current, err
	}
	room, err := e.prepare(s, account)
	if err != nil {
		return current, err
	}
	e.crash("prepared")
	grant, callErr := e.send(ctx, s, account, &j, current, l)
	chain = j.chainOf(account)
	if grant.Refresh.IsZero() && callErr != nil {
		room.discard()
		return current, e.refused(ctx, s, account, j, current, callErr)
	}
	// Whatever comes now is shorter than the death of a process.
	e.crash("answered")
	renewed := e.merge(current, grant, callErr)
	where, keepErr := room.keep(ctx, renewed)
	e.crash("kept")

	chain.know(renewed.Refresh)
	chain.Intent, chain.Failures, chain.Problem = nil, 0, nil
	e.pace(chain, grant, callErr)
	chain.Last = &ChainChange{At: e.wall(), What: "renewed", Who: "keytender"}
	mirroring, cancel := briefAfter(ctx)
	e.mirrorRenewed(mirroring, s, chain, renewed)
	cancel()
	e.crash("mirrored")
	record := Record{Account: account, What: "renewed"}
	switch {
	case keepErr != nil:
		record.Detail = "the tokens could not be stored"
		chain.Problem = &Problem{Code: "storage", Message: "the renewed tokens could not be stored: " + plain(keepErr),
			Hint: "look at free space and rights of " + e.config.Places.State + ", then sign in again with `keytender login`"}
	case where == "spill":
		record.Detail = "the store did not take the tokens; they wait in the spill file"
	}
	var result *Error
	if callErr != nil {
		result = later("the server's answer could not be used: "+callErr.Error(),
			"try again later; the rotated token is kept and nothing is lost", callErr)
		chain.Problem = &Problem{Code: result.Code, Message: result.Message, Hint: result.Hint}
	}
	if err := e.writeJournal(j); err != nil {
		e.log.Error("the journal could not be written after a renewal", "reason", plain(err))
	}
	e.crash("noted")
	e.remember(record)
	if result != nil {
		return renewed, result
	}
	return renewed, nil
}

// maySend applies what earlier answers said about sending.
func (e *Engine) maySend(c *chain, current keychain.Credential) error {
	switch {
	case current.Refresh.IsZero() && !current.LoginEnds.IsZero() && e.wall().Before(current.LoginEnds):
		return again("this login has no refresh token, so it cannot be renewed", nil)
	case current.Refresh.IsZero():
		return again("the login has ended and holds no refresh token", nil)
	case c.dead(current.Refresh):
		if c.Problem != nil && c.Problem.Code == "sign-in-again" {
			return again(c.Problem.Message, nil)
		}
		return again("the login has ended: the server does not renew it any more", nil)
	case c.left(current.Refresh):
		return again("the stored login is an older one than the last renewal brought, and its refresh token is spent", nil)
	}
	until := c.blocked(e.wall())
	if until.IsZero() {
		return nil
	}
	if c.Problem != nil && c.Problem.Code == "configuration" {
		return failed("configuration", c.Problem.Message, c.Problem.Hint, nil)
	}
	wait := until.Sub(e.wall()).Round(time.Second)
	message := fmt.Sprintf("the server asked to wait: no renewal is sent for another %s", wait)
	if c.Why != "" {
		message = fmt.Sprintf("%s; no renewal is sent for another %s", c.Why, wait)
	}
	return later(message, "try again after that; the login is as good as before", nil)
}

// send makes the token call, and once more when its answer never came. The intent
// is on the disk before the first byte leaves.
func (e *Engine) send(ctx context.Context, s settings, account string, j *journal, current keychain.Credential, l *claudecode.RenewalLock) (oauth.Grant, error) {
	chain := j.chainOf(account)
	fingerprint := current.Refresh.Fingerprint()
	if chain.Intent == nil || chain.Intent.Fingerprint != fingerprint {
		chain.Intent = &intent{Fingerprint: fingerprint}
	}
	for {
		if chain.Intent.Sends > 0 {
			// An earlier send, maybe of a process that was killed, has no known outcome.
			if pause := resendAfter - e.wall().Sub(chain.Intent.At); pause > 0 {
				if err := sleep(ctx, min(pause, resendAfter)); err != nil {
					return oauth.Grant{}, err
				}
			}
			if newest, err := e.reread(ctx, s, account, j, current); err != nil {
				return oauth.Grant{}, err
			} else if !newest.Refresh.Equal(current.Refresh) {
				return oauth.Grant{}, &movedError{newest}
			}
		}
		if err := ctx.Err(); err != nil {
			return oauth.Grant{}, err
		}
		if err := held(l); err != nil {
			return oauth.Grant{}, err
		}
		chain.know(current.Refresh)
		chain.Intent.At = e.wall()
		chain.Intent.Sends++
		if err := e.writeJournal(*j); err != nil {
			return oauth.Grant{}, err
		}
		e.crash("intent")
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), callLimit)
		grant, err := e.client.Renew(call, current.Refresh, renewalScopes(current.Scopes))
		cancel()
		answer := &oauth.Error{}
		if err == nil || !errors.As(err, &answer) || answer.Answered || !answer.Sent || chain.Intent.Sends >= 2 || !grant.Refresh.IsZero() {
			return grant, err
		}
		e.log.Warn("no answer to a renewal; it is sent once more", "account", account, "reason", err.Error())
	}
}

// held fails when Claude Code's locks are not ours any more, say after a long sleep:
// two holders would spend the same token.
func held(l *claudecode.RenewalLock) error {
	if l == nil {
		return nil
	}
	if err := l.Held(); err != nil {
		return entryError(fmt.Errorf("%w: %w", dirlock.ErrBusy, err))
	}
	return nil
}

// renewalScopes leaves out what only a sign-in may ask for; the server refuses it in
// a renewal of a narrower login.
func renewalScopes(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return scope == "org:create_api_key" })
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

// merge makes the new credential. What the answer leaves out stays as it was; the
// login's own end is never moved by a renewal.
func (e *Engine) merge(current keychain.Credential, grant oauth.Grant, callErr error) keychain.Credential {
	renewed := current
	renewed.Issued = e.issuedAfter(current)
	if !grant.Refresh.IsZero() {
		renewed.Refresh = grant.Refresh
	}
	if callErr != nil {
		return renewed // the chain moved on, but no access token came
	}
	renewed.Access = grant.Access
	renewed.AccessEnds, renewed.Lifetime = e.wall().Add(grant.ExpiresIn), grant.ExpiresIn
	if grant.Scopes != nil {
		renewed.Scopes = grant.Scopes
	}
	if renewed.Account.ID == "" && grant.Account.AccountID != "" {
		renewed.Account.ID, renewed.Account.OrganizationID = grant.Account.AccountID, grant.Account.OrganizationID
	}
	if renewed.LoginEnds.IsZero() && grant.LoginExpiresIn > 0 {
		renewed.LoginEnds, renewed.LoginEndsEstimated = e.wall().Add(grant.LoginExpiresIn), false
	}
	return renewed
}

// issuedAfter dates the pair that follows another one: also when the clock was put
// back it is the newer of the two. Records count in milliseconds.
func (e *Engine) issuedAfter(former keychain.Credential) time.Time {
	now := e.wall().Truncate(time.Millisecond)
	if next := former.Issued.Add(time.Millisecond); now.Before(next) {
		return next
	}
	return now
}

// pace keeps a server that gives odd answers from being asked without end.
func (e *Engine) pace(c *chain, grant oauth.Grant, callErr error) {
	now := e.wall()
	c.NotBefore, c.Why = time.Time{}, ""
	switch {
	case callErr != nil, !grant.ExpiresInKnown:
		c.NotBefore, c.Why = now.Add(10*time.Minute), "the server's last answer was incomplete"
	case grant.ExpiresIn <= time.Second:
		c.Hasty = slices.DeleteFunc(c.Hasty, func(at time.Time) bool { return now.Sub(at) >= time.Hour || at.After(now) })
		c.Hasty = append(c.Hasty, now)
		c.NotBefore, c.Why = now.Add(time.Minute), "the server's last token was valid for a second or less"
		if len(c.Hasty) >= 5 {
			c.NotBefore = c.Hasty[0].Add(time.Hour)
		}
	default:
		c.Hasty = nil
	}
}

// refused notes what a failed call means for the chain, and returns the error for
// people.
func (e *Engine) refused(ctx context.Context, s settings, account string, j journal, current keychain.Credential, callErr error) error {
	answer := &oauth.Error{}
	if !errors.As(callErr, &answer) {
		return callErr // ours: cancelled, moved, or the journal could not be written
	}
	chain := j.chainOf(account)
	now := e.wall()
	resent := chain.Intent != nil && chain.Intent.Sends >= 2
	switch {
	case answer.Kind == oauth.Spent:
		chain.Intent = nil
		chain.bury(current.Refresh)
		if newest, err := e.reread(ctx, s, account, &j, current); err == nil && !newest.Refresh.Equal(current.Refresh) {
			return &movedError{newest} // somebody who takes no locks was faster
		}
	case answer.Answered, !answer.Sent:
		chain.forgetSend()
	}
	var result *Error
	pause := time.Duration(0)
	switch {
	case !answer.Sent:
		// The token never left: nothing to wait for but the network.
		result = later("the token server cannot be reached: "+answer.Error(), "look at the network and try again; the login is as good as before", callErr)
	case answer.Kind == oauth.Spent:
		message := "the login has ended: the server does not renew it any more"
		what, detail := "refused", "the server called the refresh token spent"
		if resent {
			what = "lost"
			message = "the login is lost: an answer of the server never arrived, and the refresh token in it is gone"
			detail = "an earlier answer was lost on the way, and the token was spent by it"
		}
		e.remember(Record{Account: account, What: what, Detail: detail})
		result = again(message, callErr)
	case answer.Kind == oauth.Misconfigured:
		pause = 30 * time.Minute
		result = failed("configuration", "the server does not accept how keytender asks: "+answer.Error(),
			"check ANTHROPIC_CLIENT_ID, ANTHROPIC_TOKEN_URL and ANTHROPIC_SCOPE (`keytender doctor`); the login is kept", callErr)
	case answer.Kind == oauth.Malformed:
		pause = 10 * time.Minute
		result = later("the server's answer could not be used: "+answer.Error(), "try again later; the login is as good as before", callErr)
	case answer.Kind == oauth.Throttled && answer.RetryAfter > 0, answer.Kind == oauth.Unavailable && answer.RetryAfter > 0:
		pause = answer.RetryAfter
		if chain.Failures >= patience { // a server that goes on asking for a second is not asked each second
			pause = max(pause, backOff(chain.Failures))
		}
		chain.Failures++
		result = later(answer.Error(), "the server asked to wait "+pause.Round(time.Second).String()+"; the login is as good as before", callErr)
	default:
		pause = backOff(chain.Failures)
		if answer.Answered && answer.Status/100 == 2 && chain.Failures > 0 {
			pause = max(pause, 10*time.Minute) // a web page, twice: no network that asks to sign in first
		}
		chain.Failures++
		result = later(answer.Error(), "keytender tries again by itself; the login is as good as before", callErr)
	}
	chain.Why = ""
	if pause > 0 {
		chain.NotBefore, chain.Why = now.Add(pause), answer.Error()
	}
	chain.Problem = &Problem{Code: result.Code, Message: result.Message, Hint: result.Hint}
	if err := e.writeJournal(j); err != nil {
		return errors.Join(result, err)
	}
	e.log.Warn("a renewal failed", "account", account, "kind", answer.Kind.String(), "status", answer.Status, "sent", answer.Sent)
	return result
}

// patience is how many Retry-Afters in a row are taken at their word when they are short.
const patience = 3

// backOff doubles from 30 s to an hour, with up to a fifth of chance on top: seven
// sends in the first hour of an outage.
func backOff(failures int) time.Duration {
	pause := maxPause
	if failures < 7 {
		pause = 30 * time.Second << failures
	}
	return min(pause+rand.N(pause/5), maxPause)
}

// briefAfter outlives ctx by half a second: what was received is stored already, and
// whoever is asked to end must not wait long for Claude Code's lock. The next start
// catches up.
func briefAfter(ctx context.Context) (context.Context, context.CancelFunc) {
	brief, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(500*time.Millisecond, cancel) })
	return brief, func() { stop(); cancel() }
}
