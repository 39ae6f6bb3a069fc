package main

import (
	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
	"keytender/internal/session"
)

func newMirror(c *console) *cobra.Command {
	var (
		dryRun, undo bool
		account      string
	)
	cmd := &cobra.Command{
		Use:   "mirror",
		Short: "Write the signed-in account into Claude Code's entry",
		Long:  "Writes the signed-in account into the entry that Claude Code reads. Everything else in that entry stays\nas it is; another login there is kept aside, and --undo puts it back.",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dryRun && undo {
				return &usageError{"--dry-run and --undo do not go together", "choose one of them"}
			}
			engine, err := c.openFor(account)
			if err != nil {
				return err
			}
			if dryRun {
				plan, err := engine.MirrorPlan(cmd.Context())
				if err != nil {
					return err
				}
				state := string(plan.State)
				if plan.NotAccepted != nil {
					state = "not accepted: " + words.OfReason(plan.NotAccepted)
				}
				c.fact("claudeCode", map[string]any{"place": plan.Place, "state": state})
				c.fact("changes", append([]session.KeyChange{}, plan.Changes...))
				c.say(plain, "Claude Code: %s (%s)", state, plan.Place)
				for _, change := range plan.Changes {
					c.say(plain, "%s: %s -> %s", change.Key, change.Before, change.After)
				}
				if len(plan.Changes) == 0 {
					c.say(tick, "Nothing to change")
				}
				return nil
			}
			act := engine.Mirror
			if undo {
				act = engine.Undo
			}
			said, err := act(patient(cmd))
			if err != nil {
				return err
			}
			c.fact("claudeCode", engine.Status(cmd.Context()).ClaudeCode)
			sentence := words.OfSaid(said)
			if undo {
				sentence += " (" + said.Values.Place + ")"
			}
			c.line(tick, "Claude Code: %s", sentence)
			return nil
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would change, key by key, and change nothing")
	cmd.Flags().BoolVar(&undo, "undo", false, "put back the login that was last displaced; again: the one before")
	accountFlag(cmd, &account)
	return cmd
}
