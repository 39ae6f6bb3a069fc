package session

import (
	"keytender/keychain/claudecode"
)

// Remark names what was done or happened, or is to be done, one for each sentence that is said
// of it. The words are where people read them.
type Remark string

// Said is a remark with its values.
type Said struct {
	Remark Remark  `json:"remark,omitempty"`
	Values *Values `json:"values,omitempty"` // nil: none
}

// Reason is why something is so: by a remark or a fault, with its values; with neither in the words
// of the system or of another program.
type Reason struct {
	Remark Remark  `json:"remark,omitempty"`
	Fault  Fault   `json:"fault,omitempty"`
	Text   string  `json:"text,omitempty"`
	Values *Values `json:"values,omitempty"` // nil: none
}

// saidOf is what went wrong as the reason for something else.
func saidOf(err error) *Reason {
	known := errorIn(err)
	if known == nil {
		return &Reason{Text: err.Error()}
	}
	values := known.Values
	if values.Reason == "" && values.Because == nil && known.Err != nil {
		values.Because = saidOf(known.Err)
	}
	return &Reason{Fault: known.Fault, Values: &values}
}

// The remarks on an entry that Claude Code does not take for a login.
const (
	RemarkNoEntry          = Remark(claudecode.NoEntry)
	RemarkNoLogin          = Remark(claudecode.NoLogin)
	RemarkTokenTooLong     = Remark(claudecode.TokenTooLong)
	RemarkNoAccessToken    = Remark(claudecode.NoAccessToken)
	RemarkScopesNoList     = Remark(claudecode.ScopesNoList)
	RemarkNoInferenceScope = Remark(claudecode.NoInferenceScope)
	RemarkPrintedAsHex     = Remark(claudecode.PrintedAsHex)
)

// notAccepted is why Claude Code does not take its entry for a login.
func notAccepted(why claudecode.Rejection) *Reason { return &Reason{Remark: Remark(why)} }

// The remarks on what `doctor --fix` will do and did, and of what was taken back.
const (
	RemarkWillClose        Remark = "will-close"
	RemarkClosed           Remark = "closed"
	RemarkOpenAgain        Remark = "open-again"
	RemarkWillClearLock    Remark = "will-clear-lock"
	RemarkLockRemoved      Remark = "lock-removed"
	RemarkLockMoved        Remark = "lock-moved"
	RemarkLockBack         Remark = "lock-back"
	RemarkWillFindAccounts Remark = "will-find-accounts"
	RemarkAccountsFound    Remark = "accounts-found"
	RemarkWillMoveUnread   Remark = "will-move-unread"
	RemarkUnreadMoved      Remark = "unread-moved"
	RemarkWillTakeOver     Remark = "will-take-over"
	RemarkTakenOver        Remark = "taken-over"
	RemarkUnreadKept       Remark = "unread-kept"
	RemarkTakenOverNotAll  Remark = "taken-over-not-all"
	RemarkWillWrite        Remark = "will-write"
	RemarkWillWriteBlanked Remark = "will-write-blanked"
	RemarkWritten          Remark = "written"
	RemarkEmptyAgain       Remark = "empty-again"
	RemarkWillName         Remark = "will-name"
	RemarkNamed            Remark = "named"
	RemarkNamedBefore      Remark = "named-before"
	RemarkWillMoveLeft     Remark = "will-move-left"
	RemarkLeftMoved        Remark = "left-moved"
	RemarkAsItWas          Remark = "as-it-was"
)

// The remarks of the history beside what happened.
const (
	RemarkByEndedProcess Remark = "by-ended-process"
	RemarkInSpill        Remark = "in-spill"
	RemarkSpent          Remark = "spent"
	RemarkResponseLost   Remark = "answer-lost"
	RemarkEntryGone      Remark = "entry-gone"
	RemarkEntryEmpty     Remark = "entry-empty"
	RemarkRenewedFirst   Remark = "renewed-first"
	RemarkNotRenewed     Remark = "not-renewed"
	RemarkAway           Remark = "away"
	RemarkOwnLogin       Remark = "own-login"
	RemarkWasCalled      Remark = "was-called"
	RemarkBehind         Remark = "behind"
	RemarkStillBehind    Remark = "still-behind"
)

// The remarks on what went well, or on what is so beside it.
const (
	RemarkStored      Remark = "stored"
	RemarkInSpillFile Remark = "in-spill-file"

	RemarkKnownAs        Remark = "known-as"
	RemarkKnownAsAndLeft Remark = "known-as-and-left"
	RemarkKeepsLogin     Remark = "keeps-login"
	RemarkStayed         Remark = "stayed"
	RemarkOtherAtWork    Remark = "other-at-work"
	RemarkGivenUp        Remark = "given-up"
	RemarkWatchedSignIn  Remark = "watched-sign-in"

	RemarkInStep          Remark = "in-step"
	RemarkInStepAlready   Remark = "in-step-already"
	RemarkNewerTaken      Remark = "newer-taken"
	RemarkReplaced        Remark = "replaced"
	RemarkReplacedAccount Remark = "replaced-account"
	RemarkNotMirrored     Remark = "not-mirrored"
	RemarkNoneBefore      Remark = "none-before"
	RemarkBack            Remark = "back"

	RemarkLetGo       Remark = "let-go"
	RemarkLoginOf     Remark = "login-of"
	RemarkLeaving     Remark = "leaving"
	RemarkLeavingLent Remark = "leaving-lent"
	RemarkLentFormer  Remark = "lent-former"

	RemarkActiveNow        Remark = "active-now"
	RemarkWatchesOnly      Remark = "watches-only"
	RemarkNobodySignedIn   Remark = "nobody-signed-in"
	RemarkClaudeKeeps      Remark = "claude-keeps"
	RemarkClaudeKeepsEnded Remark = "claude-keeps-ended"
	RemarkServerUntold     Remark = "server-untold"
	RemarkServerUnreached  Remark = "revoke-unreached"
	RemarkServerTold       Remark = "server-told"
	RemarkOtherLeft        Remark = "other-left"
	RemarkTakenOut         Remark = "taken-out"
	RemarkTakenBack        Remark = "taken-back"
	RemarkRemoved          Remark = "removed"
	RemarkRecordGivenUp    Remark = "record-given-up"
	RemarkAsideStays       Remark = "aside-stays"
	RemarkDisplacedKept    Remark = "displaced-kept"
	RemarkDisplacedThere   Remark = "displaced-there"

	RemarkUnstored          Remark = "unstored"
	RemarkSpilled           Remark = "spilled"
	RemarkClaudeRenewedNone Remark = "claude-renewed-none"
	RemarkIncomplete        Remark = "incomplete"
	RemarkShortLived        Remark = "short-lived"
)
