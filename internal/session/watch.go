package session

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"keytender/internal/config"
	"keytender/internal/ledger"
	"keytender/internal/secret"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// Role is what Keytender is to the person's login.
type Role string

// The roles. To watch is to keep no copy of any login and to renew none: what Claude
// Code's entry holds is shown, its end is announced, and Claude Code signs in.
const (
	RoleTend  Role = "tend"
	RoleWatch Role = "watch"
)

const roleSetting = "KEYTENDER_ROLE"

// WatchedAccount stands for an account's name where none is kept.
const WatchedAccount = "claude-code"

// RoleState says which role counts, and who says so: empty, the path of config.toml or the
// environment. Without either it is what the person chose with SetWatch.
type RoleState struct {
	Role Role
	From string
}

// watches reports whether no copy of a login is kept. The setting counts more than the
// choice that is remembered: an administrator or a shell's profile may have made it.
func (e *Engine) watches(l *ledger.Ledger) bool {
	if roleFrom(e.config) != "" {
		return e.config.Role == string(RoleWatch)
	}
	return l.WatchOnly
}

func roleFrom(c config.Config) string {
	if from := c.Origin[roleSetting].From; from != "default" {
		return from
	}
	return ""
}

// Role tells which role counts.
func (e *Engine) Role() (RoleState, error) {
	l, err := e.ledger()
	if err != nil {
		return RoleState{}, err
	}
	s := RoleState{Role: RoleTend, From: roleFrom(e.config)}
	if e.watches(l) {
		s.Role = RoleWatch
	}
	return s, nil
}

// SetWatch chooses watch-only, or the way back. Logins that Keytender keeps are never
// thrown away for it: while there are any, watch-only is refused.
func (e *Engine) SetWatch(ctx context.Context, on bool) error {
	want := RoleTend
	if on {
		want = RoleWatch
	}
	if roleFrom(e.config) != "" && e.config.Role != string(want) {
		return roleIsSet(e.config)
	}
	w, err := e.beginAnyway(ctx, lockWait)
	if err != nil {
		return err
	}
	defer w.end()
	if on {
		if kept := w.kept(ctx); kept != nil {
			return failedAs(codeWatchKeeps, FaultWatchKeeps, kept)
		}
		w.endAttempt(attemptFile)
		w.endAttempt(finishingFile)
	}
	w.l.WatchOnly = on
	return w.save()
}

// roleIsSet says that the setting counts more than the person's choice.
func roleIsSet(c config.Config) *Error {
	fault, from := FaultRoleInFile, roleFrom(c)
	if from == "environment" {
		fault = FaultRoleInEnvironment
	}
	return failedBy(codeRoleIsSet, fault, Values{ID: c.Role, Path: from}, nil)
}

// watchOnly refuses what would keep a login.
func (e *Engine) watchOnly() *Error {
	return e.watchOnlyBy(FaultWatchOnly, FaultWatchOnlySet)
}

// watchOnlyBy is chosen, or set where a setting, and not the person's choice, makes it watch-only.
func (e *Engine) watchOnlyBy(chosen, set Fault) *Error {
	if roleFrom(e.config) != "" {
		return failedBy(codeWatchOnly, set, Values{}, roleIsSet(e.config))
	}
	return failedBy(codeWatchOnly, chosen, Values{}, nil)
}

// notRenewedHere refuses what would renew a login.
func (o watch) notRenewedHere() *Error {
	return o.watchOnlyBy(FaultNotRenewedHere, FaultNotRenewedHereSet)
}

// kept names what is kept of logins and keys, and how to remove it; nil: nothing.
func (w *work) kept(ctx context.Context) *Error {
	say := func(f Fault, v Values) *Error { return failedBy(codeWatchKeeps, f, v, nil) }
	names := w.l.Names()
	if len(names) == 0 && w.keepsUnknown(ctx) {
		names = []string{w.l.Choose("")}
	}
	lent := func(p *ledger.Place) bool { return p.Kind == ledger.Lent }
	kept := (*ledger.Displaced).IsKept
	switch {
	case slices.ContainsFunc(w.l.Places, lent):
		return say(FaultStillLends, Values{})
	case len(names) > 0:
		return say(FaultStillKeeps, Values{Account: strings.Join(names, ", ")})
	case slices.ContainsFunc(w.l.Displaced, kept):
		d := w.l.Displaced[slices.IndexFunc(w.l.Displaced, kept)]
		return say(FaultStillDisplaced, Values{ID: d.ID})
	case len(w.l.APIKeys) > 0:
		return say(FaultStillKey, Values{Account: w.l.APIKeys[0]})
	}
	for _, pattern := range []string{"spill-*", "reserve-*", "*.damaged"} {
		if left, _ := filepath.Glob(w.statePath(pattern)); len(left) > 0 {
			return say(FaultLeftBehind, Values{Path: left[0]})
		}
	}
	return nil
}

