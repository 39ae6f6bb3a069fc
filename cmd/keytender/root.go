package main

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
	"keytender/internal/config"
	"keytender/internal/logfile"
	"keytender/internal/session"
)

// verbs in the order of the help.
var verbs = []struct {
	name string
	make func(*console) *cobra.Command
}{
	{"login", newLogin}, {"status", newStatus}, {"token", newToken}, {"exec", newExec}, {"refresh", newRefresh},
	{"mirror", newMirror},
	{"import", newImport}, {"logout", newLogout}, {"accounts", newAccounts}, {"places", newPlaces}, {"lend", newLend},
	{"switch", newSwitch}, {"api-key", newAPIKey},
	{"which", newWhich}, {"statusline", newStatusline}, {"export", newExport}, {"watch", newWatch},
	{"doctor", newDoctor}, {"history", newHistory}, {"demo", newDemo}, {"tray", newTray}, {"agent", newAgent},
	{"autostart", newAutostart}, {"version", newVersion}, {"completion", newCompletion},
}

// newRoot makes the root with the verb that args begin with, or with all of them when
// that is none: for help, completion and typing errors.
func newRoot(c *console, args []string) *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:           "keytender",
		Short:         "Tends the key to your own Claude account",
		Long:          "Keytender signs you in to your own Claude account, keeps the tokens in the keychain,\nrenews them without logging anybody out, and mirrors them into Claude Code's entry.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				return c.printVersion(false)
			}
			if c.terminal && isTerminal(c.in) {
				return c.greet(cmd.Context())
			}
			cmd.SetOut(c.err)
			return cmd.Help()
		},
	}
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return c.chooseAccount(cmd) }
	root.Flags().BoolVar(&version, "version", false, "print the version")
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		// Behind a verb that there is not, each of its flags is unknown too.
		if !cmd.HasParent() && !strings.HasPrefix(args[0], "-") {
			return noArguments(cmd, args)
		}
		return flagError(cmd, err)
	})
	defer giveJSON(root)
	root.CompletionOptions.DisableDefaultCmd = true
	help := newHelp()
	giveJSON(help)
	root.SetHelpCommand(help)
	if len(args) > 0 {
		for _, v := range verbs {
			// Completion scripts are made from the whole tree.
			if v.name == args[0] && v.name != "completion" {
				root.AddCommand(v.make(c))
				return root
			}
		}
	}
	names := otherNames()
	for _, v := range verbs {
		verb := v.make(c)
		verb.SuggestFor = names[v.name]
		root.AddCommand(verb)
	}
	giveOffers(root)
	return root
}

// noArguments refuses what a verb does not take. The arguments are not repeated:
// somebody may have typed a token.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasAvailableSubCommands() {
		return &usageError{"there is no such verb", nearVerb(cmd, args[0])}
	}
	return &usageError{"`" + cmd.CommandPath() + "` takes no argument",
		"`" + cmd.CommandPath() + " --help` says what it takes"}
}

// oneArgument takes exactly one of what is named.
func oneArgument(what string) cobra.PositionalArgs { return exactly(1, "one argument: "+what) }

// exactly takes so many arguments. An empty one, of a variable that is not set, is none: it would
// stand for the active account.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n || slices.Contains(args, "") {
			return &usageError{"`" + cmd.CommandPath() + "` takes " + what,
				"`" + cmd.CommandPath() + " --help` says more"}
		}
		return nil
	}
}

// settings are read once: a verb that chooses an account needs them before it runs.
func (c *console) settings() (config.Config, error) {
	if c.config == nil {
		cfg, err := config.Load(c.lookup, c.environ())
		if err != nil {
			return cfg, err
		}
		c.config = &cfg
	}
	return *c.config, nil
}

// chooseAccount gives --account the account that KEYTENDER_ACCOUNT names, for a project or a
// terminal, where the flag was not given and --all does not say otherwise.
func (c *console) chooseAccount(cmd *cobra.Command) error {
	flag, all := cmd.Flags().Lookup("account"), cmd.Flags().Lookup("all")
	switch {
	case flag != nil && flag.Changed && flag.Value.String() == "":
		return &usageError{"--account is empty", "name one that `keytender accounts` lists, or leave it out"}
	case flag == nil, flag.Changed, all != nil && all.Changed:
		return nil
	}
	cfg, err := c.settings()
	if err != nil || cfg.Account == "" {
		return nil // the verb says what is wrong with the settings, in its own way
	}
	c.accountFrom = "KEYTENDER_ACCOUNT"
	if from := cfg.Origin[c.accountFrom].From; from != "environment" {
		c.accountFrom = "account in " + from
	}
	return flag.Value.Set(cfg.Account)
}

// open reads the settings and prepares the engine with its log.
func (c *console) open() (*session.Engine, error) {
	cfg, err := c.settings()
	if err != nil {
		return nil, err
	}
	if err := cfg.Export(); err != nil {
		return nil, err
	}
	c.colour = c.colour && os.Getenv("NO_COLOR") == ""
	engine, err := session.Open(cfg)
	if err != nil {
		return nil, err
	}
	if engine.MayWrite() == nil { // the log is a file of theirs too
		engine.LogTo(logfile.New(cfg.Paths.Log, cfg.LogLevel))
	}
	engine.BeforeWriting(c.listen)
	engine.WaitInSystem(c.queued)
	engine.NoticeTightened(func(path string) {
		c.line(danger, "%s could be read by others; its permissions were tightened to 0600", path)
	})
	engine.NoticeUsage(func() {
		c.line(danger,
			"Renewal: Claude Code renews the login with a small prompt, which spends a little of the plan's usage")
	})
	return engine, nil
}

// openFor prepares the engine for one account; empty: the active one.
func (c *console) openFor(account string) (*session.Engine, error) {
	engine, err := c.open()
	if err != nil {
		return nil, err
	}
	if account != "" {
		if err := c.knows(engine, account); err != nil {
			return nil, err
		}
	}
	return engine.On(account), nil
}

// knows returns an error where there is no such account. It says who named it, when that
// was not the command line.
func (c *console) knows(engine *session.Engine, account string) error {
	err := engine.KnowsAccount(account)
	if known := words.Known(err); c.accountFrom != "" && known != nil && known.Code == session.CodeNoAccount {
		known.Message += ", which " + c.accountFrom + " names"
		return known
	}
	return err
}

func accountFlag(cmd *cobra.Command, account *string) {
	cmd.Flags().StringVar(account, "account", "",
		"the account to work on (default: KEYTENDER_ACCOUNT, else the active one)")
}

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB]",
		Short: "Say what a verb does and takes",
		RunE: func(cmd *cobra.Command, args []string) error {
			verb, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return &usageError{"there is no such verb", nearVerb(cmd.Root(), args[0])}
			}
			verb.InitDefaultHelpFlag()
			return verb.Help()
		},
	}
}

// patient gives keychain calls time for a person to answer a dialog.
func patient(cmd *cobra.Command) context.Context { return session.Patient(cmd.Context()) }
