package session

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"keytender/internal/dirlock"
	"keytender/internal/ledger"
	"keytender/internal/secret"
	"keytender/internal/shown"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// displacedLogin is the record of a login that had to make room, in the same store as our
// own.
type displacedLogin struct {
	secret.Hidden
	Type     string          `json:"type"`
	Whose    string          `json:"whose,omitempty"`
	Account  string          `json:"account,omitempty"` // whose it was, if ours
	Inner    json.RawMessage `json:"login,omitempty"`
	Bound    json.RawMessage `json:"bound,omitempty"`
	Identity json.RawMessage `json:"identity,omitempty"`
	// Organization is what the first version kept of the keys beside the login.
	Organization json.RawMessage `json:"organization,omitempty"`
}

// displacedName is a displaced login's record; the first version had one for all.
func displacedName(id string) string {
	if id == formerDisplaced {
		return id
	}
	return keychain.RecordName("claude-code", id)
}

// boundName is the record of what belongs to an account beside its login in an entry.
func boundName(account string) string { return keychain.RecordName(account, "claude-code") }

// movedOut is what became of the login that makes room.
type movedOut struct {
	whose   string // empty: there was nobody's
	account string // ours whose login it is
	kept    string // the displaced login's id; empty: it is not kept as one
	undo    func(context.Context)
}

func (m movedOut) takeBack(ctx context.Context) {
	if m.undo != nil {
		m.undo(context.WithoutCancel(ctx))
	}
}

// displacing is moving out a login that makes room in a place, and putting it back.
type displacing struct{ *work }

func (w *work) displacing() displacing { return displacing{w} }

// moveOut makes sure that nothing is lost when an entry's login makes room. The caller has
// settled the sighting: a login of ours is in our store already. Account-bound keys of an
// account of ours are kept with it; a stranger's login is kept as a whole.
func (w displacing) moveOut(ctx context.Context, s *sighting, coming string) (movedOut, error) {
	owner := s.Account()
	// Without an access token it is no login to the client. Somebody's refresh token may live.
	_, known := w.l.Identify(pairOf(&s.entry.Login))
	switch {
	case s.Relation == ledger.Absent, s.Relation == ledger.SignedOut && (known || s.entry.Login.Refresh.IsZero()):
		if last := w.l.LastIn(s.dir.ID()); last != "" { // the rest of its own
			if err := w.keepBound(ctx, s, last); err != nil {
				return movedOut{}, err
			}
		}
		d := w.l.SetAside(ledger.Displaced{Place: s.dir.ID(), At: w.wall(), Nothing: true})
		return movedOut{undo: func(context.Context) {
			if d != nil {
				w.l.DropDisplaced(d.ID)
			}
		}}, nil
	case leftIn(w.l.Place(s.dir.ID()), s.Finding):
		return movedOut{}, nil // the person signed out of it
	case s.Relation == ledger.Superseded && s.Chain.Left(pairOf(&s.entry.Login)), s.Relation == ledger.Revoked:
		return movedOut{}, w.keepBound(ctx, s, owner) // spent: nobody can use it again
	case owner != "" && s.Chain.Apart:
		return w.setAside(ctx, s)
	case owner != "" && owner == coming:
		return movedOut{}, nil
	case owner != "":
		kept, err := w.isKept(ctx, s, owner)
		if err != nil {
			return movedOut{}, err
		}
		if !kept {
			return w.setAside(ctx, s)
		}
		if err := w.keepBound(ctx, s, owner); err != nil {
			return movedOut{}, err
		}
		d := w.l.SetAside(ledger.Displaced{Place: s.dir.ID(), Own: owner, Person: w.l.Account(owner).Person,
			At: w.wall()})
		undo := func(context.Context) { w.l.DropDisplaced(d.ID) }
		return movedOut{account: owner, whose: w.nameOf(s), undo: undo}, nil
	}
	return w.setAside(ctx, s)
}

