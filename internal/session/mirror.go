package session

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"keytender/internal/dirlock"
	"keytender/internal/secret"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// entryWait bounds the wait for Claude Code's locks. Tests shorten it.
var entryWait = 20 * time.Second

// readEntry reads Claude Code's entry.
func (e *Engine) readEntry(ctx context.Context) (claudecode.Entry, error) {
	if e.entryErr != nil {
		return claudecode.Entry{}, e.entryErr
	}
	ctx, cancel := storeContext(ctx)
	defer cancel()
	return e.entry.Read(ctx)
}

// lockEntry takes Claude Code's renewal locks when its entry may share our chain.
// Without an installation of Claude Code there is nothing to lock, and the lock is nil.
func (e *Engine) lockEntry(ctx context.Context, s settings, c *chain, current keychain.Credential, wait time.Duration) (*claudecode.RenewalLock, error) {
	if e.entryErr != nil || !e.entry.Installed() {
		return nil, nil
	}
	if !e.mirrors(s) {
		entry, err := e.readEntry(ctx)
		if err == nil && (entry.State != claudecode.SignedIn || e.relate(entry, current, c) == "other-login") {
			return nil, nil
		}
	}
	l, err := e.entry.LockRenewal(ctx, wait)
	if err != nil {
		return nil, entryError(err)
	}
	return l, nil
}

func (e *Engine) unlockEntry(l *claudecode.RenewalLock) {
	if l == nil {
		return
	}
	if err := l.Release(); err != nil {
		e.log.Warn("a lock of Claude Code's could not be released", "reason", plain(err))
	}
}

