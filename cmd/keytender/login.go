package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keytender/callback"
	"keytender/cmd/internal/words"
	"keytender/internal/config"
	"keytender/internal/session"
	"keytender/internal/shown"
)

// loginOptions are the flags of `login`.
type loginOptions struct {
	session.SignInOptions
	scope          string
	noBrowser      bool
	browserCommand string
	json           bool
	longLived      time.Duration
	begin, finish  bool // a sign-in in two steps
}

func newLogin(c *console) *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Sign in: in the browser, by a pasted code, or through Claude Code",
		Long:  loginHelp,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.begin && !o.finish {
				return c.beginLogin(cmd, o)
			}
			st, err := c.login(cmd, o)
			words.Status(&st)
			if !o.json {
				return err
			}
			if err != nil {
				return errors.Join(c.result(failedObject(st, err)), err)
			}
			return c.result(st)
		},
	}
	f := cmd.Flags()
	f.StringVar((*string)(&o.Method), "method", "browser", "browser, paste or claude-code")
	f.BoolVar(&o.Console, "console", false, "sign in at the Console")
	f.DurationVar(&o.longLived, "long-lived", 0, "ask for a token of this validity, scope user:inference alone")
	f.Lookup("long-lived").NoOptDefVal = "8760h"
	f.StringVar(&o.scope, "scope", "", "scopes to ask for, separated by blanks")
	f.StringVar(&o.Account, "account", "",
		"keep the login under this name (default: the account of that person, else a new one)")
	f.BoolVar(&o.Replace, "replace", false,
		"let it take the place of another person's login under that name, which is kept")
	o.commonFlags(cmd)
	f.BoolVar(&o.NoMirror, "no-mirror", false, "leave Claude Code's entry as it is")
	f.BoolVar(&o.json, "json", false, "print one JSON object on stdout at the end")
	o.stepFlags(cmd)
	return cmd
}

// commonFlags are those of every sign-in in the browser.
func (o *loginOptions) commonFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	o.hintFlags(cmd)
	f.BoolVar(&o.noBrowser, "no-browser", false, "open nothing, print the links")
	f.StringVar(&o.browserCommand, "browser-command", "", "open the link with this command (%s stands for the link)")
	f.IntVar(&o.Port, "port", 0, "callback port, this one or an error")
	f.DurationVar(&o.Timeout, "timeout", 0, "time to come back from the browser (default 5m)")
}

// check refuses flags that cannot be used, before anything is opened.
func (o *loginOptions) check(cmd *cobra.Command) error {
	flags := cmd.Flags()
	bad := func(format string, args ...any) error {
		return &usageError{fmt.Sprintf(format, args...), "`keytender login --help` says what the flags take"}
	}
	switch o.Method {
	case session.ByBrowser, session.ByPaste, session.ByClaudeCode:
	default:
		return bad("--method is none of browser, paste, claude-code")
	}
	if flags.Changed("port") {
		if o.Port < 1 || o.Port > 65535 {
			return bad("--port is not between 1 and 65535")
		}
		o.PortExact = true
	}
	if flags.Changed("timeout") && (o.Timeout < 100*time.Millisecond || o.Timeout > 24*time.Hour) {
		return bad("--timeout is not between 100ms and 24h")
	}
	if flags.Changed("long-lived") {
		if o.longLived < time.Minute || o.longLived > 20*365*24*time.Hour {
			return bad("--long-lived is not between 1m and 20 years")
		}
		o.LongLived = o.longLived
	}
	if flags.Changed("scope") {
		scopes, err := config.ParseScopes(o.scope)
		if err != nil {
			return bad("--scope: %v", err)
		}
		o.Scopes = scopes
	}
	if err := o.checkHints(cmd); err != nil {
		return err
	}
	if flags.Changed("browser-command") {
		if err := callback.CheckCommand(o.browserCommand); err != nil {
			return bad("--browser-command: %v", err)
		}
	}
	if o.Method == session.ByPaste && flags.Changed("port") {
		return bad("--port and --method paste do not go together: pasting opens no port")
	}
	if err := o.checkSteps(cmd); err != nil {
		return err
	}
	if o.Method == session.ByClaudeCode {
		for _, name := range []string{"port", "long-lived", "scope", "browser-command"} {
			if flags.Changed(name) {
				return bad("--%s and --method claude-code do not go together: Claude Code signs in its own way", name)
			}
		}
	}
	return o.checkLongLived()
}

