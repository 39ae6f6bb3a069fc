package main

import "keytender/internal/session"

const (
	keyByHand = "make the key at the Console and store it with `keytender api-key set`"
	keyShape  = "a Console API key begins with sk-ant-api; make one at https://platform.claude.com/settings/keys"
	aYearLong = "make one for it with `keytender login --long-lived --account ci --no-mirror`, then export with --account ci"
)

var keyWords = []told{
	{session.FaultKeyNotAsked, words{"the key could not be asked for in time", "look at the Console whether one was made, and try again"}},
	{session.FaultKeyUnanswered, words{"no answer came to the request for a key: one may have been made that nobody knows",
		"look at the Console, delete it if it is there, and try again"}},
	{session.FaultNoKeyYet, words{"the server made no key: {reason}", "try again in a few minutes"}},
	{session.FaultKeyScope, words{"this Console sign-in may not make API keys: the scope org:create_api_key was not granted",
		"ask an admin of the organization, or " + keyByHand}},
	{session.FaultKeyNotAllowed, words{"the server made no key: {reason}", "this account may not make keys; " + keyByHand}},
	{session.FaultNoKey, words{"the server made no key: {reason}", keyByHand}},
	{session.FaultKeyMissing, words{"there is no key in the input; nothing was changed", "give it on stdin: keytender api-key set < FILE"}},
	{session.FaultKeyLines, words{"the input has more than one line; nothing was changed", "give the key alone"}},
	{session.FaultKeyIsToken, words{"this is a token of a login and not an API key; nothing was changed",
		"take such a login over with `keytender import -`; " + keyShape}},
	{session.FaultKeyIsAdmin, words{"this is an admin key, which makes no API calls; nothing was changed", keyShape}},
	{session.FaultKeyUnknown, words{"this is not a Console API key; nothing was changed", keyShape}},
	{session.FaultKeyDamaged, words{"the stored API key is damaged", "remove it with `keytender api-key remove --yes` and store it again"}},
	{session.FaultNoAPIKey, words{"there is no API key",
		"make one with `keytender api-key create`, or store one with `keytender api-key set`"}},

	{session.FaultStoredTokenKind, words{"the stored token does not begin with sk-ant-oat, so it is no OAuth token of Claude", aYearLong}},
	{session.FaultTooShort, words{"the server gives tokens of a shorter validity than asked for", "ask for less with --min-valid"}},
	{session.FaultTokenEnded, words{"the access token has ended, and CI could not renew it", aYearLong}},
	{session.FaultNewTokenKind, words{"the new token does not begin with sk-ant-oat, so it is no OAuth token of Claude",
		"it was not exported and not kept"}},
}
