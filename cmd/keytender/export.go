package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"keytender/cmd/internal/words"
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
			return &usageError{"`keytender export` takes the place to export to: github",
				"`keytender export github --help` says more"}
		},
	}
	cmd.AddCommand(newExportGitHub(c))
	return cmd
}

// exportOptions are the flags of `export github`.
type exportOptions struct {
	repo     string
	account  string
	apiKey   bool
	newToken bool
	login    loginOptions // of --new-token
	set      func(ctx context.Context, repo, name string, value secret.String) error
}

// repository is what GitHub allows as OWNER/NAME.
var repository = pattern.New(`^[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?/[A-Za-z0-9._-]{1,100}$`)

// oneYear is what a token for machines is asked for.
const oneYear = 365 * 24 * time.Hour

func newExportGitHub(c *console) *cobra.Command {
	o := exportOptions{set: c.setRepositorySecret}
	cmd := &cobra.Command{
		Use:   "github --repo OWNER/NAME",
		Short: "Set a secret of a GitHub repository through gh",
		Long: "Sets the repository secret CLAUDE_CODE_OAUTH_TOKEN to the account's access token, or ANTHROPIC_API_KEY\n" +
			"to its API key with --api-key, through `gh secret set` with the value on stdin. In a repository nobody\n" +
			"renews a token: --new-token signs in for one of a year and sets it. Your login stays as it is, and the new token\n" +
			"is kept nowhere here, unless GitHub does not take it. For most workflows workload identity, which needs no\n" +
			"secret, or an API key, which is billed and deleted by itself, is the better choice: docs/ci.md.",
		Example: "keytender export github --repo octo-org/site --new-token\nkeytender export github --repo octo-org/site --api-key",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			if o.newToken {
				return c.exportNew(cmd.Context(), o)
			}
			engine, err := c.openFor(o.account)
			if err != nil {
				return err
			}
			return c.export(patient(cmd), engine, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.repo, "repo", "", "the repository, OWNER/NAME")
	f.BoolVar(&o.apiKey, "api-key", false, "export the API key as ANTHROPIC_API_KEY")
	f.StringVar(&o.account, "account", "", "the account to export (default: KEYTENDER_ACCOUNT, else the active one)")
	f.BoolVar(&o.newToken, "new-token", false, "sign in for a token of a year and set that; your login stays as it is")
	f.StringVar((*string)(&o.login.Method), "method", "browser", "with --new-token: browser or paste")
	o.login.commonFlags(cmd)
	return cmd
}

// check refuses what cannot be used, before anything is opened.
func (o *exportOptions) check(cmd *cobra.Command) error {
	_, name, _ := strings.Cut(o.repo, "/")
	switch {
	case o.repo == "":
		return &usageError{"--repo is missing", "name the repository: --repo OWNER/NAME"}
	case !repository().MatchString(o.repo) || strings.Trim(name, ".") == "":
		return &usageError{"--repo is not of the form OWNER/NAME",
			"say it as GitHub shows it, without https:// and .git"}
	}
	own := []string{"repo", "api-key", "account", "new-token", "json"}
	var problem error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case !o.newToken && !slices.Contains(own, f.Name):
			problem = &usageError{"--" + f.Name + " goes with --new-token alone", "without it nobody signs in"}
		case o.newToken && (f.Name == "api-key" || f.Name == "account"):
			problem = &usageError{"--" + f.Name + " and --new-token do not go together",
				"the new token belongs to whoever signs in for it"}
		}
	})
	if problem != nil || !o.newToken {
		return problem
	}
	if err := o.login.check(cmd); err != nil {
		return err
	}
	if o.login.Method == session.ByClaudeCode {
		return &usageError{"--method is none of browser, paste: Claude Code prints such a token and hands it to nobody",
			"leave --method out"}
	}
	return nil
}

