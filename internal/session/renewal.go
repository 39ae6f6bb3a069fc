package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"keytender/internal/config"
	"keytender/internal/dirlock"
	"keytender/internal/ledger"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// need is what a caller wants a pair for.
type need struct {
	minValid time.Duration
	// seen is the access token that the caller found wanting; force replaces it
	// although it is valid.
	seen  ledger.Pair
	force bool
}

// meets is strict with the pair that the caller has seen. One that came meanwhile is
// what a renewal brings, however short its life: fifty callers share it.
func (e *Engine) meets(n need, c *keychain.Credential) bool {
	minValid := max(n.minValid, e.config.RefreshSkew)
	if pairOf(c).Access == n.seen.Access {
		return !n.force && e.validFor(c, minValid) && e.plausible(c)
	}
	return e.enough(c, minValid)
}

// renewal is the renewal of one account's login: under our lock and those of every entry
// that holds a copy, with each read again, by adopting what another program renewed or,
// last, by spending the refresh token.
type renewal struct {
	*work
	account string
	chain   *ledger.Chain
	current keychain.Credential // the newest at hand
	held    []*held
	// scopeless: the server refused a scope, and the renewal was asked for without any.
	scopeless bool
}

// held is an entry whose locks we hold.
type held struct {
	dir      *claudecode.Directory
	lock     *claudecode.RenewalLock
	reserved *claudecode.Reservation
}

// renew brings a pair that meets the need. With an error the credential is the newest at
// hand.
func (e *Engine) renew(ctx context.Context, n need) (keychain.Credential, error) {
	var fresh keychain.Credential
	seen := ""
	release, err := e.lockUnless(ctx, lockWait, func() bool {
		now := written(e.config.Paths)
		if now == seen {
			return false
		}
		seen = now
		l, err := e.ledger()
		if err == nil {
			fresh, err = e.vault(l).load(ctx, l.Choose(e.account))
		}
		return err == nil && e.meets(n, &fresh)
	})
	switch {
	case err != nil:
		return keychain.Credential{}, err
	case release == nil:
		return fresh, nil // whoever holds the lock has renewed
	}
	e.crash("locked")
	w, err := e.opened(release)
	if err != nil {
		release()
		return keychain.Credential{}, err
	}
	defer w.following().endInStep(ctx)
	w.settleComing(ctx)
	w.rebuilding().findChains(ctx)
	r, err := w.renewal(ctx, w.l.Choose(e.account))
	if err != nil {
		return keychain.Credential{}, err
	}
	if e.meets(n, &r.current) {
		w.carrying().carry(ctx, r.account, &r.current, entryWait)
		return r.current, nil // whoever held the lock before us renewed
	}
	if err = r.run(ctx, n); err == nil {
		soon, cancel := briefAfter(ctx)
		r.carrying().carryApart(soon, r.account, entryWait)
		cancel()
	}
	r.lentCopies().carryLent(context.WithoutCancel(ctx), r.account, &r.current)
	return r.current, err
}

// renewal loads what there is of an account, and finishes what a process left that ended
// before it could say so.
func (w *work) renewal(ctx context.Context, account string) (*renewal, error) {
	v := w.vault(w.l)
	v.unspill(ctx, account)
	current, err := v.load(ctx, account)
	r := &renewal{work: w, account: account, current: current, chain: w.l.ChainOf(account)}
	if err != nil && v.left && r.chain != nil { // an entry may hold the newest one
		_, _ = r.lookAtAll(ctx, w.directories())
	}
	if err != nil && r.current.Access.IsZero() {
		return nil, w.loadError(v, account, err)
	}
	lost := r.chain == nil
	if r.chain = w.chainFor(account, &r.current); lost {
		w.l.Contest(r.chain)
	}
	return r, r.finish()
}

// finish notes a pair that lies in our store and that the chain has never heard of.
func (r *renewal) finish() error {
	pair := pairOf(&r.current)
	if r.chain.Has(pair) || r.l.Former(r.chain, pair) {
		r.chain.Learn(pair)
		return nil
	}
	r.chain.Advance(pair)
	r.chain.Doubted = false
	r.chain.Renewed(ledger.Change{At: r.wall(), What: ledger.ChangeRenewed, Who: "keytender"})
	if err := r.save(); err != nil {
		return err
	}
	r.remember(Record{Account: r.account, What: ledger.ChangeRenewed, Said: Said{RemarkByEndedProcess, nil}})
	return nil
}

