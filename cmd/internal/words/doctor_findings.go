package words

import "keytender/internal/session"

const (
	noRenewalMoves = "no renewal moves that end: Claude Code asks for a new sign-in then{estimate}"
	againOrOut     = "sign in again with `keytender login --account {account}`, or take it out: `keytender accounts remove {account}`"
	withoutScope   = "sign in again without --scope"
	noTray         = "neither the app nor `keytender agent` runs"
	startTray      = "start it with `keytender tray`, or without a desktop with `keytender autostart on --agent`"
	nobodyTells    = "nobody tells you before the login ends"
)

var loginFindings = []found{
	{session.FoundLoginNone, "nobody is signed in",
		"there is nothing to renew, and Claude Code goes on with what it has by itself",
		"sign in with `keytender login`"},
	{session.FoundLoginHindered, "{reason}", "the login works, and something is in its way", "{repair}"},
	{session.FoundLoginUnusable, "{reason}", "the login is as good as before, but cannot be used or renewed now",
		"{repair}"},
	{session.FoundLoginOver, "{reason}",
		"Claude Code and everything else that uses this login is signed out, or will be within hours", "{repair}"},
	{session.FoundLoginNearEnd, "it ends in {around}, on {date}", noRenewalMoves,
		"sign in again with `keytender login` when it suits you"},
	{session.FoundLoginPastEnd, "it was to end on {date}", noRenewalMoves, "sign in again with `keytender login`"},
	{session.FoundLoginFine, "signed in, account {account}", "", ""},
	{session.FoundAccountNearEnd, "the login of the account {account} ends in {around}, on {date}", noRenewalMoves,
		againOrOut},
	{session.FoundAccountPastEnd, "the login of the account {account} was to end on {date}", noRenewalMoves,
		againOrOut},
	{session.FoundAccountsFine, "{count}", "", ""},

	{session.FoundStoreNotFollowed, "the settings say {also}, and the logins lie in the {place} store",
		"a store is chosen once, at the first sign-in; the setting is not followed until you signed out",
		"take the setting out, or move: `keytender logout --all`, then `keytender login`"},
	{session.FoundStoreFine, "{place}: {standing}", "", ""},
	{session.FoundStoreNoKeychain, "there is no keychain here: a sign-in keeps the login in {place}", "", ""},
	{session.FoundStoreUnread, "{place}: {standing}", "the login cannot be read there",
		"unlock or start it; `keytender status` says more"},
	{session.FoundStoreNone, "none is chosen yet", "", ""},

	{session.FoundScopesNone, "nothing to look at", "", ""},
	{session.FoundScopesNoInference, "the login lacks user:inference", "Claude Code takes such a login for none",
		withoutScope},
	{session.FoundScopesNoProfile, "the login lacks user:profile", "e-mail, plan and usage cannot be asked for",
		withoutScope},
	{session.FoundScopesFine, "{reason}", "", ""},

	{session.FoundSharedWithOpenCode,
		"OpenCode holds tokens of the account {account} and renews them by itself ({path})",
		"a refresh token works once: whoever comes second is refused, and the server then ends the login for everybody",
		"sign OpenCode out (`opencode auth logout`), or give it a login of its own"},
	{session.FoundSharedWithSomebody,
		"on {date} the server called a refresh token spent that keytender had not sent before",
		"the server ended the login, or another program, another machine or a backup used the same one",
		"find what else holds this login (`keytender places` lists what keytender knows), then sign in again with `keytender login`"},
	{session.FoundSharedWithNobody, "none is known that renews this login", "", ""},

	{session.FoundExportsUnread, "{reason}", "the ends of exported tokens are not told",
		"move the file away; `keytender export github` begins a new list"},
	{session.FoundExportEnded, "{id} in {place} has ended", "what runs there is signed out",
		"export a new one with `keytender export github --repo {place} --new-token`"},
	{session.FoundExportsFine, "{count}", "", ""},

	{session.FoundTrayRuns, "running", "", ""},
	{session.FoundTrayNotNeeded, "not running", "", ""},
	{session.FoundTrayMissing, noTray, "tokens are renewed when they are asked for, and " + nobodyTells, startTray},
	{session.FoundTrayMissingWatch, noTray, nobodyTells, startTray},

	{session.FoundRoleChosen, "watch-only, by your choice: no copy of a login is kept", "", ""},
	{session.FoundRoleSet, "watch-only, by {id} ({also}): no copy of a login is kept", "", ""},
}

