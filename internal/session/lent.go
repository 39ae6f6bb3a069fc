package session

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"keytender/internal/dirlock"
	"keytender/internal/ledger"
	"keytender/internal/secret"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// lentTo is where a lent entry lies: in a directory here, or in one on another machine or in
// a container. There an empty Dir is the one that Claude Code uses by itself.
type lentTo struct {
	Dir       string `json:"dir,omitempty"`
	SSH       string `json:"ssh,omitempty"` // [user@]host
	Container string `json:"container,omitempty"`
	Tool      string `json:"tool,omitempty"` // the program that knows the container
}

func lentWhere(p *ledger.Place) lentTo {
	var at lentTo
	_ = json.Unmarshal(p.Where, &at) // the ledger's own text; an empty one is nowhere
	return at
}

// isThere is false for a directory of an unmounted disk: it is not made anew.
func (at lentTo) isThere() bool {
	info, err := os.Stat(at.Dir)
	return err == nil && info.IsDir()
}

// String names the place as `lend --back` takes it.
func (at lentTo) String() string {
	name := at.Dir
	switch {
	case at.SSH != "":
		name = "ssh:" + at.SSH
	case at.Container != "":
		name = "container:" + at.Container
	}
	if at.far() && at.Dir != "" {
		name += ":" + at.Dir
	}
	return name
}

func (at lentTo) directory(c claudecode.Config) *claudecode.Directory {
	return claudecode.At(claudecode.Location{Dir: at.Dir, State: filepath.Join(at.Dir, ".claude.json")}, c)
}

func lentID(dir *claudecode.Directory) string { return "lent:" + dir.ID() }

func (w *work) isLent(dir *claudecode.Directory) bool { return w.l.Place(lentID(dir)) != nil }

func (at lentTo) placeID(c claudecode.Config) string {
	if at.far() {
		return "lent:" + at.String()
	}
	return lentID(at.directory(c))
}

// lendable is the login without what renews it: nobody there can spend it.
func lendable(c keychain.Credential) keychain.Credential {
	c.Refresh, c.LoginEnds, c.LoginEndsEstimated = secret.String{}, time.Time{}, false
	return c
}

// lending lends the access token, without what renews it, to other places of the person's.
type lending struct{ *Engine }

func (e *Engine) lending() lending { return lending{e} }

// LendOptions says where to lend.
type LendOptions struct {
	Dir       string // absolute; with one of the next two what lies there, or ""
	SSH       string // [user@]host
	Container string // a container's name
	Replace   bool   // displaces a login that lies there
}

// Lend writes an entry without the refresh token where another Claude Code reads it. From
// then on it is renewed there, too.
func (e *Engine) Lend(ctx context.Context, o LendOptions) (PlaceStatus, error) {
	return e.lending().lend(ctx, o)
}

func (n lending) lend(ctx context.Context, o LendOptions) (PlaceStatus, error) {
	at, err := lentAt(ctx, o)
	if err != nil {
		return PlaceStatus{}, err
	}
	if _, err := n.Renew(ctx, false); err != nil {
		if st := n.Status(ctx); !st.AccessToken.Valid {
			return PlaceStatus{}, err
		}
	}
	if at.far() {
		return n.lendFar(ctx, at, o.Replace)
	}
	r, err := n.toLend(ctx)
	if err != nil {
		return PlaceStatus{}, err
	}
	defer r.following().endInStep(ctx)
	return r.lend(ctx, at, o.Replace)
}

// lentAt is the place that is meant.
func lentAt(ctx context.Context, o LendOptions) (lentTo, error) {
	switch {
	case o.SSH != "":
		return lentTo{SSH: o.SSH, Dir: o.Dir}, nil
	case o.Container != "":
		tool, err := findContainerTool(ctx, o.Container)
		return lentTo{Container: o.Container, Dir: o.Dir, Tool: tool}, err
	}
	return lentTo{Dir: filepath.Clean(o.Dir)}, nil
}

