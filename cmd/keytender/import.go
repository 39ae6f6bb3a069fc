package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"keytender/internal/config"
	"keytender/internal/secret"
	"keytender/internal/session"
)

func newImport(c *console) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:       "import claude-code|opencode|-",
		Short:     "Take over a login that exists already",
		Long:      "Takes over the login of Claude Code or OpenCode, or one in the shape of Claude Code's entry from stdin (-).\nMakes no connection and writes nothing into the other program's files.",
		ValidArgs: []string{"claude-code", "opencode", "-"},
		Args:      oneArgument("claude-code, opencode or -"),
		RunE: func(cmd *cobra.Command, args []string) error {
			engine, err := c.open()
			if err != nil {
				return err
			}
			var (
				st      session.Status
				warning string
			)
			switch args[0] {
			case "claude-code":
				st, warning, err = engine.ImportClaudeCode(patient(cmd), account)
			case "opencode":
				st, warning, err = engine.ImportOpenCode(patient(cmd), account, c.openCodePath())
			case "-":
				var text []byte
				if text, err = c.readAll(cmd.Context(), 1<<20); err == nil {
					st, warning, err = engine.ImportJSON(patient(cmd), account, secret.New(string(text)))
				}
			default:
				return &usageError{"there is nothing of that name to import from", "choose claude-code, opencode or - (stdin)"}
			}
			if err != nil {
				return err
			}
			c.line(tick, "Imported: %s", who(st))
			if warning != "" {
				c.line(danger, "Shared: %s", warning)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "keep the login under this name (default: default)")
	return cmd
}

// openCodePath is where OpenCode keeps its logins, on every system.
func (c *console) openCodePath() string {
	if data, _ := c.lookup("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "opencode", "auth.json")
	}
	home, _ := config.Home()
	return filepath.Join(home, ".local", "share", "opencode", "auth.json")
}
