package words

import "keytender/internal/session"

const (
	officialAgain   = "sign in again with `keytender login --method claude-code`"
	renewedAtItsEnd = "Claude Code renews its login when it starts: run `claude auth status`, then try again"
)

var watchWords = []worded{
	{session.FaultWatchKeeps, sentences{"{reason}, and watch-only keeps no copy; nothing was changed", "{repair}; then run `keytender watch on` again"}},
	{session.FaultKeepsAnyway, sentences{"{reason} although this is watch-only", "{repair}"}},
	{session.FaultStillLends, sentences{"Keytender still lends a login", "take it back with `keytender lend --back --all`"}},
	{session.FaultStillKeeps, sentences{"Keytender still keeps the login of {account}",
		"`keytender logout --all --keep-claude-code` removes its copies, and Claude Code stays signed in"}},
	{session.FaultStillDisplaced, sentences{"Keytender still keeps a login that a mirror displaced", "`keytender places forget {id}` removes it for good"}},
	{session.FaultStillKey, sentences{"Keytender still keeps an API key ({account})", "`keytender api-key remove --account {account}` removes it"}},
	{session.FaultLeftBehind, sentences{"a file that may hold a login was left behind: {path}", "remove that file"}},
	{session.FaultWatchedBroken, sentences{"Claude Code's entry cannot be used: {reason}",
		"nothing in it was changed; move it away and sign in again in Claude Code"}},
	{session.FaultWatchedEnded, sentences{"Claude Code's login has ended: the server does not renew it any more", officialAgain}},
	{session.FaultWatchedEndedAt, sentences{"Claude Code's login has ended: it was given until {date}", officialAgain}},
	{session.FaultWatchedNotAccepted, sentences{"Claude Code does not accept its login: {reason}", officialAgain}},
	{session.FaultWatchedNoRefresh, sentences{"Claude Code's login has ended and holds no refresh token", officialAgain}},
	{session.FaultWatchedSignedOut, sentences{"Claude Code is signed out", "sign in with `keytender login --method claude-code`"}},
	{session.FaultWatchedTokenEnded, sentences{"the access token has ended, and this is watch-only: Keytender renews nothing", renewedAtItsEnd}},
	{session.FaultWatchedRenewsNothing, sentences{"this is watch-only: Keytender renews nothing", renewedAtItsEnd}},
}
