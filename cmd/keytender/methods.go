package main

import (
	"slices"
	"strings"

	"keytender/internal/scope"
)

const loginHelp = `Signs in to your own Claude account and keeps the tokens in the keychain.

Which way?

  Way                   Needs               Renews      For
  (the usual one)       a browser here      until the   your own desk
                                            login ends
  --method paste        a browser anywhere  as above    SSH, containers
  --method claude-code  Claude Code 2.1.88  as above    a copy is kept
                        or newer                        here too
  (with watch on)       Claude Code         by itself   no copy is kept
  --long-lived          a subscription      no: a year  CI, inference only
  --console             a Console account   as above    Console accounts
  api-key create        a Console account   never ends  CI, billed by use
  import                a login elsewhere   as above    trying it out; the
                                                        chain is shared

While it waits, the browser's redirect and a pasted code both count, whichever
comes first: CODE#STATE, the whole URL of the page, or the code alone.

In two steps, for programs and for short connections: --begin prints the link and
ends, and within ten minutes --finish takes what its page showed on stdin, once.
Between the two the sign-in waits in a file that you alone can read.

--expect EMAIL refuses any other account before anything is stored, --org ID any
other organization. The sign-in page is told both, and so it is told --email EMAIL
and --sso; with --method claude-code the official client is told all but the
organization, for which it has no flag. Who is signed in stays so until the new
sign-in has succeeded.`

// refusedWithValidity are the scopes with which the server refuses a validity of
// one's own: "Custom expires_in not allowed for scope …".
var refusedWithValidity = []string{scope.APIKey, scope.Servers, scope.Sessions}

// checkLongLived refuses, before a browser opens, what the server would refuse after
// the person has clicked through.
func (o *loginOptions) checkLongLived() error {
	if o.LongLived == 0 {
		return nil
	}
	for _, wanted := range o.Scopes {
		if slices.Contains(refusedWithValidity, wanted) {
			return &usageError{"--long-lived and the scope " + wanted +
				" do not go together: the server allows a validity of one's own for narrow scopes only",
				"leave --scope out (user:inference alone), or sign in without --long-lived"}
		}
	}
	return nil
}

// warnLongLived says what such a token cannot do, before it is issued.
func (c *console) warnLongLived(o loginOptions) {
	switch {
	case o.LongLived == 0:
	case o.Scopes == nil || slices.Equal(o.Scopes, []string{scope.Inference}):
		c.line(danger,
			"Long-lived: this token is for inference alone; it cannot read your profile, plan or usage, and it cannot be renewed")
	default:
		c.line(danger,
			"Long-lived: the server may refuse a validity of its own for these scopes (%s); user:inference alone is known to work",
			strings.Join(o.Scopes, " "))
	}
}
