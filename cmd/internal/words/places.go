package words

import "keytender/internal/session"

var placeWords = []worded{
	{session.FaultOtherLogin, sentences{"Claude Code's entry holds a login that keytender did not write",
		"nothing was changed; sign out in Claude Code first if that login is not wanted"}},
	{session.FaultNothingDisplaced,
		sentences{"there is nothing to undo: no mirror displaced anything that can still be used",
			"`keytender mirror --dry-run` shows what a mirror would change"}},
	{session.FaultNoPlace, sentences{"there is no such place to let go of: {place}", "`keytender places` lists them"}},
	{session.FaultOwnRecord, sentences{"{place} is our own record of the account {account}, and is not let go of",
		"`keytender logout --account {account}` removes it"}},
	{session.FaultNothingLent, sentences{"nothing is lent to {place}", "`keytender lend --list` names the places"}},
	{session.FaultDirectoryUnknown, sentences{"the directory cannot be found: {reason}", "give its whole path"}},
	{session.FaultNoDirectory, sentences{"there is no directory {path}", "check its name"}},
	{session.FaultDirectoryUnread, sentences{"{path} cannot be looked into: {reason}",
		"give yourself the right to read it"}},
	{session.FaultNotDirectory, sentences{"{path} is no directory", "name the directory in which claude is started"}},
}
