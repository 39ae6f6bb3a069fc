package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"keytender/internal/session"
)

func newAccounts(c *console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "accounts",
		Short: "List the accounts, the active one marked; rename or remove one",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			engine, err := c.open()
			if err != nil {
				return err
			}
			if _, _, err := engine.AccountNames(); err != nil {
				return err // a list that cannot be read is not an empty one
			}
			st := engine.Status(cmd.Context())
			if asJSON {
				return c.result(map[string]any{"schemaVersion": 1, "accounts": st.Accounts})
			}
			return c.showAccounts(st.Accounts)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	cmd.AddCommand(newAccountsRename(c), newAccountsRemove(c))
	return cmd
}

func newAccountsRename(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "rename OLD NEW",
		Short: "Give an account another name",
		Args:  exactly(2, "two arguments: the account's name and its new one"),
		RunE: func(cmd *cobra.Command, args []string) error {
			engine, err := c.open()
			if err != nil {
				return err
			}
			if err := engine.RenameAccount(cmd.Context(), args[0], args[1]); err != nil {
				return err
			}
			c.fact("account", args[1])
			c.line(tick, "Account: %s is called %s now", args[0], args[1])
			return nil
		},
	}
}

func newAccountsRemove(c *console) *cobra.Command {
	var o logoutOptions
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove an account and its login from every place, as `logout --account NAME` does",
		Args:  oneArgument("the account's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.account = args[0]
			return c.logout(cmd, o)
		},
	}
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&o.Revoke, "revoke", false, "tell the server too (best effort)")
	return cmd
}

// showAccounts prints a table: what names an account, until when, and where it is used.
func (c *console) showAccounts(accounts []session.AccountStatus) error {
	if len(accounts) == 0 {
		c.say(plain, "There is no account yet")
		c.line(plain, "hint: sign in with `keytender login`")
		return nil
	}
	rows := [][]string{{"  NAME", "E-MAIL", "ORGANIZATION", "PLAN", "SIGN IN AGAIN BY", "PLACES"}}
	for _, a := range accounts {
		mark := " "
		if a.Active {
			mark = "*"
		}
		ends := "unknown"
		switch {
		case a.State == session.SignInAgain:
			ends = "now: it has ended"
		case a.Login.ExpiresAt != nil:
			ends = when(*a.Login.ExpiresAt, time.Now())
		}
		rows = append(rows, []string{mark + " " + a.Name, orDash(a.Email), orDash(a.Organization), orDash(a.Plan), ends,
			strconv.Itoa(len(a.Places))})
	}
	return c.table(rows)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
