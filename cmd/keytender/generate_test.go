package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"keytender/internal/session"
)

// The man pages and docs/verbs.md are made from the verbs themselves. A test makes
// them, so that what only the making needs is never part of the program.

var update = flag.Bool("update", false, "write packaging/man and docs/verbs.md anew")

const (
	projectRoot = "../.."
	manFolder   = "packaging/man"
	verbsPage   = "docs/verbs.md"
)

// manDate is fixed, so that the same verbs always make the same pages.
var manDate = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

// exitCodes are told in the main man page and in docs/verbs.md.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{0, "done; also when a second menu-bar app finds the first one running"},
	{session.ExitFailed,
		"failed, for a reason that is none of the others: one line says what, one line beginning with `hint:` what to do"},
	{session.ExitUsage, "flags, arguments or settings that cannot be used; nothing was changed"},
	{session.ExitSignedOut, "signed out: there is no login"},
	{session.ExitSignInAgain, "sign in again: there was a login, and it cannot be renewed any more"},
	{session.ExitTryLater,
		"try later: the network, the server or the storage is in trouble; the login is as good as before"},
	{session.ExitBusy, "busy: another program holds a lock; nothing was changed"},
	{session.ExitDeclined, "declined: the person said no in the browser"},
	{session.ExitTimedOut, "timed out: nobody came back from the browser in time"},
	{exitNotExecutable, "`exec` alone: the program is there, but cannot be executed"},
	{exitNoProgram, "`exec` alone: there is no such program"},
	{129, "the terminal was closed (SIGHUP)"},
	{130, "interrupted (SIGINT)"},
	{131, "ended (SIGQUIT)"},
	{143, "ended (SIGTERM)"},
}

