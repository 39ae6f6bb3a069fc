package words

import "keytender/internal/session"

const (
	installClaude     = "install Claude Code (https://code.claude.com/docs/en/setup), or sign in with `keytender login`"
	claudeAgain       = "run `keytender login --method claude-code` again, or sign in with `keytender login`"
	otherOrganization = "choose that organization on the sign-in page, or sign in with an account that belongs to it"
	officially        = "or let the official client sign in: `keytender login --method claude-code`"
)

var signInWords = []worded{
	{session.FaultClaudeMadeOther, sentences{
		"Claude Code signed in at the Console and made something that is not an API key; it was not taken over",
		"make one for yourself with `keytender api-key create`"}},
	{session.FaultClaudeNotStarted, sentences{"{reason}", installClaude}},
	{session.FaultClaudeUnfinished,
		sentences{"Claude Code did not finish the sign-in within {limit} and was asked to end",
			claudeAgain + "; nothing was changed"}},
	{session.FaultClaudeEnded, sentences{"Claude Code did not sign in (it ended with {reason})",
		claudeAgain + "; nothing was changed"}},
	{session.FaultClaudeFailed, sentences{"Claude Code did not sign in: {reason}", claudeAgain}},
	{session.FaultConsoleWroteNothing,
		sentences{"Claude Code signed in at the Console and wrote no login into its entry ({place}), " +
			"nor a new API key into its settings", "make one for yourself with `keytender api-key create`"}},
	{session.FaultClaudeWroteNothing,
		sentences{"Claude Code ended as if it had signed in, but the login in its entry ({place}) is not a new one",
			"a lock that was left behind does this: see `keytender doctor`, then try again; nothing was changed"}},

	{session.FaultURLs, sentences{"{reason}", "check the URLs that are set"}},
	{session.FaultPortTaken, sentences{"{reason}", "stop that program, or choose another port with --port"}},
	{session.FaultNoPort, sentences{"no port can be opened for the browser's redirect: {reason}",
		"sign in with `keytender login --method paste`"}},
	{session.FaultDeclined, sentences{"the sign-in was declined in the browser ({reason})",
		"run `keytender login` again and choose Allow"}},
	{session.FaultSignInServer, sentences{"the sign-in server is in trouble ({reason})",
		"try again in a few minutes; nothing was changed"}},
	{session.FaultSignInRefused, sentences{"the sign-in server refused ({reason})",
		"check ANTHROPIC_CLIENT_ID and ANTHROPIC_SCOPE, or sign in with `keytender login --method claude-code`"}},
	{session.FaultNotExchanged, sentences{"the code could not be exchanged: {reason}", "run `keytender login` again"}},
	{session.FaultCodeRefused, sentences{"the server did not accept the code: {reason}",
		"a code works once and for a few minutes; run `keytender login` again, " + officially}},
	{session.FaultCodeSentBefore, sentences{"the code of the browser was pasted before and refused",
		"run `keytender login` again"}},
	{session.FaultExchangeDeclined, sentences{"the sign-in was declined: {reason}",
		"run `keytender login` again and choose Allow"}},
	{session.FaultExchangeMisfit, sentences{"the server does not accept how keytender asks: {reason}",
		"check ANTHROPIC_CLIENT_ID, ANTHROPIC_TOKEN_URL and ANTHROPIC_SCOPE, " + officially}},
	{session.FaultExchangeMalformed, sentences{"the server's response could not be used: {reason}",
		"run `keytender login` again, " + officially}},
	{session.FaultExchangeUnfinished, sentences{"the token server did not complete the sign-in: {reason}",
		"run `keytender login` again in a few minutes; nothing was changed"}},
	{session.FaultNobodyCame, sentences{"nobody came back from the browser within {limit}",
		"run `keytender login` again; --timeout gives more time"}},

	{session.FaultNotExpected, sentences{"signed in as {person}, but {owner} was expected; nothing was stored",
		"sign out of {person} in the browser, or use another browser profile, and try again"}},
	{session.FaultNotKnownAsExpected, sentences{
		"signed in as an account whose e-mail could not be found out, but {owner} was expected; nothing was stored",
		"sign out of an account whose e-mail could not be found out in the browser, or use another browser profile, and try again"}},
	{session.FaultOtherOrganization,
		sentences{
			"signed in to the organization {person} ({place}), but the organization {owner} was expected; nothing was stored",
			otherOrganization}},
	{session.FaultOtherOrganizationID, sentences{
		"signed in to the organization {place}, but the organization {owner} was expected; nothing was stored",
		otherOrganization}},
	{session.FaultOrganizationUnknown, sentences{
		"signed in to an organization that could not be found out, but the organization {owner} was expected; " +
			"nothing was stored", otherOrganization}},

	{session.FaultAttemptDamaged, sentences{"{path} is damaged",
		"begin anew with `keytender login --begin`, which overwrites it"}},
	{session.FaultClientChanged, sentences{"the sign-in was begun with another {reason} than the one that is set now",
		"set it as before, or begin anew with `keytender login --begin`"}},
	{session.FaultNoAttempt,
		sentences{"no sign-in waits to be finished: none was begun here by this user, or it has ended",
			"begin one with `keytender login --begin`; it can be finished once, within ten minutes"}},
	{session.FaultAttemptTooOld, sentences{"the sign-in was begun more than ten minutes ago, and its time is over",
		"begin anew with `keytender login --begin`"}},
	{session.FaultNothingOnStdin, sentences{message: "there is nothing on stdin"}},
	{session.FaultNoCode, sentences{message: "no code of this sign-in came: {reason}"}},
	{session.FaultPastedBefore, sentences{message: "the server did not accept this code"}},
}
