package session

import (
	"io/fs"
	"strings"
	"time"
)

// Fault names what went wrong, one for each sentence that is said of it, or what else is said.
// The engine gives it with its values; the words are where people read them.
type Fault string

// Values are what is said in a fault's sentence, and what else is so beside it. None is a secret.
type Values struct {
	Account string        `json:"account,omitempty"` // an account's name
	Owner   string        `json:"owner,omitempty"`   // whose that account is
	Person  string        `json:"person,omitempty"`  // whose the login is
	Path    string        `json:"path,omitempty"`    // a file or a directory
	Aside   string        `json:"aside,omitempty"`   // where the former one of it lies
	Place   string        `json:"place,omitempty"`   // where a login lies, or was looked for
	ID      string        `json:"id,omitempty"`      // by which that place is called in a command
	Host    string        `json:"host,omitempty"`    // another machine, or a container
	Reason  string        `json:"reason,omitempty"`  // what the system, the server or another program said
	Because *Reason       `json:"because,omitempty"` // in its place: what we say of it
	Repair  string        `json:"repair,omitempty"`  // what a person can do instead
	Least   string        `json:"least,omitempty"`   // the version that is needed
	Limit   time.Duration `json:"limit,omitempty"`
	At      time.Time     `json:"at,omitzero"`

	Client   string      `json:"client,omitempty"`   // Claude Code's version
	Standing string      `json:"standing,omitempty"` // how it stands, by a word for programs
	Also     string      `json:"also,omitempty"`     // what it is told beside: what else is set, or was
	List     []string    `json:"list,omitempty"`
	Count    int         `json:"count,omitempty"`
	Mode     fs.FileMode `json:"mode,omitempty"`
	Want     fs.FileMode `json:"want,omitempty"`

	Estimated bool `json:"-"` // the server did not say when

	LostKey        string    `json:"-"` // a new API key that could not be kept, masked
	ClaudeSignedIn bool      `json:"-"` // Claude Code is signed in now as the account that was refused
	Displaced      string    `json:"-"` // whose login made room meanwhile; it can be put back
	Occupied       bool      `json:"-"` // Claude Code is signed in as somebody whose login must leave for that
	WaitsUntil     time.Time `json:"-"` // the sign-in in two steps waits on until then
	TwoSteps       bool      `json:"-"` // the sign-in that ended was one in two steps
	Unnamed        string    `json:"-"` // why Claude Code may go on naming another account
	WatchOnly      bool      `json:"-"` // Keytender keeps no login of its own here
}