// login returns the status also with an error, where it is told: as it stands then. Whoever gave up
// a sign-in does not wait for it, say for a keychain that is silent.
func (c *console) login(cmd *cobra.Command, o loginOptions) (session.Status, error) {
	if err := o.check(cmd); err != nil {
		return session.NoStatus(), err
	}
	engine, err := c.open()
	if err != nil {
		return session.NoStatus(), err
	}
	if err := o.watched(cmd, engine); err != nil {
		return session.NoStatus(), err
	}
	st, err := c.signIn(cmd.Context(), engine, o)
	switch {
	case err == nil:
		c.complete = true
	case o.json:
		st = engine.Status(context.WithoutCancel(cmd.Context()))
	}
	return st, err
}

// signIn signs in the way that the options say. Claude Code gets the terminal to
// itself: its own prompts read from it.
func (c *console) signIn(ctx context.Context, engine *session.Engine, o loginOptions) (session.Status, error) {
	if o.Method == session.ByClaudeCode {
		if o.noBrowser {
			c.line(plain, "Browser: Claude Code decides itself whether it opens one")
		}
		return engine.SignInWithClaude(ctx, o.SignInOptions, session.Terminal{In: c.in, Out: c.err}, c.tell)
	}
	if o.finish {
		return engine.FinishSignIn(ctx, c.pastedLines(), c.tell)
	}
	o.Paste = c.pastedLines()
	if o.Method == session.ByBrowser && !o.noBrowser {
		o.Open = c.opener(o.browserCommand)
	}
	c.warnLongLived(o)
	return engine.SignIn(ctx, o.SignInOptions, c.tell)
}

// failedStatus is the status as it stands, with the error as its problem.
func failedStatus(st session.Status, err error) session.Status {
	st.Problem = problemOf(err)
	return st
}

// failedObject is the status together with what every verb prints after an error.
func failedObject(st session.Status, err error) any {
	return struct {
		session.Status
		Error *session.Problem `json:"error"`
	}{failedStatus(st, err), problemOf(err)}
}

// opener returns how the browser is opened here, or nil where none can be: no
// display, or a session over SSH, whose browser would open on another desk.
func (c *console) opener(command string) func(context.Context, string) error {
	if command != "" {
		return func(ctx context.Context, url string) error { return callback.OpenWith(ctx, command, url) }
	}
	if why := c.noBrowserHere(); why != "" {
		c.line(plain, "Browser: none is opened, %s; open one of the links below yourself", why)
		return nil
	}
	return callback.Open
}

func (c *console) noBrowserHere() string {
	switch {
	case c.overSSH():
		return "since this is a session over SSH"
	case runtime.GOOS == "linux" && !c.anySet("DISPLAY", "WAYLAND_DISPLAY"):
		return "since there is no display"
	}
	return ""
}

func (c *console) overSSH() bool { return c.anySet("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY") }

func (c *console) anySet(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { value, _ := c.lookup(name); return value != "" })
}

// maxPaste bounds a pasted line: a callback URL with the longest code fits.
const maxPaste = 64 << 10

// pastedLines reads what the person pastes, a line at a time. The end of the input
// closes the channel and ends nothing else; a line that is too long is passed on
// cut, so that it is refused like any other.
func (c *console) pastedLines() <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		in := bufio.NewReaderSize(c.in, maxPaste)
		for {
			line, err := in.ReadSlice('\n')
			text := string(line)
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = in.ReadSlice('\n')
			}
			if strings.TrimSpace(text) != "" {
				lines <- text
			}
			if err != nil {
				return
			}
		}
	}()
	return lines
}

