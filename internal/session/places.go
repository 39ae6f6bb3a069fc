package session

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sort"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/ledger"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// sighting is what was read in an entry of Claude Code's, compared with everything that
// is known.
type sighting struct {
	dir    *claudecode.Directory
	entry  claudecode.Entry
	person ledger.Person // of the login in it, as far as it was found out
	lives  bool          // the server took its access token just now
	ledger.Finding
}

// directories are all entries that are known: those of the ledger, found without any
// variable, and the one that this process's environment names. The order is that in which
// locks are taken.
func (w *work) directories() []*claudecode.Directory {
	var dirs []*claudecode.Directory
	for _, p := range w.l.Places {
		if dir := w.directory(p); dir != nil && !w.isLent(dir) {
			dirs = append(dirs, dir)
		}
	}
	if w.entryErr == nil && w.l.Place(w.entry.ID()) == nil && !w.isLent(w.entry) {
		dirs = append(dirs, w.entry)
		sort.SliceStable(dirs, func(i, j int) bool { return dirs[i].ID() < dirs[j].ID() })
	}
	return dirs
}

// directory is the entry that a place of the ledger is, or nil for another kind of place.
func (e *Engine) directory(p *ledger.Place) *claudecode.Directory {
	if p.Kind != ledger.Entry && p.Kind != ledger.KeychainItem {
		return nil
	}
	if e.entryErr == nil && e.entry.ID() == p.ID {
		return e.entry // it remembers a refusal of the keychain's
	}
	var at claudecode.Location
	if json.Unmarshal(p.Where, &at) != nil || at.Dir == "" {
		return nil
	}
	return claudecode.Found(p.ID, at, e.entries)
}

// movePlaces calls each place by the name that it has now: a directory that was moved away
// and linked to is one place, not two whose locks would stand in each other's way.
func (e *Engine) movePlaces(l *ledger.Ledger) {
	for _, p := range slices.Clone(l.Places) {
		if dir := e.directory(p); dir != nil && dir.ID() != p.ID {
			l.MovePlace(p, dir.ID())
		}
	}
}

// place returns the ledger's place for an entry, a new one where there was none.
func (w *work) place(dir *claudecode.Directory) *ledger.Place {
	at := dir.Location()
	where, _ := json.Marshal(at)
	kind := ledger.Entry
	if at.Service != "" {
		kind = ledger.KeychainItem
	}
	return w.l.AddPlace(dir.ID(), kind, where)
}

// expect notes durably that the chain is about to be written into an entry: a process that
// is killed then leaves no pair that nobody knows.
func (w *work) expect(dir *claudecode.Directory, c *ledger.Chain) error {
	place := w.place(dir)
	if c == nil || place.Next == c.ID {
		return nil
	}
	place.Next = c.ID
	if w.foreseen == place.ID+c.ID {
		return nil
	}
	return w.save()
}

// see reads an entry and compares it with everything that is known. Where ids are
// missing they are looked up: at the server if ask says so, else in the client's state
// file.
func (w *work) see(ctx context.Context, dir *claudecode.Directory, ask bool) (sighting, error) {
	limited, cancel := storeContext(ctx)
	entry, err := dir.Read(limited)
	cancel()
	if err != nil {
		noteHung(ctx, err)
		return sighting{dir: dir}, err
	}
	return w.judge(ctx, dir, entry, ask), nil
}

