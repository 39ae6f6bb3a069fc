package words

import "keytender/internal/session"

// remarked is a remark in words.
type remarked struct {
	remark session.Remark
	words  string
}

var remarkWords = []remarked{
	{session.RemarkWillClose, "close {path} to others (mode {want})"},
	{session.RemarkClosed, "{path} now has mode {want}"},
	{session.RemarkOpenAgain, "{path} has mode {mode} again"},
	{session.RemarkWillClearLock, "clear the lock {path}: {reason}"},
	{session.RemarkLockRemoved, "removed the lock {path}, which was left behind"},
	{session.RemarkLockMoved, "moved the lock {path} aside"},
	{session.RemarkLockBack, "{path} stands there again"},
	{session.RemarkWillFindAccounts, "move the damaged list of accounts in {path} aside, and find the accounts again"},
	{session.RemarkAccountsFound, "moved the damaged list of accounts in {path} aside, and found {accounts} again"},
	{session.RemarkWillMoveUnread, "move {path} aside, since it cannot be read"},
	{session.RemarkUnreadMoved, "moved {path} aside, since it cannot be read"},
	{session.RemarkWillTakeOver, "move {path} aside, since it cannot be read, and take the login over from Claude Code's entry"},
	{session.RemarkTakenOver, "moved {path} aside, since it cannot be read, and took the login over from Claude Code's entry: {list}"},
	{session.RemarkWillWrite, "write the login of the account {account} into Claude Code's entry anew"},
	{session.RemarkWillWriteBlanked, "write the login of the account {account} into the entry that Claude Code blanked"},
	{session.RemarkWritten, "Claude Code's entry: {reason}"},
	{session.RemarkEmptyAgain, "Claude Code's entry holds no login again ({path})"},
	{session.RemarkWillName, "make Claude Code's state file name the person of the login in {place}"},
	{session.RemarkNamed, "Claude Code's state file names the person of the login in {place}"},
	{session.RemarkNamedBefore, "Claude Code's state file names whom it named before"},
	{session.RemarkWillMoveLeft, "give {path} another name: it was left behind"},
	{session.RemarkLeftMoved, "moved {path} out of the way"},
	{session.RemarkAsItWas, "{path} is as it was"},

	{session.RemarkByEndedProcess, "by a process that ended before it could say so"},
	{session.RemarkInSpill, "{reason}; no store took the login, it waits in the spill file"},
	{session.RemarkSpent, "the server called the refresh token spent"},
	{session.RemarkResponseLost, "an earlier answer was lost on the way, and the token was spent by it"},
	{session.RemarkEntryGone, "its entry is gone: {place}"},
	{session.RemarkEntryEmpty, "its entry holds no login any more: {place}"},
	{session.RemarkRenewedFirst, "it renewed the login first"},
	{session.RemarkNotRenewed, "the server did not renew the login any more"},
	{session.RemarkAway, "{place} has been away since {day}"},
	{session.RemarkOwnLogin, "{place} holds a login of its own now"},
	{session.RemarkWasCalled, "it was called {account}"},
}

// OfSaid is what was done, or is to be done, in words.
func OfSaid(s session.Said) string {
	for _, subject := range [][]remarked{remarkWords, toldWords} {
		for _, w := range subject {
			if w.remark == s.Remark {
				return inWords(valuesOf(s.Values, nil)).Replace(w.words)
			}
		}
	}
	return string(s.Remark)
}

// OfAllSaid is OfSaid for each.
func OfAllSaid(all []session.Said) []string {
	said := make([]string, len(all))
	for i, n := range all {
		said[i] = OfSaid(n)
	}
	return said
}

// Detail says what a line of the history tells beside what happened.
func Detail(r session.Record) string {
	if r.Remark != "" {
		return OfSaid(r.Said)
	}
	return r.Detail
}
