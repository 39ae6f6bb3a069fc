package main

import (
	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
)

func newSwitch(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "switch NAME",
		Short: "Make another account the active one and mirror it",
		Args:  oneArgument("the account's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			engine, err := c.open()
			if err != nil {
				return err
			}
			said, err := engine.Switch(patient(cmd), args[0])
			if err != nil {
				return err
			}
			c.fact("account", args[0])
			c.fact("claudeCode", engine.Status(cmd.Context()).ClaudeCode)
			c.line(tick, "Account: %s", args[0])
			c.line(plain, "Claude Code: %s", words.OfSaid(said))
			return nil
		},
	}
}
