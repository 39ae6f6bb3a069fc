package main

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
	"keytender/internal/session"
	"keytender/internal/shown"
)

type lendOptions struct {
	_ [0]func() // nobody compares two

	account, back, ssh, container string
	replace, list, all, asJSON    bool
}

func newLend(c *console) *cobra.Command {
	o := &lendOptions{}
	cmd := &cobra.Command{
		Use:   "lend [DIR]",
		Short: "Let another Claude Code use the login, without the refresh token",
		Long: "Writes an entry with the access token alone where another Claude Code reads it: into DIR, a configuration\n" +
			"directory (mount it into a container, or name it in CLAUDE_CONFIG_DIR), on another machine with --ssh, or in a\n" +
			"running container with --container (docker or podman). Without :DIR that is the directory which Claude Code\n" +
			"uses there by itself; a DIR that is not absolute lies in the home. The token goes through stdin, nobody is asked\n" +
			"for a password, and the refresh token never leaves this machine.\n\n" +
			"It is renewed there at once after each renewal here, at half the token's life at the latest, by the menu-bar\n" +
			"app, `keytender agent`, or the next command that renews, say `keytender refresh` from cron. A place that holds a\n" +
			"login of its own is refused. --replace displaces it: with CLAUDE_CONFIG_DIR=DIR `keytender mirror --undo` puts\n" +
			"it back; on another machine or in a container it is kept beside the entry there, in a file that is named.\n\n" +
			"--back takes our login out of the entry there, and leaves all else. Without an argument the places are listed.",
		Example: "keytender lend ~/containers/claude\nkeytender lend --ssh build.example.com\nkeytender lend --container dev:/home/node/.claude\n" +
			"keytender lend --back ~/containers/claude",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{"`keytender lend` takes one directory", "`keytender lend --help` says more"}
			}
			for _, name := range []string{"ssh", "container", "back"} {
				if f := cmd.Flags().Lookup(name); f.Changed && f.Value.String() == "" {
					return &usageError{"--" + name + " is empty", "`keytender lend --help` says what it takes"}
				}
			}
			return o.check(args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, c, args) },
	}
	accountFlag(cmd, &o.account)
	flags := cmd.Flags()
	flags.StringVar(&o.ssh, "ssh", "", "lend to another machine: `[user@]host[:dir]`")
	flags.StringVar(&o.container, "container", "", "lend to a running container of docker's or podman's: `name[:dir]`")
	flags.BoolVar(&o.replace, "replace", false, "displace a login that lies there; it can be put back")
	flags.BoolVar(&o.list, "list", false, "list the places that are lent to")
	flags.StringVar(&o.back, "back", "", "take the login back from this `place`")
	flags.BoolVar(&o.all, "all", false, "take it back from every place")
	flags.BoolVar(&o.asJSON, "json", false, "print one JSON object on stdout")
	return cmd
}

// check refuses what does not go together.
func (o *lendOptions) check(args []string) error {
	bad := func(message, hint string) error { return &usageError{message, hint} }
	if o.back == "--all" { // as in: lend --back --all
		o.back, o.all = "", true
	}
	asked := 0
	for _, given := range []bool{len(args) > 0, o.ssh != "", o.container != "", o.list, o.back != "", o.all} {
		if given {
			asked++
		}
	}
	to := len(args) > 0 || o.ssh != "" || o.container != ""
	switch {
	case asked > 1:
		return bad("only one of DIR, --ssh, --container, --list, --back and --all can be done at a time",
			"`keytender lend --help` says more")
	case o.replace && !to:
		return bad("--replace goes with a place to lend to", "write it as in: keytender lend DIR --replace")
	case len(args) > 0 && args[0] == "":
		return bad("the directory to lend to has no name", "write it as in: keytender lend DIR")
	}
	controls := func(r rune) bool { return r < ' ' || r == 0x7f }
	for _, place := range []string{o.ssh, o.container} {
		name, _ := cutPlace(place)
		nameless := name == "" || name[0] == '-' || strings.Contains(name, " ")
		if place != "" && (nameless || strings.ContainsFunc(place, controls)) {
			return bad("that is no name of a host or a container",
				"write it as in: keytender lend --ssh user@host, or --container name:/home/node/.claude")
		}
	}
	return nil
}

// cutPlace takes a place apart as scp does: an address of IPv6 stands in brackets.
func cutPlace(place string) (name, dir string) {
	if at := strings.Index(place, "["); at == 0 || at > 0 && place[at-1] == '@' && !strings.Contains(place[:at], ":") {
		if end := strings.Index(place, "]"); end > at {
			name, rest := place[:at]+place[at+1:end], place[end+1:]
			return name, cleanDir(strings.TrimPrefix(rest, ":"))
		}
	}
	name, dir, _ = strings.Cut(place, ":")
	return name, cleanDir(dir)
}

// cleanDir gives a directory elsewhere one spelling. It has no system's separators but "/".
func cleanDir(dir string) string {
	if dir == "" {
		return ""
	}
	return path.Clean(dir)
}

func (o *lendOptions) run(cmd *cobra.Command, c *console, args []string) error {
	engine, err := c.openFor(o.account)
	if err != nil {
		return err
	}
	to := session.LendOptions{Replace: o.replace}
	switch {
	case o.back != "" || o.all:
		return c.takeBack(cmd, engine, o.back)
	case o.ssh != "":
		to.SSH, to.Dir = cutPlace(o.ssh)
	case o.container != "":
		to.Container, to.Dir = cutPlace(o.container)
	case len(args) == 0:
		return c.listLent(cmd.Context(), engine, o.asJSON)
	default:
		if to.Dir, err = filepath.Abs(args[0]); err != nil {
			return err
		}
	}
	p, err := engine.Lend(patient(cmd), to)
	if err != nil {
		return err
	}
	if p.Kept != "" {
		c.line(plain, "Displaced: the login that lay there is kept beside it, in %s", shown.Line(p.Kept))
	}
	words.Place(&p)
	if o.asJSON {
		return c.result(map[string]any{"schemaVersion": 1, "place": p})
	}
	c.line(tick, "Lent: the login of %s, without its refresh token, to %s", p.Account, p.Place)
	here := to.SSH == "" && to.Container == ""
	if info, err := os.Stat(to.Dir); here && err == nil && info.Mode()&0o077 != 0 && runtime.GOOS != "windows" {
		c.line(danger, "Open to others: it keeps its mode %04o; `chmod 700 '%s'` closes it", info.Mode().Perm(), to.Dir)
	}
	return nil
}

func (c *console) takeBack(cmd *cobra.Command, engine *session.Engine, place string) error {
	back, err := engine.TakeBack(patient(cmd), place)
	words.Places(back)
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

func (c *console) listLent(ctx context.Context, engine *session.Engine, asJSON bool) error {
	lent, err := engine.Lent(ctx)
	words.Places(lent)
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
	rows := [][]string{{"ACCOUNT", "STATE", "TOKEN ENDS", "PLACE"}}
	for _, p := range lent {
		ends := "-"
		if p.Ends != nil {
			ends = p.Ends.Local().Format(time.DateTime)
		}
		rows = append(rows, []string{orDash(p.Account), string(p.State), ends, p.Place})
	}
	return c.table(rows)
}
