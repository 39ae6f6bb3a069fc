package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"keytender/callback"
	"keytender/keychain/claudecode"
)

// Check is one thing that `doctor` looked at.
type Check struct {
	Name   string     `json:"name"`
	State  CheckState `json:"state"`
	Detail string     `json:"detail"` // what was found
	Hint   string     `json:"hint"`   // what to do; empty when nothing is
}

// CheckState is how a check ended.
type CheckState string

// The states. Only CheckFail keeps the login from working.
const (
	CheckOK   CheckState = "ok"
	CheckWarn CheckState = "warn"
	CheckFail CheckState = "FAIL"
)

func fine(name, format string, args ...any) Check {
	return Check{Name: name, State: CheckOK, Detail: fmt.Sprintf(format, args...)}
}

func warn(name, detail, hint string) Check { return Check{name, CheckWarn, detail, hint} }

func fail(name, detail, hint string) Check { return Check{name, CheckFail, detail, hint} }

// Examine looks at everything that has been seen to go wrong. It changes nothing and
// sends nothing; Claude Code alone is started, to ask its version.
func (e *Engine) Examine(ctx context.Context) []Check {
	st := e.Status(ctx)
	checks := []Check{e.checkLogin(st)}
	checks = append(checks, e.checkRights()...)
	checks = append(checks, e.checkStore(st), e.checkScopes(st), e.checkOurLock())
	checks = append(checks, e.checkEntry(ctx, st)...)
	checks = append(checks, e.checkClientLocks()...)
	return append(checks, e.checkPort(ctx), e.checkClock(ctx), e.checkSpills(), e.checkClaude(ctx), e.checkExports(), checkTray(st))
}

func (e *Engine) checkLogin(st Status) Check {
	const name = "login"
	switch {
	case st.State == SignedOut:
		return warn(name, "nobody is signed in", "sign in with `keytender login`")
	case st.Problem != nil && st.State == SignedIn:
		return warn(name, st.Problem.Message, st.Problem.Hint)
	case st.Problem != nil:
		return fail(name, st.Problem.Message, st.Problem.Hint)
	}
	return fine(name, "signed in, account %s", st.Account)
}

func (e *Engine) checkStore(st Status) Check {
	const name = "store"
	l, err := e.ledger()
	open := err == nil && l.Store == "" && e.config.Store == "auto" // the first sign-in chooses
	for _, store := range st.Stores {
		switch {
		case store.State == "not-used":
		case store.State == "ok", store.State == "absent":
			return fine(name, "%s: %s", store.Name, store.State)
		case store.State == "unavailable" && open:
			return fine(name, "there is no keychain here: a sign-in keeps the login in %s", e.storeName("file"))
		default:
			hint := "`keytender status` says more"
			if st.Problem != nil {
				hint = st.Problem.Hint
			}
			return fail(name, store.Name+": "+store.State, hint)
		}
	}
	return fine(name, "none is chosen yet")
}

func (e *Engine) checkScopes(st Status) Check {
	const name = "scopes"
	switch {
	case st.State == SignedOut || len(st.Scopes) == 0:
		return fine(name, "nothing to look at")
	case !slices.Contains(st.Scopes, "user:inference"):
		return fail(name, "the login lacks user:inference, without which Claude Code takes it for none", "sign in again without --scope")
	case !slices.Contains(st.Scopes, "user:profile"):
		return warn(name, "the login lacks user:profile: e-mail, plan and usage cannot be asked", "a --long-lived token is so by its nature; for any other sign in again without --scope")
	case len(st.MissingScopes) > 0:
		return warn(name, "asked for and not granted: "+strings.Join(st.MissingScopes, " "), "no harm is known; sign in again if Claude Code misses something")
	}
	return fine(name, "all that are asked for")
}

// checkRights wants our files closed to others. Windows guards what lies in the
// profile by the profile's own rights.
func (e *Engine) checkRights() []Check {
	const name = "rights"
	if runtime.GOOS == "windows" {
		if path := e.outsideProfile(); path != "" {
			return []Check{warn(name, path+" lies outside of your profile: the rights of its folder say who may read it", "set KEYTENDER_HOME to a folder below your profile, or look at who has rights there")}
		}
		return []Check{fine(name, "our files lie in your profile, which is closed to others")}
	}
	loose := e.looseRights()
	if len(loose) == 0 {
		return []Check{fine(name, "our files are closed to others")}
	}
	var checks []Check
	for _, l := range loose {
		checks = append(checks, warn(name, fmt.Sprintf("%s has mode %04o, others may read it or write into it", l.path, l.mode), "`keytender doctor --fix`, or "+l.repair()))
	}
	return checks
}

