package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
	"keytender/internal/session"
)

type logoutOptions struct {
	session.SignOutOptions
	account  string
	all, yes bool
}

func newLogout(c *console) *cobra.Command {
	var o logoutOptions
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Remove a login from every place that keytender knows",
		Long: "Removes an account's login from our store and from every entry of Claude Code that keytender wrote or took over,\n" +
			"and nothing else there. Names what could not be removed. Asks first.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.logout(cmd, o) },
	}
	accountFlag(cmd, &o.account)
	cmd.Flags().BoolVar(&o.all, "all", false, "remove the logins of all accounts")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&o.Revoke, "revoke", false, "tell the server too (best effort)")
	cmd.Flags().BoolVar(&o.KeepClaudeCode, "keep-claude-code", false, "leave Claude Code's entries as they are")
	return cmd
}

func (c *console) logout(cmd *cobra.Command, o logoutOptions) error {
	if o.all && o.account != "" {
		return &usageError{"--all and --account do not go together", "choose one of them"}
	}
	engine, err := c.open()
	if err != nil {
		return err
	}
	engine = engine.On(o.account) // one that is gone may have left something behind
	names := []string{o.account}
	if o.all {
		if names, _, err = engine.AccountNames(); err != nil {
			return err
		}
		if len(names) == 0 {
			names = []string{""}
		}
	}
	if !o.yes {
		if err := c.confirmLogout(cmd, engine, names); err != nil {
			return err
		}
	}
	var (
		problems []error
		done     = []any{}
	)
	o.All = o.all
	for _, name := range names {
		steps, err := engine.On(name).SignOut(patient(cmd), o.SignOutOptions)
		if said := c.knows(engine, name); o.account != "" && said != nil && leftNothing(steps, err) {
			return said
		}
		done = append(done, c.steps(steps)...)
		if err != nil {
			problems = append(problems, err)
		}
	}
	c.fact("steps", done)
	if len(problems) == 1 {
		return problems[0]
	}
	return errors.Join(problems...)
}

// leftNothing reports whether a sign-out found nothing that an account which is gone had left.
func leftNothing(steps []session.Step, err error) bool {
	if known := words.Known(err); err != nil {
		return known != nil && known.Code == session.CodeNoAccount
	}
	return len(steps) == 1 &&
		(steps[0].Remark == session.RemarkNobodySignedIn || steps[0].Remark == session.RemarkWatchesOnly)
}

func (c *console) confirmLogout(cmd *cobra.Command, engine *session.Engine, names []string) error {
	var logins []string
	for _, name := range names {
		if st := engine.On(name).Status(patient(cmd)); st.State != session.SignedOut {
			logins = append(logins, who(st))
		}
	}
	if len(logins) == 0 {
		return nil
	}
	return c.confirm(cmd, fmt.Sprintf("Remove the login of %s from this machine?", strings.Join(logins, " and of ")))
}

// steps prints what became of each part of a sign-out, and returns it as --json has it.
func (c *console) steps(steps []session.Step) (told []any) {
	for _, s := range steps {
		sign := tick
		if s.Undone {
			sign = danger
		}
		sentence := words.OfSaid(s.Said)
		told = append(told, map[string]any{"text": sentence, "undone": s.Undone})
		c.line(sign, "%s", sentence)
	}
	return told
}