// toLend takes our lock and loads the login that is lent. The caller ends the work.
func (n lending) toLend(ctx context.Context) (*renewal, error) {
	w, err := n.begin(ctx, lockWait)
	if err != nil {
		return nil, err
	}
	r, err := w.renewal(ctx, w.l.Choose(n.account))
	if err == nil && (r.chain.Dead(pairOf(&r.current)) || !n.validFor(&r.current, 0)) {
		err = againAs(FaultLendEnded, nil)
	}
	if err != nil {
		w.end()
		return nil, err
	}
	return r, nil
}

func (r *renewal) lend(ctx context.Context, at lentTo, replace bool) (PlaceStatus, error) {
	if err := r.makeRoom(ctx, at, replace); err != nil {
		return PlaceStatus{}, err
	}
	place, takeBack, err := r.expectLent(at)
	if err != nil {
		return PlaceStatus{}, err
	}
	if err := r.lentCopies().writeLent(ctx, place, &r.current); err != nil {
		if !r.mayLieIn(ctx, at) {
			takeBack(r.work)
		}
		return PlaceStatus{}, notLent(at, err)
	}
	if err := at.directory(r.entries).Introduce(ctx, identityFor(r.current)); err != nil {
		r.log.Warn("Claude Code's state file in a lent directory was not written", "place", place.ID, "reason",
			plain(err))
	}
	return r.lent(place)
}

// mayLieIn reports whether the access token may be in the directory although writing it failed:
// who signs out then looks there too.
func (r *renewal) mayLieIn(ctx context.Context, at lentTo) bool {
	ctx, cancel := storeContext(ctx)
	defer cancel()
	entry, err := at.directory(r.entries).Read(ctx)
	return err == nil && entry.Login.Access.Equal(r.current.Access)
}

// expectLent notes durably that a place is about to be lent to: a process that is killed
// leaves no token that nobody knows of. takeBack makes it as it was.
func (r *renewal) expectLent(at lentTo) (place *ledger.Place, takeBack func(*work), err error) {
	id := at.placeID(r.entries)
	known := r.l.Place(id)
	var former ledger.Place
	if known != nil {
		former = *known
	}
	where, _ := json.Marshal(at)
	place = r.l.AddPlace(id, ledger.Lent, where)
	place.Account, place.Far, place.Let, place.Leaving, place.Next = r.account, at.far(), false, false, r.chain.ID
	takeBack = func(w *work) {
		now := w.l.Place(id)
		switch {
		case now == nil:
		case known == nil:
			w.l.ForgetPlace(id)
		default:
			*now = former
		}
	}
	return place, takeBack, r.save()
}

// lent notes that the login was lent to a place.
func (r *renewal) lent(place *ledger.Place) (PlaceStatus, error) {
	r.lentCopies().noteLent(place, &r.current)
	r.remember(Record{Account: r.account, What: ledger.ChangeLent, Detail: lentWhere(place).String()})
	err := r.save()
	return lentStatus(place), err
}

func identityFor(c keychain.Credential) claudecode.Identity {
	return claudecode.Identity{AccountID: c.Account.ID, Email: c.Account.Email,
		OrganizationID: c.Account.OrganizationID}
}

// errOwnLogin says that a place holds a login that we did not lend.
var errOwnLogin = errors.New("a login of its own lies there")

func notLent(at lentTo, err error) error {
	known := errorIn(err)
	switch {
	case errors.Is(err, errOwnLogin):
		return failedBy(codeFullLogin, FaultFullLogin, Values{Place: at.String()}, err)
	case errors.Is(err, keychain.ErrDamaged):
		return failedBy(codeNotLent, FaultLendDamaged, Values{Place: at.String(), Reason: plain(err)}, err)
	case known != nil && known.Code == codeNotReached:
		return failedBy(codeNotLent, FaultLendUnreached, Values{Place: at.String()}, err)
	case errors.Is(err, dirlock.ErrBusy), errors.Is(err, context.Canceled):
		return entryError(err)
	case known != nil:
		return known
	}
	return failedBy(codeNotLent, FaultLendFailed, Values{Place: at.String(), Reason: plain(err)}, err)
}

