package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"keytender/internal/atomicfile"
	"keytender/internal/ledger"
	"keytender/internal/shown"
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
		message, hint := d.said(entryError(d.entryErr).(*Error))
		return []Check{fail(entryName, message, "Claude Code has no place for a login then, and neither has keytender", hint)}
	}
	l, err := d.ledger()
	if err != nil {
		l = ledger.New()
	}
	w := &work{Engine: d.Engine, l: l}
	s, err := w.see(ctx, d.entry, false)
	if err != nil {
		return []Check{d.unreadableEntry(err, st)}
	}
	if strays := d.entry.Strays(ctx); len(strays) > 0 {
		return []Check{w.judgeEntry(s, st), warn("keychain items", "there are further items of that service, of the account "+strings.Join(strays, ", "),
			"a program that does not name the account may read the wrong one; Claude Code reads "+d.entry.Place(),
			"look at them in Keychain Access, and remove those that you do not need")}
	}
	return []Check{w.judgeEntry(s, st)}
}

func (d doctor) unreadableEntry(err error, st Status) Check {
	const means = "nothing is renewed or written while it cannot be read, since it may hold the newest tokens"
	var (
		unusable *claudecode.UnusableError
		refused  *atomicfile.RefusedError
	)
	detail := "it cannot be used: " + d.told(err)
	switch {
	case closed(err):
		message, hint := d.said(storeError("keychain", err))
		return warn(entryName, "it cannot be read: "+message, means, hint)
	case errors.As(err, &unusable):
		return fail(entryName, detail, "the mirror pauses: nothing is written there", unusable.Hint)
	case errors.Is(err, keychain.ErrDamaged) && d.entry.FileIsRead():
		hint := "`keytender doctor --fix` moves it aside; then sign in with `claude auth login` or `keytender login`"
		if st.State == SignedIn {
			hint = "`keytender doctor --fix` moves it aside and writes your login there anew"
		}
		return fail(entryName, detail, "Claude Code takes it for none and is signed out; nothing in it was changed", hint)
	case errors.Is(err, keychain.ErrDamaged):
		return fail(entryName, detail, "Claude Code takes it for none and is signed out; nothing in it was changed",
			"remove that item in Keychain Access, then `keytender mirror` writes a new one")
	case errors.As(err, &refused):
		return fail(entryName, detail, means, "put a regular file of your own in its place")
	}
	return fail(entryName, detail, means, "give yourself back the permission to read it")
}

// judgeEntry says how an entry that can be read stands, and gives no advice that the state
// of the login forbids: a login that is over is not mirrored.
func (w *work) judgeEntry(s sighting, st Status) Check {
	place := st.ClaudeCode.Place
	if place == "" { // there is no status without a ledger
		place = w.entry.Place()
	}
	accepted, why := s.entry.AcceptedByClient()
	living := st.State == SignedIn && st.AccessToken.Renewable || st.State == SignedIn && st.AccessToken.Valid
	switch {
	case st.Problem != nil && st.Problem.Code == "unknown-login":
		message, hint := w.said(st.Problem.Err)
		return warn(entryName, message, "nothing is sent or overwritten while that is not known", hint)
	case s.entry.State == claudecode.SignedIn && !accepted:
		hint := "sign in with `claude auth login`"
		if living && s.Account() != "" {
			hint = "`keytender doctor --fix` writes your login there anew"
		}
		return fail(entryName, "Claude Code does not accept it: "+why+" ("+place+")", "Claude Code says that nobody is signed in", hint)
	case st.State == SignedOut && s.entry.State == claudecode.SignedIn:
		return fine(entryName, "a login (%s); `keytender import claude-code` takes it over", place)
	case st.State == SignedOut, st.ClaudeCode.State == Off:
		return fine(entryName, "%s (%s)", s.entry.State, place)
	}
	switch st.ClaudeCode.State {
	case InStep, Newer:
		return fine(entryName, "%s (%s)", st.ClaudeCode.State, place)
	case OtherLogin:
		return warn(entryName, "it holds the login of "+w.nameOf(s)+", which keytender did not write ("+place+")", "Claude Code works as that person there",
			"nothing, if that is meant so; `keytender import claude-code` takes that login over, `keytender mirror` puts yours there")
	case Absent, EntrySignedOut:
		return w.signedOutEntry(s, st, place, living)
	case Older:
		return warn(entryName, "it holds older tokens of this login ("+place+")", "Claude Code would be refused with them", nextTry(st, living))
	}
	return warn(entryName, string(st.ClaudeCode.State)+" ("+place+")", "it is not in step with your login", "`keytender mirror --dry-run` shows what would change")
}

