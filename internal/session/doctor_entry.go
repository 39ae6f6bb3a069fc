package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"keytender/internal/ledger"
	"keytender/internal/scope"
	"keytender/keychain"
	"keytender/keychain/claudecode"
)

// knownEntries are the entries that can be looked at without opening a dialog: all files,
// and of keychain items the one that this process's environment names.
func (e *Engine) knownEntries() []*claudecode.Directory {
	l, err := e.ledger()
	if err != nil {
		l = ledger.New()
	}
	w := &work{Engine: e, l: l}
	return slices.DeleteFunc(w.directories(), func(d *claudecode.Directory) bool {
		return d.Location().Service != "" && d != e.entry
	})
}

const entryName = "Claude Code's entry"

// checkEntry looks at the entry that this process's environment names.
func (d doctor) checkEntry(ctx context.Context, st Status) []Check {
	if d.entryErr != nil {
		return wrong(entryName, CheckFail, FoundEntryNone, entryError(d.entryErr))
	}
	l, err := d.ledger()
	if err != nil {
		l = ledger.New()
	}
	w := &work{Engine: d.Engine, l: l}
	s, err := w.see(ctx, d.entry, false)
	if err != nil {
		return d.unreadableEntry(err, st)
	}
	checks := w.judgeEntry(&s, &st)
	if strays := d.entry.Strays(ctx); len(strays) > 0 {
		checks = append(checks, warn("keychain items", FoundEntryStrays,
			&Values{List: strays, Place: d.entry.Place()})...)
	}
	return checks
}

func (d doctor) unreadableEntry(err error, st Status) []Check {
	unusable := &claudecode.UnusableError{}
	switch {
	case closed(err):
		return wrong(entryName, CheckWarn, FoundEntryLocked, storeError("keychain", err))
	case errors.As(err, &unusable):
		return []Check{{entryName, CheckFail, FoundEntryUnusable, &Values{Repair: unusable.Hint}, err}}
	case errors.Is(err, keychain.ErrDamaged):
		return wrong(entryName, CheckFail, d.damagedEntry(st), err)
	}
	return []Check{{entryName, CheckFail, FoundEntryUnreadable, &Values{Repair: claudecode.Mending(err)}, err}}
}

func (d doctor) damagedEntry(st Status) Finding {
	switch file := d.entry.FileIsRead(); {
	case file && st.State == SignedIn:
		return FoundEntryDamagedOurs
	case file:
		return FoundEntryDamaged
	case st.Role == RoleWatch:
		return FoundItemDamagedWatch
	}
	return FoundItemDamaged
}

// judgeEntry says how an entry that can be read stands, and gives no advice that the state
// of the login forbids: a login that is over is not mirrored.
func (w *work) judgeEntry(s *sighting, st *Status) []Check {
	v := &Values{Place: st.ClaudeCode.Place, Standing: string(st.ClaudeCode.State)}
	if v.Place == "" { // there is no status without a ledger
		v.Place = w.entry.Place()
	}
	accepted, why := s.entry.AcceptedByClient()
	living := st.State == SignedIn && (st.AccessToken.Renewable || st.AccessToken.Valid)
	switch {
	case st.Problem != nil && st.Problem.Code == codeUnknownLogin:
		return wrong(entryName, CheckWarn, FoundEntryUnknownLogin, st.Problem.Err)
	case s.entry.State == claudecode.SignedIn && !accepted:
		v.Because = notAccepted(why)
		found := FoundEntryNotAccepted
		if living && s.Account() != "" && slices.Contains(st.Scopes, scope.Inference) {
			found = FoundEntryNotAcceptedOurs
		}
		return fail(entryName, found, v)
	case st.State == SignedOut && s.entry.State == claudecode.SignedIn:
		return fine(entryName, FoundEntryToImport, v)
	case st.State == SignedOut, st.ClaudeCode.State == Off:
		v.Standing = s.entry.State.String()
		return fine(entryName, FoundEntryFine, v)
	}
	found := FoundEntryOutOfStep
	switch st.ClaudeCode.State {
	case InStep, Newer:
		return fine(entryName, FoundEntryFine, v)
	case OtherLogin:
		v.Person = w.nameOf(s)
		found = FoundEntryOtherLogin
	case Absent, EntrySignedOut:
		return signedOutEntry(s, st, v, living)
	case Older:
		found = older(*st, living)
	case Damaged, Busy: // when the status was read; it can be read now
	case Off, UnknownLogin: // told above, unless another problem hides it
	}
	return warn(entryName, found, v)
}

