package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"keytender/internal/session"
)

func newWatch(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "watch on|off|status",
		Short: "Keep no copy of any login: only show and announce what Claude Code's entry holds",
		Long: "With watch-only, Keytender keeps no copy of any login and renews none. It shows whose login Claude Code's\n" +
			"entry holds and until when, tells you before it ends, and signs in through `claude auth login`. What would\n" +
			"keep or renew a login is refused. on is refused while Keytender keeps logins, and says how to remove them;\n" +
			"off goes back. KEYTENDER_ROLE counts more than this choice. status prints on or off.",
		ValidArgs: []string{"on", "off", "status"},
		Args:      oneArgument("on, off or status"),
		RunE: func(cmd *cobra.Command, args []string) error {
			engine, err := c.open()
			if err != nil {
				return err
			}
			switch args[0] {
			case "on", "off":
				if err := engine.SetWatch(cmd.Context(), args[0] == "on"); err != nil {
					return err
				}
			case "status":
			default:
				return &usageError{"there is no such argument", "choose one of on, off, status"}
			}
			return c.showRole(engine, args[0] == "off")
		},
	}
}

// showRole prints how it stands now.
func (c *console) showRole(engine *session.Engine, turnedOff bool) error {
	role, err := engine.Role()
	if err != nil {
		return err
	}
	on := role.Role == session.RoleWatch
	if c.object != nil {
		return c.result(map[string]any{"schemaVersion": 1, "on": on, "role": role.Role, "setBy": role.From})
	}
	by := ""
	if role.From != "" {
		by = " (KEYTENDER_ROLE, " + role.From + ")"
	}
	word := "off"
	if on {
		word = "on"
		c.line(tick,
			"Watch-only: on%s; no copy of a login is kept, `keytender status` shows what Claude Code's entry holds", by)
	} else {
		c.line(tick, "Watch-only: off%s; logins are kept and renewed", by)
	}
	if turnedOff {
		c.line(plain,
			"hint: sign in with `keytender login`, or take over Claude Code's login with `keytender import claude-code`")
	}
	_, err = fmt.Fprintln(c.out, word)
	return err
}

// watched makes a sign-in one of Claude Code's where no copy may be kept, unless another
// way was asked for, which is refused.
func (o *loginOptions) watched(cmd *cobra.Command, engine *session.Engine) (err error) {
	role, err := engine.Role()
	if err != nil || role.Role != session.RoleWatch {
		return err
	}
	if !cmd.Flags().Changed("method") && !o.finish {
		o.Method = session.ByClaudeCode
	}
	if o.Method != session.ByClaudeCode {
		return engine.MayKeep()
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "account", "replace", "no-mirror", "port", "long-lived", "scope", "browser-command":
			err = &usageError{"--" + f.Name +
				" makes no sense with watch-only: Claude Code signs in, and no copy is kept",
				"leave it out"}
		}
	})
	return err
}
