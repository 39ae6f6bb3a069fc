// Command keytender-tray is the menu-bar app. It only puts the parts together: what
// it shows and does is in package tray, what it works on in package session.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/pkg/browser"

	"keytender/callback"
	"keytender/cmd/internal/words"
	"keytender/internal/await"
	"keytender/internal/config"
	"keytender/internal/coredump"
	"keytender/internal/logfile"
	"keytender/internal/session"
	"keytender/internal/version"
	"keytender/keychain"
	"keytender/tray"
	"keytender/tray/clipboard"
)

func main() {
	coredump.Off()
	keychain.RunChild()
	collectSeldom()
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	if len(args) > 0 {
		if args[0] == "--version" {
			fmt.Println("keytender-tray", version.Of())
			return 0
		}
		return fail(&words.Error{Exit: session.ExitUsage, Message: "keytender-tray takes no argument",
			Hint: "`keytender help` lists what the command line can do"})
	}
	settings, err := config.Load(os.LookupEnv, os.Environ())
	if err != nil {
		return fail(err)
	}
	if err := settings.Export(); err != nil {
		return fail(err)
	}
	engine, err := session.Open(settings)
	if err != nil {
		return fail(err)
	}
	if err := engine.MayWrite(); err != nil {
		return fail(err)
	}
	log := logfile.New(settings.Paths.Log, settings.LogLevel)
	engine.LogTo(log)
	o := tray.Options{StateDir: settings.Paths.State, Open: callback.Open, Show: callback.Show, Log: log,
		Version: session.Version, LogPath: settings.Paths.Log, OpenLog: openFile, Stderr: stderr()}
	if settings.CopyToken {
		o.CopyToken = func(ctx context.Context) (func(context.Context) error, error) { return copyToken(ctx, engine) }
	}
	return tray.Run(context.Background(), inWords{engine}, o)
}

// inWords is the engine with what the menu copies for whoever helps in words.
type inWords struct{ *session.Engine }

func (e inWords) Diagnosis(ctx context.Context) string {
	return words.Diagnosis(ctx, e.Engine, words.Checks(e.Examine(ctx)))
}

func (e inWords) Why(ctx context.Context) string { return words.Why(ctx, e.Engine) }

// openWait is how long the system's opener may take to say that it cannot; some end
// only with the window that they open.
const openWait = 2 * time.Second

// openFile hands over the plain path, which the openers of all systems take: the
// library's OpenFile makes an address of it without escaping anything.
func openFile(ctx context.Context, path string) error {
	return await.Failure(ctx, openWait, func() error { return browser.OpenURL(path) })
}

// copyToken is here and not in package tray, which never holds a token.
func copyToken(ctx context.Context, engine *session.Engine) (clear func(context.Context) error, err error) {
	token, err := engine.Token(ctx, time.Minute)
	if token.IsZero() {
		return nil, err
	}
	copying, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := clipboard.Copy(copying, token.Reveal()); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		now, err := clipboard.Text(ctx)
		if err != nil || strings.TrimSpace(now) != token.Reveal() {
			return err
		}
		return clipboard.Copy(ctx, "")
	}, nil
}

// fail says what is wrong before there is a menu, and returns the exit code.
func fail(err error) int {
	message, hint, code := err.Error(), "", session.ExitFailed
	var setting *config.Error
	if known := words.Known(err); errors.As(err, &setting) {
		hint, code = setting.Hint, session.ExitUsage
	} else if known != nil {
		message, hint, code = known.Message, known.Hint, known.Exit
	}
	line := "keytender-tray: " + message + "\n"
	if hint != "" {
		line += "hint: " + hint + "\n"
	}
	_, _ = io.WriteString(stderr(), line)
	return code
}
