// Package menu is what the menu says and when, in six languages. All of it is pure: from a
// status and what the app is doing follow the lines, the icon and the tooltip. It sees
// session.Status and nothing deeper.
package menu

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"keytender/internal/session"
	"keytender/internal/shown"
)

// ID names a line of the menu. The toolkits cannot take lines away or put one
// between others, so all lines exist from the start, in this order, and are shown
// or hidden.
type ID int

// The lines, from top to bottom.
const (
	ItemWho ID = iota
	ItemClocks
	ItemEntry
	ItemKept
	ItemUnwatched
	ItemSaid // and on
	ItemSaid2
	ItemSaid3
	ItemSaid4
	ItemSaid5
	ItemSaid6
	ItemProblem // and on
	ItemProblem2
	ItemHint // and on
	ItemHint2
	ItemHint3

	ItemSignIn
	ItemInstead
	ItemUnlock
	ItemTakeOver
	ItemOtherWays
	ItemWithCode
	ItemWithClaude
	ItemPasteCode
	ItemOpenAgain
	ItemCopyLink
	ItemCancel
	ItemMirror
	ItemMirrorNow
	ItemPutBack
	ItemRenew
	ItemCopyToken
	ItemAccounts
	ItemAccount     // and on, accountLines of them
	ItemLastAccount = ItemAccount + accountLines - 1
)

// The lines below the accounts.
const (
	ItemMoreAccounts ID = ItemLastAccount + 1 + iota
	ItemAddAccount
	ItemAddWithCode
	ItemAddWithClaude
	ItemRename
	ItemRenameAccount     // and on, accountLines of them
	ItemLastRenameAccount = ItemRenameAccount + accountLines - 1
)

// The lines below those.
const (
	ItemRemove            ID = ItemLastRenameAccount + 1 + iota
	ItemRemoveAccount        // and on, accountLines of them
	ItemLastRemoveAccount = ItemRemoveAccount + accountLines - 1
)

// The lines below those.
const (
	ItemLent          ID = ItemLastRemoveAccount + 1 + iota
	ItemLentPlace        // and on, lentLines of them
	ItemLastLentPlace = ItemLentPlace + lentLines - 1
)

// The lines below those.
const (
	ItemMoreLent ID = ItemLastLentPlace + 1 + iota
	ItemSignOut
	ItemSignOutHere
	ItemSignOutBoth
	ItemSignOutRevoke

	ItemStartAtLogin
	ItemHappened
	ItemEvent     // and on, eventLines of them
	ItemLastEvent = ItemEvent + eventLines - 1
)

// The last lines.
const (
	ItemHelp ID = ItemLastEvent + 1 + iota
	ItemShowStatus
	ItemWrong
	ItemShowLog
	ItemCopyDiagnosis
	ItemAbout
	ItemWatch
	ItemQuit

	Count
)

// eventLines is how much of the history the menu tells.
const eventLines = 10

// accountLines is how many accounts the menu can list, and lentLines how many lent places.
const (
	accountLines = 9
	lentLines    = 9
)

// Slot is how a line is built: what never changes about it.
type Slot struct {
	Under     ID   // the line whose submenu it is in; itself when in none
	Checkable bool // has a check mark
	LineAbove bool // a separator stands before it
}

// Slots describes every line. The lines ItemWho, ItemSignIn, ItemHelp and ItemQuit
// are always shown, so that no two separators ever meet: a separator cannot be
// hidden.
var Slots = func() (all [Count]Slot) {
	for id := range all {
		all[id].Under = ID(id)
	}
	all[ItemSignIn].LineAbove = true
	all[ItemMirror].Checkable = true
	for under, from := range map[ID][2]ID{
		ItemOtherWays: {ItemWithCode, ItemWithClaude}, ItemAccounts: {ItemAccount, ItemRename},
		ItemRename: {ItemRenameAccount, ItemLastRenameAccount},
		ItemRemove: {ItemRemoveAccount, ItemLastRemoveAccount}, ItemLent: {ItemLentPlace, ItemMoreLent},
		ItemHappened: {ItemEvent, ItemLastEvent},
		ItemSignOut:  {ItemSignOutHere, ItemSignOutRevoke}, ItemHelp: {ItemShowStatus, ItemAbout},
	} {
		for id := from[0]; id <= from[1]; id++ {
			all[id].Under = under
		}
	}
	all[ItemRemove].Under = ItemAccounts
	for id := ItemAccount; id <= ItemLastAccount; id++ {
		all[id].Checkable = true
	}
	all[ItemStartAtLogin].LineAbove = true
	all[ItemStartAtLogin].Checkable = true
	all[ItemWatch].Checkable = true
	all[ItemQuit].LineAbove = true
	return all
}()

