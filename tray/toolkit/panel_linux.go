//go:build !notray && (fynetray || !cgo)

package toolkit

import "github.com/godbus/dbus/v5"

// stayOnPanel puts the icon on each panel that starts while the bus lives, once what it returns
// is called. It listens from now on, before the icon is there: a panel that comes in between is
// heard of later, and not missed. The library does it too, until the first signal of another kind
// on its connection, which anybody can send (https://github.com/fyne-io/systray/issues/131). The
// connection is the library's own, so that the panel takes both for the same icon.
func stayOnPanel() (register func()) {
	conn, err := dbus.SessionBus()
	if err != nil {
		return func() {}
	}
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	if conn.AddMatchSignal(watcherChanges...) != nil {
		return func() {}
	}
	return func() {
		for s := range signals { // ends with the connection
			if s == nil || s.Sender != "org.freedesktop.DBus" || s.Name != "org.freedesktop.DBus.NameOwnerChanged" ||
				len(s.Body) != 3 {
				continue
			}
			if owner, _ := s.Body[2].(string); s.Body[0] == watcherName && owner != "" {
				conn.Object(watcherName, watcherPath).Go(watcherName+".RegisterStatusNotifierItem",
					dbus.FlagNoReplyExpected, nil, "/StatusNotifierItem")
			}
		}
	}
}
