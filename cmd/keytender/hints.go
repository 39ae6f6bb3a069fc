package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// hintFlags say which account the person wants to sign in to.
func (o *loginOptions) hintFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.Expect, "expect", "", "refuse any other account than this e-mail's")
	f.StringVar(&o.Org, "org", "", "refuse any other organization than the one with this id")
	f.StringVar(&o.Email, "email", "", "fill in this e-mail address on the sign-in page")
	f.BoolVar(&o.SSO, "sso", false, "sign in by single sign-on")
}

// checkHints refuses what would come into a link or before another program as anything
// but what it says. The values are not repeated.
func (o *loginOptions) checkHints(cmd *cobra.Command) error {
	bad := func(message string) error {
		return &usageError{message, "`" + cmd.CommandPath() + " --help` says what the flags take"}
	}
	for name, value := range map[string]string{"expect": o.Expect, "email": o.Email} {
		if cmd.Flags().Changed(name) && !isAddress(value) {
			return bad("--" + name + " is no e-mail address")
		}
	}
	if cmd.Flags().Changed("org") && (!isWord(o.Org) || len(o.Org) > 100) {
		return bad("--org is no organization's id")
	}
	return nil
}

func isAddress(text string) bool {
	name, host, _ := strings.Cut(text, "@")
	return name != "" && host != "" && len(text) <= 254 && isWord(text)
}

// isWord is true of visible characters in a row that do not look like a flag.
func isWord(text string) bool {
	return text != "" && !strings.HasPrefix(text, "-") &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}
