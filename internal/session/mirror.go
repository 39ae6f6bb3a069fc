package session

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/dirlock"
	"keytender/internal/ledger"
	"keytender/internal/oauth"
	"keytender/internal/scope"
	"keytender/internal/secret"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// entryWait bounds the wait for Claude Code's locks. Tests shorten it.
var entryWait = 20 * time.Second

// entryCode is the code of what is wrong with Claude Code's entry.
const entryCode = "claude-code-entry"

func entryError(err error) error {
	unusable := &claudecode.UnusableError{}
	if errors.As(err, &unusable) {
		return failedBy(entryCode, FaultEntryUnusable, Values{Reason: unusable.Reason, Repair: unusable.Hint}, err)
	}
	if errors.Is(err, dirlock.ErrBusy) {
		if busy := (&dirlock.BusyError{}); errors.As(err, &busy) && busy.Hint != "" {
			return busyBy(FaultAsSaid, Values{Reason: err.Error(), Repair: busy.Hint}, err)
		}
		return busyBy(FaultEntryBusy, Values{Reason: err.Error()}, err)
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	if known := errorIn(err); known != nil {
		return known
	}
	if closed(err) {
		return storeError("keychain", err)
	}
	if errors.Is(err, keychain.ErrDamaged) {
		return failedBy(entryCode, FaultEntryBroken, Values{Reason: err.Error()}, err)
	}
	if unwritable := (&claudecode.UnwritableError{}); errors.As(err, &unwritable) {
		return failedBy(entryCode, FaultEntryUnwritable, Values{Reason: unwritable.Reason, Repair: unwritable.Hint},
			err)
	}
	return failedBy(entryCode, FaultEntryTrouble, Values{Reason: err.Error(), Repair: claudecode.Mending(err)}, err)
}

// closed reports whether a keychain does not let us in now: that says nothing about what
// it holds. A file's permissions do not pass by themselves.
func closed(err error) bool {
	return !errors.Is(err, fs.ErrPermission) &&
		slices.ContainsFunc([]error{keychain.ErrLocked, keychain.ErrDenied, keychain.ErrTimedOut,
			keychain.ErrUnavailable},
			func(kind error) bool { return errors.Is(err, kind) })
}

// Mirror writes the signed-in account into Claude Code's entry. It is the person's
// word: another login there is replaced, kept aside, and named in the sentence that
// is returned.
func (e *Engine) Mirror(ctx context.Context) (Said, error) {
	w, err := e.begin(ctx, lockWait)
	if err != nil {
		return Said{}, err
	}
	defer w.following().endInStep(ctx)
	return w.mirroring().mirror(ctx, w.l.Choose(e.account))
}

// mirroring is writing an account's login into Claude Code's entry.
type mirroring struct {
	*work
	still func(*sighting) bool // else nothing is written; nil: whatever lies there
}

func (w *work) mirroring() mirroring { return mirroring{work: w} }

func (w mirroring) mirror(ctx context.Context, account string) (Said, error) {
	r, err := w.renewal(ctx, account)
	if err != nil {
		return Said{}, err
	}
	return w.mirrorNow(ctx, r, false)
}

// mirrorNow does the work of Mirror; the caller holds our lock. A pair of a sign-in that
// was just made is written even where the entry holds a newer one of the chain that it
// replaces; otherwise a newer pair there is taken over instead.
func (w mirroring) mirrorNow(ctx context.Context, r *renewal, fresh bool) (Said, error) {
	if w.entryErr != nil {
		return Said{}, entryError(w.entryErr)
	}
	if !slices.Contains(r.current.Scopes, scope.Inference) {
		return Said{}, failedAs(codeScope, FaultNoInference, nil)
	}
	dir := w.entry
	lock, err := dir.LockRenewal(ctx, entryWait)
	if err != nil {
		return Said{}, entryError(err)
	}
	defer w.unlock(lock)

	// First the others: a newer pair in one of them makes an older one of what lies here. A login that was
	// just made has none, and what is wrong there is told as behind.
	if err := r.settleElsewhere(ctx, dir.ID()); err != nil && !fresh {
		return Said{}, err
	}
	s, err := w.see(ctx, dir, true)
	if err != nil {
		return Said{}, entryError(err)
	}
	if fresh && s.Relation == ledger.Unknown && w.asking().ask(ctx, &s.entry.Login).refused {
		s.Finding = ledger.Finding{Relation: ledger.Stranger} // dead, and a new login has come
	}
	if w.still != nil && !w.still(&s) {
		return Said{}, mendedOtherwise(dir.Place())
	}
	if err := w.lentCopies().mayBeOurs(&s); err != nil && !fresh {
		return Said{}, err
	}
	before := pairOf(&r.current)
	if r.current, err = w.settling().takeNewer(ctx, &s, r.account, r.current); err != nil {
		return Said{}, err
	}
	if pairOf(&r.current) != before {
		r.chain = w.l.ChainOf(r.account)
		w.carrying().carry(ctx, r.account, &r.current, entryWait)
		return Said{RemarkNewerTaken, &Values{Place: dir.Place()}}, nil
	}
	if err := w.mayMirror(ctx, r, fresh); err != nil {
		return Said{}, err
	}
	accepted, _ := s.entry.AcceptedByClient()
	whole := !s.entry.Login.Refresh.IsZero() || r.current.Refresh.IsZero() // what is lent has the access token alone
	if s.Relation == ledger.Current && s.Chain == r.chain && accepted && whole {
		w.place(dir).Let = false // who mirrors into it does not let go of it any more
		unnamed := w.identify(ctx, dir, r.current, secret.String{})
		return Said{RemarkInStepAlready, &Values{Place: dir.Place(), Unnamed: unnamed}}, nil
	}
	return w.overwrite(ctx, &s, r)
}

// settleElsewhere takes in what Claude Code renewed of the account in other places: our pair
// is spent then, and must be written nowhere.
func (r *renewal) settleElsewhere(ctx context.Context, but string) error {
	var dirs []*claudecode.Directory
	for _, p := range r.l.HeldBy(r.account) {
		if dir := r.directory(p); dir != nil && p.ID != but && dir.Installed() {
			dirs = append(dirs, dir)
		}
	}
	_, err := r.lookAtAll(ctx, dirs)
	return err
}

// mayMirror refuses a login that cannot be renewed any more, or whose tokens are known to
// be spent: Claude Code would be signed out by it.
func (w mirroring) mayMirror(ctx context.Context, r *renewal, fresh bool) error {
	if err := r.contestedAside(); err != nil {
		return err
	}
	pair := pairOf(&r.current)
	switch {
	case r.chain.Dead(pair):
		return againAs(FaultUnwrittenDead, nil)
	case r.chain.Left(pair):
		return againAs(FaultUnwrittenOlder, nil)
	case !r.current.LoginEnds.IsZero() && !r.current.LoginEndsEstimated && !w.wall().Before(r.current.LoginEnds):
		return againAs(FaultUnwrittenEnded, nil)
	case r.current.Refresh.IsZero() && !w.validFor(&r.current, 0):
		return againAs(FaultUnwrittenNoRefresh, nil)
	}
	if fresh || !r.chain.Doubted {
		return nil
	}
	// Claude Code signed out of this login, and asks the server then to end it; or it blanked
	// the entry, since the server had. So the server has to say that it lives.
	if w.validFor(&r.current, 0) {
		told, failure := r.current, &oauth.Error{}
		err := w.asking().askWhose(ctx, &told, 5*time.Second)
		switch {
		case err == nil:
			r.chain.Doubted = false
			return nil
		case errors.As(err, &failure) && failure.Status == http.StatusUnauthorized:
			r.chain.Revoke(pair.Refresh)
			return againAs(FaultUnwrittenRevoked, err)
		}
	}
	return laterAs(FaultUnwrittenUnknown, nil)
}

// overwrite puts the account's login into an entry, whatever lies there, after what lies
// there was settled. What is not ours is kept aside first.
func (w mirroring) overwrite(ctx context.Context, s *sighting, r *renewal) (Said, error) {
	dir := s.dir
	moved, err := w.displacing().moveOut(ctx, s, r.account)
	if err != nil {
		return Said{}, err
	}
	change := claudecode.Change{SignIn: &r.current, NewLogin: s.Chain != r.chain}
	var own bound
	if s.Account() != r.account {
		own = w.displacing().boundRecord(ctx, r.account)
		change.Bound = secret.New(own.Keys)
	}
	if err := w.expect(dir, r.chain); err != nil {
		moved.takeBack(ctx)
		return Said{}, err
	}
	if err := w.displacing().write(ctx, *s, change, moved); err != nil {
		return Said{}, err
	}
	place := w.place(dir)
	place.Holds(r.chain, pairOf(&r.current))
	place.Account, place.Let = r.account, false
	w.l.ForgetPlace(lentID(dir)) // what is written as an entry is lent to no more
	// What was about to be written is durable.
	if err := w.saveBy(atomicfile.WriteAhead); err != nil {
		return Said{}, err
	}
	became := RemarkInStep
	switch {
	case moved.kept != "" && moved.whose != "":
		became = RemarkReplaced
	case moved.whose != "":
		became = RemarkReplacedAccount
	}
	values := Values{Owner: moved.whose, Account: moved.account, Place: dir.Place()}
	w.remember(Record{Account: r.account, What: ledger.ChangeMirrored, Said: Said{became, &values}})
	values.Unnamed = w.identify(ctx, dir, r.current, secret.New(own.Identity))
	return Said{became, &values}, nil
}

// identify tells the client whose login its entry holds now. Without it the client goes
// on as the former person for up to a day, so it is told why where that failed. whole is what
// it knew of the account before.
func (w *work) identify(ctx context.Context, dir *claudecode.Directory, c keychain.Credential,
	whole secret.String) (why string) {
	id := claudecode.Identity{AccountID: c.Account.ID, Email: c.Account.Email, OrganizationID: c.Account.OrganizationID,
		Whole: whole}
	if id.AccountID == "" {
		return ""
	}
	if err := dir.SetIdentity(ctx, id); err != nil {
		w.log.Warn("Claude Code's state file could not be told the account", "reason", plain(err))
		return plain(err)
	}
	return ""
}

// KeyChange is one key of Claude Code's entry that a mirror would change; values of
// tokens are masked.
type KeyChange = claudecode.KeyChange

// MirrorPlan is what Mirror would change.
type MirrorPlan struct {
	Place       string
	State       EntryState
	NotAccepted *Reason // in place of InStep: why Claude Code does not take the entry
	Changes     []KeyChange
}

// MirrorPlan says what Mirror would change, without changing anything.
func (e *Engine) MirrorPlan(ctx context.Context) (MirrorPlan, error) {
	l, err := e.ledger()
	if err != nil {
		return MirrorPlan{}, err
	}
	if e.watches(l) {
		return MirrorPlan{}, e.watchOnly()
	}
	account := l.Choose(e.account)
	v := e.vault(l)
	current, err := v.load(ctx, account)
	if err != nil {
		return MirrorPlan{}, (&work{Engine: e, l: l}).loadError(v, account, err)
	}
	if e.entryErr != nil {
		return MirrorPlan{}, entryError(e.entryErr)
	}
	look := &work{Engine: e, l: l}
	s, err := look.see(ctx, e.entry, false)
	if err != nil {
		return MirrorPlan{}, entryError(err)
	}
	plan := MirrorPlan{Place: e.entry.Place(), State: look.reporting().entryState(&s, account, &current)}
	accepted, why := s.entry.AcceptedByClient()
	if plan.State == InStep && !accepted {
		plan.NotAccepted = notAccepted(why)
	}
	if plan.State != Newer && (plan.State != InStep || !accepted) { // a newer one is taken over
		change := claudecode.Change{SignIn: &current, NewLogin: s.Account() != account}
		if change.NewLogin {
			change.Bound = secret.New(look.displacing().boundRecord(ctx, account).Keys)
		}
		plan.Changes, err = e.entry.Diff(s.entry, change)
	}
	return plan, err
}

// SetMirror turns the mirror on (and mirrors at once) or off, for good.
func (e *Engine) SetMirror(ctx context.Context, on bool) (Said, error) {
	w, err := e.begin(ctx, lockWait)
	if err != nil {
		return Said{}, err
	}
	defer w.following().endInStep(ctx)
	w.l.Mirror = &on
	if err := w.save(); err != nil || !on {
		return Said{}, err
	}
	return w.mirroring().mirror(ctx, w.l.Choose(e.account))
}

// bound is what beside a login belongs to its account: keys of the entry, and whom the
// client believes to be signed in. It moves with the account.
type bound struct {
	secret.Hidden
	Keys     string `json:"keys,omitempty"`     // claudecode.Entry.Bound
	Identity string `json:"identity,omitempty"` // claudecode.Identity.Whole
}
