package session

// Remark names what was done or happened, or is to be done, one for each sentence that is said
// of it. The words are where people read them.
type Remark string

// Said is a remark with its values.
type Said struct {
	Remark Remark  `json:"remark,omitempty"`
	Values *Values `json:"values,omitempty"` // nil: none
}

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
)

// The remarks on what went well, or on what is so beside it.
const (
	RemarkKeychain    Remark = "keychain"
	RemarkNoKeychain  Remark = "no-keychain"
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
	RemarkNotAccepted     Remark = "not-accepted"
	RemarkNoneBefore      Remark = "none-before"
	RemarkBack            Remark = "back"

	RemarkLetGo       Remark = "let-go"
	RemarkLoginOf     Remark = "login-of"
	RemarkLeaving     Remark = "leaving"
	RemarkLeavingLent Remark = "leaving-lent"

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
	RemarkAsideStays       Remark = "aside-stays"
	RemarkDisplacedKept    Remark = "displaced-kept"

	RemarkUnstored          Remark = "unstored"
	RemarkSpilled           Remark = "spilled"
	RemarkClaudeRenewedNone Remark = "claude-renewed-none"
	RemarkIncomplete        Remark = "incomplete"
	RemarkShortLived        Remark = "short-lived"
)
