package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
	"keytender/internal/atomicfile"
	"keytender/internal/config"
	"keytender/internal/session"
)

// doctorOptions is what a person can choose about `doctor`.
type doctorOptions struct {
	fix, yes, undo, why, verbose bool
	report                       string
}

func newDoctor(c *console) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong, and say what to do",
		Long: "Looks for what has been seen to go wrong, and tells of each finding what it is, what it means and what to do;\n" +
			"warn: something to know or to choose; FAIL: the login does not work, or soon will not. Sends nothing. It runs\n" +
			"where nothing else does: on settings that cannot be used, without a home, with nothing there.\n\n" +
			"--fix mends what can be mended: it says what it will do and asks on a terminal; --yes goes on without asking.\n" +
			"Nothing is deleted, and --undo takes the last --fix back. --why says in one paragraph why you were logged out,\n" +
			"as far as it is known, without names and secrets. --report writes everything, also without them, to a file.\n\n" +
			"Exit 0 when there is no FAIL, else 1.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("report") && o.report == "" {
				return &usageError{"--report names no file", "give it one: --report keytender.txt"}
			}
			if o.undo && o.fix {
				return &usageError{"--fix and --undo do not go together", "use one of the two"}
			}
			return c.doctor(cmd, o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.fix, "fix", false, "mend what can be mended")
	f.BoolVar(&o.yes, "yes", false, "do not ask before mending")
	f.BoolVar(&o.undo, "undo", false, "take the last --fix back")
	f.BoolVar(&o.why, "why", false, "say why you were logged out, safe to paste")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show what is well too, and the settings")
	f.StringVar(&o.report, "report", "", "write what was found to this file, safe to show around")
	return cmd
}

// openAnyway prepares the engine also where the settings cannot be used, and returns what is
// wrong with them. The engine is nil where there is no place to keep anything.
func (c *console) openAnyway() (*session.Engine, []error, error) {
	engine, err := c.open()
	setting := &config.Error{}
	if err == nil || !errors.As(err, &setting) {
		return engine, nil, err
	}
	cfg, problems := config.Salvage(c.lookup, c.environ())
	if cfg.Paths.State == "" {
		return nil, problems, nil
	}
	engine, err = session.Open(cfg)
	return engine, problems, err
}

func (c *console) doctor(cmd *cobra.Command, o doctorOptions) error {
	engine, settings, err := c.openAnyway()
	if err != nil {
		return err
	}
	if len(settings) > 0 && (o.fix || o.undo) {
		c.line(danger, "Mended: nothing, since the settings cannot be used; correct them first")
		o.fix, o.undo = false, false
	}
	switch {
	case o.undo:
		return c.undoMending(cmd.Context(), engine)
	case o.why && engine != nil:
		return c.doctorWhy(cmd.Context(), engine)
	}
	ctx := cmd.Context()
	mended := 0
	var mendErr error
	if o.fix {
		if mended, mendErr, err = c.mend(cmd, engine, o.yes); err != nil {
			return err
		}
	}
	checks := c.examine(ctx, engine, settings)
	c.fact("checks", checks)
	failures, warnings := howMany(checks, session.CheckFail), howMany(checks, session.CheckWarn)
	if o.fix {
		c.sayMended(mended, mendErr, failures+warnings)
	}
	c.showChecks(checks, o.verbose)
	if o.verbose && engine != nil {
		c.say(plain, "Settings:")
		for _, line := range settingLines(engine) {
			c.say(plain, "  %s", line)
		}
	}
	if o.report != "" {
		if err := c.writeReport(ctx, engine, checks, o.report); err != nil {
			return err
		}
	}
	if failures > 0 {
		return exitError(session.ExitFailed)
	}
	return nil
}

// examine looks at everything, as far as there is something to look at.
func (c *console) examine(ctx context.Context, engine *session.Engine, settings []error) []words.Check {
	checks := []words.Check{}
	for _, err := range settings {
		hint := ""
		if setting := (&config.Error{}); errors.As(err, &setting) {
			hint = setting.Hint
		}
		checks = append(checks, words.Check{Name: "settings", State: session.CheckFail, Detail: err.Error(),
			Means: "every verb but this one stops there", Hint: hint})
	}
	if len(settings) == 0 {
		checks = append(checks, words.Check{Name: "settings", State: session.CheckOK, Detail: "all can be used"})
	}
	if engine != nil {
		checks = append(checks, words.Checks(engine.Examine(ctx))...)
	}
	checks = append(checks, c.checkOpener())
	return words.Worst(append(checks, c.checkSurroundings(ctx)...))
}

func howMany(checks []words.Check, state session.CheckState) (n int) {
	for _, check := range checks {
		if check.State == state {
			n++
		}
	}
	return n
}

// showChecks tells the findings first; all that is well is one line.
func (c *console) showChecks(checks []words.Check, verbose bool) {
	failures, warnings := howMany(checks, session.CheckFail), howMany(checks, session.CheckWarn)
	if failures+warnings == 0 {
		c.say(tick, "All is well: %d things were looked at", len(checks))
	}
	for _, check := range checks {
		m := tick
		switch check.State {
		case session.CheckWarn:
			m = danger
		case session.CheckFail:
			m = cross
		case session.CheckOK:
			if !verbose {
				continue
			}
		}
		c.say(m, "%s %s: %s", check.State, check.Name, check.Detail)
		if check.Means != "" {
			c.say(plain, "  means: %s", check.Means)
		}
		if check.Hint != "" {
			c.say(plain, "  hint: %s", check.Hint)
		}
	}
	if failures+warnings > 0 && !verbose {
		c.say(plain, "%d of %d things that were looked at need a look; --verbose shows all", failures+warnings,
			len(checks))
	}
}