// TestManPages holds that the generated pages are those of today's verbs.
func TestManPages(t *testing.T) {
	made := generate(t)
	if *update {
		if err := os.RemoveAll(filepath.Join(projectRoot, manFolder)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range made {
		path := filepath.Join(projectRoot, name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%s is missing; %s", name, howToUpdate)
			continue
		}
		if d := cmp.Diff(want, string(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")))); d != "" {
			t.Errorf("%s is not what the verbs say now; %s\n%s", name, howToUpdate, d)
		}
	}
	there, err := filepath.Glob(filepath.Join(projectRoot, manFolder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range there {
		if name := manFolder + "/" + filepath.Base(path); made[name] == "" {
			t.Errorf("%s belongs to no verb; %s", name, howToUpdate)
		}
	}
}

const howToUpdate = "run: go test ./cmd/keytender -run TestManPages -update"

// commandTree is the verbs as the program has them, their long texts made fit for
// markdown.
func commandTree() *cobra.Command {
	root := newRoot(newConsole(nil, os.Stdout, os.Stderr), nil)
	root.DisableAutoGenTag = true
	root.InitDefaultHelpCmd()
	each(root, func(cmd *cobra.Command) {
		cmd.InitDefaultHelpFlag()
		_ = cmd.Flags().MarkHidden("help") // every verb has it; it is told once
		cmd.Long = asMarkdown(cmd.Long)
	})
	return root
}

func each(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() {
			each(below, do)
		}
	}
}

// asMarkdown keeps the lines of a list together: in a help text they are indented
// by two blanks, which markdown would fold into one paragraph.
func asMarkdown(text string) string {
	var out []string
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		indented := strings.HasPrefix(line, "  ")
		if indented != inside && line != "" {
			out = append(out, "")
			inside = indented
		}
		if indented {
			line = "    " + strings.TrimPrefix(line, "  ")
		}
		out = append(out, line)
	}
	return strings.ReplaceAll(strings.Join(out, "\n"), "\n\n\n", "\n\n")
}

// generate returns the pages by their paths in the project.
func generate(t *testing.T) map[string]string {
	t.Helper()
	root := commandTree()
	made := map[string]string{verbsPage: verbsReference(t, root)}
	var codes strings.Builder
	for _, exit := range exitCodes {
		fmt.Fprintf(&codes, "**%d**\n: %s\n\n", exit.code, exit.meaning)
	}
	root.Long += "\n\nEach verb has a page of its own, and takes **--help**.\n\n# EXIT STATUS\n" + codes.String()
	write := func(cmd *cobra.Command) {
		var page bytes.Buffer
		header := &doc.GenManHeader{Section: "1", Date: &manDate, Source: "Keytender", Manual: "Keytender"}
		if err := doc.GenMan(cmd, header, &page); err != nil {
			t.Fatal(err)
		}
		made[manFolder+"/"+strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"] = withValues(cmd, page.String())
	}
	each(root, write)
	write(trayProgramCommand()) // in the place of the verb that starts it
	return made
}

var optionLine = regexp.MustCompile(`(?m)^((?:\\fB-[a-z]\\fP, )?\\fB--([a-z-]+)\\fP).*$`)

// withValues names what a flag takes, where the library writes the zero of its type as if
// that were the default. Where there is one it stands in the flag's text.
func withValues(cmd *cobra.Command, page string) string {
	return optionLine.ReplaceAllStringFunc(page, func(line string) string {
		found := optionLine.FindStringSubmatch(line)
		f := cmd.Flags().Lookup(found[2])
		if f == nil {
			return line
		}
		value := map[string]string{"string": "TEXT", "int": "N", "duration": "TIME"}[f.Value.Type()]
		switch {
		case f.Value.Type() == "bool":
			return found[1]
		case value == "":
			value = "TIME"
		}
		if f.NoOptDefVal != "" {
			return found[1] + "[=\\fI" + value + "\\fP]"
		}
		return found[1] + " \\fI" + value + "\\fP"
	})
}

// TestManPagesFit holds that nothing in a man page is wider than a terminal of 80 columns:
// what is set line by line is not wrapped, and is set 7 columns in.
func TestManPagesFit(t *testing.T) {
	for name, page := range generate(t) {
		if !strings.HasSuffix(name, ".1") {
			continue
		}
		if strings.Contains(page, "[=false]") || strings.Contains(page, `=""`) {
			t.Errorf("%s tells a default that is none", name)
		}
		inside := false
		for line := range strings.Lines(page) {
			switch line = strings.TrimRight(line, "\n"); {
			case line == ".EX", line == ".EE":
				inside = line == ".EX"
			case inside && len(line) > 73:
				t.Errorf("%s: %d columns: %s", name, len(line), line)
			}
		}
	}
}

// trayProgramCommand describes the other program, which is too small for cobra.
func trayProgramCommand() *cobra.Command {
	tray := &cobra.Command{
		Use:   "keytender-tray",
		Short: "Show the login in the menu bar and keep it renewed",
		Long: "The menu-bar app of **keytender(1)**; `keytender tray` starts the one that lies beside it. It shows how the login\n" +
			"stands, offers what can be done about it, renews it in time, and tells the person before the login itself ends.\n" +
			"A second one says that the first is running, and ends.",
		DisableAutoGenTag: true,
		Run:               func(*cobra.Command, []string) {},
	}
	tray.Flags().Bool("version", false, "print the version and end")
	tray.InitDefaultHelpFlag()
	_ = tray.Flags().MarkHidden("help") // it has none
	return tray
}

const verbsIntroduction = `# Verbs

<!-- Generated from the verbs by cmd/keytender/generate_test.go. Do not edit. -->

What the command line can do, made from the program's own help texts: ` + "`keytender help VERB`" + ` and
` + "`--help`" + ` behind a verb say the same.

Results, reports among them, go to stdout; progress, questions, warnings and errors go to stderr. A line for people
reads ` + "`Name: value`" + `, and a mark may stand before it: ` + "`✓`, `⚠` or `✗`" + `. With ` + "`--json`" + ` each verb prints
one JSON object on stdout and nothing else there; after an error, with the same exit code, it is
` + "`{\"schemaVersion\":1,\"error\":{\"code\",\"message\",\"hint\"}}`" + `, and with ` + "`status`" + ` and ` + "`login`" + ` the status beside
it. No verb takes a secret as an argument. What can be set by variables and in a file is in
[configuration.md](configuration.md); which way to sign in suits you is in [methods.md](methods.md); what to do
when something goes wrong is in [troubleshooting.md](troubleshooting.md).

`

func verbsReference(t *testing.T, root *cobra.Command) string {
	var b strings.Builder
	b.WriteString(verbsIntroduction)
	each(root, func(cmd *cobra.Command) {
		if cmd.HasParent() {
			path := cmd.CommandPath()
			fmt.Fprintf(&b, "- [`%s`](#%s): %s\n", path, strings.ReplaceAll(path, " ", "-"), cmd.Short)
		}
	})
	b.WriteString("- [Exit codes](#exit-codes)\n- [The object of `status --json`](#the-object-of-status---json)\n")
	each(root, func(cmd *cobra.Command) {
		if !cmd.HasParent() {
			return
		}
		long := cmd.Long
		if long == "" {
			long = cmd.Short
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n```\n%s\n```\n", cmd.CommandPath(), fullStop(long), cmd.UseLine())
		if flags := cmd.NonInheritedFlags(); flags.HasAvailableFlags() {
			fmt.Fprintf(&b, "\n```\n%s```\n", flags.FlagUsages())
		}
		if cmd.Example != "" {
			fmt.Fprintf(&b, "\n```\n%s\n```\n", cmd.Example)
		}
	})
	b.WriteString("\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n")
	for _, exit := range exitCodes {
		fmt.Fprintf(&b, "| %d | %s |\n", exit.code, exit.meaning)
	}
	object, err := json.MarshalIndent(exampleStatus(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, statusIntroduction, object)
	return b.String()
}

func fullStop(text string) string {
	text = strings.TrimSpace(text)
	if strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

const statusIntroduction = `
## The object of ` + "`status --json`" + `

` + "```json\n%s\n```" + `

An unknown time is ` + "`null`" + `. New keys may come; these stay.

- ` + "`state`: `signed-in`, `signed-out`, `sign-in-again` or `try-later`" + `
- ` + "`state`" + ` of a store: ` + "`ok`, `absent`, `locked`, `denied`, `unavailable`, `damaged` or `not-used`" + `
- ` + "`claudeCode.state`: `in-step`, `newer`, `older`, `other-login`, `signed-out`, `absent`, `damaged`, `busy`," + `
  ` + "`unknown` (it may hold newer tokens, and nobody could be asked whose) or `off`" + `
- ` + "`login.estimated`" + `: the server did not say when the login ends, so 30 days were assumed
- ` + "`problem`: `null`" + `, or an object with ` + "`code`, `message` and `hint`" + `
`

// exampleStatus has every field set, so that the example shows every key.
func exampleStatus() session.Status {
	at := func(month time.Month, day, hour int) *time.Time {
		t := time.Date(2026, month, day, hour, 0, 0, 0, time.UTC)
		return &t
	}
	return session.Status{
		SchemaVersion: 1, State: session.SignedIn, Account: "default", Email: "a@example.com",
		Organization: "Example", Plan: "max", Method: "browser",
		AccessToken:   session.AccessClock{ExpiresAt: at(time.November, 20, 20), Valid: true, Renewable: true},
		Login:         session.LoginClock{ExpiresAt: at(time.December, 20, 12)},
		Scopes:        []string{"user:profile", "user:inference"},
		MissingScopes: []string{"user:file_upload"},
		Stores:        []session.StoreState{{Name: "keychain", State: "ok"}, {Name: "file", State: "not-used"}},
		ClaudeCode: session.EntryStatus{Mirror: true, Place: "/home/a/.claude/.credentials.json", State: "in-step",
			OverriddenBy: []string{}},
		Tray:       session.TrayStatus{Running: true},
		LastChange: &session.ChainChange{At: *at(time.November, 20, 12), What: "renewed", Who: "keytender"},
		Accounts: []session.AccountStatus{{Name: "default", Email: "a@example.com", Organization: "Example",
			Plan: "max", State: session.SignedIn,
			Login: session.LoginClock{ExpiresAt: at(time.December, 20, 12)}, Active: true,
			Places: []string{"/home/a/.claude/.credentials.json"}}},
		Places: []session.PlaceStatus{{ID: "file:/home/a/.claude/.credentials.json",
			Place: "/home/a/.claude/.credentials.json", Kind: "entry",
			Account: "default", State: session.PlaceInStep, RefreshToken: true}},
		Exports: []session.Export{{Repo: "a/site", Secret: "CLAUDE_CODE_OAUTH_TOKEN", Account: "ci",
			Until: at(time.December, 31, 12), At: *at(time.November, 1, 12)}},
	}
}
