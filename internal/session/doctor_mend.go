package session

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/ledger"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// fixing puts right what the doctor found, and takes that back.
type fixing struct{ doctor }

// Repair is one thing that `doctor --fix` would do.
type Repair struct {
	Said
	do func(context.Context) (Mended, error)
}

// Mended is one thing that was put right.
type Mended struct {
	Said
	undo []undoStep // in the order in which it was done
}

// asideName is a free name under which a file keeps what it held: nothing is deleted that
// somebody may want back.
func (f fixing) asideName(path string) string {
	dated := path + asideInfix + f.wall().Format("20060102-150405")
	name := dated
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); err != nil {
			return name
		}
		name = dated + "-" + strconv.Itoa(n)
	}
}

const asideInfix = ".aside-"

// Repairs lists what can be put right without asking anybody else. It changes nothing.
func (e *Engine) Repairs(ctx context.Context) []Repair {
	return fixing{e.doctor()}.repairs(ctx)
}

func (f fixing) repairs(ctx context.Context) []Repair {
	ctx = oneWait(ctx)
	repairs := append(f.repairPermissions(), f.repairLocks()...)
	switch _, err := f.ledger(); {
	case errors.Is(err, keychain.ErrDamaged):
		// What else may be wrong is seen when it can be read again.
		return append(repairs, Repair{Said{RemarkWillFindAccounts, &Values{Path: f.config.Paths.State}}, f.mendLedger})
	case err != nil:
		return repairs
	}
	st := f.Status(ctx)
	if f.credentialsDamaged() && f.copyInEntry(ctx) {
		repairs = append(repairs, Repair{Said{RemarkWillTakeOver, &Values{Path: f.config.Paths.Credentials}},
			f.mendCredentials})
	}
	repairs = append(repairs, f.repairEntry(ctx, st)...)
	for _, m := range f.misnamed(ctx) {
		repairs = append(repairs, Repair{Said{RemarkWillName, &Values{Place: m.dir.Place()}},
			func(ctx context.Context) (Mended, error) { return f.mendIdentity(ctx, m) }})
	}
	for _, path := range f.leftovers() {
		repairs = append(repairs, Repair{Said{RemarkWillMoveLeft, &Values{Path: path}},
			func(context.Context) (Mended, error) {
				return f.moveAside(path, RemarkLeftMoved)
			}})
	}
	return repairs
}

// Mend does these repairs. What was done can be taken back by Unmend until the next one.
func (e *Engine) Mend(ctx context.Context, repairs []Repair) ([]Mended, error) {
	return fixing{e.doctor()}.mend(ctx, repairs)
}

func (f fixing) mend(ctx context.Context, repairs []Repair) ([]Mended, error) {
	if err := f.MayWrite(); err != nil {
		return nil, err
	}
	var (
		mended   []Mended
		problems []error
		steps    []undoStep
		unnoted  error
	)
	for _, repair := range repairs {
		if err := ctx.Err(); err != nil {
			problems = append(problems, err)
			break
		}
		m, err := repair.do(ctx)
		if err != nil {
			problems = append(problems, err)
		}
		if m.Remark == "" {
			continue
		}
		mended, steps = append(mended, m), append(steps, m.undo...)
		unnoted = f.noteMended(steps) // at once: a process that is killed leaves no repair that cannot be taken back
		f.remember(Record{What: ledger.ChangeMended, Said: m.Said})
	}
	return mended, errors.Join(append(problems, unnoted)...)
}

// noteMended notes how the repairs so far are taken back.
func (f fixing) noteMended(steps []undoStep) error {
	if len(steps) == 0 {
		return nil
	}
	for i, step := range steps { // a later one may have written there
		if step.Kind == undoMoved {
			steps[i].Stands = printOf(step.Path)
		}
	}
	return f.writeState(mendedFile, lastMended{f.wall(), steps})
}

func (f fixing) repairPermissions() (repairs []Repair) {
	for _, l := range f.looseFiles() {
		repairs = append(repairs, Repair{Said{RemarkWillClose, &Values{Path: l.path, Want: l.want}},
			func(context.Context) (Mended, error) {
				if err := os.Chmod(l.path, l.want); err != nil {
					return Mended{}, failedBy(codeNotMended, FaultModeNotChanged,
						Values{Path: l.path, Reason: plain(err), Want: l.want}, err)
				}
				return Mended{Said{RemarkClosed, &Values{Path: l.path, Want: l.want}},
					[]undoStep{{Kind: undoMode, Path: l.path, Mode: l.mode, Want: l.want}}}, nil
			}})
	}
	return repairs
}

