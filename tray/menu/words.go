package menu

import (
	"fmt"
	"math"
	"time"

	"keytender/internal/language"
	"keytender/internal/session"
	"keytender/internal/shown"
)

// AppName is the program's name as people see it.
const AppName = "Keytender"

// Words is the catalogue: every text that the app shows, in one language. A new
// language is one more file and one more line in languages. Rules: a line of the menu
// has no full stop; a notification's title says what happened, its body what to do;
// each text takes what the English one takes (%s, %d), in the same order; a span of
// time stands where its plain form fits.
//
// No text but those on stderr holds a command, a variable or a code: who reads it has a
// menu. What the engine says itself is for the terminal; its errors are told by their
// codes, see Problems.
type Words struct {
	// The lines about the login.
	Reading    string
	Unread     string
	SignedOut  string
	SignedIn   string // when the e-mail is unknown
	SignedInAs string // account name

	LoginEnds      string // span
	LoginEndsAbout string // span
	LoginEnded     string
	TokenRenews    string // span
	TokenEnds      string // span
	TokenEnded     string
	TokenRenewing  string

	// The line about Claude Code.
	InStep         string
	Newer          string
	Older          string
	OtherLogin     string
	EntrySignedOut string
	Absent         string
	Damaged        string
	Busy           string
	Off            string
	Overridden     string // by what
	RenewedNow     string
	RenewedAgo     string // span
	KeptInKeychain string
	KeptInFile     string
	KeptAside      string
	WillBeInFile   string
	WatchOnly      string
	OnlyWatch      string // the line that changes it

	Unwatched string

	// What can be done.
	SignIn        string
	SignInAgain   string
	OtherWays     string
	WithCode      string
	WithClaude    string
	Instead       string
	Opening       string
	Waiting       string // span
	WaitingCode   string // span
	WaitingClaude string
	Finishing     string
	Cancelling    string
	Cancel        string
	CopyLink      string
	OpenAgain     string
	PasteCode     string
	Unlock        string
	Renew         string
	Renewing      string
	Mirror        string
	Mirroring     string
	MirrorNow     string
	PutBack       string
	PutBackFormer string
	TakeOver      string
	CopyToken     string
	Accounts      string
	Switching     string
	AddAccount    string
	Removing      string
	Renaming      string
	MoreAccounts  string // number
	Lent          string
	LentFine      string
	LentBehind    string
	LentEnded     string
	LentAway      string
	LentLeft      string
	SignOut       string
	SigningOut    string
	SignOutHere   string
	SignOutBoth   string
	SignOutRevoke string
	StartAtLogin  string
	Help          string
	ShowStatus    string
	Wrong         string
	ShowLog       string
	CopyDiagnosis string
	Happened      string
	Ago           string
	About         string // version
	Quit          string

	// The icon's state, behind the program's name in the tooltip.
	TipSignedOut string
	TipFine      string
	TipSoon      string
	TipTrouble   string
	TipWorking   string

	// Spans of time.
	Moments      string
	Minutes      string // number
	Hours        string // number
	HoursMinutes string // two numbers
	Day          string
	DayHours     string // number
	Days         string // number

	// Notifications: what was done.
	DoneSignedIn       string
	DoneSignedInAs     string // e-mail
	DoneSignedInBody   string
	DoneKeptInKeychain string
	DoneKeptInFile     string
	DoneKeptAside      string
	DoneSignedInPlan   string // plan
	DoneSignedOut      string
	DoneMirrored       string
	DonePutBack        string
	DoneTakenOver      string
	DoneTakenOverBody  string
	DoneRemoved        string
	DoneRenamed        string // name
	RenameLabel        string
	RenameDo           string
	RenameBody         string
	WrongCopied        string
	WrongForOthers     string
	RevokeFailed       string
	DoneSwitched       string // account
	DoneLinkCopied     string
	DoneLinkBody       string
	DoneDiagnosis      string
	DoneDiagnosisBody  string
	DoneToken          string
	DoneTokenBody      string
	AboutTitle         string // version
	AboutBody          string
	BeforeSignIn       string
	BeforeSignInBody   string
	PlainFile          string
	PlainFileBody      string
	ServerWaits        string
	WhoseUnknown       string
	FormerKept         string
	NotUsable          string
	ClaudeSignsIn      string
	ClaudeSignsInBody  string
	ShowsCode          string
	ShowsCodeBody      string
	CodeRefused        string
	CodeRefusedBody    string
	EndingBody         string
	Ended              string
	EndedBody          string
	Again              string
	Trouble            string
	WhoseAccount       string // e-mail
	WithoutIcon        string
	WithoutIconBody    string
	NoBrowser          string
	NoBrowserBody      string
	NoClipboard        string
	NoClipboardBody    string // link
	NoClipboardCommand string
	NoLog              string
	NoLogBody          string // path
	LogNotOpened       string
	LogNotOpenedBody   string // path

	// Notifications: what could not be done.
	SignInFailed   string
	RenewFailed    string
	MirrorFailed   string
	PutBackFailed  string
	TakeOverFailed string
	SignOutFailed  string
	SwitchFailed   string
	RenameFailed   string
	AtLoginFailed  string
	CopyFailed     string
	Unexpected     string
	UnexpectedHint string

	// What a start says on stderr.
	AlreadyRunning string
	NotAsRoot      string
	NoSession      string
	Refused        string
	NoPlace        string
	NoMenu         string
	NoStateDir     string // error

	// Events are what happened, by the history's words.
	Events map[string]string

	// Problems are the engine's errors by their codes: message and hint.
	Problems map[session.Code][2]string
}