// forLog is what a log says of them.
func (v Values) forLog() string {
	var parts []string
	for _, value := range []string{v.Account, v.Owner, v.Person, v.Path, v.Aside, v.Place, v.Reason} {
		if value != "" {
			parts = append(parts, value)
		}
	}
	if r := v.Because; r != nil {
		parts = append(parts, string(r.Remark)+string(r.Fault)+r.Text)
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

	FaultNotInStep        Fault = "not-in-step"
	FaultRenewedMeanwhile Fault = "renewed-meanwhile"
	FaultClaudeKeepsToken Fault = "claude-keeps-token"

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
	FaultMendedOtherwise    Fault = "mended-otherwise"
	FaultDamagedUnknown     Fault = "damaged-unknown"
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
	FaultAsideSpent         Fault = "aside-spent"
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
	FaultOwnRecord        Fault = "own-record"
	FaultNothingLent      Fault = "nothing-lent"
	FaultDirectoryUnknown Fault = "directory-unknown"
	FaultNoDirectory      Fault = "no-directory"
	FaultDirectoryUnread  Fault = "directory-unread"
	FaultNotDirectory     Fault = "not-directory"
)

// The faults of renewing.
const (
	FaultKeptFailed       Fault = "kept-failed"
	FaultResponseMisfit   Fault = "answer-misfit"
	FaultNoRefresh        Fault = "no-refresh"
	FaultEndedNoRefresh   Fault = "ended-no-refresh"
	FaultEnded            Fault = "ended"
	FaultEndedAt          Fault = "ended-at"
	FaultResponseLost     Fault = "answer-lost"
	FaultOlderThanRenewal Fault = "older-than-renewal"
	FaultAskedToWait      Fault = "asked-to-wait"
	FaultWaits            Fault = "waits"
	FaultWaitsUntil       Fault = "waits-until"
	FaultServerUnreached  Fault = "server-unreached"
	FaultAskingMisfit     Fault = "asking-misfit"
	FaultResponseUnusable Fault = "answer-unusable"
	FaultRetryAfter       Fault = "retry-after"
	FaultServerTended     Fault = "server-tended"
	FaultServer           Fault = "server"
	FaultOtherRenews      Fault = "other-renews"
	FaultEntryMayBeNewer  Fault = "entry-may-be-newer"
	FaultPlaceUnwritable  Fault = "place-unwritable"
	FaultPlaceUnusable    Fault = "place-unusable"
	FaultUnknownLogin     Fault = "unknown-login"
	FaultUnknownFormer    Fault = "unknown-former"
	FaultUnknownDisplaced Fault = "unknown-displaced"
)

// The faults of our own store, files and locks.
const (
	FaultStateFolder      Fault = "state-folder"
	FaultLockUntaken      Fault = "lock-untaken"
	FaultOurLockBusy      Fault = "our-lock-busy"
	FaultStateUnread      Fault = "state-unread"
	FaultStateUnwritten   Fault = "state-unwritten"
	FaultStateStays       Fault = "state-stays"
	FaultStateDamaged     Fault = "state-damaged"
	FaultLaterVersion     Fault = "later-version"
	FaultHistoryUnread    Fault = "history-unread"
	FaultLoginUnkept      Fault = "login-unkept"
	FaultAttemptUntaken   Fault = "attempt-untaken"
	FaultNoRoom           Fault = "no-room"
	FaultStoreLocked      Fault = "store-locked"
	FaultStoreDenied      Fault = "store-denied"
	FaultStoreTimedOut    Fault = "store-timed-out"
	FaultKeychainSilent   Fault = "keychain-silent"
	FaultStoreUnavailable Fault = "store-unavailable"
	FaultStoreLacks       Fault = "store-lacks"
	FaultKeyLacks         Fault = "key-lacks"
	FaultDisplacedLacks   Fault = "displaced-lacks"
	FaultStoreDamaged     Fault = "store-damaged"
	FaultStoreUnreadable  Fault = "store-unreadable"
	FaultFileTooBig       Fault = "file-too-big"
	FaultItemTooBig       Fault = "item-too-big"
	FaultStoreRefused     Fault = "store-refused"
	FaultStoreTrouble     Fault = "store-trouble"
	FaultWaitsOutside     Fault = "waits-outside"

	FaultNotRemoved Fault = "not-removed"
	FaultSignedOut  Fault = "signed-out"
	FaultNoAccount  Fault = "no-account"
	FaultNoneActive Fault = "none-active"

	FaultNameUnusable Fault = "name-unusable"
	FaultNameTwin     Fault = "name-twin"
	FaultNameCase     Fault = "name-case"
)

// The faults of Claude Code's entries, and of what lies in them.
const (
	FaultNoEntry          Fault = "no-entry"
	FaultEntryUnread      Fault = "entry-unread"
	FaultEntryBroken      Fault = "entry-broken"
	FaultEntryNotAccepted Fault = "entry-not-accepted"
	FaultSignedOutThere   Fault = "signed-out-there"
)

// The faults of places that stay behind, and of watch-only.
const (
	FaultLentEnded      Fault = "lent-ended"
	FaultPlaceBehind    Fault = "place-behind"
	FaultPlaceUnwritten Fault = "place-unwritten"

	FaultWatchKeeps           Fault = "watch-keeps"
	FaultKeepsAnyway          Fault = "keeps-anyway"
	FaultStillLends           Fault = "still-lends"
	FaultStillKeeps           Fault = "still-keeps"
	FaultStillDisplaced       Fault = "still-displaced"
	FaultStillKey             Fault = "still-key"
	FaultLeftBehind           Fault = "left-behind"
	FaultWatchedBroken        Fault = "watched-broken"
	FaultWatchedEnded         Fault = "watched-ended"
	FaultWatchedEndedAt       Fault = "watched-ended-at"
	FaultWatchedNotAccepted   Fault = "watched-not-accepted"
	FaultWatchedNoRefresh     Fault = "watched-no-refresh"
	FaultWatchedSignedOut     Fault = "watched-signed-out"
	FaultWatchedTokenEnded    Fault = "watched-token-ended"
	FaultWatchedRenewsNothing Fault = "watched-renews-nothing"
)

// The faults of the Claude Code that is installed here.
const (
	FaultNoClaude          Fault = "no-claude"
	FaultClaudeSilent      Fault = "claude-silent"
	FaultClaudeUnstartable Fault = "claude-unstartable"
	FaultClaudeTooOld      Fault = "claude-too-old"
	FaultStillExpired      Fault = "still-expired"
	FaultExpiredForGood    Fault = "expired-for-good"
	FaultStatusUnsaid      Fault = "no-answer"
	FaultStatusNotJSON     Fault = "answer-not-json"
	FaultWouldRenew        Fault = "would-renew"
)

// The faults of Claude Code's entry when it is worked on, and why a login is not written into it.
const (
	FaultEntryUnusable   Fault = "entry-unusable"
	FaultEntryTrouble    Fault = "entry-trouble"
	FaultEntryUnwritable Fault = "entry-unwritable"
	FaultEntryBusy       Fault = "entry-busy"
	FaultEntryChanging   Fault = "entry-changing"

	FaultNoInference        Fault = "no-inference"
	FaultUnwrittenDead      Fault = "unwritten-dead"
	FaultUnwrittenOlder     Fault = "unwritten-older"
	FaultUnwrittenEnded     Fault = "unwritten-ended"
	FaultUnwrittenNoRefresh Fault = "unwritten-no-refresh"
	FaultUnwrittenRevoked   Fault = "unwritten-revoked"
	FaultUnwrittenUnknown   Fault = "unwritten-unknown"

	FaultStillBehind   Fault = "still-behind"
	FaultCopyUnreached Fault = "copy-unreached"
	FaultTokensSince   Fault = "tokens-since"
	FaultEntryInUse    Fault = "entry-in-use"
	FaultEntryStays    Fault = "entry-stays"
)

// The faults of lending, and why a place elsewhere was not reached.
const (
	FaultLendEnded       Fault = "lend-ended"
	FaultFullLogin       Fault = "full-login"
	FaultLendDamaged     Fault = "lend-damaged"
	FaultLendUnreached   Fault = "lend-unreached"
	FaultLendUnsure      Fault = "lend-unsure"
	FaultLentWhole       Fault = "lent-whole"
	FaultLentUnknown     Fault = "lent-unknown"
	FaultLendFailed      Fault = "lend-failed"
	FaultOwnEntry        Fault = "own-entry"
	FaultLendTaken       Fault = "lend-taken"
	FaultLentStays       Fault = "lent-stays"
	FaultNoContainerTool Fault = "no-container-tool"

	FaultFarBusy          Fault = "far-busy"
	FaultGone             Fault = "gone"
	FaultFarGone          Fault = "far-gone"
	FaultToolUnstartable  Fault = "tool-unstartable"
	FaultFarShell         Fault = "far-shell"
	FaultFarSilent        Fault = "far-silent"
	FaultNoSSH            Fault = "no-ssh"
	FaultToolGone         Fault = "tool-gone"
	FaultHostKey          Fault = "host-key"
	FaultHostAsks         Fault = "host-asks"
	FaultNoHost           Fault = "no-host"
	FaultNoContainer      Fault = "no-container"
	FaultContainerStopped Fault = "container-stopped"
	FaultToolSilent       Fault = "tool-silent"
	FaultToolDenied       Fault = "tool-denied"
	FaultNoShell          Fault = "no-shell"
	FaultFarUnwritten     Fault = "far-unwritten"
	FaultFarSaid          Fault = "far-said"
)

// The faults of where, as whom and in which role this runs.
const (
	FaultFolderNotYours    Fault = "folder-not-yours"
	FaultHomeNotYours      Fault = "home-not-yours"
	FaultNoChanges         Fault = "no-changes"
	FaultProbeUnanswered   Fault = "probe-unanswered"
	FaultProbeFailed       Fault = "probe-failed"
	FaultRoleInFile        Fault = "role-in-file"
	FaultRoleInEnvironment Fault = "role-in-environment"
	FaultWatchOnly         Fault = "watch-only"
	FaultWatchOnlySet      Fault = "watch-only-set"
	FaultNotRenewedHere    Fault = "not-renewed-here"
	FaultNotRenewedHereSet Fault = "not-renewed-here-set"

	FaultPastedBefore Fault = "pasted-before"
	FaultAsSaid       Fault = "as-said" // in the words of whoever said it
)