func (f fixing) moveAside(path string, remark Remark) (Mended, error) {
	aside := f.asideName(path)
	if err := atomicfile.Rename(path, aside); err != nil {
		return Mended{}, failedBy(codeNotMended, FaultNotMovedAside, Values{Path: path, Reason: plain(err)}, err)
	}
	return Mended{Said{remark, &Values{Path: path}}, []undoStep{{Kind: undoMoved, Path: path, Aside: aside}}}, nil
}

// repairEntry is what can be done about an entry that Claude Code does not accept: one that
// cannot be read is moved aside, and where our login lay there and lives it is written anew.
// An entry that somebody signed out of is left so.
func (f fixing) repairEntry(ctx context.Context, st Status) []Repair {
	if f.entryErr != nil {
		return nil
	}
	l, err := f.ledger()
	if err != nil {
		return nil
	}
	owner := l.LastIn(f.entry.ID())
	if owner != "" && owner != st.Account {
		st = f.On(owner).Status(ctx)
	}
	place := l.Place(f.entry.ID())
	ours := owner != "" && st.State == SignedIn && (st.AccessToken.Renewable || st.AccessToken.Valid) &&
		st.ClaudeCode.Mirror && !place.Let
	anew := func(remark Remark, still func(sighting) bool) Repair {
		return Repair{Said{remark, &Values{Account: owner}}, func(ctx context.Context) (Mended, error) {
			return f.writeAnew(ctx, owner, still)
		}}
	}
	w := &work{Engine: f.Engine, l: l}
	s, err := w.see(ctx, f.entry, false)
	unusable := &claudecode.UnusableError{}
	switch accepted, _ := s.entry.AcceptedByClient(); {
	case errors.As(err, &unusable):
		return nil
	case errors.Is(err, keychain.ErrDamaged) && f.entry.FileIsRead():
		moved := false
		move := Repair{Said{RemarkWillMoveUnread, &Values{Path: f.entry.File()}}, nil}
		move.do = func(ctx context.Context) (m Mended, err error) {
			m, err = f.mendEntry(ctx)
			moved = err == nil
			return m, err
		}
		if !ours || place.SignedOut {
			return []Repair{move}
		}
		write := anew(RemarkWillWrite, sighting.isEmpty)
		return []Repair{move, {write.Said, func(ctx context.Context) (Mended, error) {
			if !moved { // which was told
				return Mended{}, nil
			}
			return write.do(ctx)
		}}}
	case err != nil:
		return nil
	case ours && s.entry.Blanked() && s.person.Like(l.Account(owner).Person) != ledger.Different:
		return []Repair{anew(RemarkWillWriteBlanked, func(now sighting) bool { return now.entry.Blanked() })}
	case ours && s.entry.State == claudecode.SignedIn && !accepted && s.Account() == owner:
		return []Repair{anew(RemarkWillWrite, func(now sighting) bool {
			accepted, _ := now.entry.AcceptedByClient()
			return !accepted && now.Account() == owner
		})}
	}
	return nil
}

func (f fixing) mendIdentity(ctx context.Context, m misnamed) (Mended, error) {
	still := false
	for _, now := range f.misnamed(ctx) {
		still = still || now.dir.ID() == m.dir.ID() && now.id.AccountID == m.id.AccountID &&
			now.former.AccountID == m.former.AccountID
	}
	if !still {
		return Mended{}, mendedOtherwise(m.dir.Place())
	}
	if err := m.dir.SetIdentity(ctx, m.id); err != nil {
		return Mended{}, failedBy(codeNotMended, FaultIdentityNotMended, Values{Reason: plain(err)}, err)
	}
	at, former := m.dir.Location(), m.former
	return Mended{Said{RemarkNamed, &Values{Place: m.dir.Place()}},
		[]undoStep{{Kind: undoIdentity, Entry: &at, Path: m.dir.Place(),
			Named: m.id.AccountID, Identity: &formerIdentity{AccountID: former.AccountID, Email: former.Email,
				OrganizationID: former.OrganizationID, Whole: former.Whole.Reveal()}}}}, nil
}

// credentialsDamaged reports whether the file store cannot be read.
func (f fixing) credentialsDamaged() bool {
	_, err := f.file.Names()
	return errors.Is(err, keychain.ErrDamaged)
}

// copyInEntry reports whether an entry holds a newest pair of one of our accounts.
func (f fixing) copyInEntry(ctx context.Context) bool {
	l, err := f.ledger()
	if err != nil || l.Store != "file" {
		return false
	}
	w := &work{Engine: f.Engine, l: l}
	for _, dir := range f.knownEntries() {
		if s, err := w.seeAnyhow(ctx, dir, false); err == nil && w.isGoodCopy(s) {
			return true
		}
	}
	return false
}

