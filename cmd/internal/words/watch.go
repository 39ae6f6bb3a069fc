package words

import "keytender/internal/session"

const (
	officialAgain   = "sign in again with `keytender login --method claude-code`"
	keepsNone       = "this is watch-only: Keytender keeps no copy of a login here, and renews none"
	itSignsIn       = "Claude Code signs in with `keytender login --method claude-code`; "
	itRenews        = "Claude Code renews its login when it starts: `claude auth status` is enough; "
	countsMore      = ", which counts more than this choice; nothing was changed"
	renewedAtItsEnd = "Claude Code renews its login when it starts: run `claude auth status`, then try again"
)

var watchWords = []worded{
	{session.FaultWatchKeeps, sentences{"{reason}, and watch-only keeps no copy; nothing was changed",
		"{repair}; then run `keytender watch on` again"}},
	{session.FaultKeepsAnyway, sentences{"{reason} although this is watch-only", "{repair}"}},
	{session.FaultStillLends, sentences{"Keytender still lends a login",
		"take it back with `keytender lend --back --all`"}},
	{session.FaultStillKeeps, sentences{"Keytender still keeps the login of {account}",
		"`keytender logout --all --keep-claude-code` removes its copies, and Claude Code stays signed in"}},
	{session.FaultStillDisplaced, sentences{"Keytender still keeps a login that a mirror displaced",
		"`keytender places forget {id}` removes it for good"}},
	{session.FaultStillKey, sentences{"Keytender still keeps an API key ({account})",
		"`keytender api-key remove --account {account}` removes it"}},
	{session.FaultLeftBehind, sentences{"a file that may hold a login was left behind: {path}", "remove that file"}},
	{session.FaultWatchedBroken, sentences{"Claude Code's entry cannot be used: {reason}",
		"nothing in it was changed; move it away and sign in again in Claude Code"}},
	{session.FaultWatchedEnded, sentences{"Claude Code's login has ended: the server does not renew it any more",
		officialAgain}},
	{session.FaultWatchedEndedAt, sentences{"Claude Code's login has ended: it was given until {date}", officialAgain}},
	{session.FaultWatchedNotAccepted, sentences{"Claude Code does not accept its login: {reason}", officialAgain}},
	{session.FaultWatchedNoRefresh, sentences{"Claude Code's login has ended and holds no refresh token",
		officialAgain}},
	{session.FaultWatchedSignedOut, sentences{"Claude Code is signed out",
		"sign in with `keytender login --method claude-code`"}},
	{session.FaultWatchedTokenEnded,
		sentences{"the access token has ended, and this is watch-only: Keytender renews nothing", renewedAtItsEnd}},
	{session.FaultWatchedRenewsNothing, sentences{"this is watch-only: Keytender renews nothing", renewedAtItsEnd}},

	{session.FaultRoleInFile, sentences{"KEYTENDER_ROLE is {id} ({path})" + countsMore, "take `role` out of {path}"}},
	{session.FaultRoleInEnvironment, sentences{"KEYTENDER_ROLE is {id} (environment)" + countsMore,
		"unset KEYTENDER_ROLE"}},
	{session.FaultWatchOnly, sentences{keepsNone, itSignsIn + "`keytender watch off` lets Keytender keep logins"}},
	{session.FaultWatchOnlySet, sentences{keepsNone, itSignsIn + "{repair} to let Keytender keep logins"}},
	{session.FaultNotRenewedHere, sentences{keepsNone, itRenews + "`keytender watch off` lets Keytender keep logins"}},
	{session.FaultNotRenewedHereSet, sentences{keepsNone, itRenews + "{repair} to let Keytender keep logins"}},
}
