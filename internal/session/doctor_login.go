package session

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/config"
	"keytender/internal/ledger"
	"keytender/internal/secret"
	"keytender/internal/shown"
)

// entryProblems are the codes of a status's problem that the checks of the entry and of the
// places tell about; each fault is told once.
var entryProblems = []string{"claude-code-entry", "signed-out-there", "unknown-login", "place-behind", "place-unwritable"}

// nearEnd is how long before its end a login is a finding.
const nearEnd = 3 * 24 * time.Hour

func (d doctor) checkLogin(_ context.Context, st Status) []Check {
	const name = "login"
	problem := st.Problem
	if problem != nil && slices.Contains(entryProblems, problem.Code) {
		problem = nil
	}
	var message, hint string
	if problem != nil {
		message, hint = d.said(problem.Err)
	}
	switch {
	case st.State == SignedOut && problem == nil:
		return []Check{warn(name, "nobody is signed in", "there is nothing to renew, and Claude Code goes on with what it has by itself", "sign in with `keytender login`")}
	case problem != nil && st.State == SignedIn:
		return []Check{warn(name, message, "the login works, and something is in its way", hint)}
	case problem != nil:
		means := "the login is as good as before, but cannot be used or renewed now"
		if st.State == SignInAgain {
			means = "Claude Code and everything else that uses this login is signed out, or will be within hours"
		}
		return []Check{fail(name, message, means, hint)}
	case st.Login.ExpiresAt != nil && st.Login.ExpiresAt.Sub(d.wall()) < nearEnd:
		return []Check{d.nearItsEnd(name, "it", *st.Login.ExpiresAt, st.Login.Estimated)}
	}
	return []Check{fine(name, "signed in, account %s", st.Account)}
}

func (d doctor) nearItsEnd(name, which string, ends time.Time, estimated bool) Check {
	means := "no renewal moves that end: Claude Code asks for a new sign-in then"
	if estimated {
		means += " (the server did not say when; this is an estimate)"
	}
	if left := ends.Sub(d.wall()); left > 0 {
		return warn(name, which+" ends in "+shown.Around(left)+", on "+day(ends), means, "sign in again with `keytender login` when it suits you")
	}
	return warn(name, which+" was to end on "+day(ends), means, "sign in again with `keytender login`")
}

// checkOthersEnds looks at the accounts that are not the active one.
func (d doctor) checkOthersEnds(_ context.Context, st Status) []Check {
	var checks []Check
	for _, a := range st.Accounts {
		if a.Name != st.Account && a.Login.ExpiresAt != nil && a.Login.ExpiresAt.Sub(d.wall()) < nearEnd {
			c := d.nearItsEnd("accounts", "the login of the account "+a.Name, *a.Login.ExpiresAt, a.Login.Estimated)
			c.Hint = "sign in again with `keytender login --account " + a.Name + "`, or take it out: `keytender accounts remove " + a.Name + "`"
			checks = append(checks, c)
		}
	}
	if checks == nil {
		return []Check{fine("accounts", "%d", len(st.Accounts))}
	}
	return checks
}

func (d doctor) checkStore(_ context.Context, st Status) []Check {
	const name = "store"
	l, err := d.ledger()
	open := err == nil && l.Store == "" && d.config.Store == "auto" // the first sign-in chooses
	var checks []Check
	if err == nil && l.Store != "" && d.config.Store != "auto" && d.config.Store != l.Store {
		checks = append(checks, warn(name, "the settings say "+d.config.Store+", and the logins lie in the "+l.Store+" store",
			"a store is chosen once, at the first sign-in; the setting is not followed until you signed out",
			"take the setting out, or move: `keytender logout --all`, then `keytender login`"))
	}
	for _, store := range st.Stores {
		switch {
		case store.State == "not-used":
		case store.State == "ok", store.State == "absent":
			return append(checks, fine(name, "%s: %s", store.Name, store.State))
		case store.State == "unavailable" && open:
			return append(checks, fine(name, "there is no keychain here: a sign-in keeps the login in %s", d.storeName("file")))
		case st.Problem != nil && st.Problem.Code != "place-behind":
			return checks // the login's check has told it
		default:
			return append(checks, fail(name, store.Name+": "+store.State, "the login cannot be read there", "unlock or start it; `keytender status` says more"))
		}
	}
	return append(checks, fine(name, "none is chosen yet"))
}

