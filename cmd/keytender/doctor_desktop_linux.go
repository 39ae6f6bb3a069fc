package main

import (
	"context"
	"slices"

	"github.com/godbus/dbus/v5"

	"keytender/cmd/internal/words"
	"keytender/internal/session"
	"keytender/tray/bus"
)

// checkDesktop asks the session bus for what the menu-bar app needs.
func (c *console) checkDesktop(ctx context.Context) []words.Check {
	const name = "desktop"
	check := func(state session.CheckState, detail, means, hint string) words.Check {
		return words.Check{Name: name, State: state, Detail: detail, Means: means, Hint: hint}
	}
	if !c.anySet("DISPLAY", "WAYLAND_DISPLAY") {
		return []words.Check{check(session.CheckOK,
			"there is none here, so no menu-bar app; the command line does it all", "", "")}
	}
	conn, err := bus.Dial(ctx)
	if err != nil {
		return []words.Check{check(session.CheckWarn, "the session bus does not answer",
			"the menu-bar app, its notifications and the keychain need it",
			"sign in to the desktop anew; from another shell set DBUS_SESSION_BUS_ADDRESS as the desktop has it")}
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, bus.Wait)
	defer cancel()
	var checks []words.Check
	for _, service := range []struct{ name, what, means, hint string }{
		{"org.kde.StatusNotifierWatcher", "the desktop shows no icons of programs",
			"the menu-bar app runs without an icon",
			"on GNOME install and switch on the AppIndicator extension (gnome-shell-extension-appindicator)"},
		{"org.freedesktop.Notifications", "no notification service runs", "you are not told before the login ends",
			"start the desktop's notification service, say dunst or mako; `keytender status` tells the end too"},
	} {
		var owned bool
		err := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, service.name).Store(&owned)
		if err == nil && !owned && !startable(ctx, conn, service.name) {
			checks = append(checks, check(session.CheckWarn, service.what, service.means, service.hint))
		}
	}
	if checks == nil {
		return []words.Check{check(session.CheckOK, "session bus, icons and notifications are there", "", "")}
	}
	return checks
}

// startable reports whether the bus starts that service when somebody calls it.
func startable(ctx context.Context, conn *dbus.Conn, service string) bool {
	var names []string
	err := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.ListActivatableNames", 0).Store(&names)
	return err == nil && slices.Contains(names, service)
}