// write changes an entry in which the login of the sighting still lies. Where it fails, what was
// moved out for it is taken back, unless the login may have left all the same: a disk may fail
// after it was told to exchange the file, and then the copy is the only one.
func (w displacing) write(ctx context.Context, s sighting, change claudecode.Change, moved movedOut) error {
	begun := false
	_, err := s.dir.Update(ctx, func(now claudecode.Entry) (claudecode.Change, error) {
		if !now.Inner().Equal(s.entry.Inner()) {
			return claudecode.Change{}, busyAs(FaultEntryChanging, dirlock.ErrBusy)
		}
		begun = true
		return change, nil
	})
	if err == nil {
		if moved.whose != "" {
			w.l.Cover(s.dir.ID())
		}
		return nil
	}
	if !begun || w.liesThere(ctx, &s) {
		moved.takeBack(ctx)
		if place := w.l.Place(s.dir.ID()); place != nil {
			place.Next = "" // what follows the login that lies there follows nothing else
		}
	}
	return entryError(err)
}

// liesThere reports whether the entry surely holds still what was seen in it.
func (w displacing) liesThere(ctx context.Context, s *sighting) bool {
	ctx, cancel := storeContext(context.WithoutCancel(ctx))
	defer cancel()
	now, err := s.dir.Read(ctx)
	return err == nil && now.Inner().Equal(s.entry.Inner())
}

// isKept makes sure that our store has the account's login that a sighting shows: its record
// may be gone, or come out of a backup.
func (w displacing) isKept(ctx context.Context, s *sighting, account string) (bool, error) {
	v := w.vault(w.l)
	ours, err := v.load(ctx, account)
	switch own := w.l.ChainOf(account); {
	case notThere(err):
		return false, nil
	case err != nil:
		return false, storeError(v.store.Kind(), err)
	case s.Relation == ledger.Current && s.Chain == own && !s.entry.Login.Refresh.IsZero() &&
		w.l.Former(own, pairOf(&ours)):
		return true, w.settling().adopt(ctx, s)
	}
	return true, nil
}

// setAside keeps a stranger's login.
func (w displacing) setAside(ctx context.Context, s *sighting) (movedOut, error) {
	whose := w.nameOf(s)
	identity, _ := s.dir.Identity()
	if !s.owns(identity) {
		identity.Whole = secret.String{}
	}
	chain, pair := s.Chain, pairOf(&s.entry.Login)
	foreign := chain == nil || chain.Seen
	if chain == nil {
		chain = w.l.Join("", s.person, pair)
	}
	chain.Seen = false
	place := w.place(s.dir)
	place.Leaving = place.Leaving && leftIn(place, s.Finding) // what came there since was not signed out of
	place.Holds(chain, pair)
	d := w.l.SetAside(ledger.Displaced{Place: s.dir.ID(), Chain: chain.ID, Pair: pair,
		Person: s.person.Or(chain.Person), At: w.wall()})
	v := w.vault(w.l)
	drop := func(ctx context.Context) {
		chain.Seen = foreign
		w.dropAside(ctx, v, d)
	}
	if err := w.keepAside(ctx, v, d, displacedLogin{Whose: whose, Account: cmp.Or(chain.Account, chain.Was),
		Inner: raw(s.entry.Inner()), Bound: raw(s.entry.Bound()), Identity: raw(identity.Whole)}, drop); err != nil {
		return movedOut{}, err
	}
	return movedOut{whose: whose, kept: d.ID, undo: drop}, nil
}

// keepAside keeps the record of a displaced login, and says so durably before the login leaves where it is.
func (w displacing) keepAside(ctx context.Context, v *vault, d *ledger.Displaced, aside displacedLogin,
	drop func(context.Context)) error {
	aside.Type = "displaced"
	record, err := json.Marshal(aside)
	if err == nil {
		err = v.keep(ctx, displacedName(d.ID), secret.New(string(record)))
	}
	if err != nil {
		w.l.DropDisplaced(d.ID)
		return storeError(v.store.Kind(), err)
	}
	if err = w.save(); err != nil {
		drop(ctx)
	}
	return err
}

