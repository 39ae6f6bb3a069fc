package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
	"keytender/internal/secret"
	"keytender/internal/shown"
)

// What env(1) and the shells answer for a command that cannot be run.
const (
	exitNotExecutable = 126
	exitNoProgram     = 127
)

// tokenVariable is what a program finds the access token in.
const tokenVariable = "CLAUDE_CODE_OAUTH_TOKEN"

func newExec(c *console) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:   "exec [--account NAME] -- CMD [ARG...]",
		Short: "Run a command with an access token in its environment",
		Long: "Runs CMD with CLAUDE_CODE_OAUTH_TOKEN set to an access token, in that process and what it starts alone. A\n" +
			"token that is about to end is renewed first, as `keytender token` does. It does not renew itself in\n" +
			"there: this is for short jobs, which end before the token does (about eight hours after its renewal). For a\n" +
			"long one let Claude Code read an entry instead, which is kept fresh.\n\n" +
			"The exit code is CMD's: 127 when there is no such program, 126 when it cannot be executed, 128 and the\n" +
			"signal's number after a signal. Whoever may look into CMD's environment sees the token: you, and the\n" +
			"machine's administrator. With --json an error of keytender's own is one JSON object; stdout is CMD's.",
		Example: "keytender exec -- claude -p 'what does this folder hold?'\nkeytender exec --account work -- ./nightly.sh",
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() != 0 || len(args) == 0 {
				return &usageError{"`keytender exec` takes a command behind --",
					"write it as in: keytender exec -- claude -p hello"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			environ := c.environ() // before config.toml's keys go into ours
			path, err := findProgram(args[0])
			if err != nil {
				return err
			}
			engine, err := c.openFor(account)
			if err != nil {
				return err
			}
			token, err := c.accessToken(cmd.Context(), engine, max(time.Minute, engine.Config().RefreshSkew))
			if err != nil {
				return err
			}
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			c.warnOverridden(engine.Overriding(environ))
			return runInPlace(c, path, args, withToken(environ, token))
		},
	}
	cmd.Flags().Bool("json", false, "print an error of keytender's own as one JSON object on stdout")
	accountFlag(cmd, &account)
	cmd.Flags().SetInterspersed(false) // the command's flags are its own, also where -- was forgotten
	return cmd
}

// findProgram looks for the program before a token is renewed for it.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	called := shown.Cut(shown.Line(name), 100)
	switch {
	case errors.Is(err, exec.ErrDot):
		return "", notRun(exitNoProgram, called+" lies in this folder alone", "say ./"+called+" if that one is meant",
			err)
	case errors.Is(err, os.ErrPermission), isThere(name):
		return "", notRun(exitNotExecutable, called+" is there, but cannot be executed",
			"make it executable (chmod +x), or name the program that runs it", err)
	}
	return "", notRun(exitNoProgram, "there is no program "+called, "check its name, or give its whole path", err)
}

// isThere reports whether a file of this name is where the program would be looked for.
func isThere(name string) bool {
	places := []string{""}
	if filepath.Base(name) == name && runtime.GOOS != "windows" {
		places = filepath.SplitList(os.Getenv("PATH"))
	}
	return slices.ContainsFunc(places, func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return err == nil
	})
}

func notRun(code int, message, hint string, err error) error {
	return &words.Error{Code: "not-run", Exit: code, Message: message, Hint: hint, Err: err}
}

// withToken is the environment with the token in place of another one.
func withToken(environ []string, token secret.String) []string {
	environ = slices.DeleteFunc(slices.Clone(environ), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return name == tokenVariable || runtime.GOOS == "windows" && strings.EqualFold(name, tokenVariable)
	})
	return append(environ, tokenVariable+"="+token.Reveal())
}

// warnOverridden names what in the environment a program may use before the token.
func (c *console) warnOverridden(names []string) {
	for _, name := range names {
		if name != tokenVariable {
			c.line(danger, "%s is set, and counts more than the token: unset it if the token is to be used", name)
		}
	}
}
