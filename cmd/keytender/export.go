package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keytender/internal/pattern"
	"keytender/internal/secret"
	"keytender/internal/session"
)

func newExport(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Put a token or an API key where a workflow can use it",
		Args:  cobra.ArbitraryArgs,
		RunE: func(*cobra.Command, []string) error {
			return &usageError{"`keytender export` takes the place to export to: github", "`keytender export github --help` says more"}
		},
	}
	cmd.AddCommand(newExportGitHub(c))
	return cmd
}

// exportOptions are the flags of `export github`.
type exportOptions struct {
	repo    string
	account string
	apiKey  bool
	set     func(ctx context.Context, repo, name string, value secret.String) error
}

// repository is what GitHub allows as OWNER/NAME.
var repository = pattern.New(`^[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?/[A-Za-z0-9._-]{1,100}$`)

func newExportGitHub(c *console) *cobra.Command {
	o := exportOptions{set: c.setRepositorySecret}
	cmd := &cobra.Command{
		Use:   "github --repo OWNER/NAME",
		Short: "Set a secret of a GitHub repository through gh",
		Long: "Sets the repository secret CLAUDE_CODE_OAUTH_TOKEN to the account's access token, or ANTHROPIC_API_KEY\n" +
			"to its API key with --api-key, through `gh secret set` with the value on stdin. In a repository nobody\n" +
			"renews a token, so sign in with --long-lived for it. For most workflows an API key is the better choice:\n" +
			"it is billed by itself and can be deleted by itself.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, name, _ := strings.Cut(o.repo, "/")
			switch {
			case o.repo == "":
				return &usageError{"--repo is missing", "name the repository: --repo OWNER/NAME"}
			case !repository().MatchString(o.repo) || strings.Trim(name, ".") == "":
				return &usageError{"--repo is not of the form OWNER/NAME", "say it as GitHub shows it, without https:// and .git"}
			}
			engine, err := c.openFor(o.account)
			if err != nil {
				return err
			}
			return c.export(patient(cmd), engine, o)
		},
	}
	cmd.Flags().StringVar(&o.repo, "repo", "", "the repository, OWNER/NAME")
	cmd.Flags().BoolVar(&o.apiKey, "api-key", false, "export the API key as ANTHROPIC_API_KEY")
	cmd.Flags().StringVar(&o.account, "account", "", "the account to export (default: the active one)")
	return cmd
}

func (c *console) export(ctx context.Context, engine *session.Engine, o exportOptions) error {
	x := session.Export{Repo: o.repo, Account: o.account, Secret: "CLAUDE_CODE_OAUTH_TOKEN"}
	input := "claude_code_oauth_token"
	var value secret.String
	var err error
	if o.apiKey {
		x.Secret, input = "ANTHROPIC_API_KEY", "anthropic_api_key"
		if value, err = engine.APIKey(ctx, o.account); err == nil && !strings.HasPrefix(value.Reveal(), "sk-ant-api") {
			err = &session.Error{Code: "wrong-kind", Exit: session.ExitFailed, Message: "the stored API key does not begin with sk-ant-api", Hint: "store another one with `keytender api-key set`"}
		}
	} else {
		var until time.Time
		if value, until, err = engine.ExportToken(ctx, o.account); err == nil {
			until = until.UTC().Truncate(time.Second)
			x.Until = &until
		}
	}
	if err != nil {
		return err
	}
	if err := o.set(ctx, o.repo, x.Secret, value); err != nil {
		return err
	}
	c.fact("exported", x)
	c.line(tick, "Exported: %s to %s", x.Secret, x.Repo)
	switch {
	case x.Until == nil:
		c.line(plain, "Ends: never by itself; it works until the key is deleted at the Console")
	case time.Until(*x.Until) < leastForCI:
		c.line(danger, "Ends: %s, and nobody renews it there; for one that lasts a year: `keytender login --long-lived --account ci --no-mirror`, then export with --account ci", when(*x.Until, time.Now()))
	default:
		c.line(plain, "Ends: %s; `keytender status` reminds you", when(*x.Until, time.Now()))
	}
	c.line(plain, "Use: with: %s: ${{ secrets.%s }}", input, x.Secret)
	if err := engine.NoteExport(context.WithoutCancel(ctx), x); err != nil {
		known := &session.Error{}
		if errors.As(err, &known) {
			return &session.Error{Code: known.Code, Exit: session.ExitFailed, Message: "the secret was set, but not noted here: " + known.Message, Hint: known.Hint, Err: err}
		}
		return err
	}
	return nil
}

// leastForCI is how long a token should live where nobody can renew it.
const leastForCI = 24 * time.Hour

// Reminders begin this long before an end that nothing moves.
const remindBefore = 21 * 24 * time.Hour

// showReminders tells of what ends soon and renews itself nowhere.
func (c *console) showReminders(st session.Status, now time.Time) {
	if ends := st.AccessToken.ExpiresAt; st.State == session.SignedIn && ends != nil && !st.AccessToken.Renewable {
		if left := ends.Sub(now); left < remindBefore {
			c.say(danger, "Reminder: this token cannot be renewed and ends in %s; get a new one with `keytender login --long-lived`", duration(left))
		} else {
			c.say(plain, "Renewal: none, this token holds no refresh token; sign in again before its end")
		}
	}
	if st.Plan != "" && st.Method != "" {
		c.say(plain, "Usage: counts against your plan (%s)", st.Plan)
	}
	for _, x := range st.Exports {
		if x.Until == nil {
			continue
		}
		switch left := x.Until.Sub(now); {
		case left <= 0:
			c.say(danger, "Exported: %s in %s has ended; `keytender export github --repo %s --account %s` sets a new one", x.Secret, x.Repo, x.Repo, x.Account)
		case left < remindBefore:
			c.say(danger, "Exported: %s in %s ends in %s; sign in with `keytender login --long-lived --account %s` and export it again", x.Secret, x.Repo, duration(left), x.Account)
		}
	}
}
