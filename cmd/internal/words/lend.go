package words

import "keytender/internal/session"

const (
	nothingLent = "nothing was lent to {place}: {reason}"
	placeRights = "look at its permissions and free space"
	works       = "see whether `{repair}` works without a question"
)

var lendWords = []worded{
	{session.FaultLendEnded, sentences{"the login has ended, so it was not lent", signInOnceMore}},
	{session.FaultFullLogin, sentences{"{place} holds a login of its own, so nothing was lent to it",
		"choose another directory, or displace that login with --replace"}},
	{session.FaultLendDamaged, sentences{nothingLent, "mend the entry there, or move it away; nothing was changed"}},
	{session.FaultLendUnreached, sentences{nothingLent, "{repair}"}},
	{session.FaultLendUnsure, sentences{"the token may lie in {place}, although nothing was lent to it: {reason}",
		"take it out with `keytender lend --back '{place}'`, or lend once more; it ends by itself"}},
	{session.FaultLendFailed, sentences{nothingLent, placeRights}},
	{session.FaultOwnEntry,
		sentences{"{path} is where Claude Code reads its login on this machine: there is nothing to lend",
			"use `keytender mirror` for it, or choose another directory"}},
	{session.FaultLendTaken, sentences{"{path} is no directory for Claude Code alone, so nothing was lent to it",
		"choose another directory: `keytender lend DIR`"}},
	{session.FaultLentWhole, sentences{"{place} holds a whole login that was not lent, so nothing was taken out of it",
		"`keytender places` says whether it is looked after; sign out in Claude Code there if it is not wanted"}},
	{session.FaultLentUnknown, sentences{"{place} holds a whole login that may be ours, so nothing was taken out of it",
		"sign out in Claude Code there if it is not wanted, or give it up: `keytender places forget '{place}'`"}},
	{session.FaultLentStays, sentences{"the token that was lent to {place} could not be taken out: {reason}",
		"try again with `keytender lend --back '{place}'`; it ends by itself"}},
	{session.FaultNoContainerTool, sentences{"neither docker nor podman is installed here",
		"mount a directory into the container, and lend to that: `keytender lend DIR`"}},

	{session.FaultFarBusy, sentences{"another keytender is writing to the places that are lent to",
		"try again in a minute; nothing was changed"}},
	{session.FaultGone, sentences{"its directory is not there", placeRights}},
	{session.FaultFarGone, sentences{"its directory is not there ({place})", placeRights}},
	{session.FaultToolUnstartable, sentences{"{path} cannot be started: {reason}",
		"look at whether it is installed as it should be"}},
	{session.FaultFarShell, sentences{"{reason}", "try again, or choose another directory"}},
	{session.FaultFarSilent, sentences{"it did not answer within {limit}", works}},
	{session.FaultNoSSH, sentences{"ssh is not installed here",
		"install OpenSSH's client, or lend to a directory that is mounted there"}},
	{session.FaultToolGone, sentences{"{path} is not installed here any more",
		"install it, or take the place back with `keytender lend --back '{place}'`"}},
	{session.FaultHostKey, sentences{"ssh does not know this host's key, or knows another one",
		"run `ssh {host}` once in a terminal, and look at the key that it shows"}},
	{session.FaultHostAsks, sentences{"the host asks for a password, or for a key that ssh cannot use by itself",
		"set up a key with `ssh-copy-id {host}`, and hand it to your SSH agent when it has a passphrase; nobody is asked here"}},
	{session.FaultNoHost, sentences{"there is no host of that name", "look at the name, and at ~/.ssh/config"}},
	{session.FaultNoContainer, sentences{"there is no such container", "`{path} ps` lists those that run"}},
	{session.FaultContainerStopped, sentences{"the container does not run", "start it with `{path} start {host}`"}},
	{session.FaultToolSilent, sentences{"{path} itself does not answer",
		"start it; `{path} ps` shows when it is there"}},
	{session.FaultToolDenied, sentences{"you may not use {path}", "see whether `{path} ps` works"}},
	{session.FaultNoShell, sentences{"there is no shell (sh) in the container",
		"mount a directory that was lent to instead: `keytender lend DIR`"}},
	{session.FaultFarUnwritten, sentences{"it could not be written there", works}},
	{session.FaultFarSaid, sentences{"{reason}", works}},
}