// languages holds the catalogues by language tag.
var languages = map[string]*Words{
	language.English: &english, language.German: &german, language.French: &french,
	language.Spanish: &spanish, language.Japanese: &japanese, language.Chinese: &chinese,
}

// In returns the catalogue that suits a list of languages, the person's first choice
// first.
func In(choices ...string) *Words { return languages[language.Choose(choices...)] }

func (w *Words) who(s session.Status) string {
	who := s.Email
	if who == "" && s.State == session.TryLater && s.AccessToken.ExpiresAt == nil {
		return w.Unread
	}
	if who == "" {
		who = w.SignedIn
		if s.Account != "" && s.Account != "default" {
			who = fmt.Sprintf(w.SignedInAs, s.Account)
		}
	}
	if s.Organization != "" && (s.Plan == "team" || s.Plan == "enterprise") {
		return who + " · " + s.Organization + " (" + shown.Plan(s.Plan) + ")"
	}
	if s.Plan != "" {
		return who + " · " + shown.Plan(s.Plan)
	}
	return who
}

func (w *Words) EndsIn(left time.Duration, estimated bool) string {
	if estimated {
		return fmt.Sprintf(w.LoginEndsAbout, w.Span(left))
	}
	return fmt.Sprintf(w.LoginEnds, w.Span(left))
}

func (w *Words) tokenEnds(left time.Duration) string { return fmt.Sprintf(w.TokenEnds, w.Span(left)) }

func (w *Words) renewedAgo(ago time.Duration) string {
	if ago < time.Minute {
		return w.RenewedNow
	}
	return fmt.Sprintf(w.RenewedAgo, w.Span(ago))
}

// entry says how Claude Code's entry stands beside our record.
func (w *Words) entry(state session.EntryState) string {
	switch state {
	case session.InStep:
		return w.InStep
	case session.Newer:
		return w.Newer
	case session.Older:
		return w.Older
	case session.OtherLogin, session.UnknownLogin:
		return w.OtherLogin
	case session.EntrySignedOut:
		return w.EntrySignedOut
	case session.Absent:
		return w.Absent
	case session.Damaged:
		return w.Damaged
	case session.Busy:
		return w.Busy
	case session.Off:
		return w.Off
	}
	return ""
}

// kept says where the login lies.
func (w *Words) kept(k session.Keep) string {
	switch k {
	case session.InKeychain:
		return w.KeptInKeychain
	case session.InFile:
		return w.KeptInFile
	case session.Aside:
		return w.KeptAside
	}
	return ""
}

// tooltipLength is all that Windows has room for, in UTF-16 units.
const tooltipLength = 127

func (w *Words) Tooltip(state IconState, s session.Status) string {
	tip := AppName + ": " + map[IconState]string{
		IconSignedOut: w.TipSignedOut, IconFine: w.TipFine, IconSoon: w.TipSoon,
		IconTrouble: w.TipTrouble, IconWorking: w.TipWorking,
	}[state]
	if s.Email != "" && s.State != session.SignedOut {
		tip += " (" + s.Email + ")"
	}
	return shorten(tip, tooltipLength)
}

// Span puts a length of time in words, as coarse as a person would: "24 days",
// "1 day 2 h", "3 h 4 min", "5 min".
func (w *Words) Span(d time.Duration) string {
	minutes := int(math.Round(d.Minutes()))
	hours, days := int(math.Round(d.Hours())), int(math.Round(d.Hours()/24))
	switch {
	case d < time.Minute:
		return w.Moments
	case minutes < 60:
		return fmt.Sprintf(w.Minutes, minutes)
	case hours < 10:
		if minutes%60 == 0 {
			return fmt.Sprintf(w.Hours, minutes/60)
		}
		return fmt.Sprintf(w.HoursMinutes, minutes/60, minutes%60)
	case hours < 24:
		return fmt.Sprintf(w.Hours, hours)
	case hours < 48:
		if hours == 24 {
			return w.Day
		}
		return fmt.Sprintf(w.DayHours, hours-24)
	}
	return fmt.Sprintf(w.Days, days)
}

// Standing tells what a status says is wrong: there it is the keychain that does not
// answer in time, and no person.
func (w *Words) Standing(p session.Problem) session.Problem {
	if p.Code == session.CodeTimedOut {
		p.Code = "keychain-timed-out"
	}
	return w.Problem(p)
}

// Problem tells an error of the engine in this language.
func (w *Words) Problem(p session.Problem) session.Problem {
	if said, ok := w.Problems[p.Code]; ok {
		p.Message, p.Hint = said[0], said[1]
	} else if p.Code != "" || p.Message != "" {
		p.Message, p.Hint = w.Unexpected, w.UnexpectedHint
	}
	return p
}
