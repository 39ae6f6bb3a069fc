package session

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"keytender/callback"
	"keytender/internal/atomicfile"
	"keytender/internal/ledger"
	"keytender/internal/oauth"
	"keytender/internal/scope"
	"keytender/keychain"
)

// signIn is one sign-in: what the person chose, and who is told of its steps.
type signIn struct {
	*Engine
	options SignInOptions
	tell    func(Event)
}

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
	l, err := e.ledger()
	if err != nil {
		return Status{}, err
	}
	if o.Account != "" {
		if err := checkName(l, o.Account); err != nil {
			return Status{}, err
		}
	}
	if err := e.MayWrite(); err != nil {
		return Status{}, err
	}
	s := signIn{e, o, tell}
	if err := s.tryStore(ctx, l); err != nil {
		return Status{}, err
	}
	account := l.Choose(o.Account)
	if already, err := e.vault(l).load(ctx, account); err == nil {
		tell(Event{Kind: EventAlready, Value: already.Account.Email, Detail: account})
	}
	err = s.obtain(ctx, l.TermsTold, func(c keychain.Credential) (Keep, error) { return s.keepSignIn(ctx, c) })
	if err != nil {
		return Status{}, err
	}
	return e.Status(context.WithoutCancel(ctx)), nil
}

// obtain does what every sign-in in the browser has in common, up to the credential. keep
// does the rest, whose outcome the browser's page tells.
func (s signIn) obtain(ctx context.Context, termsTold bool, keep func(keychain.Credential) (Keep, error)) (err error) {
	if !termsTold {
		s.tell(Event{Kind: EventTerms})
	}
	attempt, err := oauth.NewAttempt(s.attemptConfig())
	if err != nil {
		return unusableURLs(err)
	}
	server, err := s.listen(ctx, attempt)
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
	c, pasted, err := s.credential(ctx, attempt, server)
	if err != nil {
		return err
	}
	kept, err := keep(c)
	if err != nil {
		return err
	}
	outcome = callback.Outcome{Kind: callback.SignedIn, Email: c.Account.Email, Plan: c.Account.Plan,
		Kept: string(kept)}
	if pasted {
		outcome.Kind = callback.ElsewhereDone
	}
	return nil
}

// codeLife is how long a code surely lives while a throttled server makes us wait;
// servers give it minutes (RFC 6749 §4.1.2 allows ten at most).
const codeLife = 2 * time.Minute

func (s signIn) loginTimeout() time.Duration {
	if s.options.Timeout > 0 {
		return s.options.Timeout
	}
	return s.config.LoginTimeout
}

func (s signIn) attemptConfig() oauth.AttemptConfig {
	c := oauth.AttemptConfig{AuthorizeURL: s.config.AuthURL, ClientID: s.config.ClientID,
		PasteRedirect: s.config.RedirectURI, Scopes: s.config.Scopes, Issuer: s.config.Issuer, Hints: s.options.hints()}
	if s.options.Console {
		c.AuthorizeURL = s.config.ConsoleAuthURL
	}
	switch {
	case s.options.Scopes != nil:
		c.Scopes = s.options.Scopes
	case s.options.LongLived > 0:
		c.Scopes = []string{scope.Inference} // any other scope is refused with a custom validity
	}
	return c
}

