package main

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"keytender/internal/session"
)

func newHistory(c *console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show who renewed, adopted, mirrored or lost the login, and when",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			engine, err := c.open()
			if err != nil {
				return err
			}
			records, err := engine.History()
			if err != nil {
				return err
			}
			if asJSON {
				if records == nil {
					records = []session.Record{}
				}
				return c.result(map[string]any{"schemaVersion": 1, "history": records})
			}
			for _, r := range records {
				detail := ""
				if r.Detail != "" {
					detail = ": " + r.Detail
				}
				c.line(plain, "%s  %s  %s by %s%s", r.At.Local().Format(time.DateTime), r.Account, r.What, r.Who, detail)
			}
			if len(records) == 0 {
				c.line(plain, "Nothing has happened yet")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	return cmd
}

func (c *console) showAccounts(engine *session.Engine) error {
	names, active, err := engine.AccountNames()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		c.line(plain, "There is no account yet")
		c.line(plain, "hint: sign in with `keytender login`")
	}
	for _, name := range names {
		mark := " "
		if name == active {
			mark = "*"
		}
		if _, err := io.WriteString(c.out, mark+" "+name+"\n"); err != nil {
			return err
		}
	}
	return nil
}
