package toolkit

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/godbus/dbus/v5"

	"keytender/tray/bus"
)

const (
	watcherName = "org.kde.StatusNotifierWatcher"
	watcherPath = "/StatusNotifierWatcher"
)

// watcherChanges are the bus's own words about who keeps the list of icons.
var watcherChanges = []dbus.MatchOption{dbus.WithMatchSender("org.freedesktop.DBus"),
	dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, watcherName)}

// Detect finds out, before a tray library starts, what it would find: the
// libraries end the process or fail in silence.
func Detect(ctx context.Context) Surface {
	display := openDisplay(ctx)
	conn, err := bus.Dial(ctx)
	if err != nil {
		switch {
		case display == displayRefuses && needsDisplay:
			return Refused
		case display == displayAbsent:
			return NoSession
		}
		return NoSurface
	}
	defer conn.Close()
	switch {
	case needsDisplay && display == displayRefuses:
		return Refused
	case needsDisplay && display == displayAbsent, !hostIsThere(ctx, conn):
		return NoSurface
	}
	return MenuBar
}

// hostIsThere asks for something that draws icons, not only for the watcher that
// keeps their list.
func hostIsThere(ctx context.Context, conn *dbus.Conn) bool {
	ctx, cancel := context.WithTimeout(ctx, bus.Wait)
	defer cancel()
	var registered dbus.Variant
	err := conn.Object(watcherName, watcherPath).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get",
		dbus.FlagNoAutoStart,
		watcherName, "IsStatusNotifierHostRegistered").Store(&registered)
	yes, ok := registered.Value().(bool)
	return err == nil && ok && yes
}

// Appears returns a channel that is closed when a panel offers a place for the
// icon, which may be long after us: panels start late, and restart.
func Appears(ctx context.Context) <-chan struct{} {
	appeared := make(chan struct{})
	if needsDisplay && openDisplay(ctx) != displayOpens {
		return appeared // never: a display does not come to a running program
	}
	go func() {
		if awaitSurface(ctx) {
			close(appeared)
		}
	}()
	return appeared
}

// Returns reports each time that the session bus went away, and the icon with it,
// and there is a place for the icon again.
func Returns(ctx context.Context) <-chan struct{} {
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		for awaitLoss(ctx) && awaitSurface(ctx) {
			select {
			case returned <- struct{}{}:
			case <-ctx.Done():
			}
		}
	}()
	return returned
}

// awaitLoss blocks until the session bus goes away. On a connection on which nothing
// is asked for, nothing arrives, so it costs no wake-up.
func awaitLoss(ctx context.Context) bool {
	conn, err := bus.Dial(ctx)
	if err != nil {
		return ctx.Err() == nil
	}
	defer conn.Close()
	select {
	case <-conn.Context().Done():
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// awaitSurface blocks until something draws icons, however often the bus goes away
// meanwhile, which is asked for less and less often, down to once a minute. False: ctx
// ended before.
func awaitSurface(ctx context.Context) bool {
	pause := &backoff.ExponentialBackOff{InitialInterval: time.Second, Multiplier: 2, MaxInterval: time.Minute}
	for ctx.Err() == nil {
		if conn, err := bus.Dial(ctx); err == nil {
			begin := time.Now()
			found := watchForHost(ctx, conn)
			_ = conn.Close()
			if found {
				return true
			}
			if time.Since(begin) > pause.MaxInterval {
				pause.Reset()
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause.NextBackOff()):
		}
	}
	return false
}

// watchForHost blocks until something draws icons; false: the bus went away, or ctx
// ended.
func watchForHost(ctx context.Context, conn *dbus.Conn) bool {
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	err := conn.AddMatchSignalContext(ctx, watcherChanges...)
	if err == nil {
		err = conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface(watcherName),
			dbus.WithMatchMember("StatusNotifierHostRegistered"))
	}
	for err == nil && !hostIsThere(ctx, conn) {
		select {
		case <-ctx.Done():
			return false
		case _, ok := <-signals:
			if !ok {
				return false
			}
		}
	}
	return err == nil
}

// display is what became of knocking at the session's display server.
type display int

const (
	displayAbsent display = iota
	displayRefuses
	displayOpens
)

// openDisplay knocks at the Wayland or X servers that the environment names.
func openDisplay(ctx context.Context) display {
	ctx, cancel := context.WithTimeout(ctx, bus.Wait)
	defer cancel()
	found := displayAbsent
	for _, at := range displays(os.Getenv) {
		// The last greeting goes without a cookie: most servers let their own user in.
		for _, cookie := range append(authorisation(os.Getenv, at.number), nil) {
			conn, err := (&net.Dialer{}).DialContext(ctx, at.network, at.address)
			if err != nil {
				break
			}
			deadline, _ := ctx.Deadline()
			_ = conn.SetDeadline(deadline)
			// Wayland: who may use the socket may use the display.
			opens := at.number == "" || greetX(conn, cookie)
			conn.Close()
			if opens {
				return displayOpens
			}
			found = displayRefuses
		}
	}
	return found
}

// address is where a display server listens; number is X's display number, "" for
// Wayland.
type address struct{ network, address, number string }

// displays lists where the display servers of this session listen. DISPLAY is
// [HOST]:NUMBER[.SCREEN]; without a host it is a local socket.
func displays(getenv func(string) string) (all []address) {
	if name := getenv("WAYLAND_DISPLAY"); name != "" {
		if !filepath.IsAbs(name) {
			name = filepath.Join(getenv("XDG_RUNTIME_DIR"), name)
		}
		all = append(all, address{"unix", name, ""})
	}
	display := getenv("DISPLAY")
	colon := strings.LastIndexByte(display, ':')
	if colon < 0 {
		return all
	}
	host := strings.Trim(display[:colon], "[]")
	digits, _, _ := strings.Cut(display[colon+1:], ".")
	number, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return all
	}
	if host == "" || host == "unix" {
		path := "/tmp/.X11-unix/X" + digits
		return append(all, address{"unix", "@" + path, digits}, address{"unix", path, digits})
	}
	return append(all, address{"tcp", net.JoinHostPort(host, strconv.FormatUint(6000+number, 10)), digits})
}