func (w *work) isGoodCopy(s sighting) bool {
	own := s.Account() != "" && s.Chain == w.l.ChainOf(s.Account())
	return own && (s.Relation == ledger.Current || s.Relation == ledger.Successor) && !s.entry.Login.Refresh.IsZero()
}

// mendCredentials moves the file store aside and keeps anew what Claude Code's entries hold
// of our accounts.
func (f fixing) mendCredentials(ctx context.Context) (Mended, error) {
	w, err := f.begin(ctx, lockWait)
	if err != nil {
		return Mended{}, err
	}
	defer w.end()
	if !f.credentialsDamaged() {
		return Mended{}, mendedOtherwise(f.config.Paths.Credentials)
	}
	m, err := f.moveAside(f.config.Paths.Credentials, RemarkUnreadMoved)
	if err != nil {
		return m, err
	}
	var kept []string
	for _, relation := range []ledger.Relation{ledger.Successor, ledger.Current} { // the newest first
		for _, dir := range w.directories() {
			name, err := f.keepCopy(ctx, w, dir, relation, kept)
			if err != nil {
				return m, err
			}
			if name != "" {
				kept = append(kept, name)
			}
		}
	}
	if kept == nil { // what was seen there is nobody's of ours
		return Mended{}, errors.Join(mendedOtherwise(f.config.Paths.Credentials),
			atomicfile.Rename(m.undo[0].Aside, f.config.Paths.Credentials))
	}
	m.Remark, m.Values.List = RemarkTakenOver, kept
	var lost []string
	for _, a := range w.l.Accounts {
		if !slices.Contains(kept, a.Name) {
			lost = append(lost, a.Name)
		}
	}
	for _, d := range w.l.Displaced {
		if !d.Nothing {
			lost = append(lost, whose(d.Person))
		}
	}
	if lost != nil {
		m.Remark, m.Values.Also, m.Values.Aside = RemarkTakenOverNotAll, strings.Join(lost, ", "), m.undo[0].Aside
	}
	return m, w.save()
}

// keepCopy keeps the login in an entry anew whose record was lost, and names its account.
func (f fixing) keepCopy(ctx context.Context, w *work, dir *claudecode.Directory, relation ledger.Relation,
	kept []string) (string, error) {
	lock, err := dir.LockRenewal(ctx, entryWait)
	if err != nil {
		return "", entryError(err)
	}
	defer w.unlock(lock)
	s, err := w.seeAnyhow(ctx, dir, true)
	if err != nil || !w.isGoodCopy(s) || s.Relation != relation || slices.Contains(kept, s.Account()) {
		return "", nil
	}
	a := w.l.Account(s.Account())
	c := w.settling().carryOver(s, keychain.Credential{Method: ByClaudeCode})
	c.Account = c.Account.Or(keychain.Account{ID: a.Person.ID, OrganizationID: a.Person.Organization,
		Email: a.Person.Email, Organization: a.Organization, Plan: a.Plan})
	if err := w.vault(w.l).save(ctx, a.Name, c); err != nil {
		return "", storeError("file", err)
	}
	s.Chain.Advance(pairOf(&c))
	w.place(dir).Holds(s.Chain, pairOf(&s.entry.Login))
	w.describeAccount(a.Name, c)
	return a.Name, nil
}

// formerFiles are what the first version kept in the state folder.
var formerFiles = []string{"settings.json", "journal.json"}

// mendLedger moves a damaged ledger aside and takes over what there is: the accounts that
// the history and the file store name, with the records of theirs that can be read.
func (f fixing) mendLedger(ctx context.Context) (Mended, error) {
	release, err := f.lock(ctx, lockWait)
	if err != nil {
		return Mended{}, err
	}
	if _, err := f.ledger(); !errors.Is(err, keychain.ErrDamaged) {
		release()
		return Mended{}, mendedOtherwise(f.config.Paths.State)
	}
	var m Mended
	files := []string{ledgerFile}
	if _, err := os.Lstat(f.statePath(ledgerFile)); errors.Is(err, fs.ErrNotExist) {
		files = formerFiles
	}
	for _, name := range files {
		if _, err := os.Lstat(f.statePath(name)); err != nil {
			continue
		}
		moved, err := f.moveAside(f.statePath(name), "")
		if err != nil {
			release()
			return m, err
		}
		m.undo = append(m.undo, moved.undo...)
	}
	w := &work{Engine: f.Engine, l: ledger.New(), release: release}
	defer w.end()
	w.rebuilding().rebuild(Patient(ctx))
	w.rebuilding().findPlaces()
	w.rebuilding().findDisplaced(Patient(ctx))
	w.following().settleAll(ctx)
	w.rebuilding().doubtEmptied()
	m.Said = Said{RemarkAccountsFound, &Values{Path: f.config.Paths.State, Count: len(w.l.Accounts)}}
	return m, w.save()
}

