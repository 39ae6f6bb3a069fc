package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"time"

	"keytender/cmd/internal/words"
	"keytender/internal/bounded"
	"keytender/internal/pattern"
	"keytender/internal/secret"
	"keytender/internal/session"
	"keytender/internal/shown"
)

// ghLimit bounds a call of gh, which talks to GitHub; tests shorten it.
var ghLimit = time.Minute

// setRepositorySecret sets a repository secret through the GitHub command line. The
// value goes to its stdin and stands in no argument and no variable.
func (c *console) setRepositorySecret(ctx context.Context, repo, name string, value secret.String) error {
	return runGH(ctx, repo, value, "secret", "set", name, "--repo", repo)
}

// repositoryReached finds out whether gh is there, signed in, and may see the repository's
// secrets.
func (c *console) repositoryReached(ctx context.Context, repo string) error {
	return runGH(ctx, repo, secret.String{}, "secret", "list", "--repo", repo)
}

func runGH(ctx context.Context, repo string, stdin secret.String, args ...string) error {
	path, err := exec.LookPath("gh")
	if err != nil {
		return &words.Error{Code: "no-gh", Exit: session.ExitFailed,
			Message: "the GitHub command line is not installed here: there is no program named gh",
			Hint:    "install it (https://cli.github.com) and sign in with `gh auth login`", Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, ghLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "GH_PROMPT_DISABLED=1", "GH_NO_UPDATE_NOTIFIER=1", "NO_COLOR=1")
	cmd.Stdin = strings.NewReader(stdin.Reveal())
	said := bounded.Keep(64 << 10)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 700 * time.Millisecond
	err = cmd.Run()
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return ghError(ctx, err, string(said.Bytes()), repo, stdin)
}

// ghError tells apart what a person can do about a failed call. gh has one exit code
// for a missing sign-in, 4, and words for the rest.
func ghError(ctx context.Context, err error, said, repo string, value secret.String) error {
	quoted := cleanWords(said, value)
	problem := func(code session.Code, message, hint string) error {
		if quoted != "" {
			message += " (gh: " + quoted + ")"
		}
		return &words.Error{Code: code, Exit: session.ExitFailed, Message: message, Hint: hint, Err: err}
	}
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(strings.ToLower(said), part) {
				return true
			}
		}
		return false
	}
	exit := &exec.ExitError{}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &words.Error{Code: "gh-hangs", Exit: session.ExitTryLater, Message: "gh did not end within " +
			shown.Span(ghLimit), Hint: "look at the network and try again", Err: err}
	case errors.As(err, &exit) && exit.ExitCode() == 4, has("gh auth login", "bad credentials", "http 401"):
		return problem("gh-signed-out", "gh is not signed in to GitHub", "sign in with `gh auth login`")
	case has("http 404", "could not resolve to a repository", "not found"):
		return problem("no-repository", "GitHub shows no repository "+repo+" to this sign-in",
			"check --repo, and with `gh auth status` who is signed in there")
	case has("http 403", "resource not accessible", "must have admin rights", "forbidden", "saml"):
		return problem("no-rights", "this GitHub sign-in may not set secrets of "+repo,
			"that takes admin permission in the repository and the scope repo: `gh auth refresh -s repo`, or ask an admin")
	case has("could not resolve host", "error connecting", "no such host", "connection refused", "i/o timeout",
		"http 5"):
		return &words.Error{Code: "try-later", Exit: session.ExitTryLater,
			Message: "GitHub could not be reached (gh: " + quoted + ")", Hint: "look at the network and try again",
			Err: err}
	case errors.As(err, &exit):
		return problem("gh-failed", "gh did not set the secret: it ended with "+exit.ProcessState.String(),
			"try `gh secret list --repo "+repo+"` to see what it says")
	}
	return problem("no-gh", "gh could not be started: "+err.Error(), "install it anew (https://cli.github.com)")
}

// escapes are what colours a terminal.
var escapes = pattern.New(`\x1b\[[0-9;?]*[A-Za-z]`)

// cleanWords makes another program's words fit to be shown: one line of at most 300
// characters, without control characters and secrets.
func cleanWords(text string, secrets ...secret.String) string {
	text = shown.Line(escapes().ReplaceAllString(text, ""))
	// Last, since what was taken out may have stood within a secret.
	for _, s := range secrets {
		text = hidePieces(text, s)
	}
	return shown.Cut(secret.Tokens().ReplaceAllString(text, "[redacted]"), 300)
}

// hidePieces takes out the secret and every piece of it of eight bytes or more: an escape
// sequence, when it goes, takes letters along that follow it.
func hidePieces(text string, hidden secret.String) string {
	whole := hidden.Reveal()
	least := min(8, len(whole))
	if least == 0 {
		return text
	}
	clean := &strings.Builder{}
	for at := 0; at < len(text); {
		end := at + least
		if end > len(text) || !strings.Contains(whole, text[at:end]) {
			clean.WriteByte(text[at])
			at++
			continue
		}
		for end < len(text) && strings.Contains(whole, text[at:end+1]) {
			end++
		}
		clean.WriteString("[redacted]")
		at = end
	}
	return clean.String()
}
