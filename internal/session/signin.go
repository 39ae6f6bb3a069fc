package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"keytender/callback"
	"keytender/internal/oauth"
	"keytender/keychain"
)

// SignIn carries one sign-in from the click to the mirrored entry:
//
//	listen, open   both loopback stacks, then the browser
//	answer         the redirect or the pasted code, whichever comes first
//	exchange       one POST
//	save           the store that was chosen, read back
//	mirror         Claude Code's entry
//
// tell is called for each step, from one goroutine at a time. Who is signed in is
// replaced only after all of it went well. When it is cancelled nothing is stored.
func (e *Engine) SignIn(ctx context.Context, o SignInOptions, tell func(Event)) (Status, error) {
	s, err := e.settings()
	if err != nil {
		return Status{}, err
	}
	account := s.account(o.Account)
	if err := s.checkName(account); err != nil {
		return Status{}, err
	}
	already, storeErr, err := e.loadBoth(ctx, s, account)
	if e.config.Store == "keychain" && s.Store == "file" { // this sign-in moves there
		_, storeErr = e.loadStored(ctx, settings{Store: "keychain"}, account)
	}
	mustBeKeychain := e.config.Store == "keychain" || e.config.Store == "auto" && s.Store == "keychain"
	if mustBeKeychain && errors.Is(storeErr, keychain.ErrUnavailable) {
		return Status{}, storeError("keychain", storeErr) // before a code is spent on what cannot be kept
	}
	if err == nil {
		tell(Event{Kind: EventAlready, Value: already.Account.Email, Detail: account})
	}
	err = e.obtain(ctx, s, o, tell, func(c keychain.Credential) error { return e.keepSignIn(ctx, o, account, c, tell) })
	if err != nil {
		return Status{}, err
	}
	return e.Status(context.WithoutCancel(ctx)), nil
}

// obtain does what every sign-in in the browser has in common, up to the credential. keep
// does the rest, whose outcome the browser's page tells.
func (e *Engine) obtain(ctx context.Context, s settings, o SignInOptions, tell func(Event), keep func(keychain.Credential) error) (err error) {
	if err := e.MayWrite(); err != nil {
		return err
	}
	if !s.TermsShown {
		tell(Event{Kind: EventTerms})
	}
	attempt, err := oauth.NewAttempt(e.attemptConfig(o))
	if err != nil {
		return &Error{Code: "usage", Exit: ExitUsage, Message: err.Error(), Hint: "check the URLs that are set", Err: err}
	}
	server, err := e.listen(ctx, o, attempt, tell)
	if err != nil {
		return err
	}
	outcome := callback.Outcome{Kind: callback.Cancelled}
	if server != nil {
		defer func() {
			if err != nil {
				outcome = outcomeOf(err)
			}
			server.Finish(outcome)
			_ = server.Close()
		}()
	}
	c, pasted, err := e.credential(ctx, o, attempt, server, tell)
	if err != nil {
		return err
	}
	if err := keep(c); err != nil {
		return err
	}
	outcome = callback.Outcome{Kind: callback.SignedIn, Email: c.Account.Email, Plan: c.Account.Plan}
	if pasted {
		outcome.Kind = callback.ElsewhereDone
	}
	return nil
}

// codeLife is how long a code surely lives while a throttled server makes us wait;
// servers give it minutes (RFC 6749 §4.1.2 allows ten at most).
const codeLife = 2 * time.Minute

func (e *Engine) loginTimeout(o SignInOptions) time.Duration {
	if o.Timeout > 0 {
		return o.Timeout
	}
	return e.config.LoginTimeout
}

func (e *Engine) attemptConfig(o SignInOptions) oauth.AttemptConfig {
	c := oauth.AttemptConfig{AuthorizeURL: e.config.AuthURL, ClientID: e.config.ClientID,
		PasteRedirect: e.config.RedirectURI, Scopes: e.config.Scopes, Issuer: e.config.Issuer}
	if o.Console {
		c.AuthorizeURL = e.config.ConsoleAuthURL
	}
	switch {
	case o.Scopes != nil:
		c.Scopes = o.Scopes
	case o.LongLived > 0:
		c.Scopes = []string{"user:inference"} // any other scope is refused with a custom validity
	}
	return c
}