func older(st Status, living bool) Finding {
	switch {
	case !living:
		return FoundEntryOlderEnded
	case st.Tray.Running:
		return FoundEntryOlderTended
	}
	return FoundEntryOlder
}

func signedOutEntry(s *sighting, st *Status, v *Values, living bool) []Check {
	found := FoundEntryEmpty
	switch {
	case !living:
		found = FoundEntryEmptyEnded
	case s.entry.Blanked():
		return fail(entryName, FoundEntryBlanked, v)
	case st.Problem != nil && st.Problem.Code == codeSignedOutThere:
		return wrong(entryName, CheckWarn, FoundEntrySignedOut, st.Problem.Err)
	}
	return warn(entryName, found, v)
}

// checkIdentity compares whom Claude Code's state file names with whose login lies beside it.
func (d doctor) checkIdentity(ctx context.Context, _ Status) []Check {
	const name = "identity"
	var checks []Check
	for _, m := range d.misnamed(ctx) {
		checks = append(checks, warn(name, FoundIdentityOther, &Values{Place: m.dir.Place(), Person: m.who})...)
	}
	if checks == nil {
		return fine(name, FoundIdentityFine, nil)
	}
	return checks
}

type misnamed struct {
	dir    *claudecode.Directory
	id     claudecode.Identity // of the login
	former claudecode.Identity // as the state file has it
	who    string
}

func (d doctor) misnamed(ctx context.Context) (all []misnamed) {
	l, err := d.ledger()
	if err != nil {
		return nil
	}
	w := &work{Engine: d.Engine, l: l}
	for _, dir := range d.knownEntries() {
		s, err := w.see(ctx, dir, false)
		if err != nil || s.Account() == "" || s.Relation == ledger.Unknown {
			continue
		}
		a := l.Account(s.Account())
		if a == nil || a.Person.ID == "" {
			continue
		}
		former, known := dir.Identity()
		if !known || former.AccountID == a.Person.ID {
			continue
		}
		id := claudecode.Identity{AccountID: a.Person.ID, Email: a.Person.Email, OrganizationID: a.Person.Organization}
		all = append(all, misnamed{dir: dir, id: id, former: former, who: w.nameOf(&s)})
	}
	return all
}

// checkPlaces tells of every other place that is not in step, and why.
func (d doctor) checkPlaces(_ context.Context, st Status) []Check {
	const name = "places"
	var checks []Check
	if st.Problem != nil && st.Problem.Code == codePlaceUnwritable {
		checks = append(checks, wrong(name, CheckFail, FoundPlaceUnwritable, st.Problem.Err)...)
	}
	for _, p := range st.Places {
		v := &Values{Place: p.Place, ID: p.ID, Because: p.Because}
		switch {
		case p.Kind != ledger.Entry && p.Kind != ledger.KeychainItem || p.letGo():
		// it is being brought up
		case p.State == PlaceBehind && p.Since != nil && d.wall().Sub(*p.Since) < behindIsTold:
		case p.State == PlaceBehind:
			checks = append(checks, warn(name, FoundPlaceBehind, v)...)
		case p.State == PlaceUnreachable:
			checks = append(checks, warn(name, FoundPlaceAway, v)...)
		case d.entryErr == nil && p.ID == d.entry.ID() && (p.State != PlaceUnwritable ||
			st.ClaudeCode.State == Damaged || st.ClaudeCode.State == Busy): // the entry's own check tells
		case p.State == PlaceUnwritable && len(checks) == 0:
			checks = append(checks, fail(name, FoundPlaceUnread, v)...)
		case p.State == PlaceUnknown:
			checks = append(checks, warn(name, FoundPlaceUnknown, v)...)
		}
	}
	if checks == nil {
		return fine(name, FoundPlacesFine, &Values{Count: len(st.Places)})
	}
	return checks
}

func (d doctor) checkClientLocks(context.Context, Status) []Check {
	const name = "Claude Code's locks"
	var checks []Check
	for _, t := range d.lockTroubles() {
		v := &Values{Path: t.Path, Reason: t.What}
		if t.Barred {
			checks = append(checks, fail(name, FoundLockBarred, v)...)
			continue
		}
		checks = append(checks, warn(name, FoundLockStuck, v)...)
	}
	if checks == nil {
		return fine(name, FoundLocksFine, nil)
	}
	return checks
}