func nextTry(st Status, living bool) string {
	if !living {
		return "sign in again with `keytender login`"
	}
	if st.Tray.Running {
		return "nothing: the menu-bar app brings it up within a minute; `keytender refresh` does at once"
	}
	return "`keytender refresh` brings it up"
}

func (w *work) signedOutEntry(s sighting, st Status, place string, living bool) Check {
	const means = "Claude Code says that nobody is signed in"
	switch {
	case !living:
		return warn(entryName, "it holds no login ("+place+")", means, "sign in again with `keytender login`, which writes it too")
	case s.entry.Blanked():
		return fail(entryName, "Claude Code blanked it after the server had refused its renewal ("+place+")", means,
			"`keytender doctor --fix` puts your login back, if the server still takes it; `keytender doctor --why` says what is known")
	case st.Problem != nil && st.Problem.Code == "signed-out-there":
		message, hint := w.said(st.Problem.Err)
		return warn(entryName, message, means, hint)
	}
	return warn(entryName, "there is no login in it ("+place+")", means, "`keytender mirror` writes yours there")
}

// checkIdentity compares whom Claude Code's state file names with whose login lies beside it.
func (d doctor) checkIdentity(ctx context.Context, _ Status) []Check {
	const name = "identity"
	var checks []Check
	for _, m := range d.misnamed(ctx) {
		checks = append(checks, warn(name, "Claude Code's state file names another account than the login in "+m.dir.Place()+" has ("+m.who+")",
			"Claude Code shows the former person, and sends that account's id, for up to a day", "`keytender doctor --fix` corrects it"))
	}
	if checks == nil {
		return []Check{fine(name, "Claude Code's state file names the person of the login, or nobody")}
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
		all = append(all, misnamed{dir: dir, id: id, former: former, who: w.nameOf(s)})
	}
	return all
}

// checkPlaces tells of every other place that is not in step, and why.
func (d doctor) checkPlaces(_ context.Context, st Status) []Check {
	const name = "places"
	var checks []Check
	if st.Problem != nil && st.Problem.Code == "place-unwritable" {
		message, hint := d.said(st.Problem.Err)
		checks = append(checks, fail(name, message, "a refresh token works once: nothing is renewed while a place cannot take the next one", hint))
	}
	for _, p := range st.Places {
		letGo := "`keytender places forget " + shown.Quoted(p.ID) + "` lets go of it"
		reason := p.Reason
		if reason == "" {
			reason = "no reason is known"
		}
		switch {
		case p.Kind != ledger.Entry && p.Kind != ledger.KeychainItem || p.Reason == "you let go of it":
		case p.State == PlaceBehind && p.Since != nil && d.wall().Sub(*p.Since) < behindIsTold: // it is being brought up
		case p.State == PlaceBehind:
			checks = append(checks, warn(name, p.Place+" is behind: "+reason, "Claude Code would be refused there, which ends the login everywhere; do not start it there",
				"mend that, and `keytender refresh` brings it up; or "+letGo))
		case p.State == PlaceUnreachable:
			checks = append(checks, warn(name, p.Place+" cannot be reached: its directory is not there", "it is brought up when it is back, and forgotten after 30 days",
				"bring the directory back, or "+letGo))
		case d.entryErr == nil && p.ID == d.entry.ID(): // the entry's own check tells
		case p.State == PlaceUnwritable && len(checks) == 0:
			checks = append(checks, fail(name, p.Place+" cannot be read: "+reason, "nothing is renewed while it may hold the newest tokens", "mend that, or "+letGo))
		case p.State == PlaceUnknown:
			checks = append(checks, warn(name, p.Place+" holds tokens of which nobody could say whose they are", "nothing is sent or overwritten while that is not known",
				"`keytender refresh` asks again when the network is there; or "+letGo))
		}
	}
	if checks == nil {
		return []Check{fine(name, "%d, none behind", len(st.Places))}
	}
	return checks
}

