package session

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"keytender/internal/ledger"
)

// behindIsTold is how long a place may be behind before the person is told.
const behindIsTold = 2 * time.Minute

// Places lists every place that holds a copy of a login, ours first.
func (e *Engine) Places(ctx context.Context) ([]PlaceStatus, error) {
	l, err := e.ledger()
	if err != nil {
		return nil, err
	}
	st := NoStatus()
	return (&work{Engine: e, l: e.tending().noteHere(ctx, l, false)}).reporting().placeStatuses(ctx, &st), nil
}

// placeStatuses is the one list of places: our records, what waits outside the store, what
// is kept aside, and every entry.
func (w reporting) placeStatuses(ctx context.Context, st *Status) []PlaceStatus {
	list := []PlaceStatus{}
	add := func(s PlaceStatus) { list = append(list, s) }
	v := w.vault(w.l)
	for _, a := range w.l.Accounts {
		add(PlaceStatus{ID: "record:" + a.Name, Place: w.storeName(v.home(ctx, a.Name).Kind()),
			Kind: ledger.Record, Account: a.Name, State: PlaceInStep, RefreshToken: a.Renewable})
		for _, path := range v.strays(a.Name) {
			add(PlaceStatus{ID: "spill:" + path, Place: path, Kind: ledger.SpillFile, Account: a.Name,
				State: PlaceKept, RefreshToken: true})
		}
	}
	for _, d := range w.l.Displaced {
		if !d.IsKept() {
			continue
		}
		kept := PlaceStatus{ID: d.ID, Place: w.storeName(v.home(ctx, displacedName(d.ID)).Kind()),
			Kind: ledger.DisplacedLogin, Account: d.Account, State: PlaceKept,
			Because: loginOf(w.named(d.Person)), RefreshToken: d.Pair.Refresh != ""}
		if !d.At.IsZero() {
			kept.Since = known(d.At)
		}
		add(kept)
	}
	for _, p := range w.l.Places {
		if dir := w.directory(p); p.Forgotten || dir != nil && w.isLent(dir) {
			continue // in the second: what lay there before it was lent to
		}
		add(w.entryPlace(ctx, p, st))
	}
	return list
}

// entryPlace tells of an entry. It is read: that is where a newer pair shows.
func (w reporting) entryPlace(ctx context.Context, p *ledger.Place, st *Status) PlaceStatus {
	if p.Kind == ledger.Lent {
		return w.lentPlace(ctx, p)
	}
	s := PlaceStatus{ID: p.ID, Place: w.placeName(p), Kind: p.Kind, RefreshToken: p.Pair.Refresh != "",
		Because: reasonOf(p), State: PlaceInStep}
	c := w.l.Chain(p.Chain)
	if c != nil {
		s.Account = c.Account
	}
	switch {
	case p.Let:
		s.State, s.Because = PlaceUnwritable, &Reason{Remark: RemarkLetGo}
	case !p.Gone.IsZero():
		s.State, s.Since = PlaceUnreachable, known(p.Gone)
	case w.l.Behind(p):
		s.State, s.Since = PlaceBehind, known(p.Behind)
	case p.SignedOut:
		s.State = PlaceSignedOut
	case c != nil && c.Problem != nil && c.Problem.Code == codePlaceUnwritable:
		if e := errorOf(c.Problem, 0); e.Values.ID == p.ID {
			s.State, s.Because = PlaceUnwritable, &Reason{Text: e.Values.Reason}
		}
	case p.Chain == "":
		s.State = PlaceOtherLogin
	}
	dir := w.directory(p)
	if dir == nil || s.State == PlaceUnreachable || p.Kind == ledger.KeychainItem &&
		st.ClaudeCode.Place != dir.Place() {
		return s // another process's keychain item: looking could open a dialog
	}
	seen, err := w.seeOnce(ctx, dir)
	if err != nil {
		s.State, s.Because = PlaceUnwritable, &Reason{Text: plain(err)}
		return s
	}
	switch {
	case seen.Relation == ledger.Unknown:
		s.State = PlaceUnknown
	case seen.Relation == ledger.Successor && seen.Account() != "":
		s.State = PlaceNewer
	case seen.Relation == ledger.Stranger, seen.Chain != nil && seen.Account() == "":
		w.tellOther(&s, &seen)
	case seen.Relation == ledger.Absent, seen.Relation == ledger.SignedOut:
		s.State, s.RefreshToken = PlaceSignedOut, false
	case s.State == PlaceBehind, s.State == PlaceUnwritable:
	case w.following().news(&seen): // a backup was put back, say: who looks there next notes it for good
		w.noteOlder(p, &seen)
		s.State, s.Account, s.RefreshToken = PlaceInStep, seen.Account(), p.Full()
		if w.l.Behind(p) {
			s.State, s.Since = PlaceBehind, known(p.Behind)
		}
	default:
		if err := dir.MayBeWritten(seen.entry); err != nil {
			s.State, s.Because = PlaceUnwritable, &Reason{Text: plain(err)}
		}
	}
	if leftIn(p, seen.Finding) {
		s.State, s.Because = PlaceUnwritable, &Reason{Remark: RemarkLeaving, Values: &Values{ID: p.ID, Account: c.Was}}
	}
	return s
}