type looseFile struct {
	path       string
	mode, want fs.FileMode
}

func (l looseFile) repair() string { return fmt.Sprintf("chmod %04o '%s'", l.want, l.path) }

func (l looseFile) undo() string { return fmt.Sprintf("chmod %04o '%s'", l.mode, l.path) }

// outsideProfile names a place of ours that does not lie in the person's profile.
func (e *Engine) outsideProfile() string {
	profile, err := os.UserHomeDir()
	if err != nil {
		return e.config.Places.State
	}
	for _, path := range []string{e.config.Places.State, e.config.Places.Credentials} {
		if below, err := filepath.Rel(profile, path); err != nil || !filepath.IsLocal(below) {
			return path
		}
	}
	return ""
}

func (e *Engine) looseRights() (loose []looseFile) {
	if runtime.GOOS == "windows" {
		return nil
	}
	look := func(path string, want fs.FileMode) {
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink != 0 {
			return
		}
		if mode := info.Mode().Perm(); mode&^want != 0 {
			loose = append(loose, looseFile{path, mode, want})
		}
	}
	p := e.config.Places
	look(p.State, 0o700)
	if home := filepath.Dir(p.Credentials); e.oursAlone(home) {
		look(home, 0o700)
	}
	for _, path := range []string{p.Credentials, p.ConfigFile, p.Log} {
		look(path, 0o600)
	}
	entries, _ := os.ReadDir(p.State)
	for _, entry := range entries {
		if entry.Type().IsRegular() {
			look(filepath.Join(p.State, entry.Name()), 0o600)
		}
	}
	return loose
}

func (e *Engine) checkOurLock() Check {
	const name = "our lock"
	path := e.statePath("lock")
	if _, err := os.Stat(e.config.Places.State); errors.Is(err, fs.ErrNotExist) {
		return fine(name, "free")
	}
	l := flock.New(path, flock.SetFlag(os.O_RDWR), flock.SetPermissions(0o600))
	defer l.Close()
	free, err := l.TryLock()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fine(name, "free")
	case err != nil:
		return fail(name, path+" cannot be used: "+plain(err), "look at the rights of "+e.config.Places.State)
	case !free:
		return warn(name, "another keytender is at work", "that is no fault if it is gone in a minute; the menu-bar app and `keytender token` both take it")
	}
	_ = l.Unlock()
	return fine(name, "free")
}

func (e *Engine) checkEntry(ctx context.Context, st Status) []Check {
	const name = "Claude Code's entry"
	var checks []Check
	entry, err := e.readEntry(ctx)
	accepted, why := entry.AcceptedByClient()
	place := st.ClaudeCode.Place
	switch {
	case closed(err):
		checks = append(checks, warn(name, "it cannot be read: "+err.Error(), storeError("keychain", err).Hint))
	case err != nil:
		hint := "nothing in it was changed; `keytender doctor --fix` moves it aside, and `keytender mirror` then writes a new one"
		if unusable := (&claudecode.UnusableError{}); errors.As(err, &unusable) {
			hint = unusable.Hint
		}
		checks = append(checks, fail(name, err.Error(), hint))
	case entry.State == claudecode.SignedIn && !accepted:
		checks = append(checks, fail(name, "Claude Code does not accept it: "+why+" ("+place+")", "`keytender mirror` writes it anew"))
	case st.State == SignedOut:
		checks = append(checks, fine(name, "%s (%s)", entry.State, place))
	case slices.Contains([]EntryState{InStep, Newer, Off}, st.ClaudeCode.State):
		checks = append(checks, fine(name, "%s (%s)", st.ClaudeCode.State, place))
	default:
		checks = append(checks, warn(name, string(st.ClaudeCode.State)+" ("+place+")", "`keytender mirror` writes our login there; `keytender mirror --dry-run` shows what would change"))
	}
	if len(st.ClaudeCode.OverriddenBy) > 0 {
		return append(checks, warn("overrides", "Claude Code does not use its entry while these are set: "+strings.Join(st.ClaudeCode.OverriddenBy, ", "), "unset them where you start claude, or take them out of settings.json"))
	}
	return append(checks, fine("overrides", "nothing stands before Claude Code's entry"))
}