// makeRoom makes the directory, and displaces what lies there where that was asked for.
func (r *renewal) makeRoom(ctx context.Context, at lentTo, replace bool) error {
	dir := at.directory(r.entries)
	shows := func(other *claudecode.Directory) bool { // a link may lead to another entry's file
		return other.ID() != dir.ID() && sameFile(other.File(), dir.File())
	}
	if r.entryErr == nil && dir.ID() == r.entry.ID() || slices.ContainsFunc(r.directories(), shows) {
		return failedBy(codeOwnEntry, FaultOwnEntry, Values{Path: at.Dir}, nil)
	}
	if r.lending().isTaken(at.Dir) {
		return failedBy(codeNotLent, FaultLendTaken, Values{Path: at.Dir}, nil)
	}
	if err := at.make(); err != nil {
		return notLent(at, err)
	}
	if replace { // nothing is taken out while Claude Code renews it
		lock, err := dir.LockRenewal(ctx, entryWait)
		if err != nil {
			return entryError(err)
		}
		defer r.unlock(lock)
	}
	s, err := r.see(ctx, dir, replace)
	if err != nil {
		return notLent(at, err)
	}
	if !r.lentCopies().isOwn(s.entry) {
		return nil
	}
	if !replace {
		return notLent(at, errOwnLogin)
	}
	return r.displaceForLent(ctx, &s)
}

// isTaken reports whether a directory has another use than Claude Code's: the root of a file system,
// the home itself, and our own.
func (n lending) isTaken(dir string) bool {
	home, _ := os.UserHomeDir()
	p := n.config.Paths
	root := filepath.VolumeName(dir) + string(filepath.Separator)
	others := []string{root, home, p.State, filepath.Dir(p.ConfigFile), filepath.Dir(p.Credentials),
		filepath.Dir(p.Log)}
	return slices.ContainsFunc(others, func(other string) bool { return other == dir || sameFile(other, dir) })
}

// make makes the directory, closed to others, and closes one that is empty. One that is in use keeps
// its mode: others may need what else is in it, and the login there is closed to them by itself.
func (at lentTo) make() error {
	if err := os.MkdirAll(at.Dir, 0o700); err != nil {
		return err
	}
	inside, err := os.ReadDir(at.Dir)
	if err == nil && len(inside) == 0 {
		return os.Chmod(at.Dir, 0o700)
	}
	return err
}

// lentCopies are the copies that we lent: writing them, following them and taking them back.
type lentCopies struct{ *work }

func (w *work) lentCopies() lentCopies { return lentCopies{w} }

// isOwn reports whether an entry holds a login that we did not lend to it.
func (w lentCopies) isOwn(entry claudecode.Entry) bool {
	if entry.State != claudecode.SignedIn {
		return false
	}
	_, ours := w.l.Identify(pairOf(&entry.Login))
	return !ours || !entry.Login.Refresh.IsZero()
}

// displaceForLent takes a login out of a directory that is to be lent to, and keeps it.
func (r *renewal) displaceForLent(ctx context.Context, s *sighting) error {
	if err := r.lentCopies().mayBeOurs(s); err != nil {
		return err
	}
	newest, err := r.settling().takeNewer(ctx, s, r.account, r.current)
	if err != nil {
		return err
	}
	r.current, r.chain = newest, r.l.ChainOf(r.account)
	moved, err := r.displacing().moveOut(ctx, s, "")
	if err != nil {
		return err
	}
	if err := r.displacing().write(ctx, *s, claudecode.Change{SignOut: true}, moved); err != nil {
		return err
	}
	r.place(s.dir).Empty(false)
	return r.save()
}

// writeLent writes the access token into a lent place, never over a login of its own.
func (w lentCopies) writeLent(ctx context.Context, p *ledger.Place, c *keychain.Credential) error {
	if p.Far {
		_, err := w.writeFar(ctx, p, *c, farRenewal(lentWhere(p)))
		return err
	}
	lent := lendable(*c)
	err := w.lending().updateLent(ctx, lentWhere(p), func(now claudecode.Entry) (claudecode.Change, error) {
		if w.isOthers(p, now) {
			return claudecode.Change{}, errOwnLogin
		}
		return claudecode.Change{SignIn: &lent, NewLogin: !w.lentBefore(p, now)}, nil
	})
	if err == nil {
		w.identify(ctx, lentWhere(p).directory(w.entries), *c, secret.String{})
	}
	return err
}