// noteOlder notes what lies in a place: behind since it was put there, which is after the last renewal.
func (w reporting) noteOlder(p *ledger.Place, seen *sighting) {
	p.Holds(seen.Chain, pairOf(&seen.entry.Login))
	if info, err := os.Stat(seen.dir.File()); err == nil && seen.entry.Source == "file" {
		p.Behind = info.ModTime()
	}
	if last := seen.Chain.Last; last != nil && last.At.After(p.Behind) {
		p.Behind = last.At
	}
}

// lentPlace tells of a lent place, and looks there where that takes no connection.
func (w reporting) lentPlace(ctx context.Context, p *ledger.Place) PlaceStatus {
	s := lentStatus(p)
	if p.Far || s.State != PlaceInStep {
		return s
	}
	dir := lentWhere(p).directory(w.entries)
	switch seen, err := w.see(ctx, dir, false); {
	case !dir.Installed():
		s.State = PlaceUnreachable
	case err == nil && w.lentCopies().isOthers(p, seen.entry):
		w.tellOther(&s, &seen)
	}
	return s
}

// tellOther tells of a login in a place that is not the one that we wrote there.
func (w reporting) tellOther(s *PlaceStatus, seen *sighting) {
	s.State, s.Account, s.RefreshToken = PlaceOtherLogin, seen.Account(), !seen.entry.Login.Refresh.IsZero()
	s.Because = loginOf(w.nameOf(seen))
}

func loginOf(owner string) *Reason {
	return &Reason{Remark: RemarkLoginOf, Values: &Values{Owner: owner}}
}

// reasonOf is why a place stays behind, or nil. What an earlier version noted is text alone.
func reasonOf(p *ledger.Place) *Reason {
	if said := (&Reason{}); len(p.Because) > 0 && json.Unmarshal(p.Because, said) == nil {
		return said
	}
	if p.Reason != "" {
		return &Reason{Text: p.Reason}
	}
	return nil
}

// placeName is what people call a place.
func (w *work) placeName(p *ledger.Place) string {
	if dir := w.directory(p); dir != nil {
		return dir.Place()
	}
	if p.Kind == ledger.Lent {
		return lentWhere(p).String()
	}
	return p.ID
}

// describePlaces makes a place that stayed behind the status's problem.
func (w reporting) describePlaces(st *Status) {
	w.lentCopies().describeLent(st)
	for _, p := range w.l.Places {
		since := w.wall().Sub(p.Behind)
		early := since >= 0 && since < behindIsTold // below zero: the clock was ahead when that was noted
		if p.Forgotten || !w.l.Behind(p) || p.Behind.IsZero() || early || st.Problem != nil {
			continue
		}
		fault := FaultPlaceBehind
		if reasonOf(p) == nil {
			fault = FaultPlaceUnwritten
		}
		st.Problem = problemOf(failedBy(codePlaceBehind, fault,
			Values{Place: w.placeName(p), ID: p.ID, Because: reasonOf(p)}, nil))
	}
}

// ForgetPlace lets go of a place: nothing in it is changed, it is not brought up any more,
// and holds no renewal up. A displaced login is given up for good.
func (e *Engine) ForgetPlace(ctx context.Context, id string) (PlaceStatus, error) {
	w, err := e.beginAnyway(ctx, lockWait)
	if err != nil {
		return PlaceStatus{}, err
	}
	defer w.end()
	st := NoStatus()
	for _, p := range w.reporting().placeStatuses(ctx, &st) {
		if p.ID != id && p.Place != id {
			continue
		}
		switch place := w.l.Place(p.ID); {
		case place != nil:
			place.Let, place.Leaving = true, false
			w.remember(Record{Account: p.Account, What: ledger.ChangeLetGo, Detail: p.ID})
			return p, w.save()
		case p.Kind == ledger.DisplacedLogin && p.ID == id: // the store is no name of it: others lie there, too
			v := w.vault(w.l)
			switch err := (&signingOut{work: w}).drop(ctx, v, displacedName(p.ID)); {
			case errors.Is(err, errLacking):
				p.Because = &Reason{Remark: RemarkRecordGivenUp}
			case err != nil:
				return p, storeError(v.store.Kind(), err)
			}
			w.l.DropDisplaced(p.ID)
			return p, w.save()
		case p.ID == id:
			return p, failedBy(codeNoPlace, FaultOwnRecord, Values{Place: id, Account: p.Account}, nil)
		}
	}
	if w.entryErr == nil && (id == w.entry.ID() || id == w.entry.Place()) { // where a login lies that may be ours
		place := w.place(w.entry)
		place.Let = true
		return w.reporting().entryPlace(ctx, place, &st), w.save()
	}
	return PlaceStatus{}, failedBy(codeNoPlace, FaultNoPlace, Values{Place: id}, nil)
}