func (e *Engine) checkPort(ctx context.Context) Check {
	const name = "callback port"
	server, err := callback.Listen(ctx, callback.Config{Port: e.config.Port, Exact: true, State: rand.Text() + rand.Text()})
	if err != nil {
		return warn(name, err.Error(), "a sign-in takes another port by itself; to have this one stop that program, or set KEYTENDER_PORT")
	}
	_ = server.Close()
	return fine(name, "%d is free", e.config.Port)
}

// checkClock looks for what was written in the future: then the clock was put back,
// and every end of a token is misjudged.
func (e *Engine) checkClock(ctx context.Context) Check {
	const name = "clock"
	now := e.wall()
	hint := "set the clock in the system's date and time settings (on Linux `timedatectl`); tokens are judged by it"
	if now.Year() < 2025 {
		return fail(name, "it says "+now.Format(time.DateOnly), hint)
	}
	newest := time.Time{}
	if records, err := e.History(); err == nil {
		for _, r := range records {
			if r.At.After(newest) {
				newest = r.At
			}
		}
	}
	if l, err := e.ledger(); err == nil {
		if c, err := e.vault(l).load(ctx, l.Choose(e.account)); err == nil && c.Issued.After(newest) {
			newest = c.Issued
		}
	}
	if ahead := newest.Sub(now); ahead > 5*time.Minute {
		return warn(name, "it was put back: something was written "+ahead.Round(time.Minute).String()+" ahead of now", hint)
	}
	return fine(name, "%s", now.Format(time.RFC3339))
}

func (e *Engine) checkSpills() Check {
	const name = "spill files"
	var found []string
	for _, pattern := range []string{"spill-*.json", "reserve-*.json", "*.damaged"} {
		paths, _ := filepath.Glob(e.statePath(pattern))
		found = append(found, paths...)
	}
	if len(found) == 0 {
		return fine(name, "none: every token is in the store")
	}
	for _, path := range found {
		if strings.HasSuffix(path, ".damaged") {
			return warn(name, "a write was cut off: "+path, "look whether the login works (`keytender token`); then remove the file, it may hold a token")
		}
	}
	return warn(name, "tokens wait outside the store: "+strings.Join(found, ", "), "`keytender refresh` moves them in as soon as the store takes them")
}

func (e *Engine) checkClaude(ctx context.Context) Check {
	const name = "Claude Code"
	version, err := e.ClaudeVersion(ctx)
	if version == "" {
		version = "a version that it does not tell"
	}
	if known := (&Error{}); errors.As(err, &known) {
		if known.Code == "no-claude" && e.config.RefreshWith != "claude" {
			return fine(name, "not installed here; nothing needs it")
		}
		if e.config.RefreshWith == "claude" {
			return fail(name, known.Message, known.Hint)
		}
		return warn(name, known.Message, known.Hint)
	}
	if err != nil {
		return warn(name, err.Error(), "")
	}
	if e.config.RefreshWith == "claude" {
		return warn(name, version+" renews the login, and each time spends a little of the plan's usage", "that is your choice (KEYTENDER_REFRESH_WITH=claude); direct spends nothing")
	}
	return fine(name, "%s", version)
}

func (e *Engine) checkExports() Check {
	const name = "exports"
	list, err := e.exports()
	if err != nil {
		return warn(name, err.Error(), "move the file away; `keytender export github` begins a new list")
	}
	for _, x := range list {
		if x.Until != nil && x.Until.Before(e.wall()) {
			return warn(name, x.Secret+" in "+x.Repo+" has ended", "export a new one with `keytender export github --repo "+x.Repo+"`")
		}
	}
	return fine(name, "%d", len(list))
}

func checkTray(st Status) Check {
	if st.Tray.Running {
		return fine("menu bar", "running")
	}
	return fine("menu bar", "not running; tokens are renewed when they are asked for")
}
