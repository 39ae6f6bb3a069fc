package words

import "keytender/internal/session"

const (
	asGoodAsBefore = "the login is as good as before"
	signInOnceMore = "sign in again with `keytender login`"
	endedByServer  = "the login has ended: the server does not renew it any more"
	notTaken       = "nothing was renewed: {place} holds this login too and could not take the new tokens: {reason}"
	letGoOfIt      = ", or let go of it with `keytender places forget '{id}'`"
)

var renewalWords = []worded{
	{session.FaultKeptFailed, sentences{"the renewed tokens could not be stored: {reason}",
		"look at free space and permissions of {place}, then sign in again with `keytender login`"}},
	{session.FaultResponseMisfit, sentences{"the server's response could not be used: {reason}",
		"try again later; the rotated token is kept and nothing is lost"}},
	{session.FaultNoRefresh, sentences{"this login has no refresh token, so it cannot be renewed", signInOnceMore}},
	{session.FaultEndedNoRefresh, sentences{"the login has ended and holds no refresh token", signInOnceMore}},
	{session.FaultEnded, sentences{endedByServer, signInOnceMore}},
	{session.FaultEndedAt, sentences{"the login has ended: it was given until {date}", signInOnceMore}},
	{session.FaultResponseLost,
		sentences{"the login is lost: a response of the server never arrived, and the refresh token in it is gone",
			signInOnceMore}},
	{session.FaultOlderThanRenewal,
		sentences{"the stored login is an older one than the last renewal brought, and its refresh token is spent",
			signInOnceMore}},
	{session.FaultAskedToWait, sentences{"the server asked to wait: no renewal is sent for another {limit}",
		"try again after that; " + asGoodAsBefore}},
	{session.FaultWaits, sentences{"{reason}; no renewal is sent for another {limit}",
		"try again after that; " + asGoodAsBefore}},
	{session.FaultWaitsUntil, sentences{"{reason}", "try again after {time}; " + asGoodAsBefore}},
	{session.FaultServerUnreached, sentences{"the token server cannot be reached: {reason}",
		"look at the network and try again; " + asGoodAsBefore}},
	{session.FaultAskingMisfit, sentences{"the server does not accept how keytender asks: {reason}",
		"check ANTHROPIC_CLIENT_ID, ANTHROPIC_TOKEN_URL and ANTHROPIC_SCOPE (`keytender doctor`); the login is kept"}},
	{session.FaultResponseUnusable, sentences{"the server's response could not be used: {reason}",
		"try again later; if the login has ended by then, " + signInOnceMore}},
	{session.FaultRetryAfter, sentences{"{reason}", "the server asked to wait {limit}; " + asGoodAsBefore}},
	{session.FaultServerTended, sentences{"{reason}", "keytender tries again by itself; " + asGoodAsBefore}},
	{session.FaultServer, sentences{"{reason}", "try again in a few minutes; " + asGoodAsBefore}},
	{session.FaultOtherRenews, sentences{"another program renews the login again and again without asking for the lock",
		"close it and try again"}},
	{session.FaultEntryMayBeNewer,
		sentences{"Claude Code's entry cannot be read, and it may hold newer tokens: {reason}",
			"unlock the keychain and try again; nothing was sent"}},
	{session.FaultPlaceUnwritable, sentences{notTaken, "{repair}" + letGoOfIt}},
	{session.FaultPlaceUnusable, sentences{"{place} may hold newer tokens of this login, and cannot be read: {reason}",
		"repair it, or move it away and sign in again in Claude Code" + letGoOfIt}},
	{session.FaultUnknownLogin,
		sentences{
			"Claude Code's entry ({place}) holds tokens that may be newer ones of this login, and it could not be found out whose they are",
			"nothing was sent or changed; try again when the network is there, or, if they are, take them over with " +
				"`keytender import claude-code --account {account}`; if nobody knows, `keytender login --account {account}` helps in any case"}},
	{session.FaultUnknownFormer,
		sentences{
			"Claude Code's entry ({place}) holds tokens of a login that lay there before, and it could not be found out whether they are newer ones of it",
			"nothing was sent or changed; try again when the network is there"}},
	{session.FaultUnknownDisplaced,
		sentences{
			"a login that made room in {id} may be a newer one of {account}",
			"`keytender mirror --undo` there, again until it is back, and then try again; or sign in anew with `keytender login --account {account}`"}},

	{session.FaultNoEntry, sentences{"{reason}", "`keytender doctor` says more"}},
	{session.FaultEntryUnread, sentences{"Claude Code's entry cannot be read: {reason}", "{repair}"}},
	{session.FaultEntryBroken, sentences{"Claude Code's entry cannot be used: {reason}",
		"nothing in it was changed; `keytender doctor --fix` moves it aside, then sign in again in Claude Code or run `keytender mirror`"}},
	{session.FaultEntryNotAccepted, sentences{"Claude Code does not accept its entry: {reason}",
		"`keytender mirror` writes it anew"}},
	{session.FaultSignedOutThere,
		sentences{"Claude Code was signed out, and has asked the server to end this login too ({place})",
			"`keytender refresh --force` finds out whether it still lives; else sign in again with `keytender login`"}},
	{session.FaultLentEnded, sentences{"the token that was lent to {place} has ended: {reason}",
		"it is tried again; mend it, or take it back with `keytender lend --back '{place}'`"}},
	{session.FaultPlaceBehind, sentences{"{place} still holds older tokens: {reason}",
		"the next command tries again; mend it" + letGoOfIt}},
	{session.FaultPlaceUnwritten, sentences{"{place} still holds older tokens",
		"the menu-bar app and the next renewal bring it up" + letGoOfIt}},
	{session.FaultProbeUnanswered, sentences{"the test call got no response: {reason}",
		"look at the network and try again; " + asGoodAsBefore}},
	{session.FaultProbeFailed, sentences{"the test call failed: {reason}",
		"try again in a few minutes; " + asGoodAsBefore}},
}