// judge compares what was read in an entry with what is known.
func (w *work) judge(ctx context.Context, dir *claudecode.Directory, entry claudecode.Entry, ask bool) sighting {
	s := sighting{dir: dir, entry: entry, person: personOf(entry.Login.Account)}
	place := w.l.Place(dir.ID())
	s.Finding = w.l.Relate(place, s.found())
	if s.Relation == ledger.Unknown || s.Relation == ledger.Stranger && !s.person.Known() {
		w.findOut(ctx, &s, ask)
		s.Finding = w.l.Relate(place, s.found())
	}
	whose := identified{}
	if c := cmp.Or(s.Chain, s.Beside); ask && c != nil && (s.Relation == ledger.Successor || s.Beside != nil) {
		whose = w.askWhetherItLives(ctx, &s.entry.Login)
		// Some programs exchange the tokens alone and leave the former person's ids beside them.
		if p := whose.person; p.ID != "" && c.Person.ID != "" && p.Like(c.Person) == ledger.Different {
			s.person = p
			s.Finding = w.l.Relate(place, s.found())
		}
	}
	s.lives = whose.person.Known()
	switch {
	case s.Beside != nil:
		s.Finding = w.contested(ctx, &s, whose)
	case s.Relation == ledger.Successor && s.Chain.Account != "" && whose.refused && !entry.Login.AccessEnds.IsZero():
		// It follows ours by the record, and the server knows it no more: ours may be spent, and
		// it is of no use. Claude Code finds out, or the person signs in. An access token without
		// an end may just have ended, which says nothing of the refresh token.
		s.Finding = ledger.Finding{Relation: ledger.Unknown, Chain: s.Chain}
	}
	return s
}

// seeOnce is see for a report, which comes to the same entry twice and asks no server. On
// macOS each reading starts a program.
func (w *work) seeOnce(ctx context.Context, dir *claudecode.Directory) (sighting, error) {
	if w.last.dir != dir {
		w.last, w.lastErr = w.see(ctx, dir, false)
	}
	return w.last, w.lastErr
}

// contested judges a pair of the same person that lies where its chain has left a generation
// behind, lay once, or may have been put by another program. While the server cannot be asked
// nobody knows; one that it refuses is no successor of ours. One that it takes is followed,
// whichever grant it is of, unless ours outlives it: the access token of a generation that was
// left behind goes on working too. Here a clock may keep us from following, and never decides
// that a pair is newer; and where the record of the place is lost it decides nothing, since its
// access token may have ended early, or a server granted less than before.
func (w *work) contested(ctx context.Context, s *sighting, whose identified) ledger.Finding {
	unknown := ledger.Finding{Relation: ledger.Unknown, Chain: s.Beside}
	place := w.l.Place(s.dir.ID())
	lost := s.Beside.Bare || place != nil && place.Blank()
	switch {
	case whose.refused && !lost && !s.entry.Login.AccessEnds.IsZero():
		return s.Finding
	case !whose.person.Known():
		if own := w.l.ChainOf(s.Beside.Account); own != nil && own != s.Beside {
			return s.Finding // the person signed in anew
		}
		return unknown
	case s.Beside.Account == "" && s.Beside.Was != "":
		return s.Finding // a grant of its own: of the former one nobody keeps anything
	case s.Beside.Account == "" || s.Beside.Dead(s.Beside.Current()):
		return ledger.Finding{Relation: ledger.Successor, Chain: s.Beside}
	case w.l.ChainOf(s.Beside.Account) != s.Beside:
		return s.Finding // the account goes on with another grant, which would be written over it
	}
	ours, err := w.vault(w.l).load(ctx, s.Beside.Account)
	switch ends := s.entry.Login.AccessEnds; {
	case err != nil || ends.IsZero() || ours.AccessEnds.IsZero():
		return unknown
	case ends.After(ours.AccessEnds):
		return ledger.Finding{Relation: ledger.Successor, Chain: s.Beside}
	case lost:
		return unknown
	}
	return s.Finding
}

func (s *sighting) found() ledger.Found {
	switch s.entry.State {
	case claudecode.Absent:
		return ledger.Found{Absent: true}
	case claudecode.SignedOut:
		return ledger.Found{}
	case claudecode.SignedIn: // with a pair, and maybe with whose it is
	}
	return ledger.Found{Pair: pairOf(&s.entry.Login), Person: s.person}
}