func (d doctor) checkScopes(_ context.Context, st Status) []Check {
	const name = "scopes"
	switch {
	case st.State == SignedOut || len(st.Scopes) == 0:
		return []Check{fine(name, "nothing to look at")}
	case !slices.Contains(st.Scopes, "user:inference"):
		return []Check{fail(name, "the login lacks user:inference", "Claude Code takes such a login for none", "sign in again without --scope")}
	case !slices.Contains(st.Scopes, "user:profile") && !d.isLongLived(st.Account):
		return []Check{warn(name, "the login lacks user:profile", "e-mail, plan and usage cannot be asked for", "sign in again without --scope")}
	}
	// What else was asked for and not granted harms nobody: a renewal and an import leave
	// scopes out by themselves.
	return []Check{fine(name, "%s", strings.Join(st.Scopes, " "))}
}

func (d doctor) isLongLived(account string) bool {
	l, err := d.ledger()
	return err == nil && l.Account(account) != nil && l.Account(account).LongLived
}

// checkSharers looks for another program that renews the same login: whoever comes second
// with a spent refresh token ends it for both.
func (d doctor) checkSharers(_ context.Context, st Status) []Check {
	const name = "other programs"
	l, err := d.ledger()
	if err != nil {
		return nil
	}
	if path, chain := sharedWithOpenCode(l); chain != nil {
		return []Check{warn(name, "OpenCode holds tokens of the account "+chain.Account+" and renews them by itself ("+path+")",
			"a refresh token works once: whoever comes second is refused, and the server then ends the login for everybody",
			"sign OpenCode out (`opencode auth logout`), or give it a login of its own")}
	}
	records, _ := d.History()
	for _, r := range slices.Backward(records) {
		switch {
		case r.Account != st.Account:
		case r.What == "signed-in", r.What == "imported":
			return []Check{fine(name, "none is known that renews this login")}
		case r.What == "refused":
			return []Check{warn(name, "on "+day(r.At)+" the server called a refresh token spent that keytender had not sent before",
				"the server ended the login, or another program, another machine or a backup used the same one",
				"find what else holds this login (`keytender places` lists what keytender knows), then sign in again with `keytender login`")}
		}
	}
	return []Check{fine(name, "none is known that renews this login")}
}

// sharedWithOpenCode finds a chain of ours of which OpenCode's file holds a living pair.
func sharedWithOpenCode(l *ledger.Ledger) (path string, shared *ledger.Chain) {
	home, err := config.Home()
	if err != nil {
		return "", nil
	}
	path = filepath.Join(home, ".local", "share", "opencode", "auth.json")
	if data, ok := os.LookupEnv("XDG_DATA_HOME"); ok && filepath.IsAbs(data) {
		path = filepath.Join(data, "opencode", "auth.json")
	}
	data, err := atomicfile.Read(path, maxStateFile)
	if err != nil {
		return path, nil
	}
	var logins struct {
		Anthropic struct {
			Access  string `json:"access"`
			Refresh string `json:"refresh"`
		} `json:"anthropic"`
	}
	if json.Unmarshal(data, &logins) != nil || logins.Anthropic.Refresh == "" {
		return path, nil
	}
	pair := ledger.PairOf(secret.New(logins.Anthropic.Access), secret.New(logins.Anthropic.Refresh))
	for _, a := range l.Accounts {
		if c := l.ChainOf(a.Name); c != nil && c.Knows(pair) && !c.Dead(c.Current()) {
			return path, c
		}
	}
	return path, nil
}

func (d doctor) checkExports(context.Context, Status) []Check {
	const name = "exports"
	list, err := d.exports()
	if err != nil {
		return []Check{warn(name, d.told(err), "the ends of exported tokens are not told", "move the file away; `keytender export github` begins a new list")}
	}
	for _, x := range list {
		if x.Until != nil && x.Until.Before(d.wall()) {
			return []Check{warn(name, x.Secret+" in "+x.Repo+" has ended", "what runs there is signed out", "export a new one with `keytender export github --repo "+x.Repo+" --new-token`")}
		}
	}
	return []Check{fine(name, "%d", len(list))}
}

func (d doctor) checkTray(_ context.Context, st Status) []Check {
	if st.Tray.Running {
		return []Check{fine("menu bar", "running")}
	}
	if st.State == SignedOut {
		return []Check{fine("menu bar", "not running")}
	}
	return []Check{warn("menu bar", "neither the app nor `keytender agent` runs", "tokens are renewed when they are asked for, and nobody tells you before the login ends",
		"start it with `keytender tray`, or without a desktop with `keytender autostart on --agent`")}
}