// dropAside forgets a displaced login that was not displaced after all, or was put back.
func (w displacing) dropAside(ctx context.Context, v *vault, d *ledger.Displaced) {
	w.l.DropDisplaced(d.ID)
	if err := v.drop(ctx, displacedName(d.ID)); err != nil {
		w.log.Warn("the copy of a displaced login stays", "reason", plain(err))
	}
}

// displaceRecord keeps the login of an account of ours that another one takes the name of.
func (w displacing) displaceRecord(ctx context.Context, a *ledger.Account, former keychain.Credential) (kept bool,
	undo func(context.Context), err error) {
	inner, err := claudecode.EncodeLogin(former)
	if err != nil {
		return false, nil, err
	}
	b := w.boundRecord(ctx, a.Name)
	place := ""
	if w.entryErr == nil {
		place = w.entry.ID()
	}
	d := w.l.SetAside(ledger.Displaced{Place: place, Chain: a.Chain, Pair: pairOf(&former), Account: a.Name,
		Person: a.Person, At: w.wall()})
	v := w.vault(w.l)
	drop := func(ctx context.Context) {
		if now, err := v.load(ctx, a.Name); err != nil || !now.SamePair(former) {
			return // its record may have been replaced although that failed
		}
		w.dropAside(ctx, v, d)
	}
	if err := w.keepAside(ctx, v, d, displacedLogin{Whose: whose(a.Person), Account: a.Name, Inner: raw(inner),
		Bound: json.RawMessage(b.Keys), Identity: json.RawMessage(b.Identity)}, drop); err != nil {
		return false, nil, err
	}
	return true, drop, nil
}

func raw(s secret.String) json.RawMessage {
	if s.IsZero() {
		return nil
	}
	return json.RawMessage(s.Reveal())
}

// owns reports whether the client's state file speaks of the login in the entry.
func (s *sighting) owns(id claudecode.Identity) bool {
	return id.AccountID != "" && (s.person.ID == "" || s.person.ID == id.AccountID)
}

// keepBound keeps what belongs to an account of ours beside its login.
func (w displacing) keepBound(ctx context.Context, s *sighting, account string) error {
	if w.l.Account(account) == nil {
		return nil
	}
	b := bound{Keys: s.entry.Bound().Reveal()}
	if id, known := s.dir.Identity(); known && s.owns(id) {
		b.Identity = id.Whole.Reveal()
	}
	if b.Keys == "" && b.Identity == "" {
		return nil
	}
	record, err := json.Marshal(b.over(w.boundRecord(ctx, account)))
	if err != nil {
		return err
	}
	v := w.vault(w.l)
	if err := v.keep(ctx, boundName(account), secret.New(string(record))); err != nil {
		return storeError(v.store.Kind(), err)
	}
	return nil
}

// over is what was found in one directory over what another one had: a key that the new one
// lacks may lie in the other.
func (b bound) over(former bound) bound {
	merged, keys := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if json.Unmarshal([]byte(former.Keys), &merged) == nil &&
		(b.Keys == "" || json.Unmarshal([]byte(b.Keys), &keys) == nil) {
		maps.Copy(merged, keys)
		if encoded, err := json.Marshal(merged); err == nil {
			b.Keys = string(encoded)
		}
	}
	b.Identity = cmp.Or(b.Identity, former.Identity)
	return b
}

// boundRecord returns what belongs to an account beside its login; nothing where it cannot
// be read, which costs the client a question.
func (w displacing) boundRecord(ctx context.Context, account string) bound {
	var b bound
	record, err := w.vault(w.l).record(ctx, boundName(account))
	if err == nil {
		err = json.Unmarshal([]byte(record.Reveal()), &b)
	}
	if err != nil && !errors.Is(err, keychain.ErrNotFound) {
		w.log.Warn("what belongs to the account beside its login could not be read", "account", account, "reason",
			plain(err))
	}
	return b
}

