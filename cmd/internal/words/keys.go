package words

import "keytender/internal/session"

const (
	keyByHand = "make the key at the Console and store it with `keytender api-key set`"
	keyShape  = "a Console API key begins with sk-ant-api; make one at https://platform.claude.com/settings/keys"
	aYearLong = "make one for it with `keytender login --long-lived --account ci --no-mirror`, then export with --account ci"
)

var keyWords = []worded{
	{session.FaultKeyNotAsked, sentences{"the key could not be asked for in time",
		"look at the Console whether one was made, and try again"}},
	{session.FaultKeyUnanswered,
		sentences{"no response came to the request for a key: one may have been made that nobody knows",
			"look at the Console, delete it if it is there, and try again"}},
	{session.FaultNoKeyYet, sentences{"the server made no key: {reason}", "try again in a few minutes"}},
	{session.FaultKeyScope,
		sentences{"this Console sign-in may not make API keys: the scope org:create_api_key was not granted",
			"ask an admin of the organization, or " + keyByHand}},
	{session.FaultKeyNotAllowed, sentences{"the server made no key: {reason}",
		"this account may not make keys; " + keyByHand}},
	{session.FaultNoKey, sentences{"the server made no key: {reason}", keyByHand}},
	{session.FaultKeyMissing, sentences{"there is no key in the input; nothing was changed",
		"give it on stdin: keytender api-key set < FILE"}},
	{session.FaultKeyLines, sentences{"the input has more than one line; nothing was changed", "give the key alone"}},
	{session.FaultKeyIsToken, sentences{"this is a token of a login and not an API key; nothing was changed",
		"take such a login over with `keytender import -`; " + keyShape}},
	{session.FaultKeyIsAdmin, sentences{"this is an admin key, which makes no API calls; nothing was changed",
		keyShape}},
	{session.FaultKeyUnknown, sentences{"this is not a Console API key; nothing was changed", keyShape}},
	{session.FaultKeyDamaged, sentences{"the stored API key is damaged",
		"remove it with `keytender api-key remove --yes` and store it again"}},
	{session.FaultNoAPIKey, sentences{"there is no API key",
		"make one with `keytender api-key create`, or store one with `keytender api-key set`"}},

	{session.FaultStoredTokenKind,
		sentences{"the stored token does not begin with sk-ant-oat, so it is no OAuth token of Claude", aYearLong}},
	{session.FaultTooShort, sentences{"the server gives tokens of a shorter validity than asked for",
		"ask for less with --min-valid"}},
	{session.FaultTokenEnded, sentences{"the access token has ended, and CI could not renew it", aYearLong}},
	{session.FaultNewTokenKind,
		sentences{"the new token does not begin with sk-ant-oat, so it is no OAuth token of Claude",
			"it was not exported and not kept"}},
}
