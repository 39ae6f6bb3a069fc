package main

import (
	"strings"

	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
	"keytender/internal/session"
	"keytender/internal/shown"
)

func newWhich(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "which [DIR]",
		Short: "Show which credential claude would use in a directory, and why",
		Long: "Shows what `claude` would use when it is started in DIR (default: here), and why: a cloud provider, a\n" +
			"variable, an API key helper, a setting of the project, the person or the administrator, or its own login, and\n" +
			"whose that is. Variables are those of this command's own environment; another terminal's may differ. Where\n" +
			"Claude Code is installed it is asked itself (`claude auth status`), and its word counts; where it is not, or\n" +
			"where it would renew the login when asked, the answer is that of its rules as they were measured, and\n" +
			"\"Not checked\" stands in it. Nothing is written, and no value is shown. Exit code 3: it would find nothing to use.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{"`keytender which` takes one directory at most",
					"`keytender which --help` says more"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			engine, err := c.open()
			if err != nil {
				return err
			}
			w, err := engine.Which(cmd.Context(), dir)
			if err != nil {
				return err
			}
			if err := cmd.Context().Err(); err != nil {
				return err
			}
			words.Which(&w)
			if c.object != nil {
				if err := c.result(w); err != nil {
					return err
				}
			} else {
				c.showWhich(w)
			}
			if w.Uses.Kind == session.FromNothing || w.Uses.Kind == session.FromSimple {
				return exitError(session.ExitSignedOut)
			}
			return nil
		},
	}
	return cmd
}

// kindWords are what people call each kind of credential.
func kindWords() map[session.SourceKind]string {
	return map[session.SourceKind]string{
		session.FromCloud:      "a cloud provider",
		session.FromHeaders:    "an Authorization header of your own",
		session.FromSocket:     "a socket that stands for the API",
		session.FromAuthToken:  "a bearer token",
		session.FromHelper:     "an API key that a program prints",
		session.FromAPIKey:     "an API key",
		session.FromSimple:     "nothing: its simple mode takes an API key alone",
		session.FromOAuthToken: "a token of a login",
		session.FromFederation: "a federated identity",
		session.FromProfile:    "a profile of Anthropic's tools",
		session.FromEntry:      "its own login",
		session.FromConsoleKey: "an API key that it made itself",
		session.FromNothing:    "nothing: nobody is signed in",
	}
}

// showWhich writes the report.
func (c *console) showWhich(w session.Which) {
	m := tick
	if w.Uses.Kind == session.FromNothing || w.Uses.Kind == session.FromSimple {
		m = cross
	} else if w.Uses.Kind != session.FromEntry {
		m = danger // it is what people wonder about
	}
	c.say(m, "Uses: %s", usedWords(w.Uses))
	c.say(plain, "In: %s", w.Directory)
	if len(w.Others) > 0 {
		var others []string
		for _, o := range w.Others {
			others = append(others, usedWords(o))
		}
		c.say(plain, "Not used: %s", strings.Join(others, "; "))
	}
	if w.Requests != nil {
		to := w.Requests.To
		if to == "" {
			to = "what is no address"
		}
		c.say(danger, "Requests go to: %s, with this credential, as %s says", to,
			standsIn(w.Requests.Name, w.Requests.From))
	}
	for _, note := range w.Notes {
		c.say(danger, "Note: %s", noteWords(note))
	}
	switch a := w.Client; {
	case !a.Checked:
		c.say(danger, "Not checked: %s", a.Problem.Message)
		c.say(plain, "hint: %s", a.Problem.Hint)
	case a.Agrees == nil:
		c.say(plain, "Checked: Claude Code %s says %s; it does not tell this kind from another", a.Version, a.Method)
	case *a.Agrees:
		c.say(plain, "Checked: Claude Code %s says the same (%s)", a.Version, a.Method)
	default:
		c.say(danger, "Checked: Claude Code %s says %s, which its settings and variables did not show; its word counts",
			a.Version, a.Method)
	}
}

func usedWords(u session.UsedSource) string {
	words := kindWords()[u.Kind]
	if words == "" {
		return "something that Claude Code calls " + u.Name
	}
	switch whose := shown.Line(u.Email); {
	case u.Kind != session.FromEntry:
		if u.Name != "" {
			words += " (" + standsIn(u.Name, u.From) + ")"
		}
		return words
	case whose == "":
		words += ", of which nobody could say whose it is"
	default:
		words += ", " + whose
	}
	if u.Organization != "" {
		words += ", " + u.Organization
	}
	if u.Account != "" {
		words += ", account " + u.Account
	}
	return words + " (" + u.From + ")"
}

func standsIn(name, from string) string {
	if from == "environment" {
		return name + " in this environment"
	}
	return name + " in " + shown.Line(from)
}

func noteWords(n session.WhichNote) string {
	switch n.Code {
	case session.NoteSettingsUnusable:
		return shown.Line(n.What) + " cannot be read as settings, so Claude Code leaves it out"
	case session.NoteEntryUnusable:
		return "Claude Code's own login cannot be used: " + n.What
	case session.NoteEnterpriseGateway:
		return "its login names a gateway of the organization, to which requests may go"
	case session.NoteOrganizationRefused:
		return "the administrator's forceLoginOrgUUID names another organization, so Claude Code refuses this login"
	case session.NoteOrganizationForced:
		return "the administrator's forceLoginOrgUUID allows one organization alone, and this login does not tell its own"
	case session.NoteShowsAnother:
		return "Claude Code itself still shows " + n.What
	}
	return n.Code
}