// findOut looks up whose login an entry holds that does not tell, and whose the chain is
// that lay there before.
//
// The server knows best. The client's state file may name a former account for a day, and
// other programs exchange the entry and leave that file as it is: so it counts only where
// the server cannot be asked any more, and only for what lay there before, never against it.
func (w *work) findOut(ctx context.Context, s *sighting, ask bool) {
	if ask && (!s.person.Known() || s.Relation == ledger.Unknown) {
		s.person = s.person.Or(w.asking().askPerson(ctx, &s.entry.Login))
	}
	if id, known := s.dir.Identity(); known && s.Chain != nil && !s.person.Known() &&
		!(ask && w.asking().canBeAsked(&s.entry.Login)) {
		told := ledger.Person{ID: id.AccountID, Organization: id.OrganizationID, Email: id.Email}
		if s.Chain.Person.Like(told) == ledger.Same {
			s.person = told
		}
	}
	if ask {
		w.learnOwners(ctx)
	}
}

// learnOwners finds out whose our chains are that do not tell.
func (w *work) learnOwners(ctx context.Context) {
	for _, a := range w.l.Accounts {
		if c := w.l.Chain(a.Chain); c != nil && !c.Person.Known() {
			w.takingIn().learnPerson(ctx, a)
		}
	}
}

// settling is taking in what lies in a place, before anything moves.
type settling struct{ *work }

func (w *work) settling() settling { return settling{w} }

// settle takes in what a sighting tells, before anything moves: a newer generation goes
// durably into the account that it belongs to. What stays unknown is an error.
func (w settling) settle(ctx context.Context, s *sighting) error {
	if s.entry.Login.Refresh.IsZero() && w.isLent(s.dir) {
		return nil // it is ours, and holds nothing that could be newer
	}
	if w.lentCopies().mayBeOurs(s) != nil {
		return nil // whatever it is, it is not to be forgotten that it may be
	}
	w.lentCopies().endLending(s.dir)
	place := w.l.Place(s.dir.ID())
	switch s.Relation {
	case ledger.Absent, ledger.SignedOut:
		switch {
		case place == nil || place.Chain == "":
		case !s.dir.Installed():
			w.carrying().noteGone(place) // with its directory, say on a disk that is away: nobody signed out
		default:
			w.noteSignedOut(place, s.Relation)
		}
		return nil
	case ledger.Stranger:
		if place != nil {
			place.Leaving = false // what was left lies there no more
			pair := pairOf(&s.entry.Login)
			place.Holds(w.l.See(s.person, pair), pair)
			s.Finding = w.l.Relate(place, s.found())
		}
		return nil
	case ledger.Unknown:
		return unknownLogin(s)
	case ledger.Successor:
		if place != nil && place.Leaving && s.Account() == "" {
			return nil // the person signed in anew, or Claude Code went on: not the pair that is to be taken out
		}
		if err := w.adopt(ctx, s); err != nil {
			return err
		}
	case ledger.Current, ledger.Superseded, ledger.Revoked: // known, and no newer than what we have
	}
	w.place(s.dir).Holds(s.Chain, pairOf(&s.entry.Login))
	return nil
}

// takeNewer settles what a sighting tells, and returns the account's newest pair: the one
// in the entry where our store was put back to an older state, say out of a backup, or has none.
func (w settling) takeNewer(ctx context.Context, s *sighting, account string,
	current keychain.Credential) (keychain.Credential, error) {
	if err := w.settle(ctx, s); err != nil {
		return current, err
	}
	own, pair := w.l.ChainOf(account), pairOf(&s.entry.Login)
	ahead := s.Relation == ledger.Current && s.Chain == own && pair.Refresh != "" &&
		(current.Access.IsZero() || w.l.Former(own, pairOf(&current)))
	switch another := w.another(s, account); {
	case another && own.Dead(own.Current()), ahead:
		s.Chain.Account, s.Chain.Seen = account, false
		if err := w.adopt(ctx, s); err != nil {
			return current, err
		}
	case s.Account() != account || s.Relation != ledger.Successor:
		return current, nil
	}
	v := w.vault(w.l)
	newest, err := v.load(ctx, account)
	if err != nil {
		return current, storeError(v.store.Kind(), err)
	}
	return newest, nil
}

// another reports whether a sighting is another grant of the account's person, which nobody
// signed out of: the account goes on with it when its own is dead.
func (w *work) another(s *sighting, account string) bool {
	own, c := w.l.ChainOf(account), s.Chain
	return own != nil && c != nil && c != own && s.Relation == ledger.Current && pairOf(&s.entry.Login).Refresh != "" &&
		(c.Apart || c.Seen) && (c.Account == account || c.Account == "") && c.Person.Like(own.Person) == ledger.Same
}