// mend says what it will do, asks where somebody can answer, and does it.
func (c *console) mend(cmd *cobra.Command, engine *session.Engine, yes bool) (mended int, mendErr, err error) {
	repairs := engine.Repairs(cmd.Context())
	if len(repairs) == 0 {
		return 0, nil, nil
	}
	for _, repair := range repairs {
		c.line(plain, "Will: %s", words.OfSaid(repair.Said))
	}
	// Where nobody can answer, --fix is the person's word: all of it can be taken back.
	if !yes && isTerminal(c.in) {
		if err := c.confirmThat(cmd, "Mend that?", "mended", "--fix --yes"); err != nil {
			return 0, nil, err
		}
	}
	done, mendErr := engine.Mend(patient(cmd), repairs)
	list := []string{}
	for _, m := range done {
		what := words.OfSaid(m.Said)
		c.say(tick, "Mended: %s", what)
		list = append(list, what)
	}
	c.fact("mended", list)
	if len(done) > 0 {
		c.say(plain, "undo: keytender doctor --undo")
	}
	return len(done), mendErr, nil
}

// sayMended says what could not be put right. That nothing needed it is said only where
// nothing is left.
func (c *console) sayMended(mended int, err error, left int) {
	switch {
	case err != nil:
		for _, line := range strings.Split(words.Plain(err), "\n") {
			c.say(danger, "Not mended: %s", line)
		}
	case mended == 0 && left == 0:
		c.say(tick, "Mended: nothing needed it")
	case mended == 0 && left == 1:
		c.say(danger, "Mended: nothing could be mended by itself; one finding needs you")
	case mended == 0:
		c.say(danger, "Mended: nothing could be mended by itself; %d findings need you", left)
	}
}

func (c *console) undoMending(ctx context.Context, engine *session.Engine) error {
	taken, err := engine.Unmend(ctx)
	undone := words.OfAllSaid(taken)
	for _, what := range undone {
		c.say(tick, "Undone: %s", what)
	}
	c.fact("undone", undone)
	return err
}

func (c *console) doctorWhy(ctx context.Context, engine *session.Engine) error {
	diagnosis := words.Why(ctx, engine)
	c.fact("why", diagnosis)
	c.say(plain, "%s", wrap(diagnosis, 100))
	return nil
}

func (c *console) writeReport(ctx context.Context, engine *session.Engine, checks []words.Check, path string) error {
	column := ""
	if engine != nil {
		if err := engine.MayWrite(); err != nil && os.Geteuid() == 0 { // a person may tell of what keeps them out
			return err
		}
		column = words.Diagnosis(ctx, engine, checks)
	} else {
		column = words.Diagnosed(checks)
	}
	if err := atomicfile.Write(path, []byte(column)); err != nil {
		return &words.Error{Code: "report", Exit: session.ExitFailed, Message: "the report could not be written: " +
			err.Error(), Hint: "give --report the name of a new file in a folder of yours", Err: err}
	}
	c.say(tick, "Report: %s", path)
	return nil
}

// wrap breaks a paragraph into lines of at most width letters.
func wrap(text string, width int) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return strings.Join(append(lines, line), "\n")
}

// settingLines lists every setting with its value and where that comes from. No
// setting holds a secret.
func settingLines(engine *session.Engine) []string {
	cfg := engine.Config()
	lines := []string{
		"config.toml: " + cfg.Paths.ConfigFile, "state: " + cfg.Paths.State,
		"file store: " + cfg.Paths.Credentials, "log: " + cfg.Paths.Log,
	}
	for _, name := range cfg.Names() {
		o := cfg.Origin[name]
		value := o.Value
		if value == "" {
			value = "(empty)"
		}
		lines = append(lines, fmt.Sprintf("%s = %s (%s)", name, cleanWords(value), o.From))
	}
	return lines
}

// checkOpener looks for what opens the browser, where there is one to open.
func (c *console) checkOpener() words.Check {
	const name = "browser"
	if why := c.noBrowserHere(); why != "" {
		return words.Check{Name: name, State: session.CheckOK,
			Detail: "none is opened, " + why + "; `keytender login` prints the links"}
	}
	if runtime.GOOS != "linux" {
		return words.Check{Name: name, State: session.CheckOK, Detail: "opened by the system"}
	}
	for _, opener := range []string{"xdg-open", "x-www-browser", "www-browser"} {
		if path, err := exec.LookPath(opener); err == nil {
			return words.Check{Name: name, State: session.CheckOK, Detail: "opened by " + path}
		}
	}
	return words.Check{Name: name, State: session.CheckWarn, Detail: "there is no xdg-open",
		Means: "no browser opens by itself; the links are printed",
		Hint:  "install xdg-utils, use --browser-command, or open the link by hand"}
}