// listen opens the callback port and tells where; nil means that only the paste way
// is open.
func (e *Engine) listen(ctx context.Context, o SignInOptions, attempt *oauth.Attempt, tell func(Event)) (*callback.Server, error) {
	if o.Method == "paste" {
		tell(Event{Kind: EventPasteURL, Value: attempt.PasteURL()})
		return nil, nil
	}
	port := o.Port
	if port == 0 {
		port = e.config.Port
	}
	server, err := callback.Listen(ctx, callback.Config{Port: port, Exact: o.PortExact, State: attempt.State(), Issuer: e.config.Issuer, Linger: o.Linger})
	switch {
	case errors.Is(err, callback.ErrPortTaken) && o.PortExact:
		return nil, failed("port-taken", err.Error(), "stop that program, or choose another port with --port", err)
	case err != nil && o.Paste == nil:
		return nil, failed("no-port", "no port can be opened for the answer: "+plain(err), "sign in with `keytender login --method paste`", err)
	case err != nil:
		tell(Event{Kind: EventNote, Value: "no port can be opened for the answer (" + plain(err) + "); paste the code instead", Warn: true})
		tell(Event{Kind: EventPasteURL, Value: attempt.PasteURL()})
		return nil, nil
	}
	if server.Port() != port {
		tell(Event{Kind: EventPortMoved, Value: fmt.Sprintf("port %d is taken, so this sign-in uses %d", port, server.Port())})
	}
	tell(Event{Kind: EventCallback, Value: server.RedirectURI()})
	tell(Event{Kind: EventSignInURL, Value: attempt.URL(server.RedirectURI())})
	if o.Paste != nil {
		tell(Event{Kind: EventPasteURL, Value: attempt.PasteURL()})
	}
	return server, nil
}

// redirectError sorts the error codes of RFC 6749 §4.1.2.1.
func redirectError(p oauth.Pasted) error {
	said := p.Err
	if p.ErrDescription != "" {
		said += ": " + p.ErrDescription
	}
	switch p.Err {
	case "":
		return nil
	case "access_denied":
		return &Error{Code: "declined", Exit: ExitDeclined, Message: "the sign-in was declined in the browser (" + said + ")",
			Hint: "run `keytender login` again and choose Allow"}
	case "server_error", "temporarily_unavailable":
		return later("the sign-in server is in trouble ("+said+")", "try again in a few minutes; nothing was changed", nil)
	}
	return failed("refused", "the sign-in server refused ("+said+")",
		"check ANTHROPIC_CLIENT_ID and ANTHROPIC_SCOPE, or sign in with `keytender login --method claude-code`", nil)
}

// exchange turns the code into a credential. The code is sent once; only a 429,
// which comes before the server looks at the code, allows one more try in time.
func (e *Engine) exchange(ctx context.Context, o SignInOptions, attempt *oauth.Attempt, a answered, tell func(Event)) (keychain.Credential, error) {
	request := oauth.ExchangeRequest{Code: a.Code, Verifier: attempt.Verifier(), State: attempt.State(), RedirectURI: a.RedirectURI, ExpiresIn: o.LongLived}
	grant, err := e.client.Exchange(ctx, request)
	if answer := (&oauth.Error{}); errors.As(err, &answer) && answer.Kind == oauth.Throttled {
		pause := max(answer.RetryAfter, time.Second)
		if pause <= codeLife {
			tell(Event{Kind: EventNote, Value: "the server asks to wait " + pause.Round(time.Second).String() + "; then the same code is tried once more", Warn: true})
			if sleep(ctx, pause) == nil {
				grant, err = e.client.Exchange(ctx, request)
			}
		}
	}
	if err != nil {
		return keychain.Credential{}, e.exchangeError(ctx, err)
	}
	method := "browser"
	if a.pasted {
		method = "paste"
	}
	c := keychain.Credential{Method: method, Issued: e.wall(), Lifetime: grant.ExpiresIn, Scopes: grant.Scopes,
		Access: grant.Access, Refresh: grant.Refresh, AccessEnds: e.wall().Add(grant.ExpiresIn)}
	if c.Scopes == nil {
		c.Scopes = e.attemptConfig(o).Scopes // RFC 6749 §5.1: not said means as asked
	}
	switch {
	case grant.LoginExpiresIn > 0:
		c.LoginEnds = e.wall().Add(grant.LoginExpiresIn)
	case c.Refresh.IsZero():
		c.LoginEnds = c.AccessEnds
	default:
		c.LoginEnds, c.LoginEndsEstimated = e.wall().Add(fallbackLogin), true
	}
	if o.LongLived > 0 {
		tell(Event{Kind: EventNote, Value: fmt.Sprintf("Requested validity: %d s, granted: %d s", int64(o.LongLived.Seconds()), int64(grant.ExpiresIn.Seconds()))})
	}
	c.Account = account(grant.Account)
	if slices.Contains(c.Scopes, "user:profile") {
		if err := e.askWhose(ctx, &c, 10*time.Second); err != nil {
			tell(Event{Kind: EventNote, Value: "whose login it is could not be asked: " + err.Error(), Warn: true})
		}
	}
	if err := expected(o.Expect, c.Account.Email); err != nil {
		return keychain.Credential{}, err
	}
	return c, nil
}

