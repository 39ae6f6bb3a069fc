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