// Item is one line as it is to be shown.
type Item struct {
	ID      ID
	Label   string
	Enabled bool
	Checked bool
}

// Activity is what the app itself is doing. The zero value is: nothing.
type Activity struct {
	SignIn    SignInPhase
	Way       Way
	Keep      session.Keep // where the login of this sign-in will be kept
	Link      string       // the sign-in's URL, once it is known
	Until     time.Time    // when the sign-in gives up
	Renewing  bool
	Mirroring bool
	Switching bool
	Unlocking bool
	Leaving   bool // signing out
	// Failed is what the last click could not do; it stands until the next click.
	Failed *session.Problem
}

// SignInPhase is how far a sign-in has come.
type SignInPhase int

// The phases, in order.
const (
	NoSignIn SignInPhase = iota
	Opening
	Waiting
	Finishing
	Cancelling
)

// Way is how a sign-in is done.
type Way int

// The ways.
const (
	ByBrowser Way = iota
	ByCode
	ByClaude // Claude Code signs in, and we take over what it wrote
)

func (a Activity) Busy() bool {
	return a.SignIn != NoSignIn || a.Renewing || a.Mirroring || a.Switching || a.Unlocking || a.Leaving
}

// Around is what the menu shows beside the login and the app's own doing.
type Around struct {
	Version string
	// CanStart: the system's start with the session is known; Starts: it is on.
	CanStart, Starts bool
	CopyToken        bool             // the person's settings allow it
	Said             string           // what no notification could tell
	Home             string           // the person's own folder, which is called ~
	Events           []session.Record // the history, oldest first
	Unwatched        bool             // changes on the disk are not reported
}

// recently is how long the menu mentions that Claude Code renewed.
const recently = time.Hour

// lineLength keeps the menu narrow enough for a small screen, and wrapAt the lines of
// a problem and its hint, in columns.
const (
	lineLength = 80
	wrapAt     = 60
)