// listen opens the callback port and tells where; nil means that only the paste way
// is open.
func (s signIn) listen(ctx context.Context, attempt *oauth.Attempt) (*callback.Server, error) {
	if s.options.Method == ByPaste {
		s.tell(Event{Kind: EventPasteURL, Value: attempt.PasteURL()})
		return nil, nil
	}
	port := s.options.Port
	if port == 0 {
		port = s.config.Port
	}
	server, err := callback.Listen(ctx, callback.Config{Port: port, Exact: s.options.PortExact, State: attempt.State(),
		Issuer: s.config.Issuer, Linger: s.options.Linger, Instead: s.options.Instead})
	switch {
	case errors.Is(err, callback.ErrPortTaken) && s.options.PortExact:
		return nil, failedBy(codePortTaken, FaultPortTaken, Values{Reason: err.Error()}, err)
	case err != nil && s.options.Paste == nil:
		return nil, failedBy(codeNoPort, FaultNoPort, Values{Reason: plain(err)}, err)
	case err != nil:
		s.tell(Event{Kind: EventNote, Note: NoteNoPort, Value: plain(err), Warn: true})
		s.tell(Event{Kind: EventPasteURL, Value: attempt.PasteURL()})
		return nil, nil
	}
	if server.Port() != port {
		s.tell(Event{Kind: EventPortMoved, Value: strconv.Itoa(port), Detail: strconv.Itoa(server.Port())})
	}
	s.tell(Event{Kind: EventCallback, Value: server.RedirectURI()})
	s.tell(Event{Kind: EventSignInURL, Value: attempt.URL(server.RedirectURI())})
	if s.options.Paste != nil {
		s.tell(Event{Kind: EventPasteURL, Value: attempt.PasteURL()})
	}
	return server, nil
}

func unusableURLs(err error) *Error {
	return &Error{Code: codeUsage, Exit: ExitUsage, Fault: FaultURLs, Values: Values{Reason: err.Error()}, Err: err}
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
		return &Error{Code: codeDeclined, Exit: ExitDeclined, Fault: FaultDeclined, Values: Values{Reason: said}}
	case "server_error", "temporarily_unavailable":
		return laterBy(FaultSignInServer, Values{Reason: said}, nil)
	}
	return failedBy(CodeNotPermitted, FaultSignInRefused, Values{Reason: said}, nil)
}

// exchange turns the code into a credential. The code is sent once; only a 429,
// which comes before the server looks at the code, allows one more try in time.
func (s signIn) exchange(ctx context.Context, attempt *oauth.Attempt, a answered) (keychain.Credential, error) {
	request := oauth.ExchangeRequest{Code: a.Code, Verifier: attempt.Verifier(), State: attempt.State(),
		RedirectURI: a.RedirectURI, ExpiresIn: s.options.LongLived}
	grant, err := s.client.Exchange(ctx, request)
	if failure := (&oauth.Error{}); errors.As(err, &failure) && failure.Kind == oauth.Throttled {
		pause := max(failure.RetryAfter, time.Second)
		if pause <= codeLife {
			s.tell(Event{Kind: EventNote, Note: NoteServerWaits, Left: pause, Warn: true})
			if sleep(ctx, pause) == nil {
				grant, err = s.client.Exchange(ctx, request)
			}
		}
	}
	if err != nil {
		return keychain.Credential{}, exchangeError(ctx, err)
	}
	method := ByBrowser
	if a.pasted {
		method = ByPaste
	}
	c := keychain.Credential{Method: method, Issued: s.wall(), Lifetime: grant.ExpiresIn, Scopes: grant.Scopes,
		Access: grant.Access, Refresh: grant.Refresh, AccessEnds: s.wall().Add(grant.ExpiresIn)}
	if c.Scopes == nil {
		c.Scopes = s.attemptConfig().Scopes // RFC 6749 §5.1: not said means as asked
	}
	switch {
	case grant.LoginExpiresIn > 0:
		c.LoginEnds = s.wall().Add(grant.LoginExpiresIn)
	case c.Refresh.IsZero():
		c.LoginEnds = c.AccessEnds
	default:
		c.LoginEnds, c.LoginEndsEstimated = s.wall().Add(fallbackLogin), true
	}
	if s.options.LongLived > 0 {
		s.tell(Event{Kind: EventNote, Note: NoteValidity, Value: seconds(s.options.LongLived),
			Detail: seconds(grant.ExpiresIn)})
	}
	c.Account = account(grant.Account)
	if slices.Contains(c.Scopes, scope.Profile) {
		if err := s.asking().askWhose(ctx, &c, 10*time.Second); err != nil {
			s.tell(Event{Kind: EventNote, Note: NoteWhose, Value: err.Error(), Warn: true})
		}
	}
	if err := s.options.expected(c.Account); err != nil {
		return keychain.Credential{}, err
	}
	return c, nil
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d.Seconds()), 10) }

