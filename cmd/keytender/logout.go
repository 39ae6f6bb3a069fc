package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"keytender/internal/session"
)

func newLogout(c *console) *cobra.Command {
	var (
		yes bool
		o   session.SignOutOptions
	)
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Remove the login, here and in Claude Code's entry",
		Long:  "Removes our record and our part of Claude Code's entry, and nothing else in it. Asks first.",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			engine, err := c.open()
			if err != nil {
				return err
			}
			if st := engine.Status(patient(cmd)); st.State != session.SignedOut && !yes {
				if err := c.confirm(cmd, fmt.Sprintf("Remove the login of %s from this machine?", who(st))); err != nil {
					return err
				}
			}
			steps, err := engine.SignOut(patient(cmd), o)
			c.steps(steps)
			return err
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&o.Revoke, "revoke", false, "tell the server too (best effort)")
	cmd.Flags().BoolVar(&o.KeepClaudeCode, "keep-claude-code", false, "leave Claude Code's entry as it is")
	return cmd
}

// steps prints what became of each part of a sign-out.
func (c *console) steps(steps []session.Step) {
	for _, step := range steps {
		sign := tick
		if step.Undone {
			sign = danger
		}
		c.line(sign, "%s", step.Text)
	}
}
