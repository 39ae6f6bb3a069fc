package session

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/ledger"
	"keytender/keychain"
)

// What an installation remembers between runs lies in its state folder, without a
// secret: the ledger above all. It is written under the lock.

const (
	ledgerFile   = "ledger.json"
	placesFile   = "places.json" // the part of the ledger that nothing else tells, for a day on which it is lost
	maxStateFile = 1 << 20
)

// state is that folder, with the log and the clock that everything else goes by, too.
type state struct {
	dir   string
	log   *slog.Logger
	now   func() time.Time
	heard *heard
}

func (s *state) statePath(name string) string { return filepath.Join(s.dir, name) }

// readState reads a JSON file of ours into v. A missing file leaves v as it is.
func (s *state) readState(name string, v any) error {
	data, err := atomicfile.Read(s.statePath(name), maxStateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return s.storageTrouble(FaultStateUnread, s.statePath(name), err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return damagedState(s.statePath(name))
	}
	return nil
}

func damagedState(path string) *Error {
	return failedBy(CodeDamaged, FaultStateDamaged, Values{Path: path}, keychain.ErrDamaged)
}

func (s *state) writeState(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return s.unwritten(name, atomicfile.Write(s.statePath(name), append(data, '\n')))
}

// unwritten is an error in writing a file of the state folder.
func (s *state) unwritten(name string, err error) error {
	if err == nil {
		return nil
	}
	return s.storageTrouble(FaultStateUnwritten, s.statePath(name), err)
}

// ledger reads what is known. Where it is lost, its part stands for it; where there is neither, what
// the first version wrote is taken over. The next one to write keeps it.
func (e *Engine) ledger() (*ledger.Ledger, error) {
	if e.entryErr == nil {
		e.entry.Relocate() // the app lives on while a link is turned
	}
	l, err := e.readLedger(ledgerFile)
	if errors.Is(err, fs.ErrNotExist) {
		l, err = e.readLedger(placesFile)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return e.formerState()
	}
	if err == nil {
		e.movePlaces(l)
	} else if denied := e.MayWrite(); denied != nil {
		return nil, denied // it tells why
	}
	return l, err
}

func (s *state) readLedger(name string) (*ledger.Ledger, error) {
	path := s.statePath(name)
	data, err := atomicfile.Read(path, maxStateFile)
	if err != nil {
		return nil, s.storageTrouble(FaultStateUnread, path, err)
	}
	l, err := ledger.Decode(data)
	if errors.Is(err, ledger.ErrLater) {
		return nil, failedBy(CodeLaterVersion, FaultLaterVersion, Values{Path: path}, err)
	}
	if err != nil || !usable(l) {
		return nil, damagedState(path)
	}
	return l, nil
}

// usable refuses names that would lead out of our folder.
func usable(l *ledger.Ledger) bool {
	names := l.Names()
	if l.Active != "" {
		names = append(names, l.Active)
	}
	return !slices.ContainsFunc(names, func(name string) bool { return keychain.CheckAccountName(name) != nil })
}

// work is a piece of work under our lock: the ledger as it was read, changed in memory,
// and written back by save.
type work struct {
	*Engine
	l       *ledger.Ledger
	release func()
	was     string // the ledger's text as it stands in its file
	known   string // that of its places
	// foreseen is a place and the chain that is about to be written there as the file has it.
	foreseen string

	last    sighting // what seeOnce saw last
	lastErr error
}

// begin takes the lock and reads the ledger. It refuses where nothing is kept.
func (e *Engine) begin(ctx context.Context, wait time.Duration) (*work, error) {
	w, err := e.beginAnyway(ctx, wait)
	if err == nil && e.watches(w.l) {
		w.release()
		return nil, e.watchOnly()
	}
	return w, err
}

// beginAnyway is begin for what adds no copy of a login.
func (e *Engine) beginAnyway(ctx context.Context, wait time.Duration) (*work, error) {
	release, err := e.lock(ctx, wait)
	if err != nil {
		return nil, err
	}
	w, err := e.opened(release)
	if err != nil {
		release()
		return nil, err
	}
	w.settleComing(ctx)
	w.rebuilding().findChains(ctx)
	return w, nil
}

// opened reads the ledger for somebody who holds the lock.
func (e *Engine) opened(release func()) (*work, error) {
	l, err := e.ledger()
	if err != nil {
		return nil, err
	}
	w := &work{Engine: e, l: l, release: release, known: placesJSON(ledger.New())}
	if _, err := os.Lstat(e.statePath(ledgerFile)); err == nil { // else it was not written yet
		encoded, _ := l.Encode()
		w.was = string(encoded)
	}
	if data, err := atomicfile.Read(e.statePath(placesFile), maxStateFile); err == nil {
		w.known = string(data)
	}
	return w, nil
}

// settleComing takes up a record that a process wrote which was killed before it could say
// whose it is: that of a new account, or the copy that a rename makes.
func (w *work) settleComing(ctx context.Context) {
	name := w.l.Coming
	if name == "" {
		return
	}
	w.l.Coming = ""
	if w.l.Account(name) != nil {
		return
	}
	kinds := []string{w.l.Store}
	if w.l.Store == "" {
		kinds = []string{"keychain", "file"}
	}
	for _, kind := range kinds {
		v := w.vaultIn(kind)
		c, err := v.load(ctx, name)
		if closed(err) {
			w.l.Coming = name // another time
			return
		}
		if err != nil {
			continue
		}
		if f, known := w.l.Identify(pairOf(&c)); known && f.Account() != "" {
			for _, record := range accountRecords(name) {
				if err := v.drop(ctx, record); err != nil && !isNotFound(err) {
					w.log.Warn("a copy that a rename left could not be removed", "reason", plain(err))
				}
			}
			return
		}
		w.l.Store = kind
		w.chainFor(name, &c)
		if w.l.Account(name).LongLived = c.Refresh.IsZero(); !c.Refresh.IsZero() && w.l.Account(w.l.Active) == nil {
			w.l.Active = name
		}
		w.remember(Record{Account: name, What: ledger.ChangeSignedIn, Said: Said{RemarkByEndedProcess, nil}})
		return
	}
}

// end gives the lock back. What was noted and not saved is saved where that works: it is
// nothing that anybody waits for.
func (w *work) end() {
	w.keepServerDate()
	if err := w.save(); err != nil {
		w.log.Warn("the ledger could not be written", "reason", plain(err))
	}
	w.release()
}

// save writes the ledger if anything in it changed.
func (w *work) save() error { return w.saveBy(atomicfile.Write) }

// saveBy is save by another way of writing. atomicfile.WriteAhead is for what nothing rests on
// after a power cut, since the ledger of before may come back then; who is killed has saved.
func (w *work) saveBy(write func(path string, data []byte) error) error {
	w.l.Date(w.wall())
	encoded, err := w.l.Encode()
	if err != nil || string(encoded) == w.was {
		return err
	}
	// The places come first, so that syncing the folder once makes both durable: one more than
	// the ledger knows of does no harm. Where they cannot be written the ledger still can. The first ledger
	// comes before them: they would stand for it instead of what the first version wrote.
	var notKnown error
	first := w.was == ""
	if !first {
		notKnown = w.savePlaces()
	}
	if err := w.unwritten(ledgerFile, write(w.statePath(ledgerFile), encoded)); err != nil {
		return err
	}
	w.was, w.foreseen = string(encoded), ""
	if first {
		return w.savePlaces()
	}
	return notKnown
}

func (w *work) savePlaces() error {
	places := placesJSON(w.l)
	if places == w.known {
		return nil
	}
	// A power cut takes no ledger with it, and the next change writes this one anew.
	if err := atomicfile.WriteBriefly(w.statePath(placesFile), []byte(places)); err != nil {
		return w.unwritten(placesFile, err)
	}
	w.known = places
	return nil
}

// placesJSON is the part of the ledger that nothing else tells: where copies lie, those in our own
// store too, whose they are, and what the person chose.
func placesJSON(l *ledger.Ledger) string {
	part := ledger.Ledger{Version: l.Version, Store: l.Store, Active: l.Active, Mirror: l.Mirror,
		WatchOnly: l.WatchOnly, APIKeys: l.APIKeys, Stayed: l.Stayed, Numbers: l.Numbers}
	for _, a := range l.Accounts {
		part.Accounts = append(part.Accounts, &ledger.Account{Name: a.Name, Person: a.Person, LongLived: a.LongLived})
	}
	for _, p := range l.Places {
		part.Places = append(part.Places, &ledger.Place{ID: p.ID, Kind: p.Kind, Where: p.Where, Account: p.Account,
			Ends: p.Ends, Far: p.Far, Let: p.Let})
	}
	for _, d := range l.Displaced {
		if d.IsKept() {
			account := d.Account
			if c := l.Chain(d.Chain); c != nil {
				account = cmp.Or(account, c.Account, c.Was)
			}
			part.Displaced = append(part.Displaced, &ledger.Displaced{ID: d.ID, Place: d.Place, Account: account,
				Person: d.Person, At: d.At})
		}
	}
	encoded, _ := json.Marshal(&part)
	return string(encoded)
}

// chosen is the account to work on, and its chain; the chain is nil when there is none.
func (w *work) chosen() (name string, c *ledger.Chain) {
	name = w.l.Choose(w.account)
	return name, w.l.ChainOf(name)
}

// chainFor returns the account's chain, a new one when there is none. A pair in the store
// that the chain has never heard of came there by a process that ended before it could say
// so, or by the first version: it is the newest.
func (w *work) chainFor(account string, c *keychain.Credential) *ledger.Chain {
	pair := pairOf(c)
	a := w.l.Add(account)
	chain := w.l.ChainOf(account)
	if chain != nil && !chain.Knows(pair) && chain.Person.Like(personOf(c.Account)) == ledger.Different {
		// It replaced the login of another person, whose copies elsewhere are not its own.
		a.Person, chain = ledger.Person{}, nil
		w.partChains(account, true)
	}
	if chain == nil {
		chain = w.l.Join(account, personOf(c.Account), pair)
		a.Chain, chain.Shared = chain.ID, true // where it lies besides is not known any more
	}
	chain.Person = chain.Person.Or(personOf(c.Account))
	w.describeAccount(account, c)
	return chain
}

// told is what the ledger has of an account's login that our store lacks.
func told(a *ledger.Account) *keychain.Credential {
	return &keychain.Credential{Method: ByClaudeCode, LoginEnds: a.LoginEnds, LoginEndsEstimated: a.LoginEstimated,
		Account: keychain.Account{ID: a.Person.ID, OrganizationID: a.Person.Organization, Email: a.Person.Email,
			Organization: a.Organization, Plan: a.Plan}}
}

// describeAccount keeps in the ledger what may be shown of an account.
func (w *work) describeAccount(account string, c *keychain.Credential) {
	a := w.l.Account(account)
	if a == nil {
		return
	}
	a.Person = personOf(c.Account).Or(a.Person)
	a.Organization, a.Plan = c.Account.Organization, c.Account.Plan
	a.AccessEnds, a.LoginEnds, a.LoginEstimated = c.AccessEnds.Truncate(time.Second), c.LoginEnds.Truncate(
		time.Second), c.LoginEndsEstimated
	a.Renewable, a.Lacking = !c.Refresh.IsZero(), false
}

func pairOf(c *keychain.Credential) ledger.Pair { return ledger.PairOf(c.Access, c.Refresh) }

func personOf(a keychain.Account) ledger.Person {
	return ledger.Person{ID: a.ID, Organization: a.OrganizationID, Email: a.Email}
}

// checkAccount refuses a name that no account can have.
func checkAccount(name string) error {
	if err := keychain.CheckAccountName(name); err != nil {
		return unusableName(FaultNameUnusable, Values{}, err)
	}
	return nil
}

func unusableName(f Fault, v Values, err error) error {
	return &Error{Code: codeUsage, Exit: ExitUsage, Fault: f, Values: v, Err: err}
}

// checkName refuses a name that no login can be kept under. Two that differ in case alone
// would share their files on macOS and Windows, and Windows' keychain tells them apart
// nowhere.
func checkName(l *ledger.Ledger, account string) error {
	if err := checkAccount(account); err != nil {
		return err
	}
	if twin := l.Twin(account); twin != "" && l.Account(account) == nil {
		return unusableName(FaultNameTwin, Values{Account: account, Owner: twin}, nil)
	}
	return nil
}

// mirrors reports whether the login is mirrored into Claude Code's entry.
func (e *Engine) mirrors(l *ledger.Ledger) bool {
	if l.Mirror != nil {
		return *l.Mirror
	}
	return e.config.Mirror
}