// Menu returns the lines to show, top to bottom. Only what makes sense is enabled.
func Menu(w *Words, s session.Status, a Activity, r Around, now time.Time) []Item {
	var items []Item
	add := func(id ID, label string, enabled bool) {
		if label != "" {
			items = append(items, Item{ID: id, Label: shorten(OneLine(label), lineLength), Enabled: enabled})
		}
	}
	check := func(id ID, label string, enabled, checked bool) {
		add(id, label, enabled)
		items[len(items)-1].Checked = checked
	}
	known, idle := s.State != "", !a.Busy()
	login := known && s.State != session.SignedOut
	renews := s.State == session.SignedIn || s.State == session.TryLater
	tends := s.Role != session.RoleWatch // else there is nothing of ours to renew, mirror or remove
	over := s.Login.ExpiresAt != nil && !now.Before(*s.Login.ExpiresAt)
	// Who needs nothing finds the other ways to sign in under the accounts.
	well := a == Activity{} && s.State == session.SignedIn && s.Problem == nil && len(s.Accounts) > 0 &&
		StateOf(s, a, now) == IconFine

	who, ends, there, kept := Heading(w, s, now)
	add(ItemWho, who, false)
	add(ItemClocks, ends, false)
	add(ItemEntry, there, false)
	if a.SignIn != NoSignIn && a.Keep == session.InFile && s.Keep() != session.InFile {
		add(ItemKept, w.WillBeInFile, false)
	} else {
		add(ItemKept, kept, false)
	}
	if r.Unwatched {
		add(ItemUnwatched, w.Unwatched, false)
	}
	for i, line := range wrap(r.Said, wrapAt, int(ItemProblem-ItemSaid)) {
		add(ItemSaid+ID(i), line, false)
	}
	if p, hint := Problem(w, s, a); p.Message != "" {
		for i, line := range wrap("⚠ "+capital(p.Message), wrapAt, int(ItemHint-ItemProblem)) {
			add(ItemProblem+ID(i), line, false)
		}
		if hint {
			for i, line := range wrap(capital(p.Hint), wrapAt, int(ItemSignIn-ItemHint)) {
				add(ItemHint+ID(i), line, false)
			}
		}
	}

	switch a.SignIn {
	case NoSignIn:
		if login {
			add(ItemSignIn, w.SignInAgain, idle)
		} else {
			add(ItemSignIn, w.SignIn, idle)
		}
		if s.Problem.Refused() || a.Failed.Refused() {
			add(ItemInstead, w.Instead, idle)
		}
		if p := s.Problem; p != nil && (p.Code == session.CodeLocked || p.Code == session.CodeTimedOut) {
			add(ItemUnlock, w.Unlock, idle)
		}
		if s.State == session.SignedOut && s.ClaudeCode.State == session.OtherLogin && tends {
			add(ItemTakeOver, w.TakeOver, idle)
		}
		if tends && !well {
			add(ItemOtherWays, w.OtherWays, idle)
			add(ItemWithCode, w.WithCode, idle)
			add(ItemWithClaude, w.WithClaude, idle)
		}
	case Opening:
		add(ItemSignIn, w.Opening, false)
	case Waiting:
		add(ItemSignIn, waiting(w, a, now), false)
	case Finishing:
		add(ItemSignIn, w.Finishing, false)
	case Cancelling:
		add(ItemSignIn, w.Cancelling, false)
	}
	if a.SignIn == Waiting && a.Way != ByBrowser {
		add(ItemPasteCode, w.PasteCode, true)
	}
	if (a.SignIn == Opening || a.SignIn == Waiting) && a.Way != ByClaude {
		add(ItemOpenAgain, w.OpenAgain, a.Link != "")
		add(ItemCopyLink, w.CopyLink, a.Link != "")
	}
	if a.SignIn != NoSignIn {
		add(ItemCancel, w.Cancel, a.SignIn != Cancelling)
	}

	if known && tends {
		check(ItemMirror, either(a.Mirroring, w.Mirroring, w.Mirror), idle, s.ClaudeCode.Mirror)
	}
	if renews && s.AccessToken.ExpiresAt != nil && s.ClaudeCode.Mirror && !a.Mirroring &&
		needsMirror(s.ClaudeCode.State) {
		add(ItemMirrorNow, w.MirrorNow, idle)
	}
	if p := s.PutBack; p != nil && tends {
		label := w.PutBackFormer
		if p.Email != "" {
			label = fmt.Sprintf(w.PutBack, p.Email)
		}
		add(ItemPutBack, label, idle)
	}
	if login && tends {
		add(ItemRenew, either(a.Renewing, w.Renewing, w.Renew), idle && renews && !over && s.AccessToken.Renewable)
	}
	if r.CopyToken && renews {
		add(ItemCopyToken, w.CopyToken, idle)
	}
	if len(s.Accounts) > 0 && tends {
		add(ItemAccounts, either(a.Switching, w.Switching, w.Accounts), idle)
		names := Accounts(s)
		for i, name := range names[:min(len(names), accountLines)] {
			check(ItemAccount+ID(i), Label(s, name), idle, name == s.Account)
		}
		if more := len(names) - accountLines; more > 0 {
			add(ItemMoreAccounts, fmt.Sprintf(w.MoreAccounts, more), false)
		}
		add(ItemAddAccount, w.AddAccount, idle)
		if well { // else *Sign in another way* stands above
			add(ItemAddWithCode, w.WithCode, idle)
			add(ItemAddWithClaude, w.WithClaude, idle)
		}
		add(ItemRename, w.Renaming, idle)
		for i, name := range names[:min(len(names), accountLines)] {
			add(ItemRenameAccount+ID(i), Label(s, name), idle)
		}
		if len(names) > 1 {
			add(ItemRemove, w.Removing, idle)
			for i, name := range names[:min(len(names), accountLines)] {
				add(ItemRemoveAccount+ID(i), Label(s, name), idle)
			}
		}
	}
	if lent := s.Lent(); len(lent) > 0 && tends {
		add(ItemLent, w.Lent, true)
		for i, p := range lent[:min(len(lent), lentLines)] {
			add(ItemLentPlace+ID(i), LentName(p, r.Home)+" · "+w.lent(p, now), true)
		}
		if more := len(lent) - lentLines; more > 0 {
			add(ItemMoreLent, fmt.Sprintf(w.MoreAccounts, more), false)
		}
	}
	if login && tends {
		add(ItemSignOut, either(a.Leaving, w.SigningOut, w.SignOut), idle)
		add(ItemSignOutHere, w.SignOutHere, idle)
		add(ItemSignOutBoth, w.SignOutBoth, idle)
		add(ItemSignOutRevoke, w.SignOutRevoke, idle)
	}
	if r.CanStart {
		check(ItemStartAtLogin, w.StartAtLogin, true, r.Starts)
	}
	if events := Happened(w, s, r.Events, now); len(events) > 0 {
		add(ItemHappened, w.Happened, true)
		for i, line := range events {
			add(ItemEvent+ID(i), line, true) // so that the arrow keys reach it, and it is read aloud
		}
	}
	add(ItemHelp, w.Help, true)
	add(ItemShowStatus, w.ShowStatus, known)
	add(ItemWrong, w.Wrong, known)
	add(ItemShowLog, w.ShowLog, true)
	add(ItemCopyDiagnosis, w.CopyDiagnosis, true)
	add(ItemAbout, fmt.Sprintf(w.About, r.Version), true)
	if !tends {
		check(ItemWatch, w.OnlyWatch, idle, true)
	}
	add(ItemQuit, w.Quit, true)
	return items
}

