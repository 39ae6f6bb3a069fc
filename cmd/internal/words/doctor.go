package words

import "keytender/internal/session"

var mendWords = []worded{
	{session.FaultModeNotChanged, sentences{"the permissions of {path} could not be changed: {reason}", "chmod {want} '{path}'"}},
	{session.FaultNotMovedAside, sentences{"{path} could not be moved aside: {reason}", "move it away by hand"}},
	{session.FaultEntryNotMovedAside, sentences{"Claude Code's entry could not be moved aside: {reason}", "close Claude Code and move it away by hand"}},
	{session.FaultIdentityNotMended, sentences{"Claude Code's state file could not be corrected: {reason}", "close Claude Code and try again"}},
	{session.FaultLockHeld, sentences{"{path} is held by a living program", "close Claude Code and try again"}},
	{session.FaultLockNotMended, sentences{"{path} could not be put right: {reason}", "close Claude Code and move it away by hand"}},
	{session.FaultNothingToUndo, sentences{"there is nothing to undo: `doctor --fix` changed nothing, or it was taken back", "`keytender history` shows what was mended"}},
	{session.FaultNotPutBack, sentences{"{path} could not be put back: {reason}", "put it back by hand"}},
	{session.FaultMendedByLater, sentences{"a newer keytender mended this, and this one does not know how to take it back", "use that version"}},
	{session.FaultIdentityNotPutBack, sentences{"Claude Code's state file could not be changed: {reason}", "close Claude Code and try again"}},
	{session.FaultEntryChangedSince, sentences{"{path} was changed since, so it was left as it is", "`keytender places` says what it holds"}},
	{session.FaultOtherShell, sentences{"{path} is not the entry that this shell names", "set CLAUDE_CONFIG_DIR as it was when it was mended"}},
	{session.FaultEntryThereAgain, sentences{"{path} holds something again, which was left as it is; the former one is {aside}",
		"move the new one away first, if it is not needed"}},
	{session.FaultEntryNotPutBack, sentences{"{path} could not be put back: {reason}", "close Claude Code and try again"}},
	{session.FaultAsideGone, sentences{"{aside} is not there any more", "nothing was changed"}},
	{session.FaultChangedSince, sentences{"{path} was changed since, so it was left as it is; the former one is {aside}", "nothing was changed"}},
}
