package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"keytender/internal/session"
	"keytender/tray/autostart"
)

func newAutostart(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "autostart on|off|status",
		Short: "Start the menu-bar app with your session, or not",
		Long: "Turns the start of the menu-bar app with your session on or off, as its menu does, by what your system\n" +
			"itself shows and lets you change: a desktop file in the autostart folder, a LaunchAgent, or a value of\n" +
			"the Run key. status prints on or off. Nothing is started or stopped now.",
		ValidArgs: []string{"on", "off", "status"},
		Args:      oneArgument("on, off or status"),
		RunE: func(_ *cobra.Command, args []string) error {
			program, err := trayProgram()
			if engine, bad := c.open(); bad == nil && args[0] != "status" { // a broken setting is no matter here
				if err := engine.MayWrite(); err != nil {
					return err
				}
			}
			switch args[0] {
			case "on":
				if err != nil {
					return noTray(err)
				}
				return c.autostart(program, func(e *autostart.Entry) error { return e.Set(true) })
			case "off":
				return c.autostart(program, func(e *autostart.Entry) error { return e.Set(false) })
			case "status":
				return c.autostart(program, func(*autostart.Entry) error { return nil })
			}
			return &usageError{"there is no such argument", "choose one of on, off, status"}
		},
	}
	return cmd
}

// autostart changes the entry and prints how it stands then.
func (c *console) autostart(program string, change func(*autostart.Entry) error) error {
	e, err := autostart.New(program)
	if err != nil {
		return &session.Error{Code: "autostart", Exit: session.ExitFailed, Message: "start at login cannot be set: " + err.Error(), Hint: "set HOME", Err: err}
	}
	changed := change(e)
	s, err := e.State()
	if changed != nil {
		err = changed
	}
	if err != nil {
		return &session.Error{Code: "autostart", Exit: session.ExitFailed, Message: "start at login cannot be set: " + err.Error(),
			Hint: "look at " + s.Place, Err: err}
	}
	if c.object != nil {
		return c.result(map[string]any{"schemaVersion": 1, "on": s.On, "program": s.Program, "place": s.Place})
	}
	word := "off"
	if s.On {
		word = "on"
		c.line(tick, "Start at login: on, %s (%s)", s.Program, s.Place)
	} else {
		c.line(tick, "Start at login: off")
	}
	if s.Stale {
		c.line(danger, "Program: %s is not there any more; `keytender autostart on` names the one beside this program", s.Program)
	}
	_, err = fmt.Fprintln(c.out, word)
	return err
}
