package words

import "keytender/internal/session"

const (
	keychainLacks = "the keychain does not hold the "
	anotherMay    = ": another keyring may answer in its place, or it was made anew"
)

const spaceAndRights = "look at free space and permissions of {place}; " + asGoodAsBefore

var storeWords = []worded{
	{session.FaultStateFolder, sentences{"the state folder cannot be made: {reason}", spaceAndRights}},
	{session.FaultLockUntaken, sentences{"the lock {path} cannot be taken: {reason}", spaceAndRights}},
	{session.FaultOurLockBusy, sentences{"another keytender is at work and holds the lock {path}",
		"try again in a minute; nothing was changed"}},
	{session.FaultStateUnread, sentences{"{path} cannot be read: {reason}", spaceAndRights}},
	{session.FaultStateUnwritten, sentences{"{path} cannot be written: {reason}", spaceAndRights}},
	{session.FaultStateStays, sentences{"{path} could not be removed: {reason}", spaceAndRights}},
	{session.FaultStateDamaged, sentences{"{path} is damaged",
		"nothing was overwritten; `keytender doctor --fix` moves it aside and takes over what is there"}},
	{session.FaultLaterVersion, sentences{"{path} was written by a later version of keytender",
		"use that version; this one is {version}"}},
	{session.FaultHistoryUnread, sentences{"the history cannot be read: {reason}", spaceAndRights}},
	{session.FaultLoginUnkept, sentences{"the login could not be kept: {reason}", spaceAndRights}},
	{session.FaultAttemptUntaken, sentences{"the sign-in that waits cannot be taken: {reason}", spaceAndRights}},
	{session.FaultNoRoom, sentences{"no room could be made for the new tokens: {reason}", spaceAndRights}},
	{session.FaultStoreLocked, sentences{"{reason}",
		"unlock the keychain (sign in to the desktop, or unlock the login keyring) and try again"}},
	{session.FaultStoreDenied, sentences{"{reason}",
		"allow keytender in the keychain's dialog, or look at the permissions of the file"}},
	{session.FaultStoreTimedOut, sentences{"{reason}", "answer the keychain's dialog if one is open, and try again"}},
	{session.FaultKeychainSilent, sentences{"{reason}",
		"answer the keychain's dialog if one is open, or start its service anew; " +
			"or sign in with KEYTENDER_STORE=file, which keeps the login in a plain file"}},
	{session.FaultStoreUnavailable, sentences{"{reason}",
		"logins lie in the OS keychain here, which this session does not reach; start it, or sign in with KEYTENDER_STORE=file"}},
	{session.FaultStoreLacks, sentences{keychainLacks + "login {account}" + anotherMay,
		"start the one that held it; or sign in again with `keytender login --account {account}`; " +
			"`keytender logout --account {account}`, twice, gives it up"}},
	{session.FaultKeyLacks, sentences{keychainLacks + "API key of {account}" + anotherMay,
		"start the one that held it; or store the key again with `keytender api-key set --account {account}`"}},
	{session.FaultDisplacedLacks, sentences{keychainLacks + "displaced login {id}" + anotherMay,
		"start the one that held it; `keytender places forget '{id}'` gives it up"}},
	{session.FaultStoreDamaged, sentences{"{reason}",
		"nothing was overwritten; move the damaged {place} record away and sign in again with `keytender login`"}},
	{session.FaultStoreUnreadable, sentences{"{reason}",
		"give yourself back the right to read it; nothing was changed"}},
	{session.FaultFileTooBig, sentences{"{reason}",
		"nothing was changed; sign out of what is not used any more (`keytender places`)"}},
	{session.FaultItemTooBig, sentences{"{reason}", "sign in with KEYTENDER_STORE=file, which has no such limit"}},
	{session.FaultStoreRefused, sentences{"{reason}", "put a regular file of your own in its place, or move it away"}},
	{session.FaultStoreTrouble, sentences{"storage is in trouble: {reason}",
		"look at free space and permissions; " + asGoodAsBefore}},
	{session.FaultWaitsOutside, sentences{"the renewed login waits outside its store: {reason}", "{repair}"}},

	{session.FaultNotRemoved, sentences{"not everything was removed: {reason}", "{repair}"}},
	{session.FaultSignedOut, sentences{"nobody is signed in", "sign in with `keytender login`"}},
	{session.FaultNoAccount, sentences{"there is no account {account}",
		"`keytender accounts` lists them; `keytender login --account NAME` adds one"}},
	{session.FaultNoneActive, sentences{"no account is active",
		"`keytender switch NAME` makes one of them active; --account names one"}},
	{session.FaultNameUnusable, sentences{"{reason}", "choose another name"}},
	{session.FaultNameTwin,
		sentences{"there is an account {owner} already, and {account} differs from it in upper and lower case alone",
			"choose another name"}},
	{session.FaultNameCase, sentences{"a keychain may not tell {owner} and {account} apart",
		"choose another name"}},

	{session.FaultFolderNotYours, sentences{"the folder {path} belongs to another user (uid {owner})",
		"run it as that user, or set KEYTENDER_HOME to a folder of your own; " +
			"where sudo made it, give it to yourself: `sudo chown -R \"$(id -u)\" '{path}'`"}},
	{session.FaultHomeNotYours, sentences{"this runs as root over the home {path} of another user (uid {owner})",
		"run it as that user, without sudo; for a login of root's own set HOME to root's home"}},
	{session.FaultNoChanges, sentences{"changes on the disk cannot be watched: {reason}",
		"raise the limit of watches (fs.inotify.max_user_instances)"}},
	{session.FaultAsSaid, sentences{"{reason}", "{repair}"}},
}
