package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
	"keytender/internal/config"
	"keytender/internal/secret"
	"keytender/internal/session"
)

func newImport(c *console) *cobra.Command {
	var o session.ImportOptions
	cmd := &cobra.Command{
		Use:       "import claude-code|opencode|-",
		Short:     "Take over a login that exists already",
		Long:      "Takes over the login of Claude Code or OpenCode, or one in the shape of Claude Code's entry from stdin (-).\nIt goes to the account of that person, else to a new one. Makes no token call and writes nothing into the other\nprogram's files.",
		ValidArgs: []string{"claude-code", "opencode", "-"},
		Args:      oneArgument("claude-code, opencode or -"),
		RunE: func(cmd *cobra.Command, args []string) error {
			engine, err := c.open()
			if err != nil {
				return err
			}
			if err := engine.MayKeep(); err != nil {
				return err
			}
			var done session.Imported
			switch args[0] {
			case "claude-code":
				done, err = engine.ImportClaudeCode(patient(cmd), o)
			case "opencode":
				done, err = engine.ImportOpenCode(patient(cmd), o, c.openCodePath())
			case "-":
				var text []byte
				if text, err = c.readAll(cmd.Context(), 16<<20); err == nil {
					done, err = engine.ImportJSON(patient(cmd), o, secret.New(string(text)))
				}
			default:
				return &usageError{"there is nothing of that name to import from",
					"choose claude-code, opencode or - (stdin)"}
			}
			if err != nil {
				return err
			}
			c.fact("account", done.Account)
			c.fact("already", done.Already)
			c.fact("sharedWith", done.Shared)
			c.showImported(engine.On(done.Account).Status(cmd.Context()), done)
			return nil
		},
	}
	cmd.Flags().StringVar(&o.Account, "account", "",
		"keep the login under this name (default: the account of that person, else a new one)")
	cmd.Flags().BoolVar(&o.Replace, "replace", false,
		"let it take the place of another person's login under that name, which is kept")
	return cmd
}

func (c *console) showImported(st session.Status, done session.Imported) {
	name := who(st)
	if st.Email != "" {
		name += ", account " + done.Account
	}
	switch {
	case done.Already:
		c.line(tick, "Imported: %s (it was known already)", name)
	default:
		c.line(tick, "Imported: %s", name)
	}
	if done.PlainFile != "" {
		c.line(danger, "Store: %s, a plain file: there is no keychain here", done.PlainFile)
	}
	if done.Note.Remark != "" {
		c.line(danger, "Note: %s", words.OfSaid(done.Note))
	}
	if done.Former {
		c.line(plain, "Note: the login that %s had before is kept; `keytender mirror --undo` gives it to Claude Code",
			done.Account)
	}
	if done.Shared != "" {
		c.line(danger,
			"Shared: the token chain is now shared with the program that %s belongs to: whoever renews first ends the other's refresh token",
			done.Shared)
	}
}

// openCodePath is where OpenCode keeps its logins, on every system.
func (c *console) openCodePath() string {
	if data, _ := c.lookup("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "opencode", "auth.json")
	}
	home, _ := config.Home()
	return filepath.Join(home, ".local", "share", "opencode", "auth.json")
}