// lentBefore reports whether an entry holds what we lent there of the same account.
func (w lentCopies) lentBefore(p *ledger.Place, now claudecode.Entry) bool {
	c := w.l.Chain(p.Chain)
	return c != nil && c.Account == p.Account && now.Login.Refresh.IsZero() &&
		p.Pair.Access == pairOf(&now.Login).Access
}

// isOthers reports whether an entry that was lent to holds a login that we did not lend.
func (w lentCopies) isOthers(p *ledger.Place, now claudecode.Entry) bool {
	lent := now.Login.Refresh.IsZero() && p.Pair.Access == pairOf(&now.Login).Access
	return w.isOwn(now) && !lent
}

func (n lending) updateLent(ctx context.Context, at lentTo,
	decide func(claudecode.Entry) (claudecode.Change, error)) error {
	if at.far() {
		return updateFar(ctx, at, decide)
	}
	if !at.isThere() {
		return errGone
	}
	_, err := at.directory(n.entries).Update(ctx, decide)
	return err
}

func (w lentCopies) noteLent(p *ledger.Place, c *keychain.Credential) {
	chain := w.l.ChainOf(p.Account)
	if chain == nil {
		return
	}
	p.Holds(chain, ledger.Pair{Access: pairOf(c).Access})
	p.Ends = c.AccessEnds.Truncate(time.Second)
	p.NoReason()
}

// lentWait bounds the writing into one lent place.
const lentWait = 10 * time.Second

