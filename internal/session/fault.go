package session

import (
	"strings"
	"time"
)

// Fault names what went wrong, one for each sentence that is said of it. The engine gives it
// with its values; the words are where people read them.
type Fault string

// Values are what is said in a fault's sentence, and what else is so beside it. None is a secret.
type Values struct {
	Account string // an account's name
	Owner   string // whose that account is
	Person  string // whose the login is
	Path    string // a file or a directory
	Aside   string // where the former one of it lies
	Place   string // where a login lies, or was looked for
	Reason  string // what the system, the server or another program said
	Repair  string // what a person can do instead
	Limit   time.Duration

	LostKey        string    // a new API key that could not be kept, masked
	ClaudeSignedIn bool      // Claude Code is signed in now as the account that was refused
	Displaced      string    // whose login made room meanwhile; it can be put back
	WaitsUntil     time.Time // the sign-in in two steps waits on until then
	TwoSteps       bool      // the sign-in that ended was one in two steps
	WatchOnly      bool      // Keytender keeps no login of its own here
}

// text is for logs.
func (v Values) text() string {
	var parts []string
	for _, value := range []string{v.Account, v.Owner, v.Person, v.Path, v.Aside, v.Place, v.Reason} {
		if value != "" {
			parts = append(parts, value)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// The faults of accounts and of what is taken over.
const (
	FaultAccountTaken       Fault = "account-taken"
	FaultTokensOutside      Fault = "tokens-outside"
	FaultOldRecordStays     Fault = "old-record-stays"
	FaultAccountIsLongLived Fault = "account-is-long-lived"
	FaultAccountIsDaily     Fault = "account-is-daily"
	FaultOtherPerson        Fault = "other-person"

	FaultNoLoginInEntry  Fault = "no-login-in-entry"
	FaultNotItsJSON      Fault = "not-its-json"
	FaultNoLoginInJSON   Fault = "no-login-in-json"
	FaultOpenCodeUnread  Fault = "opencode-unread"
	FaultOpenCodeShape   Fault = "opencode-shape"
	FaultOpenCodeNoLogin Fault = "opencode-no-login"
	FaultTokenTooLong    Fault = "token-too-long"
	FaultTokenSigns      Fault = "token-signs"
	FaultImportEnded     Fault = "import-ended"
	FaultImportOlder     Fault = "import-older"
	FaultImportForgotten Fault = "import-forgotten"
)

// The faults of API keys and of exported tokens.
const (
	FaultKeyNotAsked   Fault = "key-not-asked"
	FaultKeyUnanswered Fault = "key-unanswered"
	FaultNoKeyYet      Fault = "no-key-yet"
	FaultKeyScope      Fault = "key-scope"
	FaultKeyNotAllowed Fault = "key-not-allowed"
	FaultNoKey         Fault = "no-key"
	FaultKeyMissing    Fault = "key-missing"
	FaultKeyLines      Fault = "key-lines"
	FaultKeyIsToken    Fault = "key-is-token"
	FaultKeyIsAdmin    Fault = "key-is-admin"
	FaultKeyUnknown    Fault = "key-unknown"
	FaultKeyDamaged    Fault = "key-damaged"
	FaultNoAPIKey      Fault = "no-api-key"

	FaultStoredTokenKind Fault = "stored-token-kind"
	FaultTooShort        Fault = "too-short"
	FaultTokenEnded      Fault = "token-ended"
	FaultNewTokenKind    Fault = "new-token-kind"
)

// The faults of a sign-in: Claude Code's, and the one in two steps.
const (
	FaultClaudeMadeOther     Fault = "claude-made-other"
	FaultClaudeNotStarted    Fault = "claude-not-started"
	FaultClaudeUnfinished    Fault = "claude-unfinished"
	FaultClaudeEnded         Fault = "claude-ended"
	FaultClaudeFailed        Fault = "claude-failed"
	FaultConsoleWroteNothing Fault = "console-wrote-nothing"
	FaultClaudeWroteNothing  Fault = "claude-wrote-nothing"

	FaultURLs                Fault = "urls"
	FaultPortTaken           Fault = "port-taken"
	FaultNoPort              Fault = "no-port"
	FaultDeclined            Fault = "declined"
	FaultSignInServer        Fault = "sign-in-server"
	FaultSignInRefused       Fault = "sign-in-refused"
	FaultNotExchanged        Fault = "not-exchanged"
	FaultCodeRefused         Fault = "code-refused"
	FaultCodeSentBefore      Fault = "code-sent-before"
	FaultExchangeDeclined    Fault = "exchange-declined"
	FaultExchangeMisfit      Fault = "exchange-misfit"
	FaultExchangeMalformed   Fault = "exchange-malformed"
	FaultExchangeUnfinished  Fault = "exchange-unfinished"
	FaultNobodyCame          Fault = "nobody-came"
	FaultNotExpected         Fault = "not-expected"
	FaultNotKnownAsExpected  Fault = "not-known-as-expected"
	FaultOtherOrganization   Fault = "other-organization"
	FaultOtherOrganizationID Fault = "other-organization-id"
	FaultOrganizationUnknown Fault = "organization-unknown"

	FaultAttemptDamaged Fault = "attempt-damaged"
	FaultClientChanged  Fault = "client-changed"
	FaultNoAttempt      Fault = "no-attempt"
	FaultAttemptTooOld  Fault = "attempt-too-old"
	FaultNothingOnStdin Fault = "nothing-on-stdin"
	FaultNoCode         Fault = "no-code"
)

// The faults of mending, and of taking that back.
const (
	FaultModeNotChanged     Fault = "mode-not-changed"
	FaultNotMovedAside      Fault = "not-moved-aside"
	FaultEntryNotMovedAside Fault = "entry-not-moved-aside"
	FaultIdentityNotMended  Fault = "identity-not-mended"
	FaultLockHeld           Fault = "lock-held"
	FaultLockNotMended      Fault = "lock-not-mended"

	FaultNothingToUndo      Fault = "nothing-to-undo"
	FaultNotPutBack         Fault = "not-put-back"
	FaultMendedByLater      Fault = "mended-by-later"
	FaultIdentityNotPutBack Fault = "identity-not-put-back"
	FaultEntryChangedSince  Fault = "entry-changed-since"
	FaultOtherShell         Fault = "other-shell"
	FaultEntryThereAgain    Fault = "entry-there-again"
	FaultEntryNotPutBack    Fault = "entry-not-put-back"
	FaultAsideGone          Fault = "aside-gone"
	FaultChangedSince       Fault = "changed-since"
)

// The faults of places and directories.
const (
	FaultOtherLogin       Fault = "other-login"
	FaultNothingDisplaced Fault = "nothing-displaced"
	FaultNoPlace          Fault = "no-place"
	FaultNothingLent      Fault = "nothing-lent"
	FaultDirectoryUnknown Fault = "directory-unknown"
	FaultNoDirectory      Fault = "no-directory"
	FaultDirectoryUnread  Fault = "directory-unread"
	FaultNotDirectory     Fault = "not-directory"
)
