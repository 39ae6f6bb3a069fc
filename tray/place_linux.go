package tray

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"
)

const (
	watcherName = "org.kde.StatusNotifierWatcher"
	watcherPath = "/StatusNotifierWatcher"
)

// lookForPlace finds out, before a tray library starts, what it would find: the
// libraries end the process or fail in silence.
func lookForPlace(ctx context.Context) place {
	display := displayOpens(ctx)
	conn, err := dialBus(ctx)
	if err != nil {
		if !display {
			return placeNoSession
		}
		return placeNone
	}
	defer conn.Close()
	if needsDisplay && !display || !hostIsThere(ctx, conn) {
		return placeNone
	}
	return placeMenuBar
}

// hostIsThere asks for something that draws icons, not only for the watcher that
// keeps their list.
func hostIsThere(ctx context.Context, conn *dbus.Conn) bool {
	ctx, cancel := context.WithTimeout(ctx, busWait)
	defer cancel()
	var registered dbus.Variant
	err := conn.Object(watcherName, watcherPath).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", dbus.FlagNoAutoStart,
		watcherName, "IsStatusNotifierHostRegistered").Store(&registered)
	yes, ok := registered.Value().(bool)
	return err == nil && ok && yes
}

// placeAppears returns a channel that is closed when a panel offers a place for the
// icon, which may be long after us: panels start late, and restart.
func placeAppears(ctx context.Context) <-chan struct{} {
	appeared := make(chan struct{})
	if needsDisplay && !displayOpens(ctx) {
		return appeared // never: a display does not come to a running program
	}
	conn, err := dialBus(ctx)
	if err != nil {
		return appeared
	}
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	err = conn.AddMatchSignalContext(ctx, dbus.WithMatchSender("org.freedesktop.DBus"),
		dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, watcherName))
	if err == nil {
		err = conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface(watcherName),
			dbus.WithMatchMember("StatusNotifierHostRegistered"))
	}
	if err != nil {
		_ = conn.Close()
		return appeared
	}
	go func() {
		defer conn.Close()
		for !hostIsThere(ctx, conn) {
			select {
			case <-ctx.Done():
				return
			case _, ok := <-signals:
				if !ok {
					return // the bus is gone
				}
			}
		}
		close(appeared)
	}()
	return appeared
}

// displayOpens reports whether a Wayland or X server answers where the environment
// says.
func displayOpens(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, busWait)
	defer cancel()
	for _, at := range displays(os.Getenv) {
		conn, err := (&net.Dialer{}).DialContext(ctx, at.network, at.address)
		if err == nil {
			conn.Close()
			return true
		}
	}
	return false
}

type address struct{ network, address string }

// displays lists where the display servers of this session listen. DISPLAY is
// [HOST]:NUMBER[.SCREEN]; without a host it is a local socket.
func displays(getenv func(string) string) (all []address) {
	if name := getenv("WAYLAND_DISPLAY"); name != "" {
		if !filepath.IsAbs(name) {
			name = filepath.Join(getenv("XDG_RUNTIME_DIR"), name)
		}
		all = append(all, address{"unix", name})
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
		return append(all, address{"unix", "@" + path}, address{"unix", path})
	}
	return append(all, address{"tcp", net.JoinHostPort(host, strconv.FormatUint(6000+number, 10))})
}