func (r *renewal) run(ctx context.Context, n need) error {
	if r.config.RefreshWith == "claude" {
		return r.renewWithClaude(ctx, n)
	}
	defer r.letGo()
	before := pairOf(&r.current)
	if err := r.lockEntries(ctx, entryWait, ""); err != nil {
		return r.inTheWay(err)
	}
	r.crash("claude-code-locked")
	for range 3 {
		switch _, err := r.reread(ctx); {
		case err != nil:
			return r.inTheWay(err)
		case r.meets(n, &r.current):
			if pairOf(&r.current) != before {
				r.carryHeld(ctx)
				r.current.Method = keychain.Adopted
			}
			return nil
		}
		err := r.spend(ctx)
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return laterAs(FaultOtherRenews, nil)
}

// inTheWay keeps in mind what keeps a renewal from being sent, so that status tells it.
func (r *renewal) inTheWay(err error) error {
	if known := errorIn(err); known != nil && known.Exit != ExitBusy {
		r.chain.Problem = noteOf(known)
	}
	return err
}

// errMoved says that a newer pair turned up and was taken over.
var errMoved = errors.New("the login was renewed by another program meanwhile")

// lockEntries takes Claude Code's renewal locks of every entry that holds a copy of this
// login, or that cannot be read and may: in the ledger's order, all within wait. but is the
// id of one that is left out.
func (r *renewal) lockEntries(ctx context.Context, wait time.Duration, but string) error {
	ctx, cancel := context.WithTimeout(ctx, wait+time.Second)
	defer cancel()
	start := time.Now()
	r.lentCopies().takeWhole(ctx)
	for _, dir := range r.directories() {
		place := r.l.Place(dir.ID())
		if dir.ID() == but {
			continue
		}
		if place != nil && place.Let {
			_, _ = r.lookAt(ctx, dir) // it holds nothing up
			continue
		}
		if !dir.Installed() {
			if place != nil && r.holds(place) {
				r.carrying().noteGone(place)
			}
			continue
		}
		if s, err := r.see(ctx, dir, false); err == nil && s.Account() != r.account && !r.another(&s, r.account) &&
			!(s.Relation == ledger.Unknown && r.l.MayBe(place, s.found(), r.chain)) {
			if err := r.settleOthers(ctx, &s); err != nil {
				return err
			}
			continue
		}
		if r.holdsByAnotherName(dir) {
			continue
		}
		lock, err := dir.LockRenewal(ctx, max(0, wait-time.Since(start)))
		if err != nil {
			return notReady(dir, err)
		}
		r.held = append(r.held, &held{dir: dir, lock: lock})
	}
	return nil
}

// holdsByAnotherName reports whether the directory is one whose locks we hold: a mount may show
// one in two places. What is written in the one is found in the other afterwards.
func (r *renewal) holdsByAnotherName(dir *claudecode.Directory) bool {
	return slices.ContainsFunc(r.held, func(h *held) bool {
		return sameFile(dir.Location().Dir, h.dir.Location().Dir)
	})
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// lookAt takes over a newer pair from a place, and reports whether there was one: what Claude Code
// spent there is not sent again. One that was let go of holds nothing up.
func (r *renewal) lookAt(ctx context.Context, dir *claudecode.Directory) (moved bool, err error) {
	_, moved, err = r.takeFrom(ctx, dir)
	switch place := r.l.Place(dir.ID()); {
	case place != nil && place.Let:
		return moved, nil
	case err != nil && errorIn(err) == nil:
		err = r.unreadable(dir, err)
	}
	return moved, err
}

// takeFrom reads an entry and takes over a newer pair that lies in it.
func (r *renewal) takeFrom(ctx context.Context, dir *claudecode.Directory) (s sighting, moved bool, err error) {
	if s, err = r.see(ctx, dir, true); err != nil {
		return s, false, err
	}
	newest, err := r.settling().takeNewer(ctx, &s, r.account, r.current)
	if moved = pairOf(&newest) != pairOf(&r.current); moved {
		r.current, r.chain = newest, r.l.ChainOf(r.account)
	}
	return s, moved, err
}

// settleOthers takes in what an entry tells of other accounts: it is looked at anyway.
func (r *renewal) settleOthers(ctx context.Context, s *sighting) error {
	if s.Relation == ledger.Successor { // by the record: the server may know better
		if asked, err := r.see(ctx, s.dir, true); err == nil {
			s = &asked
		}
	}
	if s.Relation == ledger.Unknown {
		return nil // not about this login
	}
	return r.settling().settle(ctx, s)
}

// holds reports whether the login lay in the place when we last looked, or one that it is
// to replace there.
func (r *renewal) holds(p *ledger.Place) bool {
	if p.Blank() {
		return true
	}
	for _, id := range []string{p.Next, p.Chain} {
		if c := r.l.Chain(id); c != nil && c.Account == r.account && !c.Apart {
			return true
		}
	}
	return false
}

// notReady is an error in taking a place's locks, or in proving that it takes the new pair.
func notReady(dir *claudecode.Directory, err error) error {
	if known := (&claudecode.UnwritableError{}); errors.As(err, &known) {
		return unwritable(FaultPlaceUnwritable, dir, Values{Reason: known.Reason, Repair: known.Hint}, err)
	}
	return entryError(err)
}

// letGo gives all locks and rooms back, in reverse order.
func (r *renewal) letGo() {
	for i := len(r.held) - 1; i >= 0; i-- {
		h := r.held[i]
		if h.reserved != nil {
			h.reserved.Discard()
		}
		r.unlock(h.lock)
	}
	r.held = nil
}

// reread looks into every entry that is held, takes over a newer pair, and reports whether
// there was one. The caller holds the locks, so that nobody else writes our store.
func (r *renewal) reread(ctx context.Context) (moved bool, err error) {
	dirs := make([]*claudecode.Directory, len(r.held))
	for i, h := range r.held {
		dirs[i] = h.dir
	}
	return r.lookAtAll(ctx, dirs)
}

// lookAtAll looks at each, whatever is wrong with another, and returns what went wrong first.
func (r *renewal) lookAtAll(ctx context.Context, dirs []*claudecode.Directory) (moved bool, err error) {
	for range 2 {
		err = nil
		for _, dir := range dirs {
			newer, wrong := r.lookAt(ctx, dir)
			moved = moved || newer
			if err == nil {
				err = wrong
			}
		}
		if !moved || !isUnknown(err) { // what cannot be told may be told by what lies in another place
			break
		}
	}
	return moved, err
}

func isUnknown(err error) bool {
	known := errorIn(err)
	return known != nil && known.Code == codeUnknownLogin
}

// unreadable is an error where an entry that cannot be read may hold a newer pair of the
// login. A keychain that lets nobody in may hold anything; a file that is damaged or
// refused counts where a copy lay when it was last read.
func (r *renewal) unreadable(dir *claudecode.Directory, err error) error {
	if closed(err) {
		return laterBy(FaultEntryMayBeNewer, Values{Place: dir.Place(), Reason: err.Error()}, err)
	}
	if place := r.l.Place(dir.ID()); place == nil || !r.holds(place) {
		return nil
	}
	return unwritable(FaultPlaceUnusable, dir, Values{Reason: plain(err)}, err)
}

// unwritable: nothing was sent, since a place could not take the new pair.
func unwritable(f Fault, dir *claudecode.Directory, v Values, err error) *Error {
	v.Place, v.ID = dir.Place(), dir.ID()
	return &Error{Code: codePlaceUnwritable, Exit: ExitTryLater, Fault: f, Values: v, Err: err}
}

// prove shows that every entry takes a new pair, before one is asked for, and makes the
// room for it.
func (r *renewal) prove(ctx context.Context) error {
	for _, h := range r.held {
		if place := r.l.Place(h.dir.ID()); h.reserved != nil || place == nil || !r.holds(place) {
			continue
		}
		limited, cancel := storeContext(ctx)
		reserved, err := h.dir.Prove(limited, r.current)
		cancel()
		if err != nil {
			return notReady(h.dir, err)
		}
		h.reserved = reserved
	}
	return nil
}

// carryHeld writes the newest pair into every entry that is held and behind, then into
// those that came to hold one since.
func (r *renewal) carryHeld(ctx context.Context) {
	for _, h := range r.held {
		place := r.l.Place(h.dir.ID())
		if place == nil || !r.l.Behind(place) || r.l.Chain(place.Chain).Apart {
			continue
		}
		r.carrying().carryOr(ctx, &carried{place: place, dir: h.dir, reserved: h.reserved, chain: r.chain,
			current: r.current})
	}
}

// stillHeld fails when a lock is not ours any more, say after a long sleep: two holders
// would spend the same token.
func (r *renewal) stillHeld() error {
	for _, h := range r.held {
		if err := h.lock.Held(); err != nil {
			return entryError(fmt.Errorf("%w: %w", dirlock.ErrBusy, err))
		}
	}
	return nil
}

// written differs when the ledger, a spill file or the file store were written: they are
// replaced as a whole, so their folder changes. A thousand that wait then look at two
// dates instead of reading, and what a coarse date hides they find under the lock.
func written(p config.Paths) string {
	var dates [2]string
	for i, path := range []string{p.State, p.Credentials} {
		if info, err := os.Lstat(path); err == nil {
			dates[i] = info.ModTime().Format(time.RFC3339Nano)
		}
	}
	return dates[0] + " " + dates[1]
}
