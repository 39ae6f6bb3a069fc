package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"keytender/internal/session"
)

// stepFlags are those of a sign-in in two steps.
func (o *loginOptions) stepFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.begin, "begin", false, "print the link whose page shows a code, and end")
	f.BoolVar(&o.finish, "finish", false, "take that code on stdin, within ten minutes")
}

// checkSteps refuses what makes no sense in one of the two steps.
func (o *loginOptions) checkSteps(cmd *cobra.Command) (err error) {
	bad := func(format string, args ...any) error {
		return &usageError{fmt.Sprintf(format, args...), "`keytender login --help` says what the flags take"}
	}
	if o.begin && o.finish {
		return bad("--begin and --finish do not go together: each is a step of its own")
	}
	if o.begin && o.Method == session.ByClaudeCode {
		return bad("--begin and --method claude-code do not go together: Claude Code signs in its own way")
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "begin", "finish", "json", "help":
		case "port", "timeout", "browser-command":
			if o.begin {
				err = bad("--%s and --begin do not go together: it prints a link and waits for nothing", f.Name)
			}
			fallthrough
		default:
			if o.finish {
				err = bad("--%s and --finish do not go together: what was chosen with --begin holds", f.Name)
			}
		}
	})
	return err
}

// beginLogin is the first step. Its result is the link: a program gets it alone, and a
// person reads the line on the terminal.
func (c *console) beginLogin(cmd *cobra.Command, o loginOptions) error {
	if err := o.check(cmd); err != nil {
		return err
	}
	engine, err := c.open()
	if err != nil {
		return err
	}
	c.warnLongLived(o)
	begun, err := engine.BeginSignIn(cmd.Context(), o.SignInOptions, c.tell)
	if err != nil {
		return err
	}
	c.complete = true
	c.line(plain, "Then: give what its page shows to `keytender login --finish` on stdin, before %s",
		when(begun.Ends, time.Now()))
	c.fact("pasteUrl", begun.PasteURL)
	c.fact("endsAt", timeOrNull(begun.Ends))
	if c.object != nil || isScreen(c.out) {
		return nil
	}
	_, err = fmt.Fprintln(c.out, begun.PasteURL)
	return err
}

func isScreen(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