const (
	takenForNone  = "Claude Code takes it for none and is signed out; nothing in it was changed"
	untilRead     = "nothing is renewed or written while it cannot be read, since it may hold the newest tokens"
	saysNobody    = "Claude Code says that nobody is signed in"
	notUsable     = "it cannot be used: {reason}"
	olderTokens   = "it holds older tokens of this login ({place})"
	wouldRefuse   = "Claude Code would be refused with them"
	whileUnknown  = "nothing is sent or overwritten while that is not known"
	itemAway      = "remove that item in Keychain Access, then "
	notAccepted   = "Claude Code does not accept it: {reason} ({place})"
	orLetGo       = "`keytender places forget '{id}'` lets go of it"
	standingThere = "{standing} ({place})"
)

var entryFindings = []found{
	{session.FoundEntryNone, "{reason}", "Claude Code has no place for a login then, and neither has keytender",
		"{repair}"},
	{session.FoundEntryLocked, "it cannot be read: {reason}", untilRead, "{repair}"},
	{session.FoundEntryUnusable, notUsable, "the mirror pauses: nothing is written there", "{repair}"},
	{session.FoundEntryDamaged, notUsable, takenForNone,
		"`keytender doctor --fix` moves it aside; then sign in with `claude auth login` or `keytender login`"},
	{session.FoundEntryDamagedOurs, notUsable, takenForNone,
		"`keytender doctor --fix` moves it aside and writes your login there anew"},
	{session.FoundItemDamaged, notUsable, takenForNone, itemAway + "`keytender mirror` writes a new one"},
	{session.FoundItemDamagedWatch, notUsable, takenForNone, itemAway + "`keytender login` signs in anew"},
	{session.FoundEntryUnreadable, notUsable, untilRead, "{repair}"},
	{session.FoundEntryStrays, "there are further items of that service, of the account {list}",
		"a program that does not name the account may read the wrong one; Claude Code reads {place}",
		"look at them in Keychain Access, and remove those that you do not need"},
	{session.FoundEntryUnknownLogin, "{reason}", whileUnknown, "{repair}"},
	{session.FoundEntryNotAccepted, notAccepted, saysNobody, "sign in with `claude auth login`"},
	{session.FoundEntryNotAcceptedOurs, notAccepted, saysNobody,
		"`keytender doctor --fix` writes your login there anew"},
	{session.FoundEntryToImport, "a login ({place}); `keytender import claude-code` takes it over", "", ""},
	{session.FoundEntryOtherLogin, "it holds the login of {person}, which keytender did not write ({place})",
		"Claude Code works as that person there",
		"nothing, if that is meant so; `keytender import claude-code` takes that login over, `keytender mirror` puts yours there"},
	{session.FoundEntryOlderEnded, olderTokens, wouldRefuse, "sign in again with `keytender login`"},
	{session.FoundEntryOlderTended, olderTokens, wouldRefuse,
		"nothing: the menu-bar app brings it up within a minute; `keytender refresh` does at once"},
	{session.FoundEntryOlder, olderTokens, wouldRefuse, "`keytender refresh` brings it up"},
	{session.FoundEntryOutOfStep, standingThere, "it is not in step with your login",
		"`keytender mirror --dry-run` shows what would change"},
	{session.FoundEntryEmptyEnded, "it holds no login ({place})", saysNobody,
		"sign in again with `keytender login`, which writes it too"},
	{session.FoundEntryBlanked, "Claude Code blanked it after the server had refused its renewal ({place})", saysNobody,
		"`keytender doctor --fix` puts your login back, if the server still takes it; `keytender doctor --why` says what is known"},
	{session.FoundEntrySignedOut, "{reason}", saysNobody, "{repair}"},
	{session.FoundEntryEmpty, "there is no login in it ({place})", saysNobody, "`keytender mirror` writes yours there"},
	{session.FoundEntryFine, standingThere, "", ""},
	{session.FoundEntryFineWatch, "signed in ({place})", "", ""},

	{session.FoundIdentityOther,
		"Claude Code's state file names another account than the login in {place} has ({person})",
		"Claude Code shows the former person, and sends that account's id, for up to a day",
		"`keytender doctor --fix` corrects it"},
	{session.FoundIdentityFine, "Claude Code's state file names the person of the login, or nobody", "", ""},

	{session.FoundPlaceUnwritable, "{reason}",
		"a refresh token works once: nothing is renewed while a place cannot take the next one",
		"{repair}; `keytender refresh` then tries again"},
	{session.FoundPlaceBehind, "{place} is behind: {why}",
		"Claude Code would be refused there, which ends the login everywhere; do not start it there",
		"mend that, and `keytender refresh` brings it up; or " + orLetGo},
	{session.FoundPlaceAway, "{place} cannot be reached: its directory is not there",
		"it is brought up when it is back, and forgotten after 30 days", "bring the directory back, or " + orLetGo},
	{session.FoundPlaceUnread, "{place} cannot be used: {why}",
		"nothing is renewed until it can be read and written", "mend that, or " + orLetGo},
	{session.FoundPlaceUnknown, "{place} holds tokens of which nobody could say whose they are", whileUnknown,
		"`keytender refresh` asks again when the network is there; or " + orLetGo},
	{session.FoundPlacesFine, "{count}, none behind", "", ""},
}

