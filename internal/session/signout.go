package session

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"keytender/internal/ledger"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// SignOutOptions says how far a sign-out goes.
type SignOutOptions struct {
	Revoke         bool // tell the server too, best effort
	KeepClaudeCode bool // leave our part of Claude Code's entries
	All            bool // one of the calls that sign out of every account
}

// Step says what became of one part of a sign-out.
type Step struct {
	Said
	Undone bool // a wish, like telling the server, that the sign-out does not hang on
}

// SignOut removes the account's login from every place that the ledger knows, and nothing
// else in them. The steps say what became of each. What could not be removed is in the
// error; the rest is removed all the same. A login of Claude Code's that Keytender neither
// wrote nor took over is not touched.
func (e *Engine) SignOut(ctx context.Context, o SignOutOptions) ([]Step, error) {
	release, err := e.lending().holdAnyFar(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	w, err := e.beginAnyway(ctx, lockWait)
	if err != nil {
		return nil, err
	}
	defer w.end()
	account := w.l.Choose(e.account)
	v := w.vault(w.l)
	current, loadErr := v.load(ctx, account)
	if w.l.Account(account) == nil && (errors.Is(loadErr, keychain.ErrNotFound) || len(w.l.Accounts) > 0 ||
		keychain.CheckAccountName(account) != nil) { // a record of that name is no account's
		return w.signOutAgain(ctx, o, v)
	}
	// What Claude Code renewed is what the server is told of: our own pair is spent then. A
	// place that cannot be read is told by the sign-out itself.
	if r, err := w.renewal(ctx, account); err == nil {
		_ = r.settleElsewhere(ctx, "")
		current, loadErr = r.current, nil
		if o.KeepClaudeCode { // it goes on alone with what lies there
			w.lentCopies().takeWhole(ctx)
			w.carrying().carry(ctx, account, &current, entryWait)
			if err := w.stillBehind(account); err != nil {
				return nil, err
			}
		}
	}
	out := &signingOut{work: w, account: account, current: current, all: o.All, named: map[string]bool{}}
	ended := o.Revoke && out.revoke(ctx, loadErr)
	if o.KeepClaudeCode {
		out.takeBackAll(ctx)
		out.sayKept(ended)
	} else {
		out.takeOut(ctx)
	}
	out.dropRecords(ctx, v)
	out.dropAsides(ctx)
	if w.l.Active != "" && w.l.Active != account {
		out.steps = append(out.steps, Step{Said: Said{RemarkActiveNow, &Values{Account: w.l.Active}}})
	}
	out.sayDisplaced(ctx)
	if w.l.Account(account) == nil { // else its record is still there, and so is the login
		w.remember(Record{Account: account, What: ledger.ChangeSignedOut})
	}
	if len(w.l.Accounts) == 0 {
		out.goOn(ctx, o, "")
	}
	out.note(w.save())
	return out.steps, notRemoved(out.problems)
}

// stillBehind is an error where Claude Code would be left with spent tokens.
func (w *work) stillBehind(account string) error {
	for _, p := range w.l.HeldBy(account) {
		if dir := w.directory(p); dir != nil && w.l.Behind(p) && !p.Forgotten {
			return laterBy(FaultStillBehind, Values{Place: dir.Place(), ID: p.ID, Because: reasonOf(p)}, nil)
		}
	}
	return nil
}

// signOutAgain goes on where there is no account any more: what an earlier sign-out could
// not take out of an entry is tried once more.
func (w *work) signOutAgain(ctx context.Context, o SignOutOptions, v *vault) ([]Step, error) {
	out := &signingOut{work: w, all: o.All, named: map[string]bool{}}
	if v.left { // and no account's any more
		if err := v.drop(ctx, w.l.Choose(w.account)); err != nil {
			return nil, storeError(v.store.Kind(), err)
		}
	}
	if o.All && out.dropDisplaced(ctx, v) {
		out.done(RemarkRemoved, w.storeName(v.store.Kind()))
	}
	for _, p := range w.l.Places {
		p.Leaving = p.Leaving || o.All && w.l.Chain(p.Chain).Lost()
	}
	if out.goOn(ctx, o, w.account) || len(out.steps)+len(out.problems) > 0 {
		out.note(w.save())
		return out.steps, notRemoved(out.problems)
	}
	out.account = w.account
	if len(w.l.Accounts) > 0 {
		if w.account == "" {
			return nil, noneActive()
		}
		if out.nameAsides(ctx); len(out.steps) > 0 {
			return out.steps, nil
		}
		return nil, noAccount(w.account)
	}
	if w.watches(w.l) {
		out.done(RemarkWatchesOnly, "")
	} else {
		out.done(RemarkNobodySignedIn, "")
		out.nameAsides(ctx)
	}
	return out.steps, nil
}

// goOn tries once more what earlier sign-outs of an account, or of any, could not take out, and
// reports whether there was something.
func (s *signingOut) goOn(ctx context.Context, o SignOutOptions, only string) (found bool) {
	gone := []string{s.account}
	for _, p := range slices.Clone(s.l.Places) {
		c := s.l.Chain(p.Chain)
		if !p.Leaving || c == nil || c.Was == "" || only != "" && c.Was != only || slices.Contains(gone, c.Was) {
			continue
		}
		s.account = c.Was
		gone = append(gone, c.Was)
		if o.KeepClaudeCode {
			s.letBe(ctx)
		} else {
			s.takeOut(ctx)
		}
	}
	return len(gone) > 1
}

// letBe leaves with Claude Code what an earlier sign-out could not take out; what was lent is
// taken back all the same.
func (s *signingOut) letBe(ctx context.Context) {
	s.takeBackAll(ctx)
	for _, p := range s.l.Places {
		if c := s.l.Chain(p.Chain); p.Leaving && p.Kind != ledger.Lent && c != nil && c.Was == s.account {
			p.Leaving = false
			s.done(RemarkClaudeKeeps, s.placeName(p))
		}
	}
}

// signingOut is a sign-out under way.
type signingOut struct {
	*work
	account  string
	current  keychain.Credential
	all      bool
	named    map[string]bool // files that stay
	steps    []Step
	problems []error
}

// done notes what became of a part that is about a place, or about none.
func (s *signingOut) done(r Remark, place string) {
	s.steps = append(s.steps, Step{Said: Said{r, &Values{Place: place}}})
}

func (s *signingOut) undone(r Remark, why string) {
	s.steps = append(s.steps, Step{Said: Said{r, &Values{Reason: why}}, Undone: true})
}

func (s *signingOut) note(err error) {
	if err != nil {
		s.problems = append(s.problems, err)
	}
}

// revoke tells the server, and reports whether it ended the login.
func (s *signingOut) revoke(ctx context.Context, loadErr error) bool {
	if loadErr != nil {
		s.undone(RemarkServerUntold, "")
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	token := s.current.Refresh
	if token.IsZero() {
		token = s.current.Access
	}
	if err := s.client.Revoke(ctx, token); err != nil {
		s.undone(RemarkServerUnreached, err.Error())
		return false
	}
	if c := s.l.ChainOf(s.account); c != nil {
		c.Revoke(pairOf(&s.current).Refresh)
	}
	s.done(RemarkServerTold, "")
	return true
}

// sayKept names the entries that keep the login, or one that has lost its name. ended: the server has just
// ended the account's own.
func (s *signingOut) sayKept(ended bool) {
	var lost []*ledger.Chain
	for _, p := range s.l.Places {
		c := s.l.Chain(p.Chain)
		if c == nil || p.Kind == ledger.Lent || c.Account != s.account && !(s.all && c.Lost()) {
			continue
		}
		if c.Lost() {
			lost = append(lost, c)
		}
		kept := RemarkClaudeKeeps
		if ended && c == s.l.ChainOf(s.account) {
			kept = RemarkClaudeKeepsEnded
		}
		s.done(kept, s.placeName(p))
	}
	for _, c := range lost {
		c.Apart = false // the person said what becomes of it
	}
}

// takeOut removes the login from every entry that holds it.
func (s *signingOut) takeOut(ctx context.Context) {
	s.lentCopies().takeWhole(ctx)
	for _, dir := range s.directories() {
		place := s.l.Place(dir.ID())
		if place == nil && !dir.Installed() {
			continue
		}
		if place != nil && place.Chain != "" && !dir.Installed() {
			if s.ours(place, ledger.Finding{Chain: s.l.Chain(place.Chain)}) {
				place.Leaving = true
				if place.Forgotten {
					continue // it is told no more; should it come back, the next sign-out takes it out
				}
				s.note(failedBy(codeNotRemoved, FaultCopyUnreached, Values{Place: dir.Place(), Path: dir.File()},
					errGone))
			}
			continue
		}
		s.takeOutOf(ctx, dir)
	}
	s.takeBackAll(ctx)
}

func (s *signingOut) takeOutOf(ctx context.Context, dir *claudecode.Directory) {
	seen, err := s.see(ctx, dir, s.account != "")
	place := s.l.Place(dir.ID())
	if err == nil && !s.ours(place, seen.Finding) {
		leaving := place != nil && place.Leaving && s.mayLieIn(dir)
		switch {
		case leaving && isForeign(&seen):
			s.note(failedBy(codeNotRemoved, FaultTokensSince, Values{Place: dir.Place()}, nil))
		case leaving:
			place.Empty(false)
		}
		looked, toCome := place != nil || dir == s.entry, s.all && seen.Account() != ""
		if isForeign(&seen) && looked && !leaving && !toCome {
			s.done(RemarkOtherLeft, dir.Place())
		}
		return
	}
	if err != nil && !s.mayLieIn(dir) {
		return
	}
	lock, err := dir.LockRenewal(ctx, entryWait)
	if err != nil {
		s.leaves(&seen, err)
		return
	}
	defer s.unlock(lock)
	taken := false
	_, err = dir.Update(ctx, func(now claudecode.Entry) (claudecode.Change, error) {
		again := sighting{dir: dir, entry: now, person: personOf(now.Login.Account)}
		if again.Finding = s.l.Relate(place, again.found()); now.Inner().Equal(seen.entry.Inner()) {
			again.Finding = seen.Finding // for which the server may have been asked
		}
		switch taken = false; {
		case !s.ours(place, again.Finding):
			return claudecode.Change{}, nil
		case again.Relation == ledger.Unknown:
			return claudecode.Change{}, unknownLogin(&again)
		}
		taken = true
		return claudecode.Change{SignOut: true}, nil
	})
	if err != nil {
		s.leaves(&seen, err)
		return
	}
	if taken {
		s.place(dir).Empty(false)
		s.done(RemarkTakenOut, dir.Place())
	}
}

// ours reports whether what lies in a place is the account's, or a pair of it that an earlier
// sign-out could not take out of there; of no account: of whichever that was. With all it is also what lost its
// name to another person. What came there after that is not ours.
func (s *signingOut) ours(place *ledger.Place, f ledger.Finding) bool {
	if f.Relation == ledger.Successor && (place == nil || place.Chain != f.Chain.ID && place.Next != f.Chain.ID) {
		return false // of the same person, where nothing of the account lies: nobody took it over
	}
	if s.account == "" {
		return leftIn(place, f)
	}
	return f.Chain != nil && (f.Account() == s.account || s.all && f.Chain.Lost() ||
		leftIn(place, f) && f.Chain.Was == s.account)
}

// leftIn reports whether the person signed out of what lies in a place, and it could not be
// taken out.
func leftIn(place *ledger.Place, f ledger.Finding) bool {
	return place != nil && place.Leaving && f.Chain != nil && f.Account() == "" && f.Chain.Was != "" &&
		f.Relation != ledger.Successor
}

// leaves notes that the login could not be taken out of an entry: the next sign-out tries
// again.
func (s *signingOut) leaves(seen *sighting, err error) {
	dir := seen.dir
	switch place := s.place(dir); {
	case s.mayLieIn(dir):
		place.Chain, place.Leaving = cmp.Or(place.Chain, place.Next), true
	case place.Blank() && seen.Chain != nil: // nobody knew of it until now
		place.Chain, place.Leaving = seen.Chain.ID, true
	}
	problem := entryError(err)
	if known := errorIn(problem); known != nil {
		fault := known.Fault
		switch {
		case known.Exit == ExitBusy:
			fault = FaultEntryInUse
		case known.Code == codeUnknownLogin:
			fault = FaultTokensSince
		case fault == FaultEntryTrouble, fault == FaultEntryUnwritable:
			fault = FaultEntryStays
		}
		if fault != known.Fault {
			problem = failedBy(codeNotRemoved, fault, Values{Place: dir.Place(), Account: s.account,
				Reason: known.Values.Reason, Repair: cmp.Or(known.Values.Repair, claudecode.Mending(err))}, err)
		}
	}
	s.note(problem)
}

// mayLieIn reports whether a copy lay in the place when it was last read.
func (s *signingOut) mayLieIn(dir *claudecode.Directory) bool {
	place := s.l.Place(dir.ID())
	return place != nil && s.ours(place, ledger.Finding{Chain: s.l.Chain(cmp.Or(place.Chain, place.Next))})
}

func isForeign(s *sighting) bool {
	return s.entry.State == claudecode.SignedIn
}

// dropRecords removes what lies in our own store and state folder.
func (s *signingOut) dropRecords(ctx context.Context, v *vault) {
	if err := v.drop(ctx, boundName(s.account)); err != nil {
		s.note(storeError(v.store.Kind(), err))
	}
	home, spilled := v.home(ctx, s.account).Kind(), v.spilled(s.account)
	s.note(v.dropSpilled(s.account))
	err := s.drop(ctx, v, s.account)
	a := s.l.Account(s.account)
	switch {
	case err == nil, errors.Is(err, errLacking) && spilled: // it never came into the keychain
		s.done(RemarkRemoved, s.storeName(home))
	case !errors.Is(err, errLacking):
		s.note(storeError(home, err))
		return
	case a != nil && !a.Lacking:
		a.Lacking = true
		s.note(s.loadError(v, s.account, err))
		return
	default: // the person was told, and does not wait for the keychain that held it
		v.forgetFormer(s.account)
		s.undone(RemarkRecordGivenUp, "")
	}
	s.dropDisplaced(ctx, v) // with the account alone: till then its own are looked for
	s.l.Remove(s.account)
	if len(s.l.Accounts) == 0 { // nothing of ours is left to take out again
		s.l.Displaced = slices.DeleteFunc(s.l.Displaced, func(d *ledger.Displaced) bool { return d.Nothing })
	}
}

// dropDisplaced removes the displaced logins that go, and reports whether any went.
func (s *signingOut) dropDisplaced(ctx context.Context, v *vault) (gone bool) {
	a := s.l.Account(s.account)
	for _, d := range slices.Clone(s.l.Displaced) {
		if !d.IsKept() || !s.goesWith(d) {
			continue
		}
		err := s.drop(ctx, v, displacedName(d.ID))
		lacking := errors.Is(err, errLacking)
		if err != nil && !(lacking && a != nil && a.Lacking) {
			s.note(storeError(v.store.Kind(), err))
		}
		if err == nil || lacking {
			s.l.DropDisplaced(d.ID)
			gone = true
		}
	}
	return gone
}

// drop takes a record out, and what there is of one that the keychain lacks.
func (s *signingOut) drop(ctx context.Context, v *vault, name string) error {
	_, err := v.loadStored(ctx, name)
	dropErr := v.drop(ctx, name)
	if errors.Is(err, errLacking) {
		return err
	}
	return dropErr
}

// goesWith reports whether a displaced login goes: one that some account of ours had, and with the account
// its person's alone, with a token for machines what that account had itself. Another person's that had its
// name once, and was replaced or left with Claude Code, goes with all.
func (s *signingOut) goesWith(d *ledger.Displaced) bool {
	p, was, c, a := d.Person, d.Account, s.l.Chain(d.Chain), s.l.Account(s.account)
	if c != nil {
		if c.Account != "" {
			return c.Account == s.account
		}
		p, was = p.Or(c.Person), cmp.Or(was, c.Was)
	}
	return was != "" && (s.all || a == nil && was == s.account ||
		a != nil && a.Person.Like(p) == ledger.Same && (!a.LongLived || was == s.account))
}

// sayDisplaced tells of the displaced logins that are kept, once for each place: undoing works in the one
// where it is called.
func (s *signingOut) sayDisplaced(ctx context.Context) {
	lost := s.lostPairs(ctx)
	var told []string
	for _, d := range s.l.Displaced {
		if !d.IsKept() || s.l.Spent(d) || slices.Contains(lost, d.Pair) || slices.Contains(told, d.Place) {
			continue
		}
		told = append(told, d.Place)
		said := Said{RemarkDisplacedKept, &Values{}}
		if p := s.l.Place(d.Place); p != nil && (s.entryErr != nil || p.ID != s.entry.ID()) {
			if dir := s.directory(p); dir != nil {
				said = Said{RemarkDisplacedThere, &Values{Path: dir.Location().Dir}}
			}
		}
		s.steps = append(s.steps, Step{Said: said})
	}
}

// notRemoved joins what went wrong into one error, or nil.
func notRemoved(problems []error) error {
	if len(problems) == 0 {
		return nil
	}
	return failedAs(codeNotRemoved, FaultNotRemoved, several(problems))
}

// several errors are told in one line.
type several []error

func (s several) Error() string {
	var messages []string
	for _, err := range s { // a keychain that lets nobody in says the same of each record
		if message := err.Error(); !slices.Contains(messages, message) {
			messages = append(messages, message)
		}
	}
	return strings.Join(messages, "; ")
}

func (s several) Unwrap() []error { return s }
