package main

import "keytender/internal/session"

const (
	installClaude     = "install Claude Code (https://code.claude.com/docs/en/setup), or sign in with `keytender login`"
	claudeAgain       = "run `keytender login --method claude-code` again, or sign in with `keytender login`"
	otherOrganization = "choose that organization on the sign-in page, or sign in with an account that belongs to it"
	officially        = "or let the official client sign in: `keytender login --method claude-code`"
)

var signInWords = map[session.Fault]words{
	session.FaultClaudeMadeOther: {"Claude Code signed in at the Console and made something that is not an API key; it was not taken over",
		"make one for yourself with `keytender api-key create`"},
	session.FaultClaudeNotStarted: {"{reason}", installClaude},
	session.FaultClaudeUnfinished: {"Claude Code did not finish the sign-in within {limit} and was asked to end",
		claudeAgain + "; nothing was changed"},
	session.FaultClaudeEnded:  {"Claude Code did not sign in (it ended with {reason})", claudeAgain + "; nothing was changed"},
	session.FaultClaudeFailed: {"Claude Code did not sign in: {reason}", claudeAgain},
	session.FaultConsoleWroteNothing: {"Claude Code signed in at the Console and wrote no login into its entry ({place}), " +
		"nor a new API key into its settings", "make one for yourself with `keytender api-key create`"},
	session.FaultClaudeWroteNothing: {"Claude Code ended as if it had signed in, but the login in its entry ({place}) is not a new one",
		"a lock that was left behind does this: see `keytender doctor`, then try again; nothing was changed"},

	session.FaultURLs:      {"{reason}", "check the URLs that are set"},
	session.FaultPortTaken: {"{reason}", "stop that program, or choose another port with --port"},
	session.FaultNoPort:    {"no port can be opened for the answer: {reason}", "sign in with `keytender login --method paste`"},
	session.FaultDeclined: {"the sign-in was declined in the browser ({reason})",
		"run `keytender login` again and choose Allow"},
	session.FaultSignInServer: {"the sign-in server is in trouble ({reason})", "try again in a few minutes; nothing was changed"},
	session.FaultSignInRefused: {"the sign-in server refused ({reason})",
		"check ANTHROPIC_CLIENT_ID and ANTHROPIC_SCOPE, or sign in with `keytender login --method claude-code`"},
	session.FaultNotExchanged: {"the code could not be exchanged: {reason}", "run `keytender login` again"},
	session.FaultCodeRefused: {"the server did not accept the code: {reason}",
		"a code works once and for a few minutes; run `keytender login` again, " + officially},
	session.FaultCodeSentBefore:   {"the code of the browser was pasted before and refused", "run `keytender login` again"},
	session.FaultExchangeDeclined: {"the sign-in was declined: {reason}", "run `keytender login` again and choose Allow"},
	session.FaultExchangeMisfit: {"the server does not accept how keytender asks: {reason}",
		"check ANTHROPIC_CLIENT_ID, ANTHROPIC_TOKEN_URL and ANTHROPIC_SCOPE, " + officially},
	session.FaultExchangeMalformed: {"the server's answer could not be used: {reason}", "run `keytender login` again, " + officially},
	session.FaultExchangeUnfinished: {"the token server did not complete the sign-in: {reason}",
		"run `keytender login` again in a few minutes; nothing was changed"},
	session.FaultNobodyCame: {"nobody came back from the browser within {limit}", "run `keytender login` again; --timeout gives more time"},

	session.FaultNotExpected: {"signed in as {person}, but {owner} was expected; nothing was stored",
		"sign out of {person} in the browser, or use another browser profile, and try again"},
	session.FaultNotKnownAsExpected: {"signed in as an account whose e-mail could not be found out, but {owner} was expected; nothing was stored",
		"sign out of an account whose e-mail could not be found out in the browser, or use another browser profile, and try again"},
	session.FaultOtherOrganization: {"signed in to the organization {person} ({place}), but the organization {owner} was expected; nothing was stored",
		otherOrganization},
	session.FaultOtherOrganizationID: {"signed in to the organization {place}, but the organization {owner} was expected; nothing was stored",
		otherOrganization},
	session.FaultOrganizationUnknown: {"signed in to an organization that could not be found out, but the organization {owner} was expected; " +
		"nothing was stored", otherOrganization},

	session.FaultAttemptDamaged: {"{path} is damaged", "begin anew with `keytender login --begin`, which overwrites it"},
	session.FaultClientChanged: {"the sign-in was begun with another ANTHROPIC_CLIENT_ID than the one that is set now",
		"set it as before, or begin anew with `keytender login --begin`"},
	session.FaultNoAttempt: {"no sign-in waits to be finished: none was begun here by this user, or it has ended",
		"begin one with `keytender login --begin`; it can be finished once, within ten minutes"},
	session.FaultAttemptTooOld: {"the sign-in was begun more than ten minutes ago, and its time is over",
		"begin anew with `keytender login --begin`"},
	session.FaultNothingOnStdin: {message: "there is nothing on stdin"},
	session.FaultNoCode:         {message: "no code of this sign-in came: {reason}"},
}