const asMeant = "nothing, if that is meant so"

var clientFindings = []found{
	{session.FoundLockBarred, "{path}: {reason}", "the login ends with its access token, within hours",
		"give yourself back the permission to write into that folder"},
	{session.FoundLockStuck, "{path}: {reason}",
		"while it stands, Claude Code and keytender wait for it, and a sign-in may be lost",
		"close Claude Code, then `keytender doctor --fix`"},
	{session.FoundLocksFine, "free, or held by a program that is at work", "", ""},

	{session.FoundOverridden, "Claude Code does not use its entry while these are set: {list}",
		"it works with another credential than your login, and may be billed to it",
		"unset them where you start claude, or take them out of the file that is named; `keytender which` says more"},
	{session.FoundOverridesNone, "nothing stands before Claude Code's entry here", "", ""},

	{session.FoundSettingsUnusable, "{path} cannot be used: it is no JSON object, or cannot be read",
		"Claude Code leaves it out, or starts with an error",
		"correct it, or move it away; one of your administrator's is theirs to correct"},
	{session.FoundStateFileDamaged, "{path} is no JSON object",
		"Claude Code begins a new one, or starts with an error; who is signed in cannot be told there",
		"move it away; Claude Code keeps copies of it in the folder backups"},
	{session.FoundOrganizationForced,
		"your administrator's settings allow logins of another organization alone (forceLoginOrgUUID)",
		"Claude Code refuses to start with this login",
		"sign in with that organization: `keytender login --replace`, and choose it in the browser"},
	{session.FoundGatewaySet, "Claude Code's requests go through a gateway ({reason})",
		"the gateway sees your access token, and may want another one", asMeant + "; else take it out"},
	{session.FoundGatewayInEntry, "an enterprise gateway stands beside the login in the entry",
		"Claude Code talks to that gateway",
		"nothing, if your organization set it up"},
	{session.FoundSettingsFine, "none is broken, and no gateway is set", "", ""},

	{session.FoundClaudeNone, "not installed here; nothing needs it", "", ""},
	{session.FoundClaudeBroken, "{reason}", "`keytender login --method claude-code` does not work with it", "{repair}"},
	{session.FoundClaudeBrokenRenews, "{reason}",
		"the settings let it renew the login (KEYTENDER_REFRESH_WITH=claude), and it cannot", "{repair}"},
	{session.FoundClaudeBrokenWatch, "{reason}", "watch-only signs in through it", "{repair}"},
	{session.FoundClaudeRenews, "{client} renews the login", "each time spends a little of the plan's usage",
		asMeant + " (KEYTENDER_REFRESH_WITH=claude); direct spends nothing"},
	{session.FoundClaudeSeveral, "there are several of different versions: {client} comes first, and {list}",
		"old ones know fewer locks, and one may renew while another does",
		"keep one: remove the others, or update them with `claude update`"},
	{session.FoundClaudeFine, "{client}", "", ""},

	{session.FoundFactsOlder,
		"Claude Code {client} is newer than the one that keytender was checked with ({also}, {day})",
		"nothing is known to have changed; where its entry is not as known, the mirror pauses by itself and says so",
		"nothing; or look for a newer keytender"},
	{session.FoundFactsFine, "{count} facts about Claude Code, checked with {also} on {day}", "", ""},
}