// nameOf names the owner of a login as well as it can be told: by e-mail and organisation.
func (w *work) nameOf(s *sighting) string {
	p := s.person
	if s.Chain != nil {
		p = p.Or(s.Chain.Person)
	}
	if id, known := s.dir.Identity(); known && p.Email == "" && id.AccountID == p.ID && p.ID != "" {
		p.Email = id.Email
	}
	for _, a := range w.l.Accounts {
		if p.Email == "" && a.Person.Like(p) == ledger.Same {
			p.Email = a.Person.Email
		}
	}
	return w.named(p)
}

// named names a person, with the organisation where another account of ours has the same e-mail.
func (w *work) named(p ledger.Person) string {
	organization, twin := "organization "+firstOf(p.Organization, 8)+"…", false
	for _, a := range w.l.Accounts {
		switch likeness := a.Person.Like(p); {
		case likeness == ledger.Same && a.Organization != "":
			organization = shown.Line(a.Organization)
		case likeness == ledger.Different && p.Organization != "" && a.Person.Email == p.Email:
			twin = true
		}
	}
	if p.Email == "" || !twin {
		return whose(p)
	}
	return p.Email + " (" + organization + ")"
}

// whose names a person.
func whose(p ledger.Person) string {
	switch {
	case p.Email != "":
		return p.Email
	case p.ID != "":
		return "another account (" + firstOf(p.ID, 8) + "…)"
	}
	return "another account"
}

func firstOf(text string, n int) string {
	if len(text) > n {
		return text[:n]
	}
	return text
}

// Undo puts back the login that was last displaced in Claude Code's entry and can still be
// used; called again, the one before it. It replaces nothing but a login that Keytender
// wrote there.
func (e *Engine) Undo(ctx context.Context) (Said, error) {
	w, err := e.begin(ctx, lockWait)
	if err != nil {
		return Said{}, err
	}
	defer w.following().endInStep(ctx)
	if e.entryErr != nil {
		return Said{}, entryError(e.entryErr)
	}
	lock, err := e.entry.LockRenewal(ctx, entryWait)
	if err != nil {
		return Said{}, entryError(err)
	}
	defer w.unlock(lock)
	s, err := w.see(ctx, e.entry, true)
	if err != nil {
		return Said{}, entryError(err)
	}
	if err := w.settling().settle(ctx, &s); err != nil {
		return Said{}, err
	}
	if s.Relation == ledger.Stranger || s.Chain != nil && s.Chain.Seen {
		return Said{}, failedAs(codeOtherLogin, FaultOtherLogin, nil)
	}
	return w.displacing().putBack(ctx, &s)
}

func (w displacing) putBack(ctx context.Context, s *sighting) (Said, error) {
	w.forgetOwn(s.dir.ID(), s.Account()) // it lies there
	d, aside, err := w.lastDisplaced(ctx, s.dir.ID())
	if err != nil {
		return Said{}, err
	}
	if d.Own != "" {
		r, err := w.usable(ctx, d)
		switch known := errorIn(err); {
		case err == nil:
			return w.putBackOwn(ctx, s, r)
		case known != nil && (known.Exit == ExitSignInAgain || known.Exit == ExitSignedOut):
			w.l.DropDisplaced(d.ID) // nobody can use it now: it is for the one before, if there was anybody
			if next := w.l.LastDisplaced(d.Place); next != nil && !next.Nothing {
				var said Said
				if said, err = w.putBack(ctx, s); err == nil {
					return said, nil
				}
			}
			w.l.Displaced = append(w.l.Displaced, d)
		}
		return Said{}, err
	}
	// What makes room now is kept in its turn; ours is in our store.
	moved := movedOut{}
	if s.Relation != ledger.Absent && s.Relation != ledger.SignedOut {
		if moved, err = w.moveOut(ctx, s, ""); err != nil {
			return Said{}, err
		}
		w.l.Sink(moved.kept) // so that undoing once more goes on to the one before
		w.forgetOwn(s.dir.ID(), moved.account)
	}
	change := claudecode.Change{SignOut: true}
	if !d.Nothing {
		change = claudecode.Change{Restore: secret.New(string(aside.Inner)), Bound: secret.New(string(aside.Bound)),
			RestoreOrganization: secret.New(string(aside.Organization))}
		if err := w.expect(s.dir, w.l.Chain(d.Chain)); err != nil {
			moved.takeBack(ctx)
			return Said{}, err
		}
	}
	if err := w.write(ctx, *s, change, moved); err != nil {
		return Said{}, err
	}
	return w.noteBack(ctx, s.dir, d, aside)
}