// here is the directory that somebody runs this in, whose project's settings count there.
func here() string {
	dir, _ := os.Getwd()
	return dir
}

func (d doctor) checkOverrides(context.Context, Status) []Check {
	const name = "overrides"
	if d.entryErr != nil {
		return nil
	}
	var over []string
	for _, source := range d.entry.Standing(here()).Before {
		over = append(over, source.String())
	}
	if over != nil {
		return warn(name, FoundOverridden, &Values{List: over})
	}
	return fine(name, FoundOverridesNone, nil)
}

func (d doctor) checkClientSettings(ctx context.Context, _ Status) []Check {
	const name = "Claude Code's settings"
	if d.entryErr != nil {
		return nil
	}
	var checks []Check
	entry, _ := d.readEntry(ctx)
	standing := d.entry.Standing(here())
	for _, path := range standing.Unusable {
		checks = append(checks, warn(name, FoundSettingsUnusable, &Values{Path: path})...)
	}
	if d.entry.StateDamaged() {
		checks = append(checks, warn(name, FoundStateFileDamaged, &Values{Path: d.entry.StateFile()})...)
	}
	organization := entry.Login.Account.OrganizationID
	if forced := standing.ForcedOrganizations; len(forced) > 0 && organization != "" &&
		!slices.Contains(forced, organization) {
		checks = append(checks, fail(name, FoundOrganizationForced, nil)...)
	}
	if elsewhere(standing.BaseURL) {
		checks = append(checks, warn(name, FoundGatewaySet, &Values{Reason: standing.Base.String()})...)
	}
	if entry.HasGateway() {
		checks = append(checks, warn(name, FoundGatewayInEntry, nil)...)
	}
	if checks == nil {
		return fine(name, FoundSettingsFine, nil)
	}
	return checks
}

func elsewhere(base string) bool {
	return base != "" && !strings.HasPrefix(base+"/", "https://api.anthropic.com/")
}

// checkClaude asks each `claude` that is installed here for its version.
func (d doctor) checkClaude(ctx context.Context, _ Status) []Check {
	const name = "Claude Code"
	version, err := d.claudeVersion(ctx)
	known := errorIn(err)
	switch {
	case known != nil && known.Code == codeNoClaude && d.config.RefreshWith != "claude":
		return fine(name, FoundClaudeNone, nil)
	case err != nil && d.config.RefreshWith == "claude":
		return wrong(name, CheckFail, FoundClaudeBrokenRenews, err)
	case err != nil:
		return wrong(name, CheckWarn, FoundClaudeBroken, err)
	}
	var checks []Check
	if d.config.RefreshWith == "claude" {
		checks = append(checks, warn(name, FoundClaudeRenews, &Values{Client: version})...)
	}
	if others := d.otherClaudes(ctx, version); len(others) > 0 {
		checks = append(checks, warn(name, FoundClaudeSeveral, &Values{Client: version, List: others})...)
	}
	if checks == nil {
		return fine(name, FoundClaudeFine, &Values{Client: version})
	}
	return checks
}

// otherClaudes are the programs of another version than the first one found.
func (d doctor) otherClaudes(ctx context.Context, first string) (others []string) {
	for i, path := range allClaudes() {
		if i == 0 || len(others) == 3 {
			continue
		}
		out, err := claudeProgram{path: path, engine: d.Engine}.ask(ctx, ClaudeLimits.Version, "--version")
		if number := versionNumber().FindSubmatch(out); err == nil && number != nil {
			if version := fmt.Sprintf("%s.%s.%s", number[1], number[2], number[3]); version != first {
				others = append(others, version+" in "+path)
			}
		}
	}
	return others
}

func (d doctor) checkFacts(ctx context.Context, _ Status) []Check {
	const name = "facts"
	f := claudecode.Facts()
	checked, _ := time.Parse(time.DateOnly, f.Date)
	v := &Values{Count: len(f.Facts), Also: f.Checked, At: checked}
	version, err := d.claudeVersion(ctx)
	if err == nil && claudecode.NewerThanFacts(version) {
		v.Client = version
		return warn(name, FoundFactsOlder, v)
	}
	return fine(name, FoundFactsFine, v)
}