func account(p oauth.Profile) keychain.Account {
	return keychain.Account{Email: p.Email, ID: p.AccountID, OrganizationID: p.OrganizationID,
		Organization: p.Organization, Plan: p.Plan, RateLimitTier: p.RateLimitTier}
}

func exchangeError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	failure := &oauth.Error{}
	if !errors.As(err, &failure) {
		return failedBy(codeExchange, FaultNotExchanged, Values{Reason: err.Error()}, err)
	}
	said := Values{Reason: failure.Error()}
	switch failure.Kind {
	case oauth.Spent:
		return failedBy(codeCodeRefused, FaultCodeRefused, said, err)
	case oauth.Declined:
		return &Error{Code: codeDeclined, Exit: ExitDeclined, Fault: FaultExchangeDeclined, Values: said, Err: err}
	case oauth.Misconfigured:
		return failedBy(misfit(failure), FaultExchangeMisfit, said, err)
	case oauth.Malformed:
		return laterBy(FaultExchangeMalformed, said, err)
	case oauth.Throttled, oauth.Unavailable: // nothing is said of the code
	}
	return laterBy(FaultExchangeUnfinished, said, err)
}

// keepSignIn stores the credential in the account of the person who signed in, makes that
// the active one, and mirrors it.
func (s signIn) keepSignIn(ctx context.Context, c keychain.Credential) (Keep, error) {
	w, err := s.beginGranted(ctx)
	if err != nil {
		return "", err
	}
	defer w.following().endInStep(ctx)
	if err := ctx.Err(); err != nil {
		return "", err // cancelled at the last moment: nothing is stored
	}
	// From here on the sign-in is carried through.
	ctx = Patient(context.WithoutCancel(ctx))
	account, note, err := w.takingIn().signsInTo(ctx, s.options.Account, c, s.options.LongLived > 0, s.options.Replace)
	if err != nil {
		return "", err
	}
	// A long-lived token does not become active by itself, and goes only where nobody's login lies.
	activate := !s.options.NoMirror && (s.options.LongLived <= 0 || w.l.Active == account)
	mirrors := !s.options.NoMirror && s.mirrors(w.l) && (activate || w.l.Active == "" && w.isFree(ctx, account))
	taken := takenIn{account: account, c: c, what: ledger.ChangeSignedIn, longLived: s.options.LongLived > 0,
		activate: activate, carries: mirrors, unseen: s.options.TermsSeen != nil && !s.options.TermsSeen()}
	lent := w.l.LentTo(account)
	stored, former, err := w.takingIn().takeIn(ctx, taken)
	if kept := (&notKeptError{}); errors.As(err, &kept) {
		// The code is spent, so the new login goes where nothing has to make room for it.
		taken.account = w.l.NewName(personOf(c.Account), taken.longLived)
		note = Said{RemarkKeepsLogin, &Values{Account: account, Because: saidOf(err), Owner: taken.account}}
		account = taken.account
		stored, former, err = w.takingIn().takeIn(ctx, taken)
	}
	if err != nil {
		return "", err
	}
	s.tell(Event{Kind: EventSignedIn, Value: c.Account.Email, Detail: c.Account.Plan})
	if note.Remark != "" {
		s.tell(Event{Kind: EventNote, Said: note})
	}
	if former {
		s.tell(Event{Kind: EventNote, Note: NoteFormerKept, Value: account})
	}
	if ended := lentNoMore(lent); ended.Remark != "" {
		s.tell(Event{Kind: EventNote, Said: ended, Warn: true})
	}
	spilled := w.vault(w.l).spilled(account)
	s.tell(Event{Kind: EventSaved, Said: stored, Warn: spilled, Keep: keepOf(w.l.Store, spilled)})
	if names := w.takingIn().accountsThatStayed(account); len(names) > 0 {
		s.tell(Event{Kind: EventNote, Said: Said{RemarkStayed, &Values{Account: strings.Join(names, ", ")}},
			Warn: true})
	}
	w.takingIn().tellMirror(ctx, mirrors, account, s.tell)
	s.tellEnds(&c)
	return keepOf(w.l.Store, spilled), nil
}

