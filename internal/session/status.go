package session

import (
	"context"
	"errors"
	"time"

	"keytender/internal/ledger"
	"keytender/keychain"
)

// State is the one word for how a login stands.
type State string

// The four states that `status --json` knows.
const (
	SignedIn    State = "signed-in"
	SignedOut   State = "signed-out"
	SignInAgain State = "sign-in-again" // there was a login; it cannot be renewed any more
	TryLater    State = "try-later"     // the login is as good as before; something else is in trouble
)

// Status is what may be shown of a login: by `status --json`, by the menu, by a
// notification. It has no field that could hold a secret. An unknown time is nil.
type Status struct {
	SchemaVersion int          `json:"schemaVersion"`
	State         State        `json:"state"`
	Account       string       `json:"account"`
	Email         string       `json:"email"`
	Organization  string       `json:"organization"`
	Plan          string       `json:"plan"`
	Method        Method       `json:"method"`
	AccessToken   AccessClock  `json:"accessToken"`
	Login         LoginClock   `json:"login"`
	Scopes        []string     `json:"scopes"`
	MissingScopes []string     `json:"missingScopes"`
	Stores        []StoreState `json:"stores"`
	ClaudeCode    EntryStatus  `json:"claudeCode"`
	Tray          TrayStatus   `json:"tray"`
	Problem       *Problem     `json:"problem"`
	Role          Role         `json:"role"`
	// LastChange says who moved the token chain last: "renewed", "adopted" and the
	// like, with the program's name; nil when nothing is known.
	LastChange *ChainChange `json:"lastChange"`
	// Accounts lists all accounts, the active one among them.
	Accounts []AccountStatus `json:"accounts"`
	// Places lists every place that holds a copy of a login.
	Places []PlaceStatus `json:"places"`
	// PutBack is what `mirror --undo` would put back; nil: nothing.
	PutBack *PutBack `json:"putBack"`
	// Exports lists what was put into repositories, what ends first in front.
	Exports []Export `json:"exports"`
}

// AccessClock is the access token's own end, hours away. It renews by itself and
// alarms nobody.
type AccessClock struct {
	ExpiresAt *time.Time `json:"expiresAt"`
	Valid     bool       `json:"valid"`
	Renewable bool       `json:"renewable"`
}

// LoginClock is the end of the login itself, weeks away. It is what the person is
// told about.
type LoginClock struct {
	ExpiresAt *time.Time `json:"expiresAt"`
	Estimated bool       `json:"estimated"`
}

// StoreState tells how one store stands.
type StoreState struct {
	Name  string         `json:"name"`
	State StoreCondition `json:"state"`
}

// StoreCondition is the one word for how a store stands.
type StoreCondition string

// The conditions that `status --json` knows.
const (
	StoreOK          StoreCondition = "ok"
	StoreAbsent      StoreCondition = "absent"
	StoreLocked      StoreCondition = "locked"
	StoreDenied      StoreCondition = "denied"
	StoreUnavailable StoreCondition = "unavailable"
	StoreDamaged     StoreCondition = "damaged"
	StoreNotUsed     StoreCondition = "not-used"
)

// EntryStatus tells how Claude Code's entry stands beside our record.
type EntryStatus struct {
	Mirror       bool       `json:"mirror"`
	Place        string     `json:"place"`
	State        EntryState `json:"state"`
	OverriddenBy []string   `json:"overriddenBy"`
	// Whose is the person of a login there that is not the account's.
	Whose string `json:"whose,omitempty"`
}

// EntryState is the one word for how an entry of Claude Code's stands.
type EntryState string

// The states that `status --json` knows.
const (
	InStep         EntryState = "in-step"
	Newer          EntryState = "newer"
	Older          EntryState = "older"
	OtherLogin     EntryState = "other-login"
	EntrySignedOut EntryState = "signed-out"
	Absent         EntryState = "absent"
	Damaged        EntryState = "damaged"
	Busy           EntryState = "busy"
	Off            EntryState = "off"
	UnknownLogin   EntryState = "unknown" // it may be a newer pair, and nobody could be asked whose
)

