package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
	"keytender/internal/session"
	"keytender/internal/shown"
	"keytender/tray/autostart"
)

func newAutostart(c *console) *cobra.Command {
	agent := false
	cmd := &cobra.Command{
		Use:   "autostart on|off|status [--agent]",
		Short: "Start the menu-bar app, or the agent, with your session, or not",
		Long: "Turns the start of the menu-bar app with your session on or off, as its menu does, by what your system\n" +
			"itself shows and lets you change: a desktop file in the autostart folder, a LaunchAgent, or a value of\n" +
			"the Run key. With --agent it is `keytender agent` that is started, for a machine without a desktop: a unit of\n" +
			"your own systemd, or a LaunchAgent; Windows starts none. off without --agent turns both off. status prints on\n" +
			"or off. Nothing is started or stopped now.",
		ValidArgs: []string{"on", "off", "status"},
		Args:      oneArgument("on, off or status"),
		RunE: func(_ *cobra.Command, args []string) error {
			if engine, bad := c.open(); bad == nil && args[0] != "status" { // a broken setting is no matter here
				if err := engine.MayWrite(); err != nil {
					return err
				}
			}
			switch args[0] {
			case "on", "off", "status":
				return c.autostart(args[0], agent)
			}
			return &usageError{"there is no such argument", "choose one of on, off, status"}
		},
	}
	cmd.Flags().BoolVar(&agent, "agent", false, "start the agent, on a machine without a desktop")
	return cmd
}

// starter is what is started with the session: the app or the agent.
type starter struct {
	entry *autostart.Entry
	state autostart.State
	again string // what names this program in it anew
	label string
}

// autostart does what the argument says, and prints how it stands then.
func (c *console) autostart(what string, agent bool) error {
	tray, trayErr := trayProgram()
	self, err := autostart.Program()
	if err != nil {
		return cannotStart(err, "set HOME")
	}
	var all []*starter
	if !agent {
		e, err := autostart.New(tray)
		if err != nil {
			return cannotStart(err, "set HOME")
		}
		all = append(all, &starter{entry: e, again: "keytender autostart on", label: "Start at login"})
		if what == "on" && trayErr != nil {
			return noTray(trayErr)
		}
	}
	if agent || what != "on" {
		switch e, err := autostart.NewAgent(self); {
		case err == nil:
			all = append(all, &starter{entry: e, again: "keytender autostart on --agent", label: "Agent"})
		case agent && errors.Is(err, autostart.ErrNoAgent):
			return cannotStart(err, "use the menu-bar app (`keytender autostart on`), or a task of your own: "+
				`schtasks /Create /TN Keytender /SC ONLOGON /TR "keytender agent"`)
		case agent:
			return cannotStart(err, "set HOME")
		}
	}
	for _, s := range all {
		if err := s.change(what); err != nil {
			return err
		}
	}
	return c.showStarters(what, all)
}

func cannotStart(err error, hint string) error {
	return &words.Error{Code: "autostart", Exit: session.ExitFailed,
		Message: "start at login cannot be set: " + err.Error(), Hint: hint, Err: err}
}

// change turns it on or off, and reads how it stands.
func (s *starter) change(what string) (err error) {
	if what != "status" {
		err = s.entry.Set(what == "on")
	}
	state, readErr := s.entry.State()
	if err == nil {
		err = readErr
	}
	if s.state = state; err != nil {
		return cannotStart(err, "look at "+state.Place)
	}
	return nil
}

// showStarters prints on where one of them is.
func (c *console) showStarters(what string, all []*starter) error {
	first := all[0].state
	on := first.On
	for _, s := range all[1:] {
		on = on || s.state.On
	}
	if c.object != nil {
		result := map[string]any{"schemaVersion": 1, "on": on, "program": first.Program, "place": first.Place}
		if len(all) > 1 {
			agent := all[1].state
			result["agent"] = map[string]any{"on": agent.On, "program": agent.Program, "place": agent.Place}
		}
		return c.result(result)
	}
	for i, s := range all {
		switch {
		case s.state.On:
			c.line(tick, "%s: on, %s (%s)", s.label, s.state.Program, s.state.Place)
		case i == 0:
			c.line(tick, "%s: off", s.label)
		}
		if s.state.Stale {
			c.line(danger, "Program: %s is not there any more; `%s` names the one beside this program", s.state.Program,
				s.again)
		}
	}
	if what == "on" && all[0].label == "Agent" {
		c.line(plain, "hint: %s", startNow(first.Place))
	}
	word := "off"
	if on {
		word = "on"
	}
	_, err := fmt.Fprintln(c.out, word)
	return err
}

// startNow says how the agent is started before the next session.
func startNow(place string) string {
	switch _, err := os.Stat("/run/systemd/system"); {
	case runtime.GOOS == "darwin":
		return "it starts when you log in; now: launchctl bootstrap user/$(id -u) " + shown.Quoted(place)
	case err != nil:
		return "systemd does not run here, so nothing reads this: have what starts your session run `keytender agent`"
	}
	return "it starts with your next session; now: systemctl --user daemon-reload && systemctl --user start keytender; " +
		"on a machine that nobody is logged in to, also: loginctl enable-linger"
}