// beginGranted is begin for a login whose code was spent: it waits for whoever holds the lock
// as long as each of them may, and in turn, rather than throw the login away.
func (s signIn) beginGranted(ctx context.Context) (*work, error) {
	for tries := 1; ; tries++ {
		w, err := s.begin(ctx, lockWait)
		if known := errorIn(err); tries == grantedTries || known == nil || known.Exit != ExitBusy {
			return w, err
		}
		s.tell(Event{Kind: EventNote, Said: Said{Remark: RemarkOtherAtWork}, Warn: true})
	}
}

func (s signIn) tellEnds(c *keychain.Credential) {
	s.tell(Event{Kind: EventExpires, At: c.AccessEnds, Left: c.AccessEnds.Sub(s.wall())})
	ends := Event{Kind: EventLoginEnds, At: c.LoginEnds, Left: c.LoginEnds.Sub(s.wall())}
	if c.LoginEndsEstimated {
		ends.Detail = "estimated"
	}
	s.tell(ends)
}

// takenIn is a login that begins a chain.
type takenIn struct {
	account   string
	c         keychain.Credential
	what      ledger.ChangeKind // signed-in, imported
	longLived bool
	activate  bool // make it the active account
	unseen    bool // nobody has seen what the terms say
	carries   bool // it takes the place of the account's former chain wherever that lies
}

// granted: a code was spent for it, so that it lies nowhere else.
func (t takenIn) granted() bool { return t.c.Method == ByBrowser || t.c.Method == ByPaste }

// takingIn is giving a login that just came, by a sign-in or an import, to an account.
type takingIn struct{ *work }

func (w *work) takingIn() takingIn { return takingIn{w} }

