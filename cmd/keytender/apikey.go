package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"keytender/cmd/internal/words"
	"keytender/internal/secret"
	"keytender/internal/session"
	"keytender/keychain"
)

func newAPIKey(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "api-key",
		Short: "Make, store, print or remove a Console API key",
		Long: "Keeps a Console API key as carefully as a login: in the same store, and never in an argument.\n" +
			"Calls made with it are billed to the Console account, unlike those of a subscription's login.",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return &usageError{"`keytender api-key` takes one of create, set, print, remove",
				nearVerb(cmd, strings.Join(args, " "))}
		},
	}
	cmd.AddCommand(newAPIKeyCreate(c), newAPIKeySet(c), newAPIKeyPrint(c), newAPIKeyRemove(c))
	return cmd
}

func newAPIKeyCreate(c *console) *cobra.Command {
	o := loginOptions{SignInOptions: session.SignInOptions{Console: true}}
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a key through a Console sign-in and store it",
		Long:  "Signs in at the Console, has a key made and stores it. The sign-in itself is not kept.",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			if o.Method == session.ByClaudeCode {
				return &usageError{"--method is none of browser, paste: Claude Code makes a key in its own way",
					"leave --method out, or run `keytender login --method claude-code --console`"}
			}
			engine, err := c.open()
			if err != nil {
				return err
			}
			o.Paste = c.pastedLines()
			if o.Method == session.ByBrowser && !o.noBrowser {
				o.Open = c.opener(o.browserCommand)
			}
			notice, err := engine.CreateAPIKey(cmd.Context(), o.SignInOptions, c.tell)
			if err != nil {
				if known := words.Known(err); known != nil {
					known.Hint = strings.ReplaceAll(known.Hint, "`keytender login`", "`keytender api-key create`")
					return known
				}
				return err
			}
			c.storedKey(notice)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar((*string)(&o.Method), "method", "browser", "browser or paste")
	f.StringVar(&o.Account, "account", "", "keep the key under this name")
	o.commonFlags(cmd)
	return cmd
}

func (c *console) storedKey(n session.APIKeyNotice) {
	c.fact("masked", n.Masked)
	c.fact("storedIn", words.Store(n.Stored))
	c.line(tick, "API key: %s (masked here; `keytender api-key print` prints it whole)", n.Masked)
	c.line(tick, "Saved in: %s", words.Store(n.Stored))
	if n.Former != "" {
		c.line(danger, "Replaced: %s, which stays valid until it is deleted at the Console", n.Former)
	}
}

func newAPIKeySet(c *console) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Store a key that is read from stdin",
		Long:  "Reads a key from stdin, one line that begins with sk-ant-api, and stores it. A terminal does not show\nwhat is typed.",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			engine, err := c.open()
			if err != nil {
				return err
			}
			if err := engine.MayKeep(); err != nil {
				return err
			}
			key, err := c.readSecret(cmd.Context(), "API key: ")
			if err != nil {
				return err
			}
			notice, err := engine.SetAPIKey(patient(cmd), account, key)
			if err != nil {
				return err
			}
			c.storedKey(notice)
			return nil
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "keep the key under this name")
	return cmd
}

// readSecret reads all of stdin, or one line that a terminal does not show.
func (c *console) readSecret(ctx context.Context, prompt string) (secret.String, error) {
	if file, ok := c.in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		fmt.Fprint(c.err, prompt)
		before, stateErr := term.GetState(int(file.Fd()))
		text, err := reading(ctx, func() ([]byte, error) { return term.ReadPassword(int(file.Fd())) })
		if ctx.Err() != nil && stateErr == nil {
			_ = term.Restore(int(file.Fd()), before) // a broken-off read leaves the terminal mute
		}
		fmt.Fprintln(c.err)
		if err != nil && !errors.Is(err, io.EOF) {
			return secret.String{}, fmt.Errorf("reading from the terminal: %w", err)
		}
		return secret.New(string(text)), nil
	}
	text, err := c.readAll(ctx, 64<<10)
	if err != nil {
		return secret.String{}, fmt.Errorf("reading stdin: %w", err)
	}
	return secret.New(string(text)), nil
}

func newAPIKeyPrint(c *console) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:   "print",
		Short: "Print the key and a newline on stdout",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			engine, err := c.openFor(account)
			if err != nil {
				return err
			}
			key, err := engine.APIKey(cmd.Context(), account)
			if err != nil {
				return err
			}
			if c.object != nil {
				return c.result(map[string]any{"schemaVersion": 1, "apiKey": key.Reveal()})
			}
			_, err = fmt.Fprintln(c.out, key.Reveal())
			return err
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "the name that the key is kept under")
	return cmd
}

func newAPIKeyRemove(c *console) *cobra.Command {
	var (
		account string
		yes     bool
	)
	cmd := &cobra.Command{
		Use:   "remove",
		Short: "Remove the key from this machine",
		Long:  "Removes the key from this machine. It stays valid until it is deleted at the Console. Asks first.",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			engine, err := c.openFor(account)
			if err != nil {
				return err
			}
			key, err := engine.APIKey(patient(cmd), account)
			switch {
			case errors.Is(err, keychain.ErrNotFound):
				c.line(tick, "There is no API key; there is nothing to remove")
				return nil
			case err != nil && !errors.Is(err, keychain.ErrDamaged):
				return err
			}
			if !yes {
				if err := c.confirm(cmd, "Remove the API key "+key.Masked()+" from this machine?"); err != nil {
					return err
				}
			}
			if err := engine.RemoveAPIKey(patient(cmd), account); err != nil {
				return err
			}
			c.line(tick, "Removed: the API key is gone from this machine")
			c.line(plain, "hint: it stays valid until you delete it at https://platform.claude.com/settings/keys")
			return nil
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "the name that the key is kept under")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}
