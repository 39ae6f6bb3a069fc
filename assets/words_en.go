package assets

import "keytender/internal/language"

var english = Words{
	Tag: language.English,

	Done: "Done", NotDone: "Not done", TooLate: "Too late", Stopped: "Stopped", Attention: "Attention",
	InProgress: "In progress",

	Plan: "Plan: {{plan}}",
	Said: "The sign-in service gave this reason: {{said}}",

	Finishing: Page{
		Title: "Finishing the sign-in",
		Body:  "Your sign-in has arrived and is being stored safely. This takes a moment.",
		Next:  `The page moves on by itself. If it does not, <a href="{{next}}">continue here</a>.`,
	},
	SignedIn: Page{
		Title: "Signed in",
		Body:  "Authentication successful. Your login is stored on this computer, and Keytender keeps it fresh.",
		Next:  "You can close this window and return to the terminal or the menu bar.",
	},
	Elsewhere: Page{
		Title: "Signed in already",
		Body:  "The code you pasted came first and finished this sign-in. This page was not needed any more.",
		Next:  "You can close this window and return to the terminal or the menu bar.",
	},
	As: "{{title}} as {{email}}",
	Declined: Page{
		Title: "You chose not to allow it",
		Body:  "Nothing was stored, and nothing was changed.",
		Next:  "To sign in after all, start again whenever you like and choose <strong>Allow</strong>.",
	},
	TimedOut: Page{
		Title: "This sign-in took too long",
		Body:  "The time for this sign-in had run out before it was finished. Nothing was stored.",
		Next:  "Close this window, and start the sign-in again from the menu bar or the terminal.",
	},
	Cancelled: Page{
		Title: "This sign-in was cancelled",
		Body:  "It was stopped in the menu bar or the terminal before it was finished. Nothing was stored.",
		Next:  "Close this window. You can start the sign-in again there whenever you like.",
	},
	Stray: Page{
		Title: "This page is not from the current sign-in",
		Body:  "Keytender did not accept it, and nothing was changed. A tab left over from an earlier try often looks like this.",
		Next:  "Close this window. Finish in the newest sign-in tab, or start the sign-in again.",
	},
	Refused: Page{
		Title: "Nothing to see here",
		Body:  "Keytender is waiting here for the end of a sign-in. This request is no part of it, and nothing was changed.",
		Next:  "You can close this window.",
	},
	Welcome: Page{
		Title: "Welcome to Keytender",
		Body:  "It sits in the menu bar, keeps the login of your own Claude account alive for Claude Code, and tells you in time before it ends. It sends your login nowhere but to Anthropic, and is not made by Anthropic.",
		Next:  "Before you sign in: Anthropic’s terms do not allow third parties to offer Claude.ai sign-in. The server may refuse Keytender, and that is final then. These ways are open to you.",
	},
	Ways: Table[Way]{
		{"browser", Way{"Sign in", "In your browser, by Keytender itself.",
			Page{Title: "The sign-in page opens", Body: "Go on in the new tab of your browser.",
				Next: "You can close this window. The key in the menu bar says how it stands."}}},
		{"claude", Way{"Sign in through Claude Code",
			"Claude Code’s own sign-in, as the terms foresee. Keytender keeps a copy of that login.", Page{
				Title: "Claude Code signs in",
				Body:  "Keytender has asked Claude Code to sign you in.",
				Next:  "Go on in the page that Claude Code opens in your browser. Keytender’s menu says how it stands, and you can close this window.",
			}}},
		{"watch",
			Way{"Only watch", "Keytender keeps no copy: it says how Claude Code’s login stands, and when it ends.",
				Page{Title: "Keytender only watches now",
					Body: "It keeps no copy of your login, and tells you before Claude Code’s login ends.",
					Next: "You can close this window. The menu can change it at any time."}}},
	},

	NotSignedIn: "Not signed in",
	Kept: Table[HTML]{{"keychain", "It is kept in the keychain of this computer."},
		{"file", "There is no keychain here: it is kept in a plain file that only your own user can read."},
		{"aside", "No store took it yet: it waits in a file of your own, and moves on by itself."}},
	Failures: Table[[2]HTML]{
		{"", [2]HTML{"The sign-in could not be completed.",
			"Close this window. The menu bar or the terminal says more."}},
		{"refused", [2]HTML{"The sign-in service does not let Keytender sign you in. Nothing was stored.",
			"Sign in <strong>through Claude Code</strong> instead: Claude Code’s own sign-in is the way that the service provides."}},
		{"code-refused",
			[2]HTML{
				"The sign-in service did not accept the code. It works once, and for a few minutes only. Nothing was stored.",
				"Close this window, and start the sign-in again."}},
		{"other-account", [2]HTML{"This is another account than the one that was asked for. Nothing was stored.",
			"Close this window. Sign out of that account in the browser, and start the sign-in again."}},
		{"try-later", [2]HTML{"The sign-in service cannot be reached or is in trouble. Nothing was stored.",
			"Close this window, wait a few minutes, and start the sign-in again."}},
		{"locked", [2]HTML{"The keychain of this computer is locked, so the login could not be stored.",
			"Close this window, unlock the keychain, and start the sign-in again."}},
		{"keychain", [2]HTML{"The keychain of this computer did not take the login, so nothing was stored.",
			"Close this window. The menu bar or the terminal says what stands in the way."}},
		{"storage", [2]HTML{"The login could not be stored on this computer.",
			"Close this window, make sure that there is free space, and start the sign-in again."}},
	},
	Reasons: Table[HTML]{
		{"malformed", "The request is malformed."},
		{"repeated", "A parameter stands in the address twice."},
		{"state", "State mismatch: possible CSRF attack, or a page left over from an earlier try."},
		{"issuer", "Issuer mismatch: the redirect names another sign-in service."},
		{"no-code", "No authorization code received."},
		{"code", "The authorization code is malformed."},
		{"both", "The redirect holds both a code and an error."},
		{"host", "The address is not one of this sign-in's own."},
		{"navigation", "Only a page that a person opens is answered here."},
		{"path", "There is no page at this address."},
		{"method", "Only GET is answered here."},
		{"too-big", "The request is too big."},
	},
}
