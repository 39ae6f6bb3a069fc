package main

import (
	"slices"
	"strings"
)

const loginHelp = `Signs in to your own Claude account and keeps the tokens in the keychain.

Which way?

  Way                          Needs                Renews by itself     For
  (browser, the usual one)     a browser here       yes, until the       your own desk
                                                    login ends (weeks)
  --method paste               a browser anywhere   yes, as above        servers, SSH, containers
  --method claude-code         Claude Code          yes, as above        the official client signs in;
                               2.1.88 or newer                           a copy is kept here too
  (after keytender watch on)   Claude Code          Claude Code does     no copy is kept at all
  --long-lived                 a subscription       no: one token for    CI, inference alone
                                                    a year
  --console                    a Console account    yes, as above        Console accounts
  keytender api-key create     a Console account    never ends           CI and headless use,
                                                                         billed per token
  keytender import             a login elsewhere    yes, but the chain   trying it out
                                                    is shared

While it waits, the browser's answer and a pasted code both count, whichever
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
var refusedWithValidity = []string{"org:create_api_key", "user:mcp_servers", "user:sessions:claude_code"}

// checkLongLived refuses, before a browser opens, what the server would refuse after
// the person has clicked through.
func (o *loginOptions) checkLongLived() error {
	if o.LongLived == 0 {
		return nil
	}
	for _, scope := range o.Scopes {
		if slices.Contains(refusedWithValidity, scope) {
			return &usageError{"--long-lived and the scope " + scope + " do not go together: the server allows a validity of one's own for narrow scopes only",
				"leave --scope out (user:inference alone), or sign in without --long-lived"}
		}
	}
	return nil
}

// warnLongLived says what such a token cannot do, before it is issued.
func (c *console) warnLongLived(o loginOptions) {
	switch {
	case o.LongLived == 0:
	case o.Scopes == nil || slices.Equal(o.Scopes, []string{"user:inference"}):
		c.line(danger, "Long-lived: this token is for inference alone; it cannot read your profile, plan or usage, and it cannot be renewed")
	default:
		c.line(danger, "Long-lived: the server may refuse a validity of its own for these scopes (%s); user:inference alone is known to work", strings.Join(o.Scopes, " "))
	}
}