// carryLent brings the account's lent places on this machine up, all at once: a slow disk
// keeps none of the others waiting.
func (w lentCopies) carryLent(ctx context.Context, account string, current *keychain.Credential) {
	chain := w.l.ChainOf(account)
	if chain == nil || chain.Current().Access != pairOf(current).Access || !w.validFor(current, 0) {
		return
	}
	var behind []*ledger.Place
	for _, p := range w.l.LentTo(account) {
		if w.l.LentBehind(p) && !p.Far {
			behind = append(behind, p)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, lentWait)
	defer cancel()
	problems := make([]error, len(behind))
	var all sync.WaitGroup
	for i, p := range behind {
		all.Go(func() { problems[i] = w.writeLent(ctx, p, current) })
	}
	all.Wait()
	for i, p := range behind {
		w.lentOr(p, current, problems[i])
	}
}

// lentOr notes what became of one place.
func (w lentCopies) lentOr(p *ledger.Place, current *keychain.Credential, err error) {
	now := w.wall()
	switch {
	case err == nil:
		w.noteLent(p, current)
	case errors.Is(err, errOwnLogin):
		w.settleLent(p)
		w.forgetLent(p)
	case !p.Gone.IsZero() && now.Sub(p.Gone) > goneFor:
		w.remember(Record{Account: p.Account, What: ledger.ChangeForgotten,
			Said: Said{RemarkAway, &Values{Place: lentWhere(p).String(), At: p.Gone}}})
		w.l.ForgetPlace(p.ID)
	case p.Far:
		p.NotReached(now)
		w.carrying().notCarried(p, err)
	default:
		if p.Gone.IsZero() {
			p.Gone = now
		}
		w.carrying().notCarried(p, err)
	}
}

// lentNoMore tells of the places that were lent from a login whose account's name another one has since.
func lentNoMore(lent []*ledger.Place) Said {
	var places []string
	for _, p := range lent {
		if p.Account == "" {
			places = append(places, lentWhere(p).String())
		}
	}
	if len(places) == 0 {
		return Said{}
	}
	return Said{RemarkBehind, &Values{ID: strings.Join(places, ", "), Because: &Reason{Remark: RemarkLentFormer}}}
}

// lentStatus tells of a lent place by what is known: looking there could take seconds.
func lentStatus(p *ledger.Place) PlaceStatus {
	s := PlaceStatus{ID: p.ID, Place: lentWhere(p).String(), Kind: ledger.Lent, Account: p.Account, State: PlaceInStep,
		Because: reasonOf(p)}
	switch {
	case p.Leaving:
		s.State, s.Because = PlaceUnwritable, &Reason{Remark: RemarkLeavingLent}
	case p.Let:
		s.State, s.Because = PlaceUnwritable, &Reason{Remark: RemarkLetGo}
	case p.Account == "":
		s.State, s.Because = PlaceUnwritable, &Reason{Remark: RemarkLentFormer}
	case !p.Gone.IsZero():
		s.State, s.Since = PlaceUnreachable, known(p.Gone)
	case !p.Behind.IsZero():
		s.State, s.Since = PlaceBehind, known(p.Behind)
	}
	if !p.Ends.IsZero() {
		s.Ends = known(p.Ends)
	}
	return s
}

// describeLent makes a lent place the status's problem once its token has ended.
func (w lentCopies) describeLent(st *Status) {
	for _, p := range w.l.Places {
		if st.Problem != nil || !w.l.LentBehind(p) || p.Ends.IsZero() || w.wall().Before(p.Ends) {
			continue
		}
		st.Problem = problemOf(failedBy(codePlaceBehind, FaultLentEnded,
			Values{Place: lentWhere(p).String(), Because: reasonOf(p)}, nil))
	}
}

// Lent lists the places of st that are lent to.
func (st Status) Lent() (lent []PlaceStatus) {
	for _, p := range st.Places {
		if p.Kind == ledger.Lent {
			lent = append(lent, p)
		}
	}
	return lent
}

// Lent lists the places that are lent to.
func (e *Engine) Lent(ctx context.Context) ([]PlaceStatus, error) {
	places, err := e.Places(ctx)
	list := []PlaceStatus{}
	for _, p := range places {
		if p.Kind == ledger.Lent {
			list = append(list, p)
		}
	}
	return list, err
}

// TakeBack removes our login from one lent place, or from all of them where place is
// empty. Nothing else in the entry there is changed.
func (e *Engine) TakeBack(ctx context.Context, place string) ([]PlaceStatus, error) {
	return e.lending().takeBack(ctx, place)
}

func (n lending) takeBack(ctx context.Context, place string) ([]PlaceStatus, error) {
	release, err := n.holdAnyFar(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	l, err := n.ledger()
	if err != nil {
		return nil, err
	}
	look := &work{Engine: n.Engine, l: l} // elsewhere without our lock: it may take seconds
	far := look.lentCopies().calledLent(place, true)
	problems := look.lentCopies().takeOutOfLent(ctx, far)

	w, err := n.beginAnyway(ctx, lockWait)
	if err != nil {
		return nil, err
	}
	defer w.end()
	near := w.lentCopies().calledLent(place, false)
	if place != "" && len(near)+len(far) == 0 {
		return nil, failedBy(codeNoPlace, FaultNothingLent, Values{Place: place}, nil)
	}
	problems = append(w.lentCopies().takeOutOfLent(ctx, near), problems...)
	back := []PlaceStatus{}
	var left []error
	for i, p := range append(near, far...) {
		if p = w.l.Place(p.ID); p == nil {
			continue // somebody was faster
		}
		st := lentStatus(p)
		if err := w.lentCopies().takenBack(p, problems[i], true); err != nil {
			left = append(left, err)
			continue
		}
		back = append(back, st)
	}
	return back, notRemoved(left)
}

// calledLent lists the lent places of that name, all where it is empty: those elsewhere, or
// those on this machine.
func (w lentCopies) calledLent(name string, far bool) (places []*ledger.Place) {
	for _, p := range w.l.Places {
		if p.Kind == ledger.Lent && p.Far == far && (name == "" || w.isCalled(p, name)) {
			places = append(places, p)
		}
	}
	return places
}

// isCalled reports whether a person means this place by that name.
func (w lentCopies) isCalled(p *ledger.Place, name string) bool {
	at := lentWhere(p)
	if name == p.ID || name == at.String() {
		return true
	}
	if at.far() {
		_, bare, _ := strings.Cut(at.String(), ":")
		return name == bare
	}
	abs, err := filepath.Abs(name)
	return err == nil && lentID(lentTo{Dir: abs}.directory(w.entries)) == p.ID
}

// takeOutOfLent takes our access token out of these places, all at once, and returns what went wrong
// with each.
func (w lentCopies) takeOutOfLent(ctx context.Context, places []*ledger.Place) []error {
	problems := make([]error, len(places))
	limited, cancel := context.WithTimeout(ctx, lentWait)
	defer cancel()
	var all sync.WaitGroup
	for i, p := range places {
		all.Go(func() { problems[i] = w.takeOutLent(limited, p) })
	}
	all.Wait()
	return problems
}

func (w lentCopies) takeOutLent(ctx context.Context, p *ledger.Place) error {
	at := lentWhere(p)
	return w.lending().updateLent(ctx, at, func(now claudecode.Entry) (claudecode.Change, error) {
		pair := pairOf(&now.Login)
		f, ours := w.l.Identify(pair)
		if ours && !now.Login.Refresh.IsZero() {
			return claudecode.Change{}, errOwnLogin
		}
		if !at.far() {
			s := w.judge(ctx, at.directory(w.entries), now, true)
			if err := w.mayBeOurs(&s); err != nil {
				return claudecode.Change{}, err
			}
		}
		ours = ours && f.Chain.ID == p.Chain || pair.Access == p.Pair.Access
		return claudecode.Change{SignOut: ours && now.Login.Refresh.IsZero()}, nil
	})
}

// takenBack notes what became of one place. goneIsDone: a directory that is not there needs
// nothing; else the token may live on in it.
func (w lentCopies) takenBack(p *ledger.Place, err error, goneIsDone bool) error {
	if isUnknown(err) { // what may be a copy of ours that Claude Code renewed: the place is kept in mind
		return failedBy(codeNotRemoved, FaultLentUnknown, Values{Place: lentWhere(p).String()}, err)
	}
	if errors.Is(err, errOwnLogin) { // a whole copy of a login of ours: a place like any other
		w.settleLent(p)
		w.forgetLent(p)
		return failedBy(codeNotRemoved, FaultLentWhole, Values{Place: lentWhere(p).String()}, err)
	}
	at, ended := lentWhere(p), p.Ends.Before(w.wall())
	if err != nil && !(errors.Is(err, errGone) && (goneIsDone || ended)) && !(p.Far && ended) {
		p.Leaving = true
		because(p, reasonFor(err))
		return failedBy(codeNotRemoved, FaultLentStays, Values{Place: at.String(), Because: reasonOf(p)}, err)
	}
	w.remember(Record{Account: p.Account, What: ledger.ChangeTakenBack, Detail: at.String()})
	w.l.ForgetPlace(p.ID)
	return w.save()
}

// takeBackAll takes the account's access token out of every place that it was lent to.
func (s *signingOut) takeBackAll(ctx context.Context) {
	var lent []*ledger.Place
	for _, p := range s.l.Places {
		if p.Kind == ledger.Lent && (p.Account == s.account || s.ours(p, ledger.Finding{Chain: s.l.Chain(p.Chain)})) {
			lent = append(lent, p)
		}
	}
	for i, problem := range s.lentCopies().takeOutOfLent(ctx, lent) {
		err := s.lentCopies().takenBack(lent[i], problem, false)
		s.note(err)
		lent[i].Leaving = err != nil // the next sign-out goes on
		if err == nil {
			s.done(RemarkTakenBack, lentWhere(lent[i]).String())
		}
	}
}

// lentLife is how much of a token's life must be left where it is lent: half of it.
func lentLife(l *ledger.Ledger, account string, c *keychain.Credential) time.Duration {
	if len(l.LentTo(account)) == 0 {
		return 0
	}
	life := c.Lifetime
	if life <= 0 && !c.Issued.IsZero() {
		life = c.AccessEnds.Sub(c.Issued)
	}
	return life / 2
}