// putBackOwn writes what an account of ours has now into the entry that it lay in.
func (w displacing) putBackOwn(ctx context.Context, s *sighting, r *renewal) (Said, error) {
	former := s.Account()
	said, err := w.mirroring().overwrite(ctx, s, r)
	if err != nil {
		return Said{}, err
	}
	w.forgetOwn(s.dir.ID(), r.account)
	w.forgetOwn(s.dir.ID(), former)
	said.Remark, said.Values.Owner = RemarkBack, w.named(w.l.Account(r.account).Person)
	w.remember(Record{Account: r.account, What: ledger.ChangeUndone, Said: said})
	return said, w.save()
}

// usable is the login of an account of ours that is about to be put back.
func (w displacing) usable(ctx context.Context, d *ledger.Displaced) (*renewal, error) {
	if a := w.l.Account(d.Own); a == nil || a.Person.Like(d.Person) == ledger.Different {
		return nil, signedOut() // another person has its name now
	}
	r, err := w.renewal(ctx, d.Own)
	if err != nil {
		return nil, err
	}
	if err := r.settleElsewhere(ctx, d.Place); err != nil {
		return nil, err
	}
	return r, w.mirroring().mayMirror(ctx, r, false)
}

// forgetOwn: an account of ours that undoing moved out, or put back, is not for the next undoing.
func (w displacing) forgetOwn(place, account string) {
	w.l.Displaced = slices.DeleteFunc(w.l.Displaced, func(d *ledger.Displaced) bool {
		return account != "" && d.Place == place && d.Own == account
	})
}

// noteBack writes down what lies in the entry now and forgets the copy.
func (w displacing) noteBack(ctx context.Context, dir *claudecode.Directory, d *ledger.Displaced,
	aside displacedLogin) (Said, error) {
	place := w.place(dir)
	place.Empty(false)
	w.l.ForgetPlace(lentID(dir))
	became, values := RemarkNoneBefore, Values{}
	if !d.Nothing {
		became, values = RemarkBack, Values{Owner: aside.Whose}
		if c := w.l.Chain(d.Chain); c != nil {
			place.Holds(c, d.Pair)
			if c.Account != "" {
				c.Apart = w.l.ChainOf(c.Account) != c // else the account's own would be carried over it
			}
		}
		id := claudecode.Identity{AccountID: d.Person.ID, Email: d.Person.Email, OrganizationID: d.Person.Organization,
			Whole: secret.New(string(aside.Identity))}
		if id.AccountID != "" {
			if err := dir.SetIdentity(ctx, id); err != nil {
				w.log.Warn("Claude Code's state file still names the former account", "reason", plain(err))
			}
		}
		w.dropAside(ctx, w.vault(w.l), d)
	}
	w.l.DropDisplaced(d.ID)
	w.remember(Record{Account: w.l.Choose(w.account), What: ledger.ChangeUndone, Said: Said{became, &values}})
	values.Place = dir.Place()
	return Said{became, &values}, w.save()
}

