package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
	"keytender/internal/secret"
	"keytender/internal/session"
)

func newToken(c *console) *cobra.Command {
	minValid := time.Minute
	var (
		account string
		asJSON  bool
	)
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Print an access token that is still valid, renewing it first when needed",
		Long:  "Prints the access token and a newline on stdout. A token that is valid for long enough is printed\nwithout any connection; otherwise the login is renewed first. Unless --min-valid is given,\nKEYTENDER_REFRESH_SKEW counts where it is more. A call of the API with it needs the header\nanthropic-beta: oauth-2025-04-20; docs/recipes.md has an example with curl.",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if minValid < 0 {
				return &usageError{"--min-valid cannot be negative", "give a length of time, say --min-valid 5m"}
			}
			engine, err := c.openFor(account)
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("min-valid") {
				minValid = max(minValid, engine.Config().RefreshSkew)
			}
			token, err := c.accessToken(cmd.Context(), engine, minValid)
			if err != nil {
				return err
			}
			if asJSON {
				return c.printToken(engine, cmd, token)
			}
			if c.terminal && isScreen(c.out) && !engine.Tended() { // a person reads it, and no program
				c.line(danger, "Menu bar: not running, %s", untended)
			}
			_, err = fmt.Fprintln(c.out, token.Reveal())
			return err
		},
	}
	cmd.Flags().DurationVar(&minValid, "min-valid", minValid, "renew first when less than this is left (default 1m)")
	cmd.Flags().Lookup("min-valid").DefValue = "0s" // it is told in words
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout, with the token and its end")
	accountFlag(cmd, &account)
	return cmd
}

// accessToken returns a token that is valid for minValid, or with a warning one that is
// valid for less.
func (c *console) accessToken(ctx context.Context, engine *session.Engine, minValid time.Duration) (secret.String,
	error) {
	token, err := engine.Token(ctx, minValid)
	if token.IsZero() {
		return token, err
	}
	switch known := (&session.Error{}); {
	case err == nil || ctx.Err() != nil:
	case errors.As(err, &known) && known.Fault == session.FaultKeptFailed:
		c.line(danger, "%s", words.Plain(err))
	default:
		c.line(danger, "this token is valid, but not for %s: %s", minValid, words.Plain(err))
	}
	return token, nil
}

// printToken prints the token with its end and whose it is.
func (c *console) printToken(engine *session.Engine, cmd *cobra.Command, token secret.String) error {
	st := engine.Status(cmd.Context())
	return c.result(struct {
		secret.Hidden
		SchemaVersion int        `json:"schemaVersion"`
		AccessToken   string     `json:"accessToken"`
		ExpiresAt     *time.Time `json:"expiresAt"`
		Account       string     `json:"account"`
		Email         string     `json:"email"`
	}{SchemaVersion: 1, AccessToken: token.Reveal(), ExpiresAt: st.AccessToken.ExpiresAt, Account: st.Account,
		Email: st.Email})
}
