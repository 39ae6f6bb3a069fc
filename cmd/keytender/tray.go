package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
	"keytender/internal/session"
	"keytender/tray/autostart"
)

func newTray(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "tray",
		Short: "Start the menu-bar app",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			program, err := trayProgram()
			if err != nil {
				return noTray(err)
			}
			child := exec.Command(program)
			child.Stdout, child.Stderr = c.out, c.err
			if runtime.GOOS == "windows" { // a program without a console cannot write to ours, but into pipes
				child.Stdout, child.Stderr = struct{ io.Writer }{c.out}, struct{ io.Writer }{c.err}
			}
			if err := child.Start(); err != nil {
				return &words.Error{Code: "no-tray", Exit: session.ExitFailed,
					Message: "the menu-bar app did not start", Hint: "run " + program + " to see why", Err: err}
			}
			ended := make(chan error, 1)
			go func() { ended <- child.Wait() }()
			select {
			case err := <-ended:
				if exit := (*exec.ExitError)(nil); err != nil && errors.As(err, &exit) {
					return c.trayEnded(exit.ExitCode())
				}
				return err
			case <-cmd.Context().Done():
				// Windows knows no such signal. A Ctrl-C in the console has reached the app as
				// well if that has one; if not, it stays, as an app that was clicked on does.
				if child.Process.Signal(os.Interrupt) == nil {
					<-ended
				}
				return cmd.Context().Err()
			}
		},
	}
}

// trayEnded is what the app ended with, which has said itself why.
func (c *console) trayEnded(code int) error {
	if c.object == nil {
		return exitError(code)
	}
	return &words.Error{Code: "tray-ended", Exit: code, Message: "the menu-bar app ended with an error",
		Hint: "`keytender tray` without --json shows what it says"}
}

func noTray(err error) error {
	return &words.Error{Code: "no-tray", Exit: session.ExitFailed,
		Message: "the menu-bar app keytender-tray does not lie beside this program",
		Hint:    "install it from the same package, or go on with `keytender login`", Err: err}
}

func trayProgram() (string, error) {
	self, err := autostart.Program()
	if err != nil {
		return "", err
	}
	name := "keytender-tray"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	path := filepath.Join(filepath.Dir(self), name)
	// What lies beside a link need not be of this version, and need not be there. An app of macOS
	// is one in its bundle alone, whose path stays.
	if real, err := filepath.EvalSymlinks(self); err == nil {
		real = filepath.Join(filepath.Dir(real), name)
		if !autostart.Same(path, real) || runtime.GOOS == "darwin" && strings.Contains(real, ".app/") {
			path = real
		}
	}
	_, err = os.Stat(path)
	return path, err
}
