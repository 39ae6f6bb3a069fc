package main

import (
	"time"

	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
	"keytender/internal/ledger"
	"keytender/internal/session"
)

func newPlaces(c *console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "places",
		Short: "List every place that holds a copy of a login, and how each stands",
		Long: "Lists every place that holds a copy of a login: our store, Claude Code's entry of each configuration directory\n" +
			"that keytender wrote to or took over from, and what is kept aside. One that could not be written is behind.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			engine, err := c.open()
			if err != nil {
				return err
			}
			places, err := engine.Places(cmd.Context())
			if err != nil {
				return err
			}
			words.Places(places)
			if asJSON {
				return c.result(map[string]any{"schemaVersion": 1, "places": places})
			}
			return c.showPlaces(places)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	cmd.AddCommand(newPlacesForget(c))
	return cmd
}

func newPlacesForget(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "forget PLACE",
		Short: "Let go of a place: it holds no renewal up any more, and nothing in it is changed",
		Args:  oneArgument("the place, as `keytender places` names it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			engine, err := c.open()
			if err != nil {
				return err
			}
			p, err := engine.ForgetPlace(patient(cmd), args[0])
			if err != nil {
				return err
			}
			words.Place(&p)
			c.fact("forgotten", p)
			if p.Kind != ledger.DisplacedLogin {
				c.line(tick, "Let go: %s; nothing in it was changed", p.Place)
			} else {
				c.line(tick, "Let go: %s", p.ID)
			}
			switch {
			case p.Kind == ledger.DisplacedLogin && p.Because.Remark == session.RemarkRecordGivenUp:
				c.line(danger, "Note: the keyring that held the login may have it still")
			case p.Kind == ledger.DisplacedLogin:
				c.line(plain, "Note: the login that was kept there is gone from this machine")
			case p.RefreshToken:
				c.line(danger,
					"Note: the next renewal spends its refresh token. Claude Code, if it goes on there, then ends this login everywhere: move that entry away")
			}
			return nil
		},
	}
}

func (c *console) showPlaces(places []session.PlaceStatus) error {
	if len(places) == 0 {
		c.say(plain, "No place holds a login")
		return nil
	}
	rows := [][]string{{"ACCOUNT", "STATE", "KIND", "PLACE"}}
	for _, p := range places {
		state := string(p.State)
		if p.Since != nil && p.State != session.PlaceKept {
			state += " for " + spoken(time.Since(*p.Since))
		}
		place := p.Place
		if p.Kind == ledger.DisplacedLogin {
			place = p.ID + " in " + p.Place
		}
		if p.Reason != "" {
			place += " (" + p.Reason + ")"
		}
		rows = append(rows, []string{orDash(p.Account), state, string(p.Kind), place})
	}
	return c.table(rows)
}