// keepsUnknown looks for a record of which the ledger knows nothing.
func (w *work) keepsUnknown(ctx context.Context) bool {
	_, err := w.vault(w.l).load(ctx, w.l.Choose(""))
	return err == nil
}

// watch shows Claude Code's own login, where none is kept.
type watch struct{ *Engine }

func (e *Engine) watch() watch { return watch{e} }

// describeWatched fills in what Claude Code's entry tells.
func (o watch) describeWatched(ctx context.Context, st *Status, l *ledger.Ledger) {
	st.Role, st.Account = RoleWatch, WatchedAccount
	look := &work{Engine: o.Engine, l: l}
	defer func() {
		if kept := look.keptByLedger(); kept != nil && st.Problem == nil {
			st.Problem = problemOf(failedBy(kept.Code, FaultKeepsAnyway, Values{}, kept))
		}
	}()
	if o.entryErr != nil {
		blame(st, entryError(o.entryErr))
		st.ClaudeCode.State = Damaged
		return
	}
	st.ClaudeCode.Place = o.entry.Place()
	st.ClaudeCode.OverriddenBy = append(st.ClaudeCode.OverriddenBy, o.entry.Overrides()...)
	entry, err := o.readEntry(ctx)
	switch {
	case closed(err):
		st.ClaudeCode.State = Busy
		blame(st, storeError("keychain", err))
	case err != nil:
		st.ClaudeCode.State = Damaged
		blame(st, failedBy(CodeDamaged, FaultWatchedBroken, Values{Reason: err.Error()}, err))
	default:
		o.describeEntryAlone(st, entry)
	}
}

// keptByLedger is kept without a look into a keychain: that could open a dialog.
func (w *work) keptByLedger() *Error {
	if len(w.l.Accounts)+len(w.l.Displaced)+len(w.l.APIKeys)+len(w.l.Places) == 0 {
		return nil
	}
	known := *w
	l := *w.l
	known.l = &l
	if len(l.Accounts) == 0 {
		l.Store = "file" // which asks nobody
	}
	return known.kept(context.Background())
}

func (o watch) describeEntryAlone(st *Status, entry claudecode.Entry) {
	c := entry.Login
	now := o.wall()
	switch entry.State {
	case claudecode.Absent:
		st.ClaudeCode.State = Absent
		return
	case claudecode.SignedOut:
		st.ClaudeCode.State = EntrySignedOut
		if c.Account.ID == "" && c.Account.Plan == "" && c.LoginEnds.IsZero() {
			return // nothing but MCP logins
		}
	case claudecode.SignedIn:
		st.ClaudeCode.State = Off
	}
	st.State = SignedIn
	st.Method, st.Plan, st.Email = ByClaudeCode, c.Account.Plan, o.watchedEmail(c.Account)
	st.AccessToken = AccessClock{ExpiresAt: known(c.AccessEnds), Renewable: !c.Refresh.IsZero(),
		Valid: entry.State == claudecode.SignedIn && (c.AccessEnds.IsZero() || now.Before(c.AccessEnds))}
	st.Login = LoginClock{ExpiresAt: known(c.LoginEnds)}
	st.Scopes = append(st.Scopes, c.Scopes...)
	accepted, why := entry.AcceptedByClient()
	var over Fault
	v := Values{At: c.LoginEnds}
	switch {
	case entry.State == claudecode.SignedOut: // the client blanks a login that the server calls spent
		over = FaultWatchedEnded
	case !accepted:
		over, v.Because = FaultWatchedNotAccepted, notAccepted(why)
	case !c.LoginEnds.IsZero() && !now.Before(c.LoginEnds):
		over = FaultWatchedEndedAt
	case !st.AccessToken.Valid && c.Refresh.IsZero():
		over = FaultWatchedNoRefresh
	}
	if over != "" {
		st.State = SignInAgain
		st.Problem = problemOf(againBy(over, v, nil))
	}
}

// watchedEmail is whom the client's own state file names, when it speaks of that account.
func (o watch) watchedEmail(a keychain.Account) string {
	if id, known := o.entry.Identity(); known && (a.ID == "" || id.AccountID == a.ID) {
		return emailLike(id.Email)
	}
	return ""
}

