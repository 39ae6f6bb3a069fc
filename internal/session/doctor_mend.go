package session

import (
	"context"
	"errors"
	"os"
	"strconv"

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
	// became tells what the file store held as the repair got our lock, and before it gave it back.
	became map[string]string
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
	l, err := f.ledger()
	switch {
	case errors.Is(err, keychain.ErrDamaged):
		// What else may be wrong is seen when it can be read again.
		return append(repairs, Repair{Said{RemarkWillFindAccounts, &Values{Path: f.config.Paths.State}}, f.mendLedger})
	case err != nil:
		return repairs
	}
	st := f.Status(ctx)
	repairs = append(repairs, f.repairStore(ctx, l)...)
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
		f.standing(steps, m)
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
	return f.writeState(mendedFile, lastMended{f.wall(), steps})
}

// standing notes what a repair left where those before it had made the file store anew, if nobody else
// had written there meanwhile.
func (f fixing) standing(before []undoStep, m Mended) {
	for i, step := range before {
		if now, wrote := m.became[step.Stands]; wrote && step.Path == f.config.Paths.Credentials {
			before[i].Stands = now
		}
	}
}

func (f fixing) repairPermissions() (repairs []Repair) {
	for _, l := range f.looseFiles() {
		repairs = append(repairs, Repair{Said{RemarkWillClose, &Values{Path: l.path, Want: l.want}},
			func(context.Context) (Mended, error) {
				if err := os.Chmod(l.path, l.want); err != nil {
					return Mended{}, failedBy(codeNotMended, FaultModeNotChanged,
						Values{Path: l.path, Reason: plain(err), Want: l.want}, err)
				}
				return Mended{Said: Said{RemarkClosed, &Values{Path: l.path, Want: l.want}},
					undo: []undoStep{{Kind: undoMode, Path: l.path, Mode: l.mode, Want: l.want}}}, nil
			}})
	}
	return repairs
}

// copyAside keeps a copy of a file of ours that another one is about to take the place of. It stands
// until then: nobody who is killed leaves none.
func (f fixing) copyAside(path string) (undoStep, error) {
	data, err := atomicfile.ReadShared(path, maxStateFile)
	aside := f.asideName(path)
	if err == nil {
		err = atomicfile.Write(aside, data)
	}
	return undoStep{Kind: undoMoved, Path: path, Aside: aside}, err
}

func (f fixing) moveAside(path string, remark Remark) (Mended, error) {
	aside := f.asideName(path)
	if err := atomicfile.Rename(path, aside); err != nil {
		return Mended{}, failedBy(codeNotMended, FaultNotMovedAside, Values{Path: path, Reason: plain(err)}, err)
	}
	return Mended{Said: Said{remark, &Values{Path: path}},
		undo: []undoStep{{Kind: undoMoved, Path: path, Aside: aside}}}, nil
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
	anew := func(remark Remark, still func(*sighting) bool) Repair {
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
		write := anew(RemarkWillWrite, (*sighting).isEmpty)
		return []Repair{move, {write.Said, func(ctx context.Context) (Mended, error) {
			if !moved { // which was told
				return Mended{}, nil
			}
			return write.do(ctx)
		}}}
	case err != nil:
		return nil
	case ours && s.entry.Blanked() && s.person.Like(l.Account(owner).Person) != ledger.Different:
		return []Repair{anew(RemarkWillWriteBlanked, func(now *sighting) bool { return now.entry.Blanked() })}
	case ours && s.entry.State == claudecode.SignedIn && !accepted && s.Account() == owner:
		return []Repair{anew(RemarkWillWrite, func(now *sighting) bool {
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
	return Mended{Said: Said{RemarkNamed, &Values{Place: m.dir.Place()}},
		undo: []undoStep{{Kind: undoIdentity, Entry: &at, Path: m.dir.Place(),
			Named: m.id.AccountID, Identity: &formerIdentity{AccountID: former.AccountID, Email: former.Email,
				OrganizationID: former.OrganizationID, Whole: former.Whole.Reveal()}}}}, nil
}
