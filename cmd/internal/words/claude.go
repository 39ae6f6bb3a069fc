package words

import "keytender/internal/session"

// stillExpired is what people know from the tools that renew this way, word for word.
const stillExpired = "Claude session is still expired. Run `claude auth login --claudeai` and try again."

var claudeWords = []worded{
	{session.FaultNotInStep, sentences{"Claude Code cannot renew this login: its entry ({place}) does not hold it",
		"write it there with `keytender mirror`, or renew directly: unset KEYTENDER_REFRESH_WITH"}},
	{session.FaultRenewedMeanwhile, sentences{"another program renewed the login meanwhile", "try again"}},
	{session.FaultClaudeKeepsToken,
		sentences{"Claude Code keeps a token that is valid for more than five minutes, so nothing was renewed",
			"the token is as good as before; renew directly for another one: unset KEYTENDER_REFRESH_WITH"}},

	{session.FaultNoClaude, sentences{"Claude Code is not installed here: there is no program named claude",
		installClaude}},
	{session.FaultClaudeSilent, sentences{"{path} does not answer: `claude --version` took longer than {limit}",
		"run it yourself to see what it waits for; " + installClaude}},
	{session.FaultClaudeUnstartable, sentences{"{path} cannot be started: {reason}", installClaude}},
	{session.FaultClaudeTooOld, sentences{"Claude Code {reason} is too old: `claude auth` came with {least}",
		"run `claude update`, or sign in with `keytender login`"}},
	{session.FaultStillExpired, sentences{stillExpired, "look at the network first; " + asGoodAsBefore}},
	{session.FaultExpiredForGood, sentences{stillExpired, signInOnceMore}},
	{session.FaultStatusUnsaid, sentences{"`claude auth status` did not say: {reason}", "run it yourself"}},
	{session.FaultStatusNotJSON, sentences{"`claude auth status` did not say: what it printed is no JSON object",
		"run it yourself"}},
	{session.FaultWouldRenew, sentences{"its login is about to end, and Claude Code would renew it when asked",
		"renew it first: `keytender refresh`"}},
}
