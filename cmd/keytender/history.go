package main

import (
	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
	"keytender/internal/ledger"
	"keytender/internal/session"
)

func newHistory(c *console) *cobra.Command {
	var (
		asJSON  bool
		account string
	)
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
			if account != "" {
				its := storyOf(records, account)
				if err := c.knows(engine, account); err != nil && len(its) == 0 {
					return err // one that is gone has a history too
				}
				records = its
			}
			for i, r := range records {
				records[i].Detail, records[i].Said = words.Detail(r), session.Said{}
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
				c.say(plain, "%s  %s  %s by %s%s", r.At.Local().Format("2006-01-02 15:04:05 MST"), r.Account, r.What,
					r.Who, detail)
			}
			if len(records) == 0 {
				c.say(plain, "Nothing has happened yet")
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	cmd.Flags().StringVar(&account, "account", "", "what happened to this account alone")
	return cmd
}

// storyOf picks, in place, what happened to an account, also while it had another name.
func storyOf(records []session.Record, account string) []session.Record {
	first := len(records)
	for i := first - 1; i >= 0; i-- {
		r := records[i]
		if r.Account != account {
			continue
		}
		if r.What == ledger.ChangeRenamed && r.Values != nil {
			account = r.Values.Account
		}
		first--
		records[first] = r
	}
	return records[first:]
}