// Happened tells the end of the history, the newest first. What has no words here is for
// the terminal.
func Happened(w *Words, s session.Status, events []session.Record, now time.Time) (lines []string) {
	for i := len(events) - 1; i >= 0 && len(lines) < eventLines; i-- {
		e := events[i]
		event := w.Events[string(e.What)]
		if event == "" {
			continue
		}
		if len(s.Accounts) > 1 && e.Account != "" {
			event += " (" + Label(s, e.Account) + ")"
		}
		lines = append(lines, fmt.Sprintf(w.Ago, w.Span(now.Sub(e.At)))+" · "+event)
	}
	return lines
}

// Heading is who is signed in, and how that login and Claude Code's entry stand.
func Heading(w *Words, s session.Status, now time.Time) (who, ends, there, kept string) {
	switch s.State {
	case "":
		return w.Reading, "", "", ""
	case session.SignedOut:
		if s.Role == session.RoleWatch {
			return w.SignedOut, "", w.WatchOnly, ""
		}
		return w.SignedOut, "", "", ""
	case session.SignedIn, session.SignInAgain, session.TryLater: // there is a login to tell of
	}
	return w.who(s), clocks(w, s, now), entry(w, s, now), w.kept(s.Keep())
}

func either(first bool, one, other string) string {
	if first {
		return one
	}
	return other
}

func waiting(w *Words, a Activity, now time.Time) string {
	left := w.Span(a.Until.Sub(now))
	switch a.Way {
	case ByCode:
		return fmt.Sprintf(w.WaitingCode, left)
	case ByClaude:
		return w.WaitingClaude
	case ByBrowser: // which comes back by itself
	}
	return fmt.Sprintf(w.Waiting, left)
}