const (
	judgedBy = "tokens are judged by this clock: they are renewed too late or too often"
	setClock = "set the clock in the system's date and time settings (on Linux `timedatectl set-ntp true`)"
)

var machineFindings = []found{
	{session.FoundOutsideProfile, "{path} lies outside of your profile",
		"the permissions of its folder say who may read it",
		"set KEYTENDER_HOME to a folder below your profile, or look at who may read that one"},
	{session.FoundInsideProfile, "our files lie in your profile, which is closed to others", "", ""},
	{session.FoundModeLoose, "{path} has mode {mode}, so others may {may}",
		"another user of this machine could read the login, or put another one in its place",
		"`keytender doctor --fix`, or chmod {want} '{path}'"},
	{session.FoundModesFine, "our files and Claude Code's entry are closed to others", "", ""},

	{session.FoundOurLockUnusable, "{path} cannot be used: {reason}", "keytender can neither renew nor store anything",
		"look at the permissions of {place}"},
	{session.FoundOurLockBusy, "another keytender is at work", "whatever renews or stores waits for it",
		"nothing, unless it is there in a minute still: the menu-bar app and `keytender token` take it for seconds"},
	{session.FoundOurLockFree, "free", "", ""},

	{session.FoundPortTaken, "{reason}", "a sign-in takes another port by itself",
		"nothing; to have this one, stop that program or set KEYTENDER_PORT"},
	{session.FoundPortFree, "{count} is free", "", ""},

	{session.FoundSpillWaits, "tokens wait outside the store: {list}",
		"the store did not take them; they are used from there",
		"`keytender refresh` moves them in as soon as the store takes them"},
	{session.FoundLeftBehind, "{path} was left behind by a write that was cut off",
		"nobody reads it, and it may hold a token",
		"`keytender token` says whether the login works; then `keytender doctor --fix` moves it out of the way, and you may remove it"},
	{session.FoundLeftoversNone, "none: every token is in the store", "", ""},

	{session.FoundDiskFull, "{count} KiB are free where {path} lies",
		"nothing is renewed while the new tokens might not be stored",
		"make room on that disk"},
	{session.FoundDiskFine, "there is room", "", ""},

	{session.FoundClockUnset, "it says {day}", judgedBy, setClock},
	{session.FoundClockOff, "at the server's last response ({date}) this clock was {around} {which}", judgedBy, setClock},
	{session.FoundClockPutBack, "it was put back: something was written {around} ahead of now", judgedBy, setClock},
	{session.FoundClockFine, "{second}", "", ""},
}