// noteSignedOut notes that the client took our login out of its entry: by `claude auth
// logout`, which also asks the server to end it, or by blanking it after a refusal.
func (w settling) noteSignedOut(place *ledger.Place, r ledger.Relation) {
	c := w.l.Chain(place.Chain)
	ours := c != nil && c.Account != ""
	place.Empty(ours)
	if !ours {
		return
	}
	c.Doubted = true
	remark := RemarkEntryGone
	if r == ledger.SignedOut {
		remark = RemarkEntryEmpty
	}
	w.remember(Record{Account: c.Account, What: ledger.ChangeSignedOutThere, Who: "Claude Code",
		Said: Said{remark, &Values{Place: place.ID}}})
}

// unknownLogin stops whatever would send or overwrite.
func unknownLogin(s *sighting) *Error {
	fault := FaultUnknownLogin
	if s.Account() == "" { // of nobody whose login is kept: there is no account to take it into
		fault = FaultUnknownFormer
	}
	return &Error{Code: codeUnknownLogin, Exit: ExitTryLater, Fault: fault,
		Values: Values{Account: s.Account(), Place: s.dir.Place(), ID: s.dir.ID()}}
}

// adopt takes over a pair of a chain that another program got. The caller holds our lock.
func (w settling) adopt(ctx context.Context, s *sighting) error {
	c, pair := s.Chain, pairOf(&s.entry.Login)
	a := w.l.Account(c.Account)
	if a == nil {
		w.l.Follow(c, pair)
		w.place(s.dir).Holds(c, pair)
		return w.save()
	}
	if own := w.l.Chain(a.Chain); own != nil && own != c && !own.Dead(own.Current()) {
		w.l.Follow(c, pair) // the account goes on with another chain
		w.place(s.dir).Holds(c, pair)
		return w.save()
	}
	v := w.vault(w.l)
	ours, err := v.load(ctx, a.Name)
	switch {
	case notThere(err):
		ours = *told(a)
	case err != nil:
		return storeError(v.store.Kind(), err)
	}
	newer := w.carryOver(s, &ours)
	if err := w.expect(s.dir, c); err != nil { // killed in between, it is still known what lies there
		return err
	}
	if err := v.save(ctx, a.Name, newer); err != nil {
		return storeError(v.store.Kind(), err)
	}
	a.Chain, c.Apart = c.ID, false
	w.l.Follow(c, pairOf(&newer))
	c.Unsure = s.Relation == ledger.Successor && !s.lives
	if s.lives {
		c.Doubted = false
	}
	w.place(s.dir).Holds(c, pair)
	c.Renewed(ledger.Change{At: w.wall(), What: ledger.ChangeAdopted, Who: "Claude Code"})
	w.describeAccount(a.Name, &newer)
	if err := w.save(); err != nil {
		return err
	}
	w.remember(Record{Account: a.Name, What: ledger.ChangeAdopted, Who: "Claude Code",
		Said: Said{RemarkRenewedFirst, nil}})
	return nil
}

// carryOver is our record with the pair that an entry holds.
func (w settling) carryOver(s *sighting, ours *keychain.Credential) keychain.Credential {
	theirs := s.entry.Login
	newer := *ours
	newer.Access, newer.Refresh = theirs.Access, theirs.Refresh
	newer.AccessEnds, newer.Lifetime, newer.Issued = w.endOf(&theirs, ours), 0, w.issuedAfter(ours)
	if newer.Refresh.IsZero() {
		newer.Refresh = ours.Refresh
	}
	if len(theirs.Scopes) > 0 {
		newer.Scopes = theirs.Scopes
	}
	// Our own guess, mirrored there, is still one.
	guess := ours.LoginEndsEstimated &&
		theirs.LoginEnds.Truncate(time.Second).Equal(ours.LoginEnds.Truncate(time.Second))
	if !theirs.LoginEnds.IsZero() && !guess {
		newer.LoginEnds, newer.LoginEndsEstimated = theirs.LoginEnds, false
	}
	newer.Account = newer.Account.Or(theirs.Account).Or(keychain.Account{ID: s.person.ID,
		OrganizationID: s.person.Organization, Email: s.person.Email})
	return newer
}