// rebuilding is finding out anew what a lost ledger knew.
type rebuilding struct{ *work }

func (w *work) rebuilding() rebuilding { return rebuilding{w} }

// findPlaces takes up the places that were known, and the choices beside them. What lies in the
// places is found as they are looked at; without them the next renewal would leave a spent token
// there.
func (w rebuilding) findPlaces() {
	var places []*ledger.Place
	if err := w.readState(placesFile, &places); err != nil {
		w.log.Warn("the list of places cannot be used", "reason", plain(err))
		return
	}
	for _, known := range places {
		switch {
		case known == nil || known.ID == "" || known.Kind == ledger.Lent && w.l.Account(known.Account) == nil:
		case known.Kind == ledger.DisplacedLogin:
			w.l.Displaced = append(w.l.Displaced, &ledger.Displaced{ID: known.ID, At: w.wall()})
		case known.Kind == apiKeyPart:
			w.l.APIKeys = known.Past
		case known.Kind == choseWatchOnly:
			w.l.WatchOnly = true
		case known.Kind == choseMirror, known.Kind == choseNoMirror:
			mirror := known.Kind == choseMirror
			w.l.Mirror = &mirror
		default:
			p := w.l.AddPlace(known.ID, known.Kind, known.Where)
			p.Account, p.Ends, p.Far, p.Let = known.Account, known.Ends, known.Far, known.Let
		}
	}
}

// doubtEmptied: a place in which an account's login was to lie holds none, so that Claude Code
// may have signed out of it.
func (w rebuilding) doubtEmptied() {
	for _, p := range w.l.Places {
		if c := w.l.ChainOf(p.Account); c != nil && p.Kind != ledger.Lent && p.Chain == "" {
			c.Doubted = true
		}
	}
}

// findDisplaced finds the copies of displaced logins again that the list of places does not
// name, since an earlier version wrote it: their records have numbers. It counts on where no
// number was before: none is written over.
func (w rebuilding) findDisplaced(ctx context.Context) {
	v := w.vault(w.l)
	w.l.Numbers = max(w.l.Numbers, int(w.wall().Unix()))
	listed := len(w.l.Displaced) > 0
	for n, missing := 1, 0; missing < 16 && !listed; n++ {
		id := "displaced-" + strconv.Itoa(n)
		if _, err := v.record(ctx, displacedName(id)); err != nil {
			missing++
			continue
		}
		missing = 0
		w.l.Displaced = append(w.l.Displaced, &ledger.Displaced{ID: id, At: w.wall()})
	}
	if w.entryErr == nil {
		w.displacing().adoptFormerDisplaced(ctx, w.entry.ID())
	}
}

// rebuild finds the accounts again. What lies in Claude Code's entries is found as they are
// looked at.
func (w rebuilding) rebuild(ctx context.Context) {
	names := []string{"default"}
	records, _ := w.History()
	for i := len(records) - 1; i >= 0; i-- {
		r := records[i]
		if keychain.CheckAccountName(r.Account) == nil && !slices.Contains(names, r.Account) {
			names = append(names, r.Account)
		}
	}
	stored, _ := w.file.Names()
	for _, kind := range []string{"file", "keychain"} {
		v := w.vaultIn(kind)
		for _, name := range slices.Compact(append(slices.Clone(names), stored...)) {
			if w.l.Account(name) != nil || w.l.Twin(name) != "" || keychain.CheckAccountName(name) != nil {
				continue
			}
			c, err := v.load(ctx, name)
			if err != nil {
				continue
			}
			w.l.Store = kind
			w.chainFor(name, c).Last = &ledger.Change{At: w.wall(), What: ledger.ChangeMended, Who: "keytender"}
			w.l.Account(name).LongLived = c.Refresh.IsZero() && c.LoginEnds.Sub(c.Issued) > 60*24*time.Hour
		}
		if len(w.l.Accounts) > 0 {
			break
		}
	}
	for _, name := range names[1:] { // whose name the history tells last
		if w.l.Account(name) != nil && w.l.Active == "" {
			w.l.Active = name
		}
	}
	if w.l.Active == "" && len(w.l.Accounts) > 0 {
		w.l.Active = w.l.Accounts[0].Name
	}
}
