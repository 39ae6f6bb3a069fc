package main

import (
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"keytender/internal/session"
)

type lendOptions struct {
	account, back              string
	replace, list, all, asJSON bool
}

func newLend(c *console) *cobra.Command {
	o := &lendOptions{}
	cmd := &cobra.Command{
		Use:   "lend [DIR]",
		Short: "Let another Claude Code use the login, without the refresh token",
		Long: "Writes an entry with the access token alone into DIR, a configuration directory of Claude Code (mount it into a\n" +
			"container, or name it in CLAUDE_CONFIG_DIR). It is renewed there at once after each renewal here, at half the\n" +
			"token's life at the latest, while the menu-bar app runs or a `keytender refresh` from cron.\n" +
			"A directory that holds a login of its own is refused; --replace displaces it, and with CLAUDE_CONFIG_DIR=DIR\n" +
			"`keytender mirror --undo` puts it back.\n\n" +
			"--back takes our login out of the entry there, and leaves all else. Without an argument the places are listed.",
		Example: "keytender lend ~/containers/claude\nkeytender lend --back ~/containers/claude",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{"`keytender lend` takes one directory", "`keytender lend --help` says more"}
			}
			return o.check(args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, c, args) },
	}
	accountFlag(cmd, &o.account)
	flags := cmd.Flags()
	flags.BoolVar(&o.replace, "replace", false, "displace a login that lies in DIR; it can be put back")
	flags.BoolVar(&o.list, "list", false, "list the places that are lent to")
	flags.StringVar(&o.back, "back", "", "take the login back from this `place`")
	flags.BoolVar(&o.all, "all", false, "take it back from every place")
	flags.BoolVar(&o.asJSON, "json", false, "print one JSON object on stdout")
	return cmd
}

// check refuses what does not go together.
func (o *lendOptions) check(args []string) error {
	asked := 0
	for _, given := range []bool{len(args) > 0, o.list, o.back != "", o.all} {
		if given {
			asked++
		}
	}
	if asked > 1 {
		return &usageError{"only one of DIR, --list, --back and --all can be done at a time", "`keytender lend --help` says more"}
	}
	if o.replace && len(args) == 0 {
		return &usageError{"--replace goes with a directory to lend to", "write it as in: keytender lend DIR --replace"}
	}
	if len(args) > 0 && args[0] == "" {
		return &usageError{"the directory to lend to has no name", "write it as in: keytender lend DIR"}
	}
	return nil
}

func (o *lendOptions) run(cmd *cobra.Command, c *console, args []string) error {
	engine, err := c.openFor(o.account)
	if err != nil {
		return err
	}
	switch {
	case o.back != "" || o.all:
		return c.takeBack(cmd, engine, o.back)
	case len(args) == 0:
		return c.listLent(engine, o.asJSON)
	}
	dir, err := filepath.Abs(args[0])
	if err != nil {
		return err
	}
	p, err := engine.Lend(patient(cmd), session.LendOptions{Dir: dir, Replace: o.replace})
	if err != nil {
		return err
	}
	if o.asJSON {
		return c.result(map[string]any{"schemaVersion": 1, "place": p})
	}
	c.line(tick, "Lent: the login of %s, without its refresh token, to %s", p.Account, p.Place)
	return nil
}

func (c *console) takeBack(cmd *cobra.Command, engine *session.Engine, place string) error {
	back, err := engine.TakeBack(patient(cmd), place)
	for _, p := range back {
		c.line(tick, "Taken back: %s; nothing else there was changed", p.Place)
	}
	if err != nil {
		return err
	}
	if len(back) == 0 {
		c.line(plain, "Nothing is lent")
	}
	if c.object != nil {
		return c.result(map[string]any{"schemaVersion": 1, "places": back})
	}
	return nil
}

func (c *console) listLent(engine *session.Engine, asJSON bool) error {
	lent, err := engine.Lent()
	if err != nil {
		return err
	}
	if asJSON {
		return c.result(map[string]any{"schemaVersion": 1, "places": lent})
	}
	if len(lent) == 0 {
		c.say(plain, "Nothing is lent")
		return nil
	}
	table := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "ACCOUNT\tSTATE\tTOKEN ENDS\tPLACE")
	for _, p := range lent {
		ends := "-"
		if p.Ends != nil {
			ends = p.Ends.Local().Format(time.DateTime)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", orDash(p.Account), p.State, ends, p.Place)
	}
	return table.Flush()
}