// takeIn stores a login that begins a chain: chooses the store if none is chosen, saves,
// and begins the chain. former: the login that the account had before was another
// person's, or may live on, and is kept among the displaced. The caller holds the lock.
func (w takingIn) takeIn(ctx context.Context, t takenIn) (stored Said, former bool, err error) {
	if err := checkName(w.l, t.account); err != nil { // another program may have added its twin
		return Said{}, false, err
	}
	t.c.Issued = w.issuedLast(ctx, t)
	var undo func(context.Context)
	if former, undo, err = w.keepFormer(ctx, t); err != nil {
		return Said{}, false, err
	}
	var moved, stayed []string
	chosen, leaving := "", w.l.Store
	if w.l.Store != "" && w.config.Store != "auto" && w.config.Store != w.l.Store {
		moved, stayed, err = w.copyRecords(ctx, t.account)
	}
	if w.l.Account(t.account) == nil {
		w.l.Coming = t.account
		if err := w.saveBy(atomicfile.WriteAhead); err != nil { // the login is kept all the same
			w.log.Warn("who signs in could not be noted", "reason", plain(err))
		}
	}
	if err == nil {
		chosen, err = w.saveChoosing(ctx, t.account, t.c)
	}
	notSaved := err
	if err != nil && t.granted() {
		// The other records lie in the store that was chosen before, so that one stays.
		chosen, err = cmp.Or(w.l.Store, w.wantedStore(w.l), "keychain"), w.vault(w.l).spillGranted(t.account, t.c)
	}
	if err != nil {
		undo(ctx)
		return Said{}, false, err
	}
	if chosen == "file" && w.l.Store == "" && w.config.Store == "auto" {
		w.log.Info("there is no keychain here; the file store is used", "path", w.config.Paths.Credentials)
	}
	if chosen != leaving {
		w.l.Store, w.l.Stayed = chosen, append(stayed, moved...)
	}
	w.l.TermsTold = w.l.TermsTold || t.granted() && !t.unseen
	a := w.l.Add(t.account)
	a.LongLived, w.l.Coming = t.longLived, ""
	if a.Person.Like(personOf(t.c.Account)) != ledger.Same {
		if a.Person.Known() { // what was the former person's beside the login is kept with that one
			if err := w.vault(w.l).drop(ctx, boundName(t.account)); err != nil && !isNotFound(err) {
				w.log.Warn("what belonged to the former person stays", "reason", plain(err))
			}
		}
		a.Person = ledger.Person{}
		w.partChains(t.account, true)
	} else if !t.carries {
		w.partChains(t.account, false)
	}
	chain := w.l.Join(t.account, personOf(t.c.Account), pairOf(&t.c))
	a.Chain, chain.Shared = chain.ID, t.what == "imported"
	w.describeAccount(t.account, &t.c)
	chain.Last = &ledger.Change{At: w.wall(), What: t.what, Who: "keytender"}
	if granted := t.c.AccessEnds.Sub(t.c.Issued); granted >= 0 && granted <= time.Second && t.granted() {
		w.paceChain(chain, oauth.Grant{ExpiresIn: granted, ExpiresInKnown: true}, nil)
	}
	if t.activate || !t.longLived && w.l.Account(w.l.Active) == nil {
		w.l.Active = t.account
	}
	if err := w.saveForeseeing(t, chain); err != nil {
		return Said{}, false, err
	}
	if notSaved != nil {
		w.log.Error("no store took the new login", "store", chosen, "reason", plain(notSaved))
		stored = Said{RemarkInSpillFile, &Values{Path: w.vault(w.l).spillPath(t.account),
			Because: saidOf(notSaved)}}
		w.remember(Record{Account: t.account, What: t.what,
			Said: Said{RemarkInSpill, &Values{Reason: string(t.c.Method)}}})
		return stored, former, nil
	}
	if err := w.vault(w.l).dropSpilled(t.account); err != nil {
		w.log.Warn("a copy of the former login stays", "reason", plain(err))
	}
	w.leave(ctx, moved)
	w.remember(Record{Account: t.account, What: t.what, Detail: string(t.c.Method)})
	return Said{RemarkStored, &Values{Place: w.storeName(chosen)}}, former, nil
}

// saveForeseeing saves, and where this environment's entry is a file that is not there yet,
// nor known, notes at once that the new login is about to be written there. What lies in any other entry
// is looked at under its locks first, when nothing may claim it yet: so it is taken back in
// memory, and stands until the next save.
func (w takingIn) saveForeseeing(t takenIn, chain *ledger.Chain) error {
	var place *ledger.Place
	if t.carries && w.entryErr == nil && w.entry.FileIsRead() && w.l.Place(w.entry.ID()) == nil {
		if _, err := os.Lstat(w.entry.File()); errors.Is(err, fs.ErrNotExist) {
			place = w.place(w.entry)
			place.Next, place.Account = chain.ID, t.account
		}
	}
	err := w.save()
	if place != nil {
		w.l.ForgetPlace(place.ID)
		if err == nil {
			w.foreseen = place.ID + chain.ID
		}
	}
	return err
}

// partChains lets the former chains of an account go their own way. lost: another person
// has the account's name now, so they are nobody's, and what was lent of them is brought up no more.
func (w *work) partChains(account string, lost bool) {
	for _, c := range w.l.Chains {
		if c.Account == account {
			c.Apart = true
			if lost {
				c.Account, c.Was = "", account
			}
		}
	}
	for _, p := range w.l.LentTo(account) {
		if c := w.l.Chain(p.Chain); lost && c != nil && c.Person.Known() {
			p.Account = ""
		}
	}
}