func (d doctor) checkClientLocks(context.Context, Status) []Check {
	const name = "Claude Code's locks"
	var checks []Check
	for _, t := range d.lockTroubles() {
		const means = "while it stands, Claude Code and keytender wait for it, and a sign-in may be lost"
		if t.Barred {
			checks = append(checks, fail(name, t.Path+": "+t.What, "the login ends with its access token, within hours", "give yourself back the permission to write into that folder"))
			continue
		}
		checks = append(checks, warn(name, t.Path+": "+t.What, means, "close Claude Code, then `keytender doctor --fix`"))
	}
	if checks == nil {
		return []Check{fine(name, "free, or held by a program that is at work")}
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
		return []Check{warn(name, "Claude Code does not use its entry while these are set: "+strings.Join(over, ", "),
			"it works with another credential than your login, and may be billed to it", "unset them where you start claude, or take them out of the file that is named; `keytender which` says more")}
	}
	return []Check{fine(name, "nothing stands before Claude Code's entry here")}
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
		checks = append(checks, warn(name, path+" cannot be used: it is no JSON object, or cannot be read", "Claude Code leaves it out, or starts with an error",
			"correct it, or move it away; one of your administrator's is theirs to correct"))
	}
	if d.entry.StateDamaged() {
		checks = append(checks, warn(name, d.entry.StateFile()+" is no JSON object", "Claude Code begins a new one, or starts with an error; who is signed in cannot be told there",
			"move it away; Claude Code keeps copies of it in the folder backups"))
	}
	organization := entry.Login.Account.OrganizationID
	if forced := standing.ForcedOrganizations; len(forced) > 0 && organization != "" && !slices.Contains(forced, organization) {
		checks = append(checks, fail(name, "your administrator's settings allow logins of another organization alone (forceLoginOrgUUID)", "Claude Code refuses to start with this login",
			"sign in with that organization: `keytender login --replace`, and choose it in the browser"))
	}
	if elsewhere(standing.BaseURL) {
		checks = append(checks, warn(name, "Claude Code's requests go through a gateway ("+standing.Base.String()+")", "the gateway sees your access token, and may want another one",
			"nothing, if that is meant so; else take it out"))
	}
	if entry.HasGateway() {
		checks = append(checks, warn(name, "an enterprise gateway stands beside the login in the entry", "Claude Code talks to that gateway", "nothing, if your organization set it up"))
	}
	if checks == nil {
		return []Check{fine(name, "none is broken, and no gateway is set")}
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
	if version == "" {
		version = "a version that it does not tell"
	}
	known := &Error{}
	errors.As(err, &known)
	message, hint := d.said(known)
	switch {
	case known.Code == "no-claude" && d.config.RefreshWith != "claude":
		return []Check{fine(name, "not installed here; nothing needs it")}
	case err != nil && d.config.RefreshWith == "claude":
		return []Check{fail(name, message, "the settings let it renew the login (KEYTENDER_REFRESH_WITH=claude), and it cannot", hint)}
	case err != nil:
		return []Check{warn(name, message, "`keytender login --method claude-code` does not work with it", hint)}
	}
	var checks []Check
	if d.config.RefreshWith == "claude" {
		checks = append(checks, warn(name, version+" renews the login", "each time spends a little of the plan's usage",
			"nothing, if that is meant so (KEYTENDER_REFRESH_WITH=claude); direct spends nothing"))
	}
	if others := d.otherClaudes(ctx, version); len(others) > 0 {
		checks = append(checks, warn(name, "there are several of different versions: "+version+" comes first, and "+strings.Join(others, ", "),
			"old ones know fewer locks, and one may renew while another does", "keep one: remove the others, or update them with `claude update`"))
	}
	if checks == nil {
		return []Check{fine(name, "%s", version)}
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
	version, err := d.claudeVersion(ctx)
	if err == nil && claudecode.NewerThanFacts(version) {
		return []Check{warn(name, "Claude Code "+version+" is newer than the one that keytender was checked with ("+f.Checked+", "+f.Date+")",
			"nothing is known to have changed; where its entry is not as known, the mirror pauses by itself and says so", "nothing; or look for a newer keytender")}
	}
	return []Check{fine(name, "%d facts about Claude Code, checked with %s on %s", len(f.Facts), f.Checked, f.Date)}
}
