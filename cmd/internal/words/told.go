package words

import "keytender/internal/session"

// toldWords are said without a hint.
var toldWords = []worded{
	{session.ToldKeychain, sentences{message: "keychain (OS keychain, item keytender)"}},
	{session.ToldNoKeychain, sentences{message: "the system has none"}},
	{session.ToldInSpillFile, sentences{message: "spill file {path} ({reason}; the next command tries again)"}},

	{session.ToldKnownAs, sentences{
		message: "{person} is known as the account {owner}, so that one was renewed and no account {account} was made"}},
	{session.ToldKnownAsAndLeft, sentences{
		message: "{person} is known as the account {owner}, so that one was renewed and the account {account} " +
			"was left as it is"}},
	{session.ToldKeepsLogin, sentences{
		message: "{account} keeps its login, since that could not be set aside ({reason}); the new one is the " +
			"account {owner}"}},
	{session.ToldStayed, sentences{
		message: "still in the store that was used before, which let nobody in: {account}; they are used from " +
			"there when it is open"}},
	{session.ToldOtherAtWork, sentences{
		message: "another keytender is at work; the login is kept as soon as that one is done"}},
	{session.ToldGivenUp, sentences{message: "the sign-in that was begun before is given up"}},
	{session.ToldWatchedSignIn, sentences{
		message: "signed in itself ({place}); this is watch-only, so no copy is kept"}},

	{session.ToldInStep, sentences{message: "in step ({place})"}},
	{session.ToldInStepAlready, sentences{message: "already in step ({place})"}},
	{session.ToldTakenOver, sentences{
		message: "already in step: the newer tokens that Claude Code got were taken over ({place})"}},
	{session.ToldReplaced, sentences{
		message: "replaced the login of {owner}; `keytender mirror --undo` puts it back ({place})"}},
	{session.ToldReplacedAccount, sentences{
		message: "replaced the login of {owner}, which is kept as the account {account} ({place})"}},
	{session.ToldNotNamed, sentences{message: "; but it may go on naming another account: {reason}"}},
	{session.ToldNotMirrored, sentences{message: "not mirrored"}},
	{session.ToldNotAccepted, sentences{message: "not accepted: {reason}"}},
	{session.ToldNoneBefore, sentences{message: "our login was taken out again; there was none before"}},
	{session.ToldBack, sentences{message: "the login of {owner} is back"}},

	{session.ToldLetGo, sentences{message: "you let go of it"}},
	{session.ToldLoginOf, sentences{message: "the login of {owner}"}},
	{session.ToldLeaving, sentences{
		message: "signed out, but it could not be taken out; `keytender logout` tries again"}},
	{session.ToldLeavingLent, sentences{
		message: "taken back, but it could not be reached; the token there ends by itself"}},

	{session.ToldActiveNow, sentences{message: "the active account is now {account}"}},
	{session.ToldWatchesOnly, sentences{
		message: "this is watch-only: no login is kept here; `claude auth logout` signs Claude Code out"}},
	{session.ToldNobodySignedIn, sentences{message: "nobody is signed in; there is nothing to remove"}},
	{session.ToldClaudeKeeps, sentences{message: "Claude Code keeps the login: {place}"}},
	{session.ToldClaudeKeepsEnded, sentences{
		message: "Claude Code's entry keeps a login that has just been ended at the server, so Claude Code will " +
			"ask to sign in: {place}"}},
	{session.ToldServerUntold, sentences{
		message: "the server was not told: the login cannot be read (the token ends by itself)"}},
	{session.ToldServerUnreached, sentences{
		message: "the server could not be told: {reason} (the token ends by itself)"}},
	{session.ToldServerTold, sentences{message: "the server was told to end the login"}},
	{session.ToldOtherLeft, sentences{
		message: "Claude Code's entry holds another login and was left alone ({place})"}},
	{session.ToldTakenOut, sentences{
		message: "our login was taken out of Claude Code's entry; nothing else in it was changed ({place})"}},
	{session.ToldTakenBack, sentences{message: "what was lent was taken back ({place})"}},
	{session.ToldRemoved, sentences{message: "the login was removed from the {place}"}},
	{session.ToldAsideStays, sentences{message: "a damaged entry of Claude Code's that was moved aside stays, and may hold a token: {reason}"}},
	{session.ToldDisplacedKept, sentences{
		message: "the login that a mirror displaced is still kept: `keytender mirror --undo` puts it back"}},

	{session.ToldUnstored, sentences{message: "the tokens could not be stored"}},
	{session.ToldSpilled, sentences{message: "the store did not take the tokens; they wait in the spill file"}},
	{session.ToldClaudeRenewedNone, sentences{message: "Claude Code did not renew the login"}},
	{session.ToldIncomplete, sentences{message: "the server's last answer was incomplete"}},
	{session.ToldShortLived, sentences{message: "the server's last token was valid for a second or less"}},
}