// Accounts lists the names, the active one first, so that it is among those that
// are shown.
func Accounts(s session.Status) []string {
	names := s.Names()
	if i := slices.Index(names, s.Account); i > 0 {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, s.Account)
	}
	return names
}

// Label names an account of s: e-mail and plan, and its name where that tells more: where no e-mail is known, another
// account has the same one, or the person chose the name.
func Label(s session.Status, name string) string {
	mails := map[string]int{}
	var mine session.AccountStatus
	for _, a := range s.Accounts {
		mails[a.Email]++
		if a.Name == name {
			mine = a
		}
	}
	if name == s.Account && mine.Email == "" {
		mine.Email, mine.Plan = s.Email, s.Plan
	}
	if mine.Email == "" {
		return name
	}
	parts := []string{mine.Email}
	if mine.Plan != "" {
		parts = append(parts, shown.Plan(mine.Plan))
	}
	if mails[mine.Email] > 1 || mine.Named {
		parts = append(parts, name)
	}
	return strings.Join(parts, " · ")
}

// needsMirror says in which states only the person's word writes into the entry:
// background work never replaces or revives what Claude Code holds.
func needsMirror(state session.EntryState) bool {
	switch state {
	case session.Older, session.OtherLogin, session.EntrySignedOut, session.Absent:
		return true
	case session.InStep, session.Newer, session.Off: // there is nothing to write
	case session.Damaged, session.Busy, session.UnknownLogin: // it cannot be written, or must not be
	}
	return false
}

// clocks is the line of the two ends: the login's, which matters to the person, and
// the access token's, which looks after itself.
func clocks(w *Words, s session.Status, now time.Time) string {
	var parts []string
	over := s.State == session.SignInAgain // before its time, too: a login can be revoked
	if end := s.Login.ExpiresAt; end != nil {
		switch left := end.Sub(now); {
		case left <= 0:
			parts = append(parts, w.LoginEnded)
			over = true
		case !over:
			parts = append(parts, w.EndsIn(left, s.Login.Estimated))
		}
	}
	if end := s.AccessToken.ExpiresAt; end != nil && s.Role != session.RoleWatch {
		left := end.Sub(now)
		switch {
		case over:
			if left > 0 && s.AccessToken.Valid {
				parts = append(parts, w.tokenEnds(left))
			}
		case !s.AccessToken.Renewable && left > 0:
			// A long-lived token is the login; its end is said once.
			if s.Login.ExpiresAt == nil {
				parts = append(parts, w.tokenEnds(left))
			}
		case s.AccessToken.Renewable && left > 0:
			parts = append(parts, fmt.Sprintf(w.TokenRenews, w.Span(left)))
		case s.AccessToken.Renewable && s.State == session.TryLater:
			parts = append(parts, w.TokenEnded)
		case s.AccessToken.Renewable:
			parts = append(parts, w.TokenRenewing)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return capital(strings.Join(parts, " · "))
}

// entry is the line about Claude Code.
func entry(w *Words, s session.Status, now time.Time) string {
	c := s.LastChange
	switch {
	case len(s.ClaudeCode.OverriddenBy) > 0:
		return fmt.Sprintf(w.Overridden, strings.Join(s.ClaudeCode.OverriddenBy, ", "))
	case s.ClaudeCode.State == session.InStep && c != nil && c.Who == "Claude Code" &&
		now.Sub(c.At) >= 0 && now.Sub(c.At) < recently:
		return w.renewedAgo(now.Sub(c.At))
	}
	if s.Role == session.RoleWatch {
		return w.WatchOnly
	}
	return w.entry(s.ClaudeCode.State)
}

// Problem is what to show as wrong, and whether its hint is to be shown: what a
// command line would say to do, the line Sign in does. What the person has just tried
// comes first.
func Problem(w *Words, s session.Status, a Activity) (p session.Problem, hint bool) {
	switch {
	case a.Failed != nil:
		return w.Problem(*a.Failed), true
	case s.Problem != nil:
		return w.Standing(*s.Problem), s.State != session.SignInAgain && s.State != session.SignedOut
	}
	return session.Problem{}, false
}
