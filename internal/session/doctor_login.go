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
	"keytender/internal/scope"
	"keytender/internal/secret"
)

// entryProblems are the codes of a status's problem that the checks of the entry and of the
// places tell about; each fault is told once.
var entryProblems = []Code{codeClaudeCodeEntry, codeSignedOutThere, codeUnknownLogin, codePlaceBehind,
	codePlaceUnwritable}

// nearEnd is how long before its end a login is a finding.
const nearEnd = 3 * 24 * time.Hour

func (d doctor) checkLogin(_ context.Context, st Status) []Check {
	const name = "login"
	problem := st.Problem
	if problem != nil && slices.Contains(entryProblems, problem.Code) {
		problem = nil
	}
	switch {
	case st.State == SignedOut && problem == nil:
		return warn(name, FoundLoginNone, nil)
	case problem != nil && st.State == SignedIn:
		return wrong(name, CheckWarn, FoundLoginHindered, problem.Err)
	case problem != nil && st.State == SignInAgain:
		return wrong(name, CheckFail, FoundLoginOver, problem.Err)
	case problem != nil:
		return wrong(name, CheckFail, FoundLoginUnusable, problem.Err)
	case d.nearItsEnd(st.Login):
		return d.itsEnd(name, "", st.Login)
	}
	return fine(name, FoundLoginFine, &Values{Account: st.Account})
}

func (d doctor) nearItsEnd(c LoginClock) bool {
	return c.ExpiresAt != nil && c.ExpiresAt.Sub(d.wall()) < nearEnd
}

// itsEnd tells when a login ends or was to end: that of an account, or the one that is used.
func (d doctor) itsEnd(name, account string, c LoginClock) []Check {
	left := c.ExpiresAt.Sub(d.wall())
	found := FoundLoginPastEnd
	switch {
	case account != "" && left > 0:
		found = FoundAccountNearEnd
	case account != "":
		found = FoundAccountPastEnd
	case left > 0:
		found = FoundLoginNearEnd
	}
	return warn(name, found, &Values{Account: account, At: *c.ExpiresAt, Limit: left, Estimated: c.Estimated})
}

// checkOthersEnds looks at the accounts that are not the active one.
func (d doctor) checkOthersEnds(_ context.Context, st Status) []Check {
	const name = "accounts"
	var checks []Check
	for _, a := range st.Accounts {
		if a.Name != st.Account && d.nearItsEnd(a.Login) {
			checks = append(checks, d.itsEnd(name, a.Name, a.Login)...)
		}
	}
	if checks == nil {
		return fine(name, FoundAccountsFine, &Values{Count: len(st.Accounts)})
	}
	return checks
}

func (d doctor) checkStore(_ context.Context, st Status) []Check {
	const name = "store"
	l, err := d.ledger()
	open := err == nil && l.Store == "" && d.config.Store == "auto" // the first sign-in chooses
	var checks []Check
	if err == nil && l.Store != "" && d.config.Store != "auto" && d.config.Store != l.Store {
		checks = append(checks, warn(name, FoundStoreNotFollowed, &Values{Place: l.Store, Also: d.config.Store})...)
	}
	for _, store := range st.Stores {
		v := &Values{Place: store.Name, Standing: string(store.State)}
		switch {
		case store.State == StoreNotUsed:
		case store.State == StoreOK, store.State == StoreAbsent:
			return append(checks, fine(name, FoundStoreFine, v)...)
		case store.State == StoreUnavailable && open:
			return append(checks, fine(name, FoundStoreNoKeychain, &Values{Place: d.storeName("file")})...)
		case st.Problem != nil && st.Problem.Code != codePlaceBehind:
			return checks // the login's check has told it
		default:
			return append(checks, fail(name, FoundStoreUnread, v)...)
		}
	}
	return append(checks, fine(name, FoundStoreNone, nil)...)
}

func (d doctor) checkScopes(_ context.Context, st Status) []Check {
	const name = "scopes"
	switch {
	case st.State == SignedOut || len(st.Scopes) == 0:
		return fine(name, FoundScopesNone, nil)
	case !slices.Contains(st.Scopes, scope.Inference):
		return fail(name, FoundScopesNoInference, nil)
	case !slices.Contains(st.Scopes, scope.Profile) && !d.isLongLived(st.Account):
		return warn(name, FoundScopesNoProfile, nil)
	}
	// What else was asked for and not granted harms nobody: a renewal and an import leave
	// scopes out by themselves.
	return fine(name, FoundScopesFine, &Values{Reason: strings.Join(st.Scopes, " ")})
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
		return warn(name, FoundSharedWithOpenCode, &Values{Account: chain.Account, Path: path})
	}
	records, _ := d.History()
	for i := len(records) - 1; i >= 0; i-- {
		r := records[i]
		switch {
		case r.Account != st.Account:
		case r.What == ledger.ChangeSignedIn, r.What == ledger.ChangeImported:
			return fine(name, FoundSharedWithNobody, nil)
		case r.What == ledger.ChangeRefused:
			return warn(name, FoundSharedWithSomebody, &Values{At: r.At})
		}
	}
	return fine(name, FoundSharedWithNobody, nil)
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
		return wrong(name, CheckWarn, FoundExportsUnread, err)
	}
	for _, x := range list {
		if x.Until != nil && x.Until.Before(d.wall()) {
			return warn(name, FoundExportEnded, &Values{ID: x.Secret, Place: x.Repo})
		}
	}
	return fine(name, FoundExportsFine, &Values{Count: len(list)})
}

func (d doctor) checkTray(_ context.Context, st Status) []Check {
	const name = "menu bar"
	switch {
	case st.Tray.Running:
		return fine(name, FoundTrayRuns, nil)
	case st.State == SignedOut:
		return fine(name, FoundTrayNotNeeded, nil)
	}
	return warn(name, FoundTrayMissing, nil)
}