// expected compares the account of a sign-in with the one that the person wants.
func expected(want, found string) *Error {
	if want == "" || strings.EqualFold(want, found) {
		return nil
	}
	if found == "" {
		found = "an account whose e-mail could not be found out"
	}
	return failed("other-account", "signed in as "+found+", but "+want+" was expected; nothing was stored",
		"sign out of "+found+" in the browser, or use another browser profile, and try again", nil)
}

func account(p oauth.Profile) keychain.Account {
	return keychain.Account{Email: p.Email, ID: p.AccountID, OrganizationID: p.OrganizationID,
		Organization: p.Organization, Plan: p.Plan, RateLimitTier: p.RateLimitTier}
}

func (e *Engine) exchangeError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	answer := &oauth.Error{}
	if !errors.As(err, &answer) {
		return failed("exchange", "the code could not be exchanged: "+err.Error(), "run `keytender login` again", err)
	}
	official := "or let the official client sign in: `keytender login --method claude-code`"
	switch answer.Kind {
	case oauth.Spent:
		return failed("code-refused", "the server did not accept the code: "+answer.Error(),
			"a code works once and for a few minutes; run `keytender login` again, "+official, err)
	case oauth.Declined:
		return &Error{Code: "declined", Exit: ExitDeclined, Message: "the sign-in was declined: " + answer.Error(), Hint: "run `keytender login` again and choose Allow", Err: err}
	case oauth.Misconfigured:
		return failed("configuration", "the server does not accept how keytender asks: "+answer.Error(),
			"check ANTHROPIC_CLIENT_ID, ANTHROPIC_TOKEN_URL and ANTHROPIC_SCOPE, "+official, err)
	case oauth.Malformed:
		return later("the server's answer could not be used: "+answer.Error(), "run `keytender login` again, "+official, err)
	}
	return later("the token server did not complete the sign-in: "+answer.Error(), "run `keytender login` again in a few minutes; nothing was changed", err)
}

// keepSignIn stores the credential, makes its account the active one, and mirrors it.
func (e *Engine) keepSignIn(ctx context.Context, o SignInOptions, account string, c keychain.Credential, tell func(Event)) error {
	release, err := e.lock(ctx, lockWait)
	if err != nil {
		return err
	}
	defer release()
	if err := ctx.Err(); err != nil {
		return err // cancelled at the last moment: nothing is stored
	}
	// From here on the sign-in is carried through.
	ctx = Patient(context.WithoutCancel(ctx))
	kind, err := e.takeIn(ctx, account, c, "signed-in")
	if err != nil {
		return err
	}
	tell(Event{Kind: EventSignedIn, Value: c.Account.Email, Detail: c.Account.Plan})
	tell(Event{Kind: EventSaved, Value: kind})
	e.tellMirror(ctx, o, account, c, tell)
	e.tellEnds(c, tell)
	return nil
}

func (e *Engine) tellEnds(c keychain.Credential, tell func(Event)) {
	tell(Event{Kind: EventExpires, At: c.AccessEnds, Left: c.AccessEnds.Sub(e.wall())})
	ends := Event{Kind: EventLoginEnds, At: c.LoginEnds, Left: c.LoginEnds.Sub(e.wall())}
	if c.LoginEndsEstimated {
		ends.Detail = "estimated"
	}
	tell(ends)
}

// takeIn stores a login that begins a chain: chooses the store if none is chosen,
// saves, and starts the chain's journal. The caller holds the lock.
func (e *Engine) takeIn(ctx context.Context, account string, c keychain.Credential, what string) (storeKind string, err error) {
	s, err := e.settings()
	if err != nil {
		return "", err
	}
	if err := s.checkName(account); err != nil { // another program may have added its twin
		return "", err
	}
	j, err := e.journal()
	if err != nil {
		return "", err
	}
	var moved []string
	if s.Store != "" && e.config.Store != "auto" && e.config.Store != s.Store {
		if moved, err = e.copyRecords(ctx, s, account); err != nil {
			return "", err
		}
	}
	chosen, err := e.saveChoosing(ctx, s, account, c)
	if err != nil {
		return "", err
	}
	if chosen == "file" && s.Store == "" && e.config.Store == "auto" {
		e.log.Info("there is no keychain here; the file store is used", "path", e.config.Places.Credentials)
	}
	if err := e.changeSettings(func(s *settings) {
		s.Store, s.Active = chosen, account
		s.TermsShown = s.TermsShown || c.Method == "browser" || c.Method == "paste"
		s.add(account)
	}); err != nil {
		return "", err
	}
	e.dropSpilled(account)
	e.leave(ctx, s, moved)
	former := j.chainOf(account)
	fresh := &chain{Known: former.Known, Dead: former.Dead, Last: &ChainChange{At: e.wall(), What: what, Who: "keytender"}}
	fresh.know(c.Refresh)
	if granted := c.AccessEnds.Sub(c.Issued); granted >= 0 && granted <= time.Second && (c.Method == "browser" || c.Method == "paste") {
		e.pace(fresh, oauth.Grant{ExpiresIn: granted, ExpiresInKnown: true}, nil)
	}
	j.Chains[account] = fresh
	if err := e.writeJournal(j); err != nil {
		return "", err
	}
	e.remember(Record{Account: account, What: what, Detail: c.Method})
	return e.storeName(chosen), nil
}