// watchedToken returns the access token of Claude Code's entry while it is valid for
// minValid: nothing is stored for it, and nothing renewed.
func (o watch) watchedToken(ctx context.Context, minValid time.Duration) (secret.String, error) {
	if o.entryErr != nil {
		return secret.String{}, entryError(o.entryErr)
	}
	entry, err := o.readEntry(ctx)
	if err != nil {
		return secret.String{}, entryError(err)
	}
	st := NoStatus()
	st.State = SignedOut
	o.describeEntryAlone(&st, entry)
	switch c := entry.Login; {
	case st.State == SignedOut:
		out := signedOut()
		out.Fault = FaultWatchedSignedOut
		return secret.String{}, out
	case st.State == SignInAgain:
		return secret.String{}, st.Problem.Err
	case !st.AccessToken.Valid:
		return secret.String{}, laterAs(FaultWatchedTokenEnded, nil)
	case !c.AccessEnds.IsZero() && c.AccessEnds.Sub(o.wall()) <= minValid:
		return c.Access, laterAs(FaultWatchedRenewsNothing, nil)
	}
	return entry.Login.Access, nil
}

// watchSignIn lets the official client sign in and keeps nothing of it.
func (s claudeSignIn) watchSignIn(ctx context.Context) (Status, error) {
	if s.entryErr != nil {
		return Status{}, entryError(s.entryErr)
	}
	// An entry that cannot be read is one that the client would overwrite, MCP logins and all.
	before, err := s.readEntry(ctx)
	if err != nil {
		return Status{}, entryError(err)
	}
	p, err := s.findClaude(ctx)
	if err != nil {
		return Status{}, withoutTending(err)
	}
	key := s.madeKey(ctx)
	after, err := s.letClaudeSignIn(ctx, p, before)
	if err != nil {
		return s.takeMadeKey(ctx, key, false, withoutTending(err))
	}
	c := after.Login
	if c.Account.Email == "" {
		c.Account.Email = p.email(ctx, c.Account)
	}
	if err := s.options.expected(c.Account); err != nil {
		err.Values.ClaudeSignedIn = true
		return Status{}, err
	}
	s.tell(Event{Kind: EventSignedIn, Value: c.Account.Email, Detail: c.Account.Plan})
	s.tell(Event{Kind: EventClaudeCode, Said: Said{RemarkWatchedSignIn, &Values{Place: s.entry.Place()}}})
	s.tell(Event{Kind: EventExpires, At: c.AccessEnds})
	if !c.LoginEnds.IsZero() {
		s.tell(Event{Kind: EventLoginEnds, At: c.LoginEnds})
	}
	return s.Status(context.WithoutCancel(ctx)), nil
}

// withoutTending takes out of a hint the way that watch-only does not have.
func withoutTending(err error) error {
	known := errorIn(err)
	if known == nil {
		return err
	}
	alone := *known
	alone.Values.WatchOnly = true
	return &alone
}

// MayKeep is nil unless this is watch-only.
func (e *Engine) MayKeep() error {
	l, err := e.ledger()
	if err != nil {
		return err
	}
	if e.watches(l) {
		return e.watchOnly()
	}
	return nil
}

// watchedEnds is when the login ends that Claude Code's entry holds.
func (o watch) watchedEnds() []End {
	st := o.Status(context.Background())
	end := End{Account: st.Account, Email: st.Email, Watched: true}
	at := st.Login.ExpiresAt
	if !st.AccessToken.Renewable && st.AccessToken.ExpiresAt != nil { // nothing moves that end
		at = st.AccessToken.ExpiresAt
	}
	switch {
	case st.State == SignInAgain && (at == nil || at.After(o.wall())):
		end.EndsAt = o.wall() // it has ended before its time
	case at == nil || st.State == SignedOut:
		return nil
	default:
		end.EndsAt = *at
	}
	return []End{end}
}

// glanceWatched is Glance for Claude Code's own login. It reads a file alone: a keychain is
// not asked for a line that is drawn again and again.
func (o watch) glanceWatched(environ []string) Glance {
	g := Glance{State: SignedOut}
	if o.entry == nil {
		return g
	}
	if over := o.entry.OverridingIn(environ); len(over) > 0 {
		g.Instead = over[0]
	}
	if !o.entry.FileIsRead() {
		if id, known := o.entry.Identity(); known {
			g.State, g.Account, g.Email = SignedIn, WatchedAccount, emailLike(id.Email)
		}
		return g
	}
	st := NoStatus()
	st.State = SignedOut
	if entry, err := o.readEntry(context.Background()); err == nil {
		o.describeEntryAlone(&st, entry)
	}
	g.State, g.Account, g.Email, g.Plan = st.State, WatchedAccount, st.Email, st.Plan
	if st.Login.ExpiresAt != nil {
		g.LoginEnds = *st.Login.ExpiresAt
	}
	return g
}