// endOf is when the access token of a pair ends that another program got: within a day, or as
// long as what was granted to us, since that program's clock may have been wrong.
func (w settling) endOf(theirs, ours *keychain.Credential) time.Time {
	latest := w.wall().Add(max(24*time.Hour, ours.Lifetime))
	if !theirs.Refresh.IsZero() && theirs.AccessEnds.After(latest) {
		return latest
	}
	return theirs.AccessEnds
}

// carrying is bringing places up to the newest pair of their account.
type carrying struct{ *work }

func (w *work) carrying() carrying { return carrying{w} }

// carry brings every place of the account up that is behind. What cannot be written now
// stays behind, is told, and is tried again by whoever comes next.
func (w carrying) carry(ctx context.Context, account string, current *keychain.Credential, wait time.Duration) {
	w.lentCopies().carryLent(ctx, account, current)
	w.carryApart(ctx, account, wait)
	for _, p := range w.l.HeldBy(account) {
		if c := w.l.Chain(p.Chain); !w.l.Behind(p) || c.Apart {
			continue
		}
		dir := w.directory(p)
		if dir == nil {
			continue
		}
		if !dir.Installed() {
			w.noteGone(p)
			continue
		}
		w.lockAndCarry(ctx, wait, &carried{place: p, dir: dir, chain: w.l.ChainOf(account), current: *current})
	}
}

// carryApart brings up places of chains of the account that go their own way, each from
// another place of it: we hold no copy, and Claude Code may have renewed it in one of the two.
func (w carrying) carryApart(ctx context.Context, account string, wait time.Duration) {
	for _, p := range w.l.HeldBy(account) {
		dir, c := w.directory(p), w.l.Chain(p.Chain)
		if dir == nil || c == nil || !c.Apart || !w.l.Behind(p) || !dir.Installed() {
			continue
		}
		from := w.directory(w.l.NewestOf(c))
		newest, err := w.see(ctx, from, false)
		if err != nil || newest.Chain != c || newest.Relation != ledger.Current {
			continue // whoever looks there next settles it
		}
		w.lockAndCarry(ctx, wait, &carried{place: p, dir: dir, chain: c, current: newest.entry.Login})
	}
}

// carried is one pair on its way into one place.
type carried struct {
	place    *ledger.Place
	dir      *claudecode.Directory
	reserved *claudecode.Reservation // made before the pair was asked for; nil: none was
	chain    *ledger.Chain
	current  keychain.Credential
}

// lockAndCarry takes the renewal locks of the place for what carryTo does.
func (w carrying) lockAndCarry(ctx context.Context, wait time.Duration, c *carried) {
	lock, err := c.dir.LockRenewal(ctx, wait)
	if err != nil {
		w.notCarried(c.place, err)
		return
	}
	w.carryOr(ctx, c)
	w.unlock(lock)
}

// carryOr is carryTo that notes why the place stays behind.
func (w carrying) carryOr(ctx context.Context, c *carried) {
	if err := w.carryTo(ctx, c); err != nil {
		w.notCarried(c.place, err)
	}
}