// PlaceStatus is what may be shown of a place that holds a copy of a login.
type PlaceStatus struct {
	_ [0]func() // nobody compares two

	ID      string      `json:"id"`
	Place   string      `json:"place"`
	Kind    ledger.Kind `json:"kind"`
	Account string      `json:"account"`
	State   PlaceState  `json:"state"`
	Since   *time.Time  `json:"since"`
	Because *Reason     `json:"-"`      // nil: nothing is said of it
	Reason  string      `json:"reason"` // the same, put in where people read it
	// RefreshToken: it holds the refresh token too.
	RefreshToken bool `json:"refreshToken"`
	// Ends is when the access token ends that was lent there.
	Ends *time.Time `json:"expiresAt,omitempty"`
	// Kept is where a login that was displaced elsewhere lies now, told once.
	Kept string `json:"kept,omitempty"`
}

func (p PlaceStatus) letGo() bool { return p.Because != nil && p.Because.Remark == RemarkLetGo }

// PlaceState is the one word for how a place stands.
type PlaceState string

// The states that `places --json` knows.
const (
	PlaceInStep      PlaceState = "in-step"
	PlaceBehind      PlaceState = "behind"
	PlaceNewer       PlaceState = "newer"
	PlaceOtherLogin  PlaceState = "other-login"
	PlaceSignedOut   PlaceState = "signed-out"
	PlaceUnwritable  PlaceState = "unwritable"
	PlaceUnreachable PlaceState = "unreachable"
	PlaceUnknown     PlaceState = "unknown"
	PlaceKept        PlaceState = "kept" // a displaced login, or tokens that wait outside the store
)

// TrayStatus tells whether the menu-bar app runs.
type TrayStatus struct {
	Running bool `json:"running"`
}

// Problem is what is wrong and what to do about it. The engine gives the error; its words are
// put in where people read them.
type Problem struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
	Err     *Error `json:"-"`
}

func problemOf(e *Error) *Problem { return &Problem{Code: e.Code, Err: e} }

// ChainChange is one step in the token chain's story.
type ChainChange = ledger.Change

// NoStatus is the status of what could not be looked at.
func NoStatus() Status {
	return Status{SchemaVersion: 1, State: TryLater, Role: RoleTend, Account: "default", Scopes: []string{},
		MissingScopes: []string{}, Accounts: []AccountStatus{},
		Places: []PlaceStatus{}, Exports: []Export{},
		Stores:     []StoreState{{"keychain", StoreNotUsed}, {"file", StoreNotUsed}},
		ClaudeCode: EntryStatus{State: Off, OverriddenBy: []string{}}}
}

// Status tells how the login stands. It makes no connection, waits for no lock and never
// fails: what cannot be read is told as a state.
func (e *Engine) Status(ctx context.Context) Status {
	st := NoStatus()
	st.State = SignedOut
	st.Tray.Running = e.Tended()
	st.Exports, _ = e.exports() // a damaged list is doctor's business
	l, err := e.ledger()
	if err != nil {
		blame(&st, err)
		return st
	}
	if e.watches(l) {
		e.watch().describeWatched(ctx, &st, l)
		return st
	}
	l = e.tending().noteHere(ctx, l, false)
	st.Account = l.Choose(e.account)
	v := e.vault(l)
	current, storeErr, loadErr := v.loadBoth(ctx, st.Account)
	look := &work{Engine: e, l: l}
	st.Stores = look.reporting().storeStates(v.home(ctx, st.Account), storeErr)
	chain := l.ChainOf(st.Account)
	if chain == nil {
		chain = &ledger.Chain{}
	}
	st.LastChange = chain.Last

	switch {
	case loadErr == nil:
		look.reporting().describe(&st, current, chain)
		// a spilled pair keeps the login alive
		if storeErr != nil && !notThere(storeErr) && st.Problem == nil {
			p := storeError(v.store.Kind(), storeErr)
			st.Problem = problemOf(&Error{Code: p.Code, Exit: p.Exit, Fault: FaultWaitsOutside, Err: p})
		}
	case errors.Is(loadErr, keychain.ErrNotFound):
		if e.config.Store == "keychain" && errors.Is(storeErr, keychain.ErrUnavailable) {
			st.Problem = problemOf(storeError("keychain", storeErr))
		}
		switch gone := l.Account(st.Account) == nil; {
		case gone && e.account != "":
			st.Problem = problemOf(noAccount(e.account))
		case gone && len(l.Accounts) > 0:
			st.Problem = problemOf(noneActive())
		}
	default:
		blame(&st, look.loadError(v, st.Account, loadErr))
	}
	look.reporting().describeEntry(ctx, &st, current)
	st.Accounts = look.reporting().accountStatuses()
	st.Places = look.reporting().placeStatuses(ctx, &st)
	look.reporting().describePlaces(&st)
	st.PutBack = look.reporting().offerPutBack()
	return st
}