// keepFormer keeps the login that an account had before among the displaced, unless it is
// known to be of no use: a sign-in of the same person takes its place.
func (w takingIn) keepFormer(ctx context.Context, t takenIn) (kept bool, undo func(context.Context), err error) {
	undo = func(context.Context) {}
	a := w.l.Account(t.account)
	if a == nil {
		return false, undo, nil
	}
	r, err := w.renewal(ctx, t.account)
	if err != nil {
		return false, undo, nil // a record that cannot be read is found damaged by who saves
	}
	if err := r.settleElsewhere(ctx, ""); err != nil && t.what == "imported" {
		return false, undo, err // a sign-in that was granted is never thrown away for that
	}
	former := r.current
	if !t.carries { // where it lies, others go on with it without us
		w.carrying().carry(ctx, t.account, &former, entryWait)
	}
	if former.SamePair(t.c) {
		return false, undo, nil
	}
	c := w.l.Chain(a.Chain)
	if a.Person.Surely(personOf(t.c.Account)) && t.what == "signed-in" && a.LongLived == t.longLived && !t.longLived &&
		(c == nil || !c.Unsure) {
		return false, undo, nil
	}
	if c != nil && (c.Dead(pairOf(&former)) || c.Left(pairOf(&former))) {
		return false, undo, nil
	}
	if former.Refresh.IsZero() && !w.validFor(&former, 0) {
		return false, undo, nil
	}
	if kept, undo, err = w.displacing().displaceRecord(ctx, a, former); err != nil && t.granted() {
		err = &notKeptError{err}
	}
	return kept, undo, err
}

// notKeptError says that a granted login was not taken in, since the one before it could not
// be set aside.
type notKeptError struct{ error }

func (e *notKeptError) Unwrap() error { return e.error }

// issuedLast dates a login that begins a chain after whatever the account has, so that it is
// the newer one also where the clock was ahead when that came.
func (w takingIn) issuedLast(ctx context.Context, t takenIn) time.Time {
	if former, err := w.vault(w.l).load(ctx, t.account); err == nil && !t.c.Issued.After(former.Issued) {
		return w.issuedAfter(&former)
	}
	return t.c.Issued
}

// saveChoosing saves into the store of the settings; the first sign-in chooses it:
// the keychain, and the file only where there certainly is no keychain. A keychain
// that is locked or refuses is an error, never a reason to write a plain file.
func (w takingIn) saveChoosing(ctx context.Context, account string, c keychain.Credential) (chosen string, err error) {
	kind := w.wantedStore(w.l)
	if kind == "" {
		kind = "keychain"
		err := w.vaultIn(kind).save(ctx, account, c)
		if err == nil {
			return "keychain", nil
		}
		if !errors.Is(err, keychain.ErrUnavailable) {
			return "", storeError("keychain", err)
		}
		w.log.Info("no keychain", "reason", plain(err))
		kind = "file"
	}
	if err := w.vaultIn(kind).save(ctx, account, c); err != nil {
		return "", storeError(kind, err)
	}
	return kind, nil
}

// copyRecords carries the records beside that of the one who signs in over to the store
// that the person now asks for. It returns the names of those that the former store no
// longer needs then, or that stay there since it lets nobody in. Where it fails nothing has
// changed.
func (w takingIn) copyRecords(ctx context.Context, signingIn string) (copied, stayed []string, err error) {
	from, want := w.vault(w.l), w.vaultIn(w.config.Store)
	due := recordNames(w.l)
	names := due
	for _, account := range w.l.Names() {
		names = append(names, boundName(account))
	}
	for i, name := range names {
		record, err := from.record(ctx, name)
		switch {
		case notThere(err):
			if i < len(due) {
				stayed = append(stayed, name)
			}
			continue
		case closed(err): // the person leaves it for that, maybe
			w.log.Warn("the former store lets nobody in; records stay in it", "store", w.l.Store)
			return nil, names, nil
		case name == signingIn: // what it holds now is replaced
		case err != nil:
			return nil, nil, storeError(w.l.Store, err)
		default:
			if err := want.keep(ctx, name, record); err != nil {
				return nil, nil, storeError(w.config.Store, err)
			}
		}
		copied = append(copied, name)
	}
	return copied, stayed, nil
}

