package main

import (
	"time"

	"github.com/spf13/cobra"

	"keytender/internal/session"
)

func newRefresh(c *console) *cobra.Command {
	var (
		force   bool
		account string
	)
	cmd := &cobra.Command{
		Use:   "refresh",
		Short: "Renew the login when it is due, or now with --force",
		Long:  "Renews the login when it is due. A newer pair that Claude Code got is taken over instead of spending ours.",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			engine, err := c.openFor(account)
			if err != nil {
				return err
			}
			r, err := engine.Renew(cmd.Context(), force)
			if err != nil {
				return err
			}
			c.fact("renewed", r.Done)
			c.fact("adopted", r.Adopted)
			c.fact("dueAt", timeOrNull(r.DueAt))
			c.fact("expiresAt", timeOrNull(r.Ends))
			switch {
			case r.Adopted:
				c.line(tick, "Renewed: Claude Code had renewed the login; its tokens were taken over")
			case r.Done:
				c.line(tick, "Renewed: the login has new tokens")
			case r.DueAt.IsZero():
				c.line(tick, "Not due: this login cannot be renewed, and works until it ends")
			default:
				c.line(tick, "Not due: it will be renewed from %s on", when(r.DueAt, time.Now()))
			}
			// The tokens are safe either way; that Claude Code lacks them is worth a line.
			switch st := engine.Status(cmd.Context()); st.ClaudeCode.State {
			case session.Older, session.Damaged, session.Busy:
				c.line(danger, "Claude Code: %s", entryWords(st))
			case session.InStep, session.Newer, session.Off: // it lacks none
			case session.OtherLogin, session.UnknownLogin: // it has others
			case session.EntrySignedOut, session.Absent: // it has none, and nothing revives it
			}
			c.line(plain, "Expires: %s", when(r.Ends, time.Now()))
			return nil
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "renew now, although it is not due")
	accountFlag(cmd, &account)
	return cmd
}
