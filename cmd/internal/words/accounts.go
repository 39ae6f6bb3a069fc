package words

import "keytender/internal/session"

var accountWords = []worded{
	{session.FaultAccountTaken, sentences{"there is an account or an API key of the name {account} already", "choose another name; nothing was changed"}},
	{session.FaultTokensOutside, sentences{"tokens of {account} wait outside the store and could not be moved in",
		"unlock the keychain and try again; nothing was changed"}},
	{session.FaultOldRecordStays, sentences{"the account is called {account} now, and the record under its old name could not be removed: {reason}",
		"remove it from the {place} yourself"}},
	{session.FaultAccountIsLongLived, sentences{"the account {account} is a long-lived token, and this login is another kind",
		"choose another --account, or replace it with --replace; nothing was written"}},
	{session.FaultAccountIsDaily, sentences{"the account {account} is a login for daily work, and this login is another kind",
		"choose another --account, or replace it with --replace; nothing was written"}},
	{session.FaultOtherPerson, sentences{"the account {account} is {owner}'s, and this login is {person}'s; nothing was written",
		"choose another --account for it, leave --account out, or replace the former login with --replace (it can be put back)"}},

	{session.FaultNoLoginInEntry, sentences{"Claude Code's entry ({place}) holds no login",
		"sign in there with `claude auth login --claudeai`, or here with `keytender login`"}},
	{session.FaultNotItsJSON, sentences{"this is not Claude Code's credential JSON: {reason}",
		`it reads {"claudeAiOauth":{"accessToken":…,"refreshToken":…,"expiresAt":…,"scopes":[…]}}; nothing was changed`}},
	{session.FaultNoLoginInJSON, sentences{"there is no login in this JSON", "it needs claudeAiOauth with a non-empty accessToken; nothing was changed"}},
	{session.FaultOpenCodeUnread, sentences{"OpenCode's logins cannot be read: {reason}", "sign in there first; it keeps them in {path}"}},
	{session.FaultOpenCodeShape, sentences{"{path} is not in the shape that OpenCode writes", "nothing was changed"}},
	{session.FaultOpenCodeNoLogin, sentences{"{path} holds no Claude login",
		"sign in there with OpenCode's Claude Pro/Max entry, or here with `keytender login`"}},
	{session.FaultTokenTooLong, sentences{"a token in {place} is longer than any token is", "nothing was changed"}},
	{session.FaultTokenSigns, sentences{"a token in {place} holds a blank or a character that no token has", "nothing was changed"}},
	{session.FaultImportEnded, sentences{"the login in {place} has ended or does not say until when it lives, and holds no refresh token",
		"sign in with `keytender login`; nothing was changed"}},
	{session.FaultImportOlder, sentences{"the login in {place} is an older one of the account {account}: its refresh token is spent",
		"nothing was changed; the account keeps the newer one"}},
	{session.FaultImportForgotten, sentences{"the login in {place} is an older one of one that keytender had: its refresh token is spent",
		"nothing was changed; sign in with `keytender login`"}},
}