// saveChoosing saves into the store of the settings; the first sign-in chooses it:
// the keychain, and the file only where there certainly is no keychain. A keychain
// that is locked or refuses is an error, never a reason to write a plain file.
func (e *Engine) saveChoosing(ctx context.Context, s settings, account string, c keychain.Credential) (chosen string, err error) {
	if e.config.Store != "auto" {
		s.Store = e.config.Store
	}
	if s.Store == "" {
		s.Store = "keychain"
		err := e.saveStored(ctx, s, account, c)
		if err == nil {
			return "keychain", nil
		}
		if !errors.Is(err, keychain.ErrUnavailable) {
			return "", storeError("keychain", err)
		}
		e.log.Info("no keychain", "reason", plain(err))
		s.Store = "file"
	}
	if err := e.saveStored(ctx, s, account, c); err != nil {
		return "", storeError(s.Store, err)
	}
	return s.Store, nil
}

// copyRecords carries the records beside that of the one who signs in over to the store
// that the person now asks for. It returns the names of those that the former store no
// longer needs then. Where it fails nothing has changed.
func (e *Engine) copyRecords(ctx context.Context, s settings, signingIn string) (copied []string, err error) {
	from, want := e.store(s), settings{Store: e.config.Store}
	names := []string{displacedRecord}
	for _, name := range s.APIKeys {
		names = append(names, keychain.RecordName(name, apiKeyPart))
	}
	for _, name := range s.Accounts {
		if name != signingIn {
			names = append(names, name)
		}
	}
	for _, name := range names {
		limited, cancel := storeContext(ctx)
		record, err := from.Load(limited, name)
		cancel()
		switch {
		case errors.Is(err, keychain.ErrNotFound):
			continue
		case closed(err): // the person leaves it for that, maybe
			e.log.Warn("the former store lets nobody in; records stay in it", "store", s.Store)
			return nil, nil
		case err != nil:
			return nil, storeError(s.Store, err)
		}
		if err := save(ctx, e.store(want), name, record); err != nil {
			return nil, storeError(want.Store, err)
		}
		copied = append(copied, name)
	}
	return append(copied, signingIn), nil
}

// leave takes out of the former store what a sign-in moved to another one.
func (e *Engine) leave(ctx context.Context, former settings, moved []string) {
	for _, name := range moved {
		ctx, cancel := storeContext(ctx)
		if err := e.store(former).Delete(ctx, name); err != nil {
			e.log.Warn("a record could not be taken out of the former store", "store", former.Store, "reason", plain(err))
		}
		cancel()
	}
	if len(moved) > 0 {
		e.log.Info("the store changed", "from", former.Store)
	}
}

// storeName is the store in words, with its place where that is a file.
func (e *Engine) storeName(kind string) string {
	if kind == "file" {
		return "file " + e.config.Places.Credentials
	}
	return "keychain (OS keychain, item keytender)"
}

func (e *Engine) tellMirror(ctx context.Context, o SignInOptions, account string, c keychain.Credential, tell func(Event)) {
	s, err := e.settings()
	if err != nil {
		tell(Event{Kind: EventClaudeCode, Value: err.Error(), Warn: true})
		return
	}
	if o.NoMirror || !e.mirrors(s) {
		tell(Event{Kind: EventClaudeCode, Value: "not mirrored"})
		return
	}
	sentence, err := e.mirrorNow(ctx, s, account, c, true)
	if err != nil {
		hint := ""
		if known := (&Error{}); errors.As(err, &known) {
			hint = "; " + known.Hint
		}
		tell(Event{Kind: EventClaudeCode, Value: "not written: " + err.Error() + hint, Warn: true})
		return
	}
	tell(Event{Kind: EventClaudeCode, Value: sentence})
	if over := e.entry.Overrides(); len(over) > 0 {
		tell(Event{Kind: EventNote, Value: "Claude Code does not use its entry while these are set: " + strings.Join(over, ", "), Warn: true})
	}
}

// outcomeOf is what the browser is told of an error.
func outcomeOf(err error) callback.Outcome {
	known := &Error{}
	if !errors.As(err, &known) {
		return callback.Outcome{Kind: callback.Cancelled}
	}
	switch known.Exit {
	case ExitDeclined:
		return callback.Outcome{Kind: callback.Declined}
	case ExitTimedOut:
		return callback.Outcome{Kind: callback.TimedOut}
	}
	return callback.Outcome{Kind: callback.Failed, Problem: known.Code}
}