// tell writes a step of a sign-in as a line on stderr.
func (c *console) tell(e session.Event) {
	m := plain
	if e.Warn {
		m = danger
	}
	switch e.Kind {
	case session.EventAlready:
		name := e.Value
		if name == "" {
			name = "account " + e.Detail
		}
		c.line(m, "Signed in now: %s; this stays until the new sign-in has succeeded", name)
	case session.EventStore:
		if e.Warn {
			c.line(m, "Store: %s, a plain file: there is no keychain here (%s)", e.Value,
				cmp.Or(e.Detail, "the system has none"))
			return
		}
		c.line(m, "Store: %s", words.Store(e.Value))
	case session.EventTerms:
		c.line(danger, "%s", termsNotice)
	case session.EventPortMoved:
		c.line(danger, "Port: port %s is taken, so this sign-in uses %s", e.Value, e.Detail)
	case session.EventCallback:
		c.line(m, "Callback: %s", e.Value)
	case session.EventSignInURL:
		c.line(m, "Sign in: %s", e.Value)
	case session.EventPasteURL:
		c.line(m, "Paste URL: %s", e.Value)
	case session.EventOpenFailed:
		c.line(danger, "Browser: it did not open (%s); open one of the links above yourself", e.Value)
	case session.EventWaiting:
		c.line(m,
			"Waiting: %s left to come back from the browser, or paste the code here (if it is shown as CODE#STATE, all of it)",
			spoken(max(time.Second, e.Left.Round(time.Second))))
	case session.EventRefused:
		c.line(danger, "Not taken: %s; the sign-in goes on", words.Plain(e.Err))
	case session.EventFinishing:
	case session.EventSignedIn:
		who := e.Value
		if who == "" {
			who = "(the server did not say who)"
		}
		if e.Detail != "" {
			who += " (" + e.Detail + ")"
		}
		c.line(tick, "Signed in as: %s", who)
	case session.EventSaved:
		if m == plain {
			m = tick
		}
		c.line(m, "Saved in: %s", words.OfSaid(e.Said))
	case session.EventClaudeCode:
		if m == plain {
			m = tick
		}
		c.line(m, "Claude Code: %s", becameOf(e))
	case session.EventExpires:
		c.line(plain, "Expires: %s", when(e.At, time.Now()))
	case session.EventLoginEnds:
		note := ""
		if e.Detail != "" {
			note = ", an estimate: the server did not say"
		}
		c.line(plain, "Sign in again by: %s%s", when(e.At, time.Now()), note)
	case session.EventNote:
		c.line(m, "Note: %s", asideWords(e))
	}
}

// becameOf says what became of Claude Code's entry.
func becameOf(e session.Event) string {
	switch {
	case e.Note == session.NoteSignedInItself:
		said := "in step: it signed in itself (" + e.Value + ")"
		if e.Detail != "" {
			said += "; `keytender mirror --undo` puts the login of " + e.Detail + " back"
		}
		return said
	case e.Note == session.NoteKeyNotKept:
		return keyMade(e.Value) + "; this is watch-only, so no copy is kept"
	case e.Err == nil:
		return words.OfSaid(e.Said)
	}
	said := "not written: " + words.Plain(e.Err)
	if _, hint, known := words.Of(e.Err); known {
		said += "; " + hint
	}
	return said
}

func asideWords(e session.Event) string {
	switch e.Note {
	case session.NoteNoPort:
		return "no port can be opened for the browser's redirect (" + e.Value + "); paste the code instead"
	case session.NoteServerWaits:
		return "the server asks to wait " + shown.Span(e.Left.Round(time.Second)) +
			"; then the same code is tried once more"
	case session.NoteWhose:
		return "whose login it is could not be asked: " + e.Value
	case session.NoteFormerKept:
		return "the login that " + e.Value + " had before is kept: `keytender mirror --undo` gives it to Claude Code"
	case session.NoteOverridden:
		return "Claude Code does not use its entry while these are set: " + e.Value
	case session.NoteClaudeGoes:
		return e.Value + " signs in now, with its own page and prompts: " + e.Detail
	case session.NoteValidity:
		return "Requested validity: " + e.Value + " s, granted: " + e.Detail + " s"
	case session.NoteKeyMade:
		return keyMade(e.Value) + "; `keytender api-key print` prints it whole"
	case session.NoteFormerKey:
		return "it takes the place of " + e.Value + ", which stays valid until it is deleted at the Console"
	case session.NoteUnusable:
		return "Claude Code will not use what it wrote: " + words.OfSaid(e.Said)
	case session.NoteSignedInItself, session.NoteKeyNotKept: // of EventClaudeCode: becameOf
	}
	return words.OfSaid(e.Said)
}

func keyMade(masked string) string {
	return "Claude Code made an API key at the Console (" + masked + ") and goes on with it; calls are billed by use"
}

const termsNotice = `Before you sign in: Anthropic's terms do not allow third parties to offer Claude.ai
  sign-in, and its server may refuse this client. A refusal is final here. The way
  that the terms foresee is the official client: ` + "`keytender login --method claude-code`" + `,
  of whose login a copy is stored here too. No copy at all is kept with ` + "`keytender watch on`" + `.`
