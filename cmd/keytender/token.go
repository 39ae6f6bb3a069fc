package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

func newToken(c *console) *cobra.Command {
	minValid := time.Minute
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Print an access token that is still valid, renewing it first when needed",
		Long:  "Prints the access token and a newline on stdout. A token that is valid for long enough is printed\nwithout any connection; otherwise the login is renewed first. Unless --min-valid is given,\nKEYTENDER_REFRESH_SKEW counts where it is more.",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if minValid < 0 {
				return &usageError{"--min-valid cannot be negative", "give a length of time, say --min-valid 5m"}
			}
			engine, err := c.open()
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("min-valid") {
				minValid = max(minValid, engine.Config().RefreshSkew)
			}
			token, err := engine.Token(cmd.Context(), minValid)
			if token.IsZero() {
				return err
			}
			if err != nil && cmd.Context().Err() == nil {
				c.line(danger, "this token is valid, but not for %s: %v", minValid, err)
			}
			_, err = fmt.Fprintln(c.out, token.Reveal())
			return err
		},
	}
	cmd.Flags().DurationVar(&minValid, "min-valid", minValid, "renew first when less than this is left")
	return cmd
}

func newRefresh(c *console) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "refresh",
		Short: "Renew the login when it is due, or now with --force",
		Long:  "Renews the login when it is due. A newer pair that Claude Code got is taken over instead of spending ours.",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			engine, err := c.open()
			if err != nil {
				return err
			}
			r, err := engine.Renew(cmd.Context(), force)
			if err != nil {
				return err
			}
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
			if entry := engine.Status(cmd.Context()).ClaudeCode; slices.Contains([]string{"older", "damaged", "busy"}, entry.State) {
				c.line(danger, "Claude Code: %s", entryWords(entry))
			}
			c.line(plain, "Expires: %s", when(r.Ends, time.Now()))
			return nil
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "renew now, although it is not due")
	return cmd
}