// accountsThatStayed lists the accounts but one whose logins lie in the former store.
func (w takingIn) accountsThatStayed(but string) []string {
	return slices.DeleteFunc(w.l.Names(), func(name string) bool {
		return name == but ||
			!slices.Contains(w.l.Stayed, name)
	})
}

// leave takes out of the former store what a sign-in moved to another one. The ledger knows what stays.
func (w takingIn) leave(ctx context.Context, moved []string) {
	v := w.vault(w.l)
	for _, name := range moved {
		limited, cancel := storeContext(ctx)
		if err := v.dropFormer(limited, name); err != nil {
			w.log.Warn("a record could not be taken out of the former store", "name", name, "reason", plain(err))
		}
		cancel()
	}
	if len(moved) > 0 {
		w.log.Info("the store changed", "to", w.l.Store)
	}
}

// storeName is a store by its kind, with its place where that is a file.
func (e *Engine) storeName(kind string) string {
	if kind == "file" {
		return "file " + e.config.Paths.Credentials
	}
	return kind
}

func (w takingIn) tellMirror(ctx context.Context, mirrors bool, account string, tell func(Event)) {
	said, wait := Said{Remark: RemarkNotMirrored}, entryWait
	r, err := w.renewal(ctx, account)
	if err == nil && mirrors {
		if said, err = w.mirroring().mirrorNow(ctx, r, true); err != nil {
			wait = elsewhereWait // it was waited for
		}
	}
	if r != nil {
		// What held the account's former chain gets the new one, here too where it was not mirrored.
		w.carrying().carry(ctx, account, &r.current, wait)
		if err != nil && w.entryErr == nil {
			place := w.l.Place(w.entry.ID())
			if place != nil && place.Pair == r.chain.Current() {
				said, err = Said{RemarkInStep, &Values{Place: w.entry.Place()}}, nil
			}
		}
	}
	tell(Event{Kind: EventClaudeCode, Said: said, Err: err, Warn: err != nil})
	if known := errorIn(w.stillBehind(account)); known != nil {
		tell(Event{Kind: EventNote, Said: Said{RemarkStillBehind, &known.Values}, Warn: true})
	}
	if err != nil || !mirrors {
		return
	}
	if over := w.entry.Overrides(); len(over) > 0 {
		tell(Event{Kind: EventNote, Note: NoteOverridden, Value: strings.Join(over, ", "), Warn: true})
	}
}

// isFree reports whether Claude Code's entry holds nobody's login, or the account's.
func (w *work) isFree(ctx context.Context, account string) bool {
	if w.entryErr != nil {
		return false
	}
	s, err := w.see(ctx, w.entry, false)
	return err == nil && (s.Relation == ledger.Absent || s.Relation == ledger.SignedOut || s.Account() == account)
}

// outcomeOf is what the browser is told of an error.
func outcomeOf(err error) callback.Outcome {
	var known Coded
	if !errors.As(err, &known) {
		return callback.Outcome{Kind: callback.Cancelled}
	}
	code, exit := known.Outcome()
	switch exit {
	case ExitDeclined:
		return callback.Outcome{Kind: callback.Declined}
	case ExitTimedOut:
		return callback.Outcome{Kind: callback.TimedOut}
	}
	return callback.Outcome{Kind: callback.Failed, Problem: string(code)}
}