func entryError(err error) error {
	unusable := &claudecode.UnusableError{}
	if errors.As(err, &unusable) {
		return failed("claude-code-entry", "Claude Code's entry cannot be used: "+unusable.Reason, unusable.Hint, err)
	}
	if errors.Is(err, dirlock.ErrBusy) {
		hint := "wait until Claude Code is done and try again; nothing was changed"
		if busy := (&dirlock.BusyError{}); errors.As(err, &busy) && busy.Hint != "" {
			hint = busy.Hint
		}
		return &Error{Code: "busy", Exit: ExitBusy, Message: err.Error(), Hint: hint, Err: err}
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	known := &Error{}
	if errors.As(err, &known) {
		return known
	}
	if closed(err) {
		return storeError("keychain", err)
	}
	return failed("claude-code-entry", "Claude Code's entry cannot be used: "+err.Error(),
		"nothing was changed; `keytender status` and `keytender doctor` say more", err)
}

// closed reports whether a keychain does not let us in now: that says nothing about what
// it holds. A file's rights do not pass by themselves.
func closed(err error) bool {
	return !errors.Is(err, fs.ErrPermission) &&
		slices.ContainsFunc([]error{keychain.ErrLocked, keychain.ErrDenied, keychain.ErrTimedOut, keychain.ErrUnavailable},
			func(kind error) bool { return errors.Is(err, kind) })
}

// relate says how Claude Code's entry stands beside our pair: in-step, newer, older,
// other-login, signed-out or absent. Account and organisation ids tell; without
// them the fingerprints that our chain is known by; else it counts as another login.
func (e *Engine) relate(entry claudecode.Entry, ours keychain.Credential, c *chain) string {
	switch entry.State {
	case claudecode.Absent:
		return "absent"
	case claudecode.SignedOut:
		return "signed-out"
	}
	theirs := entry.Login
	place, ourPlace := c.place(theirs.Refresh), c.place(ours.Refresh)
	switch {
	case theirs.SamePair(ours):
		return "in-step"
	case contradicts(theirs.Account, ours.Account):
		return "other-login"
	case theirs.Refresh.Equal(ours.Refresh) && !ours.Refresh.IsZero():
	case place >= 0 && ourPlace > place, place >= 0 && ourPlace < 0:
		return "older" // a pair that our chain has left behind
	case place >= 0:
		return "newer" // and our store was put back to an older state
	case !sameAccount(theirs.Account, ours.Account):
		return "other-login"
	}
	if theirs.AccessEnds.After(ours.AccessEnds) {
		return "newer"
	}
	return "older"
}

// sameAccount is true only where ids say so, or e-mails where the ids are not known.
func sameAccount(a, b keychain.Account) bool {
	if a.ID == "" || b.ID == "" {
		return a.Email != "" && strings.EqualFold(a.Email, b.Email)
	}
	if a.ID != b.ID {
		return false
	}
	return a.OrganizationID == "" || b.OrganizationID == "" || a.OrganizationID == b.OrganizationID
}

// newerIn returns the entry's pair in the shape of our record when it is a newer one
// of our login.
func (e *Engine) newerIn(entry claudecode.Entry, ours keychain.Credential, c *chain) (keychain.Credential, bool) {
	if e.relate(entry, ours, c) != "newer" || c.dead(entry.Login.Refresh) {
		return keychain.Credential{}, false
	}
	return e.carryOver(entry, ours), true
}

// carryOver is our record with the pair that the entry holds.
func (e *Engine) carryOver(entry claudecode.Entry, ours keychain.Credential) keychain.Credential {
	newer := ours
	newer.Access, newer.Refresh = entry.Login.Access, entry.Login.Refresh
	newer.AccessEnds, newer.Lifetime, newer.Issued = entry.Login.AccessEnds, 0, e.issuedAfter(ours)
	if newer.Refresh.IsZero() {
		newer.Refresh = ours.Refresh
	}
	if len(entry.Login.Scopes) > 0 {
		newer.Scopes = entry.Login.Scopes
	}
	// Our own guess, mirrored there, is still one.
	if told := entry.Login.LoginEnds; !told.IsZero() && !(ours.LoginEndsEstimated && told.Equal(ours.LoginEnds.Truncate(time.Millisecond))) {
		newer.LoginEnds, newer.LoginEndsEstimated = entry.Login.LoginEnds, false
	}
	return newer
}

// mirrorRenewed carries a renewed pair into Claude Code's entry by compare-and-swap:
// only where the entry still holds a pair of our chain. With the mirror switched off
// it must be the one that was just spent: left there it would log Claude Code out. It
// never writes into an entry that Claude Code blanked, logged out of, or signed in to
// anew. The caller holds the locks. A failure is told by status, which finds the
// entry older, and mended by catchUp; only then the result is false.
func (e *Engine) mirrorRenewed(ctx context.Context, s settings, c *chain, renewed keychain.Credential) bool {
	if e.entryErr != nil || !e.entry.Installed() {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, entryWait)
	defer cancel()
	_, err := e.entry.Update(ctx, func(now claudecode.Entry) (claudecode.Change, error) {
		if !e.behind(now, s, c, renewed) {
			return claudecode.Change{}, nil
		}
		return claudecode.Change{SignIn: &renewed}, nil
	})
	if err != nil {
		e.log.Warn("Claude Code's entry was not renewed", "reason", err.Error())
	}
	return err == nil
}

// behind reports whether the entry holds a pair of our chain that ours has replaced.
func (e *Engine) behind(entry claudecode.Entry, s settings, c *chain, ours keychain.Credential) bool {
	place := c.place(entry.Login.Refresh)
	return entry.State == claudecode.SignedIn && place >= 0 && !entry.Login.SamePair(ours) &&
		!contradicts(entry.Login.Account, ours.Account) && (e.mirrors(s) || place >= c.place(ours.Refresh)-1)
}

// displaced is what a mirror put aside: the login that the entry held before, if any.
type displaced struct {
	secret.Hidden
	Type  string          `json:"type"`
	Whose string          `json:"whose,omitempty"`
	Inner json.RawMessage `json:"login,omitempty"`
	// Organization is what old clients wrote beside the login.
	Organization json.RawMessage `json:"organization,omitempty"`
}

var displacedRecord = keychain.RecordName("claude-code", "displaced")

// Mirror writes the signed-in account into Claude Code's entry. It is the person's
// word: another login there is replaced, kept aside, and named in the sentence that
// is returned.
func (e *Engine) Mirror(ctx context.Context) (string, error) {
	release, err := e.lock(ctx, lockWait)
	if err != nil {
		return "", err
	}
	defer release()
	s, err := e.settings()
	if err != nil {
		return "", err
	}
	current, err := e.load(ctx, s, s.account(""))
	if err != nil {
		return "", storeError(e.store(s).Kind(), err)
	}
	return e.mirrorNow(ctx, s, s.account(""), current, false)
}

// mirrorNow does the work of Mirror; the caller holds our lock. A pair of a sign-in
// that was just made is written even where the entry's own lives longer; otherwise a
// newer pair there is taken over instead.
func (e *Engine) mirrorNow(ctx context.Context, s settings, account string, current keychain.Credential, fresh bool) (string, error) {
	if e.entryErr != nil {
		return "", entryError(e.entryErr)
	}
	j, err := e.journal()
	if err != nil {
		return "", err
	}
	chain := j.chainOf(account)
	if !slices.Contains(current.Scopes, "user:inference") {
		return "", failed("scope", "Claude Code needs a login with the scope user:inference, and this one has none",
			"sign in again without --scope, or with user:inference in it", nil)
	}
	l, err := e.entry.LockRenewal(ctx, entryWait)
	if err != nil {
		return "", entryError(err)
	}
	defer func() { _ = l.Release() }()

	seen, err := e.readEntry(ctx)
	if err != nil {
		return "", entryError(err)
	}
	relation := e.relate(seen, current, chain)
	accepted, _ := seen.AcceptedByClient()
	if relation == "in-step" && accepted {
		return "already in step (" + e.entry.Place() + ")", nil
	}
	if newer, ok := e.newerIn(seen, current, chain); ok && !fresh {
		return "already in step: the newer tokens that Claude Code got were taken over (" + e.entry.Place() + ")", e.adopt(ctx, s, account, &j, newer)
	}
	aside := seen.State != claudecode.SignedIn || relation == "other-login" || !chain.knows(seen.Login.Refresh)
	putBack := func() {}
	if aside {
		// Before the write lock, which is held for milliseconds only.
		if putBack, err = e.setAside(ctx, s, seen); err != nil {
			return "", err
		}
	}
	_, err = e.entry.Update(ctx, func(now claudecode.Entry) (claudecode.Change, error) {
		if !now.Inner().Equal(seen.Inner()) {
			return claudecode.Change{}, &Error{Code: "busy", Exit: ExitBusy, Message: "Claude Code's entry changed at this very moment",
				Hint: "try again; nothing was changed", Err: dirlock.ErrBusy}
		}
		return claudecode.Change{SignIn: &current, NewLogin: fresh || relation == "other-login"}, nil
	})
	if err != nil {
		putBack()
		return "", entryError(err)
	}
	sentence := "in step (" + e.entry.Place() + ")"
	if relation == "other-login" {
		sentence = "replaced the login of " + whose(seen.Login.Account) + "; `keytender mirror --undo` puts it back (" + e.entry.Place() + ")"
	}
	if aside {
		if err := e.changeSettings(func(s *settings) { s.Displaced = true }); err != nil {
			return "", err
		}
	}
	e.remember(Record{Account: account, What: "mirrored", Detail: sentence})
	return sentence, nil
}

// whose names the owner of a login as well as its entry tells.
func whose(a keychain.Account) string {
	switch {
	case a.Email != "":
		return a.Email
	case a.ID != "":
		return "another account (" + firstOf(a.ID, 8) + "…)"
	}
	return "another account"
}

func firstOf(text string, n int) string {
	if len(text) > n {
		return text[:n]
	}
	return text
}

// setAside keeps what a mirror displaces in the same store as our records. putBack
// undoes it when the mirror failed: what an earlier one displaced is kept then.
func (e *Engine) setAside(ctx context.Context, s settings, now claudecode.Entry) (putBack func(), err error) {
	record, err := json.Marshal(displaced{Type: "displaced", Whose: whose(now.Login.Account),
		Inner: json.RawMessage(now.Inner().Reveal()), Organization: json.RawMessage(now.TopOrganization().Reveal())})
	if err != nil {
		return nil, err
	}
	store := e.store(s)
	limited, cancel := storeContext(ctx)
	defer cancel()
	former, formerErr := store.Load(limited, displacedRecord)
	if formerErr != nil && !errors.Is(formerErr, keychain.ErrNotFound) {
		return nil, storeError(store.Kind(), formerErr)
	}
	if err := store.Save(limited, displacedRecord, secret.New(string(record))); err != nil {
		return nil, storeError(store.Kind(), err)
	}
	return func() {
		limited, cancel := storeContext(context.WithoutCancel(ctx))
		defer cancel()
		if formerErr == nil {
			err = store.Save(limited, displacedRecord, former)
		} else {
			err = store.Delete(limited, displacedRecord)
		}
		if err != nil {
			e.log.Warn("what a mirror displaced earlier could not be put back", "reason", plain(err))
		}
	}, nil
}

// Undo puts back what the last mirror displaced. It replaces nothing but a pair of
// ours.
func (e *Engine) Undo(ctx context.Context) (string, error) {
	release, err := e.lock(ctx, lockWait)
	if err != nil {
		return "", err
	}
	defer release()
	if e.entryErr != nil {
		return "", entryError(e.entryErr)
	}
	s, err := e.settings()
	if err != nil {
		return "", err
	}
	aside, err := e.displaced(ctx, s)
	if err != nil {
		return "", err
	}
	account := s.account("")
	ours, err := e.load(ctx, s, account)
	if err != nil && !errors.Is(err, keychain.ErrNotFound) {
		return "", storeError(e.store(s).Kind(), err)
	}
	j, err := e.journal()
	if err != nil {
		return "", err
	}
	chain := j.chainOf(account)
	l, err := e.entry.LockRenewal(ctx, entryWait)
	if err != nil {
		return "", entryError(err)
	}
	defer func() { _ = l.Release() }()
	_, err = e.entry.Update(ctx, func(now claudecode.Entry) (claudecode.Change, error) {
		if now.State == claudecode.SignedIn && !chain.knows(now.Login.Refresh) && !now.Login.SamePair(ours) {
			return claudecode.Change{}, failed("other-login", "Claude Code's entry holds a login that keytender did not write",
				"nothing was changed; sign out in Claude Code first if that login is not wanted", nil)
		}
		if len(aside.Inner) == 0 {
			return claudecode.Change{SignOut: true}, nil
		}
		return claudecode.Change{Restore: secret.New(string(aside.Inner)), RestoreOrganization: secret.New(string(aside.Organization))}, nil
	})
	if err != nil {
		return "", entryError(err)
	}
	if err := e.forgetDisplaced(ctx, s); err != nil {
		return "", err
	}
	sentence := "our login was taken out again; there was none before"
	if len(aside.Inner) > 0 {
		sentence = "the login of " + aside.Whose + " is back"
	}
	e.remember(Record{Account: account, What: "undone", Detail: sentence})
	return sentence + " (" + e.entry.Place() + ")", nil
}

func (e *Engine) displaced(ctx context.Context, s settings) (displaced, error) {
	nothing := failed("nothing-displaced", "there is nothing to undo: no mirror displaced anything", "`keytender mirror --dry-run` shows what a mirror would change", nil)
	if !s.Displaced {
		return displaced{}, nothing
	}
	ctx, cancel := storeContext(ctx)
	defer cancel()
	record, err := e.store(s).Load(ctx, displacedRecord)
	if errors.Is(err, keychain.ErrNotFound) {
		return displaced{}, nothing
	}
	if err != nil {
		return displaced{}, storeError(e.store(s).Kind(), err)
	}
	var d displaced
	if err := json.Unmarshal([]byte(record.Reveal()), &d); err != nil || d.Type != "displaced" {
		return displaced{}, storeError(e.store(s).Kind(), keychain.ErrDamaged)
	}
	return d, nil
}

func (e *Engine) forgetDisplaced(ctx context.Context, s settings) error {
	ctx, cancel := storeContext(ctx)
	defer cancel()
	if err := e.store(s).Delete(ctx, displacedRecord); err != nil {
		return storeError(e.store(s).Kind(), err)
	}
	return e.changeSettings(func(s *settings) { s.Displaced = false })
}

// KeyChange is one key of Claude Code's entry that a mirror would change; values of
// tokens are masked.
type KeyChange = claudecode.KeyChange

// MirrorPlan says what Mirror would change, without changing anything.
func (e *Engine) MirrorPlan(ctx context.Context) (place, relation string, changes []KeyChange, err error) {
	s, err := e.settings()
	if err != nil {
		return "", "", nil, err
	}
	account := s.account("")
	current, err := e.load(ctx, s, account)
	if err != nil {
		return "", "", nil, storeError(e.store(s).Kind(), err)
	}
	j, err := e.journal()
	if err != nil {
		return "", "", nil, err
	}
	entry, err := e.readEntry(ctx)
	if err != nil {
		return "", "", nil, entryError(err)
	}
	relation = e.relate(entry, current, j.chainOf(account))
	if accepted, why := entry.AcceptedByClient(); relation == "in-step" && !accepted {
		relation = "not accepted: " + why
	}
	if relation != "in-step" {
		changes, err = e.entry.Diff(entry, claudecode.Change{SignIn: &current, NewLogin: relation == "other-login"})
	}
	return e.entry.Place(), relation, changes, err
}

// SetMirror turns the mirror on (and mirrors at once) or off, for good.
func (e *Engine) SetMirror(ctx context.Context, on bool) (string, error) {
	release, err := e.lock(ctx, lockWait)
	if err != nil {
		return "", err
	}
	err = e.changeSettings(func(s *settings) { s.Mirror = &on })
	release()
	if err != nil || !on {
		return "", err
	}
	return e.Mirror(ctx)
}
