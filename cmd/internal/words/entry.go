package words

import "keytender/internal/session"

const entryUnusable = "Claude Code's entry cannot be used: {reason}"

var entryWords = []worded{
	{session.FaultEntryUnusable, sentences{entryUnusable, "{repair}"}},
	{session.FaultEntryTrouble, sentences{entryUnusable, "nothing was changed; {repair}"}},
	{session.FaultEntryUnwritable, sentences{"Claude Code's entry cannot be written: {reason}", "{repair}"}},
	{session.FaultEntryBusy, sentences{"{reason}",
		"wait until Claude Code is done and try again; nothing was changed"}},
	{session.FaultEntryChanging, sentences{"Claude Code's entry changed at this very moment",
		"try again; nothing was changed"}},

	{session.FaultNoInference,
		sentences{"Claude Code needs a login with the scope user:inference, and this one has none",
			"renew it with `keytender refresh --force`, which tells its scopes; else sign in again with `keytender login`"}},
	{session.FaultUnwrittenDead, sentences{endedByServer + ", so it was not written", signInOnceMore}},
	{session.FaultUnwrittenOlder, sentences{
		"the stored login is an older one than the last renewal brought, so it was not written", signInOnceMore}},
	{session.FaultUnwrittenEnded, sentences{"the login has ended, so it was not written", signInOnceMore}},
	{session.FaultUnwrittenNoRefresh, sentences{"the login has ended and holds no refresh token, so it was not written",
		signInOnceMore}},
	{session.FaultUnwrittenRevoked, sentences{
		"Claude Code was signed out, which ended this login at the server too; it was not written", signInOnceMore}},
	{session.FaultUnwrittenUnknown,
		sentences{
			"Claude Code was signed out of this login, and it could not be found out whether it lives, so it was not written",
			"try `keytender refresh --force`, which tells, and then again"}},

	{session.FaultStillBehind,
		sentences{"{place} still holds older tokens and could not be brought up, so nothing was removed: {reason}",
			"try again when Claude Code is done, or let go of the place with `keytender places forget '{id}'`"}},
	{session.FaultCopyUnreached, sentences{"{place} cannot be reached, and a copy of the login may lie there",
		"remove {path} when it is back"}},
	{session.FaultTokensSince, sentences{"{place} holds tokens that Claude Code got since then; " +
		"whether they are of the login that you signed out of cannot be told, so they were left there",
		"sign out there with `claude auth logout`, if they are not wanted"}},
	{session.FaultEntryInUse, sentences{"{place} is in use: {reason}",
		"wait until Claude Code is done, then run `keytender logout --account {account}` again"}},
	{session.FaultEntryStays, sentences{"{place} cannot be written: {reason}",
		"{repair}, then run `keytender logout --account {account}` again"}},
}