// carryTo writes the pair by compare-and-swap: only where a pair still lies that the
// account has left behind. It never writes into an entry that Claude Code blanked, logged
// out of, or signed in to anew. The caller holds the renewal locks.
func (w carrying) carryTo(ctx context.Context, c *carried) error {
	chain := c.chain
	if chain == nil || chain.Dead(pairOf(&c.current)) {
		return nil
	}
	if chain.Doubted {
		if err := w.settleDoubt(ctx, c); err != nil || chain.Doubted {
			return err
		}
	}
	before := c.place.Next
	if err := w.expect(c.dir, chain); err != nil {
		return err
	}
	s := sighting{dir: c.dir}
	written := false
	_, err := c.dir.UpdateIn(ctx, c.reserved, func(now claudecode.Entry) (claudecode.Change, error) {
		s.entry, s.person = now, personOf(now.Login.Account)
		s.Finding = w.l.Relate(c.place, s.found())
		written = s.Account() == chain.Account && (s.Chain == chain || !s.Chain.Apart && !chain.Apart) &&
			(s.Relation == ledger.Superseded || s.Relation == ledger.Revoked ||
				s.Relation == ledger.Current && s.Chain != chain)
		if !written {
			return claudecode.Change{}, nil
		}
		return claudecode.Change{SignIn: &c.current, NewLogin: s.Chain != chain}, nil
	})
	if !written || isRefusedWrite(err) {
		switch {
		case before != chain.ID:
			c.place.Next = before
		case err != nil:
			c.place.Next = ""
		}
	}
	switch {
	case err != nil:
		return err
	case written:
		w.place(c.dir).Holds(chain, pairOf(&c.current))
	case s.Relation == ledger.Current, s.Relation == ledger.Absent, s.Relation == ledger.SignedOut:
		return w.settling().settle(ctx, &s)
	}
	return nil // newer or unknown: whoever looks next settles it
}

var errDoubted = errors.New("it was signed out in Claude Code, and nobody could say whether it lives")

// settleDoubt asks about a login that Claude Code signed out of, before it is carried.
func (w carrying) settleDoubt(ctx context.Context, c *carried) error {
	switch whose := w.askWhetherItLives(ctx, &c.current); {
	case whose.refused:
		c.chain.Revoke(pairOf(&c.current).Refresh)
	case whose.person.Known():
		c.chain.Doubted = false
	default:
		return errDoubted
	}
	return nil
}

// notCarried notes why a place stays behind.
func (w carrying) notCarried(p *ledger.Place, err error) {
	if reason := reasonFor(err); because(p, reason) {
		w.log.Warn("a place was not brought up", "place", p.ID, "reason", plain(err))
		account := ""
		if c := w.l.Chain(p.Chain); c != nil {
			account = c.Account
		}
		w.remember(Record{Account: account, What: ledger.ChangeBehind,
			Said: Said{RemarkBehind, &Values{ID: p.ID, Because: reason}}})
	}
}

// reasonFor is what the system said, or the fault.
func reasonFor(err error) *Reason {
	if errorIn(err) != nil {
		return saidOf(err)
	}
	return &Reason{Text: plain(err)}
}

// because notes why a place stays behind, and tells whether that is news.
func because(p *ledger.Place, reason *Reason) (news bool) {
	former := *p
	p.NoReason()
	if p.Reason = reason.Text; reason.Fault != "" {
		p.Because, _ = json.Marshal(reason)
	}
	return p.Reason != former.Reason || !bytes.Equal(p.Because, former.Because)
}

// goneFor is how long a place may be away before it is forgotten: it is not told any more. If
// it comes back all the same it is brought up, since a clock may have been wrong.
const goneFor = 30 * 24 * time.Hour

// noteGone notes that a place's directory is not there: an unmounted disk, a deleted
// container. It holds nobody up.
func (w carrying) noteGone(p *ledger.Place) {
	now := w.wall()
	if p.Gone.IsZero() {
		p.Gone = now
		w.notCarried(p, errGone)
		return
	}
	if now.Sub(p.Gone) > goneFor && !p.Forgotten {
		w.remember(Record{What: ledger.ChangeForgotten, Said: Said{RemarkAway, &Values{Place: p.ID, At: p.Gone}}})
		p.Forgotten = true
	}
}

var errGone error = failedAs(codeNotReached, FaultGone, nil)

// isRefusedWrite reports whether nothing was written for sure.
func isRefusedWrite(err error) bool {
	unwritable, refused := &claudecode.UnwritableError{}, &atomicfile.RefusedError{}
	return errors.As(err, &unwritable) || errors.As(err, &refused)
}

func (w *work) unlock(l *claudecode.RenewalLock) {
	if l == nil {
		return
	}
	if err := l.Release(); err != nil {
		w.log.Warn("a lock of Claude Code's could not be released", "reason", plain(err))
	}
}
