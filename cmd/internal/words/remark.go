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
	{session.RemarkUnreadKept, "moved {path} aside, since it cannot be read; the login of {owner} in it is kept, and " +
		"`keytender mirror --undo` puts it back"},
	{session.RemarkWillTakeOver,
		"move {path} aside, since it cannot be read, and take over the logins in it and in Claude Code's entries"},
	{session.RemarkTakenOver,
		"moved {path} aside, since it cannot be read, and took over the logins in it and in Claude Code's entries: {list}"},
	{session.RemarkTakenOverNotAll,
		"moved {path} aside, since it cannot be read, and took over the logins in it and in Claude Code's entries ({list}); " +
			"what it held of {also} lies in {aside} alone: sign in to that again"},
	{session.RemarkWillWrite, "write the login of the account {account} into Claude Code's entry anew"},
	{session.RemarkWillWriteBlanked,
		"write the login of the account {account} into the entry that Claude Code blanked"},
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
	{session.RemarkResponseLost, "an earlier response was lost on the way, and the token was spent by it"},
	{session.RemarkEntryGone, "its entry is gone: {place}"},
	{session.RemarkEntryEmpty, "its entry holds no login any more: {place}"},
	{session.RemarkRenewedFirst, "it renewed the login first"},
	{session.RemarkNotRenewed, "the server did not renew the login any more"},
	{session.RemarkAway, "{place} has been away since {day}"},
	{session.RemarkOwnLogin, "{place} holds a login of its own now"},
	{session.RemarkWasCalled, "it was called {account}"},
	{session.RemarkBehind, "{id}: {reason}"},
	{session.RemarkStillBehind, "{place} still holds older tokens: {reason}"},

	{session.RemarkStored, "{store}"},
	{session.RemarkInSpillFile, "spill file {path} ({reason}; the next command tries again)"},

	{session.RemarkKnownAs,
		"{person} is known as the account {owner}, so that one was renewed and no account {account} was made"},
	{session.RemarkKnownAsAndLeft,
		"{person} is known as the account {owner}, so that one was renewed and the account {account} " +
			"was left as it is"},
	{session.RemarkKeepsLogin,
		"{account} keeps its login, since that could not be set aside ({reason}); the new one is the " +
			"account {owner}"},
	{session.RemarkStayed,
		"still in the store that was used before, which let nobody in: {account}; they are used from " +
			"there when it is open"},
	{session.RemarkOtherAtWork, "another keytender is at work; the login is kept as soon as that one is done"},
	{session.RemarkGivenUp, "the sign-in that was begun before is given up"},
	{session.RemarkWatchedSignIn, "signed in itself ({place}); this is watch-only, so no copy is kept"},

	{session.RemarkInStep, "in step ({place})"},
	{session.RemarkInStepAlready, "already in step ({place})"},
	{session.RemarkNewerTaken, "already in step: the newer tokens that Claude Code got were taken over ({place})"},
	{session.RemarkReplaced, "replaced the login of {owner}; `keytender mirror --undo` puts it back ({place})"},
	{session.RemarkReplacedAccount, "replaced the login of {owner}, which is kept as the account {account} ({place})"},
	{session.RemarkNotMirrored, "not mirrored"},
	{session.RemarkNoneBefore, "our login was taken out again; there was none before"},
	{session.RemarkBack, "the login of {owner} is back"},

	{session.RemarkLetGo, "you let go of it"},
	{session.RemarkLoginOf, "the login of {owner}"},
	{session.RemarkLeaving, "signed out of {account}, but it could not be taken out, which is tried again; " +
		"`keytender places forget '{id}'` leaves it there"},
	{session.RemarkLeavingLent, "lent to no more, but it could not be reached; the token there ends by itself"},
	{session.RemarkLentFormer, "lent to no more, since another login has its account's name; the token there ends " +
		"by itself"},

	{session.RemarkActiveNow, "the active account is now {account}"},
	{session.RemarkWatchesOnly,
		"this is watch-only: no login is kept here; `claude auth logout` signs Claude Code out"},
	{session.RemarkNobodySignedIn, "nobody is signed in; there is nothing to remove"},
	{session.RemarkClaudeKeeps, "Claude Code keeps the login: {place}"},
	{session.RemarkClaudeKeepsEnded,
		"Claude Code's entry keeps a login that has just been ended at the server, so Claude Code will " +
			"ask to sign in: {place}"},
	{session.RemarkServerUntold, "the server was not told: the login cannot be read (the token ends by itself)"},
	{session.RemarkServerUnreached, "the server could not be told: {reason} (the token ends by itself)"},
	{session.RemarkServerTold, "the server was told to end the login"},
	{session.RemarkOtherLeft, "Claude Code's entry holds another login and was left alone ({place})"},
	{session.RemarkTakenOut,
		"our login was taken out of Claude Code's entry; nothing else in it was changed ({place})"},
	{session.RemarkTakenBack, "what was lent was taken back ({place})"},
	{session.RemarkRemoved, "the login was removed from the {store}"},
	{session.RemarkRecordGivenUp, "the login was given up; the keyring that held it may have it still"},
	{session.RemarkAsideStays,
		"a damaged file that was moved aside stays, and may hold a token: {reason}"},
	{session.RemarkDisplacedKept,
		"the login that a mirror displaced is still kept: `keytender mirror --undo` puts it back"},
	{session.RemarkDisplacedThere,
		"a login that was displaced in another directory is still kept: with CLAUDE_CONFIG_DIR='{path}' set, " +
			"`keytender mirror --undo` puts it back"},

	{session.RemarkUnstored, "the tokens could not be stored"},
	{session.RemarkSpilled, "the store did not take the tokens; they wait in the spill file"},
	{session.RemarkClaudeRenewedNone, "Claude Code did not renew the login"},
	{session.RemarkIncomplete, "the server's last response was incomplete"},
	{session.RemarkShortLived, "the server's last token was valid for a second or less"},

	{session.RemarkNoEntry, "there is no entry"},
	{session.RemarkNoLogin, "there is no login in it"},
	{session.RemarkTokenTooLong, "a token in it is longer than 16 KiB"},
	{session.RemarkNoAccessToken, "its access token is empty"},
	{session.RemarkScopesNoList, "its scopes are not a list"},
	{session.RemarkNoInferenceScope, "its scopes lack user:inference"},
	{session.RemarkPrintedAsHex,
		"the keychain item holds a byte that is not printable ASCII, and security(1) prints it as hex"},
}

// OfReason is why something is so, in words.
func OfReason(r *session.Reason) string {
	switch {
	case r == nil:
		return ""
	case r.Fault != "":
		message, _ := ofFault(&session.Error{Fault: r.Fault, Values: valuesOf(r.Values, nil)})
		return message
	case r.Remark != "":
		return OfSaid(session.Said{Remark: r.Remark, Values: r.Values})
	}
	return r.Text
}

// OfSaid is what was done, or is to be done, in words.
func OfSaid(s session.Said) string {
	for _, w := range remarkWords {
		if w.remark == s.Remark {
			v := valuesOf(s.Values, nil)
			said := inWords(v).Replace(w.words)
			if v.Unnamed != "" {
				said += "; but it may go on naming another account: " + v.Unnamed
			}
			return said
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
