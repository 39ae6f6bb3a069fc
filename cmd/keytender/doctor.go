package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"keytender/internal/atomicfile"
	"keytender/internal/session"
)

func newDoctor(c *console) *cobra.Command {
	var (
		fix    bool
		report string
	)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong, and say what to do",
		Long: "Checks what has been seen to go wrong, each ok, warn or FAIL with what to do, and lists the settings with\n" +
			"where each value comes from. Sends nothing. --fix mends rights and locks that were left behind, moves\n" +
			"aside what is damaged, and says how to undo it; --report writes all of it, without names and secrets, to a file that can be shown around.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("report") && report == "" {
				return &usageError{"--report names no file", "give it one: --report keytender.txt"}
			}
			engine, err := c.open()
			if err != nil {
				return err
			}
			return c.doctor(cmd.Context(), engine, fix, report)
		},
	}
	cmd.Flags().BoolVar(&fix, "fix", false, "mend what can be mended")
	cmd.Flags().StringVar(&report, "report", "", "write what was found to this file, safe to show around")
	return cmd
}

// showMended says what was put right. That nothing needed it is said only where nothing is
// left that needs the person.
func (c *console) showMended(mended []session.Mended, err error, checks []session.Check) {
	for _, m := range mended {
		c.line(tick, "Mended: %s", m.What)
		c.line(plain, "undo: %s", m.Undo)
	}
	left := 0
	for _, check := range checks {
		if check.State == session.CheckFail {
			left++
		}
	}
	switch {
	case err != nil:
		c.line(danger, "Not mended: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	case len(mended) == 0 && left > 0:
		c.line(danger, "Mended: nothing could be mended by itself; what is marked FAIL needs you (%d)", left)
	case len(mended) == 0:
		c.line(tick, "Mended: nothing needed it")
	}
}

func (c *console) doctor(ctx context.Context, engine *session.Engine, fix bool, report string) error {
	var mended []session.Mended
	var mendErr error
	if fix {
		mended, mendErr = engine.Mend(ctx)
	}
	checks := append(engine.Examine(ctx), c.checkOpener())
	if fix {
		c.showMended(mended, mendErr, checks)
	}
	c.fact("checks", checks)
	failures := 0
	for _, check := range checks {
		m := tick
		switch check.State {
		case session.CheckWarn:
			m = danger
		case session.CheckFail:
			m = cross
			failures++
		}
		c.line(m, "%s %s: %s", check.State, check.Name, check.Detail)
		if check.Hint != "" {
			c.line(plain, "  hint: %s", check.Hint)
		}
	}
	c.line(plain, "Settings:")
	for _, line := range settingLines(engine) {
		c.line(plain, "  %s", line)
	}
	if report != "" {
		if err := atomicfile.Write(report, []byte(engine.DiagnosisOf(ctx, checks))); err != nil {
			return &session.Error{Code: "report", Exit: session.ExitFailed, Message: "the report could not be written: " + err.Error(), Hint: "give --report the name of a new file in a folder of yours", Err: err}
		}
		c.line(tick, "Report: %s", report)
	}
	if failures > 0 {
		return exitError(session.ExitFailed)
	}
	return nil
}

// settingLines lists every setting with its value and where that comes from. No
// setting holds a secret.
func settingLines(engine *session.Engine) []string {
	cfg := engine.Config()
	lines := []string{
		"config.toml: " + cfg.Places.ConfigFile, "state: " + cfg.Places.State,
		"file store: " + cfg.Places.Credentials, "log: " + cfg.Places.Log,
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
func (c *console) checkOpener() session.Check {
	const name = "browser"
	if why := c.noBrowserHere(); why != "" {
		return session.Check{Name: name, State: session.CheckOK, Detail: "none is opened, " + why + "; `keytender login` prints the links"}
	}
	if runtime.GOOS != "linux" {
		return session.Check{Name: name, State: session.CheckOK, Detail: "opened by the system"}
	}
	for _, opener := range []string{"xdg-open", "x-www-browser", "www-browser"} {
		if path, err := exec.LookPath(opener); err == nil {
			return session.Check{Name: name, State: session.CheckOK, Detail: "opened by " + path}
		}
	}
	return session.Check{Name: name, State: session.CheckWarn, Detail: "there is no xdg-open, so no browser opens by itself",
		Hint: "install xdg-utils, use --browser-command, or open the link by hand"}
}
