package words

import "keytender/internal/session"

var claudeWords = []worded{
	{session.FaultNotInStep, sentences{"Claude Code cannot renew this login: its entry ({place}) does not hold it",
		"write it there with `keytender mirror`, or renew directly: unset KEYTENDER_REFRESH_WITH"}},
	{session.FaultRenewedMeanwhile, sentences{"another program renewed the login meanwhile", "try again"}},
	{session.FaultClaudeKeepsToken, sentences{"Claude Code keeps a token that is valid for more than five minutes, so nothing was renewed",
		"the token is as good as before; renew directly for another one: unset KEYTENDER_REFRESH_WITH"}},
}
