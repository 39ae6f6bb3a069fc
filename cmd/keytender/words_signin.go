package main

import "keytender/internal/session"

const (
	installClaude = "install Claude Code (https://code.claude.com/docs/en/setup), or sign in with `keytender login`"
	claudeAgain   = "run `keytender login --method claude-code` again, or sign in with `keytender login`"
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