// lastDisplaced returns what undoing puts back. Copies that are known to be spent, or that
// are gone or damaged, are passed over.
func (w displacing) lastDisplaced(ctx context.Context, place string) (*ledger.Displaced, displacedLogin, error) {
	w.adoptFormerDisplaced(ctx, place)
	v, lacking := w.vault(w.l), ""
	for {
		d := w.l.LastDisplaced(place)
		switch {
		case d == nil:
			return nil, displacedLogin{}, failedAs(codeNothingDisplaced, FaultNothingDisplaced, nil)
		case !d.IsKept():
			return d, displacedLogin{}, nil
		}
		if err := w.settleCopies(ctx, d.Chain, place); err != nil {
			return nil, displacedLogin{}, err
		}
		if w.l.LastDisplaced(place) != d { // somebody went on with it in another place
			continue
		}
		var aside displacedLogin
		record, err := v.record(ctx, displacedName(d.ID))
		switch {
		case errors.Is(err, errLacking): // another keychain may have it: it is for the next undoing
			if d.ID == lacking {
				failure := storeError(v.store.Kind(), err)
				failure.Fault, failure.Values.ID = FaultDisplacedLacks, d.ID
				return nil, aside, failure
			}
			w.l.Sink(d.ID)
			lacking = cmp.Or(lacking, d.ID)
			continue
		case isNotFound(err):
			w.l.DropDisplaced(d.ID)
			continue
		case err != nil:
			return nil, aside, storeError(v.store.Kind(), err)
		}
		if json.Unmarshal([]byte(record.Reveal()), &aside) != nil || aside.Type != "displaced" ||
			len(aside.Inner) == 0 {
			return nil, aside, storeError(v.store.Kind(), keychain.ErrDamaged)
		}
		return d, aside, nil
	}
}

// settleCopies takes in what other places tell of a chain that is about to be written into
// one again. Of one that is known by its record alone a copy may lie in each.
func (w displacing) settleCopies(ctx context.Context, chain, but string) error {
	c := w.l.Chain(chain)
	anywhere := c != nil && c.Bare
	for _, p := range slices.Clone(w.l.Places) {
		dir := w.directory(p)
		if dir == nil || p.ID == but || !dir.Installed() ||
			!anywhere && p.Chain != chain && !slices.Contains(p.Past, chain) {
			continue
		}
		s, err := w.see(ctx, dir, true)
		if err == nil {
			err = w.settling().settle(ctx, &s)
		}
		if err != nil {
			return entryError(err)
		}
	}
	return nil
}

// contestedAside is an error where a login was set aside, as nobody's, that may be the account's newest one.
func (r *renewal) contestedAside() error {
	d := r.l.Contested(r.chain)
	if d == nil {
		return nil
	}
	return &Error{Code: codeUnknownLogin, Exit: ExitTryLater, Fault: FaultUnknownDisplaced,
		Values: Values{Account: r.account, ID: d.Place}}
}

// adoptFormerDisplaced reads copies of which little is known: the one that the first version kept,
// and those that were found again after the ledger was lost. One without a place is of this one.
func (w displacing) adoptFormerDisplaced(ctx context.Context, place string) {
	for _, d := range w.l.Displaced {
		if d.Chain != "" || !d.IsKept() {
			continue
		}
		record, err := w.vault(w.l).record(ctx, displacedName(d.ID))
		if err != nil {
			continue
		}
		var aside displacedLogin
		if json.Unmarshal([]byte(record.Reveal()), &aside) != nil {
			continue
		}
		d.Account, d.Place = cmp.Or(d.Account, aside.Account), cmp.Or(d.Place, place)
		d.Nothing = len(aside.Inner) == 0
		if entry, err := claudecode.DecodeEntry([]byte(`{"claudeAiOauth":` + string(aside.Inner) + `}`)); err == nil {
			d.Person = d.Person.Or(personOf(entry.Login.Account))
			d.Pair = pairOf(&entry.Login)
			if finding, known := w.l.Identify(d.Pair); known {
				d.Chain = finding.Chain.ID
			} else {
				bare := w.l.Begin("", d.Person, d.Pair)
				d.Chain, bare.Bare = bare.ID, true
				bare.Was, bare.Apart = d.Account, d.Account != ""
			}
		}
	}
}
