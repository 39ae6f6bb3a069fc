package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keytender/callback"
	"keytender/cmd/internal/words"
	"keytender/internal/fakeclaude"
	"keytender/internal/session"
)

func newDemo(c *console) *cobra.Command {
	var headless, noBrowser bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Walk through the whole journey against a built-in server, with nothing real touched",
		Long:  "Runs the whole journey against a built-in authorization server, in a throw-away directory: offline,\nwithout an account, and with nothing real touched. In a desktop session the browser opens and you click\nAllow yourself; with --headless the page is followed without a browser.",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !headless && !noBrowser && c.noBrowserHere() != "" {
				headless = true
				c.line(plain, "No browser is opened, %s; the page is followed without one", c.noBrowserHere())
			}
			return c.demo(cmd.Context(), headless, noBrowser)
		},
	}
	cmd.Flags().BoolVar(&headless, "headless", false, "follow the sign-in page without a browser")
	cmd.Flags().BoolVar(&noBrowser, "no-browser", false, "print the link instead of opening it")
	return cmd
}

// demo is the journey with each step shown. Its console knows no variable of this
// session, so that nothing real can be reached.
func (c *console) demo(ctx context.Context, headless, noBrowser bool) error {
	dir, err := os.MkdirTemp("", "keytender-demo-")
	if err != nil {
		return &words.Error{Code: "storage", Exit: session.ExitTryLater,
			Message: "no throw-away directory can be made: " + err.Error(),
			Hint:    "look at free space and permissions of " + os.TempDir(), Err: err}
	}
	defer os.RemoveAll(dir)
	server, err := fakeclaude.StartSmall()
	if err != nil {
		return &words.Error{Code: "no-port", Exit: session.ExitFailed, Message: "the built-in server found no port",
			Hint: "free a port and try again", Err: err}
	}
	defer server.Close()
	entry := filepath.Join(dir, "claude", ".credentials.json")
	if err := errors.Join(os.Mkdir(filepath.Dir(entry), 0o700),
		os.WriteFile(entry, []byte(`{"mcpOAuth":{"somebody-else":{"note":"this stays as it is"}}}`),
			0o600)); err != nil {
		return err
	}
	inside := *c
	inside.out = c.err // nothing of it is a result
	environment := map[string]string{
		"KEYTENDER_HOME": filepath.Join(dir, "keytender"), "KEYTENDER_STORE": "file",
		"CLAUDE_CONFIG_DIR": filepath.Dir(entry), "CLAUDE_CODE_AUTH_CREDENTIALS_PATH": entry,
	}
	for _, pair := range server.Env() {
		name, value, _ := strings.Cut(pair, "=")
		environment[name] = value
	}
	inside.lookup = func(name string) (string, bool) { value, ok := environment[name]; return value, ok }
	inside.environ = func() []string { return nil }
	engine, err := inside.open()
	if err != nil {
		return err
	}

	step := 0
	begin := func(what string) {
		step++
		c.line(plain, "\n%d. %s", step, what)
	}
	begin("Sign in: listen on both loopback stacks, then open the browser")
	o := session.SignInOptions{Paste: make(chan string), Open: callback.Open}
	switch {
	case headless:
		o.Open = func(ctx context.Context, url string) error { return followPage(ctx, server, url) }
	case noBrowser:
		o.Open = nil
	}
	if _, err := engine.SignIn(ctx, o, inside.tell); err != nil {
		return err
	}
	begin("Status: both clocks, the store, Claude Code's entry")
	st := engine.Status(ctx)
	words.Status(&st)
	inside.showStatus(st, time.Now())
	begin("Token: a valid one comes from the store, without a connection")
	token, err := engine.Token(ctx, time.Minute)
	if err != nil {
		return err
	}
	c.line(tick, "Token: %s (masked here; `keytender token` prints it whole)", token.Masked())
	begin("Renew: the old refresh token is spent, the new pair is stored and mirrored")
	if _, err := engine.Renew(ctx, true); err != nil {
		return err
	}
	c.line(tick, "Claude Code: %s", entryWords(engine.Status(ctx)))
	if reused := server.Count("renew-reused"); reused != 0 {
		return fmt.Errorf("a refresh token was used %d times too often", reused)
	}
	begin("Sign out: our record and our part of Claude Code's entry go, the rest stays")
	steps, err := engine.SignOut(ctx, session.SignOutOptions{Revoke: true})
	c.steps(steps)
	if err != nil {
		return err
	}
	left, err := os.ReadFile(entry)
	if err != nil {
		return err
	}
	c.line(tick, "Left in Claude Code's entry: %s", left)
	c.line(plain, "\nThat was the whole journey. For your own account: `keytender login`.")
	return nil
}

// followPage does what a person's click on Allow does, and opens the page that the redirect
// names.
func followPage(ctx context.Context, server *fakeclaude.Server, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	location, err := server.Approve(ctx, url)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil {
		return err
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	return err
}