// exportNew signs in for a token of a year and sets it.
func (c *console) exportNew(ctx context.Context, o exportOptions) error {
	engine, err := c.open()
	if err != nil {
		return err
	}
	if err := engine.MayKeep(); err != nil { // an issued token is kept where it cannot be set
		return err
	}
	// What would fail after the sign-in shows before it: a token of a year was then made in vain.
	if err := c.repositoryReached(ctx, o.repo); err != nil {
		return err
	}
	o.login.LongLived, o.login.Paste = oneYear, c.pastedLines()
	if o.login.Method == session.ByBrowser && !o.login.noBrowser {
		o.login.Open = c.opener(o.login.browserCommand)
	}
	c.warnLongLived(o.login)
	x := session.Export{Repo: o.repo, Secret: tokenVariable}
	kept, err := engine.NewToken(ctx, o.login.SignInOptions, c.tell,
		func(ctx context.Context, token secret.String, until time.Time) error {
			until = until.UTC().Truncate(time.Second)
			x.Until = &until
			return o.set(ctx, o.repo, x.Secret, token)
		})
	if known := words.Known(err); known != nil {
		known.Hint = strings.ReplaceAll(known.Hint, "`keytender login`",
			"`keytender export github --repo "+o.repo+" --new-token`")
		if kept != "" {
			known.Hint += "; the new token is kept as the account " + kept + ", so `keytender export github --repo " +
				o.repo + " --account " + kept + "` then sets it"
		}
		return known
	}
	if err != nil {
		return err
	}
	return c.exported(ctx, engine, x, false)
}

func (c *console) export(ctx context.Context, engine *session.Engine, o exportOptions) error {
	x := session.Export{Repo: o.repo, Secret: tokenVariable}
	var value secret.String
	err := engine.MayKeep() // what is noted here is kept, too
	if err == nil {
		_, x.Account, err = engine.AccountNames()
	}
	if err != nil {
		return err
	}
	if o.apiKey {
		x.Secret = "ANTHROPIC_API_KEY"
		if value, err = engine.APIKey(ctx, o.account); err == nil && !strings.HasPrefix(value.Reveal(), "sk-ant-api") {
			err = &words.Error{Code: "wrong-kind", Exit: session.ExitFailed,
				Message: "the stored API key does not begin with sk-ant-api",
				Hint:    "store another one with `keytender api-key set`"}
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
	return c.exported(ctx, engine, x, true)
}

// exported says what was set where, and notes it. held: an account holds it, too.
func (c *console) exported(ctx context.Context, engine *session.Engine, x session.Export, held bool) error {
	x.At = time.Now().UTC().Truncate(time.Second)
	c.fact("exported", x)
	c.line(tick, "Exported: %s to %s", x.Secret, x.Repo)
	switch {
	case x.Until == nil:
		c.line(plain, "Ends: never by itself; it works until the key is deleted at the Console")
	case time.Until(*x.Until) < leastForCI:
		c.line(danger,
			"Ends: %s, and nobody renews it there; one that lasts a year: `keytender export github --repo %s --new-token`",
			when(*x.Until, time.Now()), x.Repo)
	default:
		c.line(plain, "Ends: %s; `keytender status` reminds you", when(*x.Until, time.Now()))
	}
	c.line(plain, "Use: with: %s: ${{ secrets.%s }}", strings.ToLower(x.Secret), x.Secret)
	if err := engine.NoteExport(context.WithoutCancel(ctx), x, held); err != nil {
		known := words.Known(err)
		if known == nil {
			return err
		}
		known.Exit, known.Message = session.ExitFailed, "the secret was set, but not noted here: "+known.Message
		return known
	}
	return nil
}

// leastForCI is how long a token should live where nobody can renew it.
const leastForCI = 24 * time.Hour

// Reminders begin this long before an end that nothing moves.
const remindBefore = 21 * 24 * time.Hour

// showReminders tells of what ends soon and renews itself nowhere.
func (c *console) showReminders(st session.Status, now time.Time) {
	if ends := st.AccessToken.ExpiresAt; st.State == session.SignedIn && ends != nil && !st.AccessToken.Renewable &&
		st.Role != session.RoleWatch {
		if left := ends.Sub(now); left < remindBefore {
			c.say(danger,
				"Reminder: this token cannot be renewed and ends in %s; get a new one with `keytender login --long-lived`",
				spoken(left))
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
		again := "`keytender export github --repo " + x.Repo + " --new-token` sets a new one"
		switch left := x.Until.Sub(now); {
		case left <= 0:
			c.say(danger, "Exported: %s in %s has ended; %s", x.Secret, x.Repo, again)
		case left < remindBefore:
			c.say(danger, "Exported: %s in %s ends in %s; %s", x.Secret, x.Repo, spoken(left), again)
		}
	}
}
