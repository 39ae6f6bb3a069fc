package main

import "keytender/internal/session"

const spaceAndRights = "look at free space and permissions of {place}; " + asGoodAsBefore

var storeWords = []told{
	{session.FaultStateFolder, words{"the state folder cannot be made: {reason}", spaceAndRights}},
	{session.FaultLockUntaken, words{"the lock {path} cannot be taken: {reason}", spaceAndRights}},
	{session.FaultOurLockBusy, words{"another keytender is at work and holds the lock {path}", "try again in a minute; nothing was changed"}},
	{session.FaultStateUnread, words{"{path} cannot be read: {reason}", spaceAndRights}},
	{session.FaultStateUnwritten, words{"{path} cannot be written: {reason}", spaceAndRights}},
	{session.FaultStateStays, words{"{path} could not be removed: {reason}", spaceAndRights}},
	{session.FaultStateDamaged, words{"{path} is damaged", "nothing was overwritten; `keytender doctor --fix` moves it aside and takes over what is there"}},
	{session.FaultLaterVersion, words{"{path} was written by a later version of keytender", "use that version; this one is {version}"}},
	{session.FaultHistoryUnread, words{"the history cannot be read: {reason}", spaceAndRights}},
	{session.FaultLoginUnkept, words{"the login could not be kept: {reason}", spaceAndRights}},
	{session.FaultAttemptUntaken, words{"the sign-in that waits cannot be taken: {reason}", spaceAndRights}},
	{session.FaultNoRoom, words{"no room could be made for the new tokens: {reason}", spaceAndRights}},
	{session.FaultStoreLocked, words{"{reason}", "unlock the keychain (sign in to the desktop, or unlock the login keyring) and try again"}},
	{session.FaultStoreDenied, words{"{reason}", "allow keytender in the keychain's dialog, or look at the permissions of the file"}},
	{session.FaultStoreTimedOut, words{"{reason}", "answer the keychain's dialog if one is open, and try again"}},
	{session.FaultKeychainSilent, words{"{reason}", "answer the keychain's dialog if one is open, or start its service anew; " +
		"or sign in with KEYTENDER_STORE=file, which keeps the login in a plain file"}},
	{session.FaultStoreUnavailable, words{"{reason}",
		"logins lie in the OS keychain here, which this session does not reach; start it, or sign in with KEYTENDER_STORE=file"}},
	{session.FaultStoreDamaged, words{"{reason}", "nothing was overwritten; move the damaged {place} record away and sign in again with `keytender login`"}},
	{session.FaultStoreUnreadable, words{"{reason}", "give yourself back the right to read it; nothing was changed"}},
	{session.FaultFileTooBig, words{"{reason}", "nothing was changed; sign out of what is not used any more (`keytender places`)"}},
	{session.FaultItemTooBig, words{"{reason}", "sign in with KEYTENDER_STORE=file, which has no such limit"}},
	{session.FaultStoreRefused, words{"{reason}", "put a regular file of your own in its place, or move it away"}},
	{session.FaultStoreTrouble, words{"storage is in trouble: {reason}", "look at free space and permissions; " + asGoodAsBefore}},
	{session.FaultWaitsOutside, words{"the renewed login waits outside its store: {reason}", "{repair}"}},

	{session.FaultNotRemoved, words{"not everything was removed: {reason}", "{repair}"}},
	{session.FaultSignedOut, words{"nobody is signed in", "sign in with `keytender login`"}},
	{session.FaultNoAccount, words{"there is no account {account}", "`keytender accounts` lists them; `keytender login --account {account}` adds it"}},
	{session.FaultNameUnusable, words{"{reason}", "choose another --account"}},
	{session.FaultNameTwin, words{"there is an account {owner} already, and {account} differs from it in upper and lower case alone", "choose another --account"}},
	{session.FaultNameCase, words{"a keychain may not tell {owner} and {account} apart", "choose another --account"}},
}
