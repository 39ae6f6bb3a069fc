package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

// watcher is the panel's side of a tray: programs register their icon with it.
type watcher struct {
	bus        *dbus.Conn
	registered chan item
}

// item is an icon that was registered.
type item struct{ owner, path string }

const (
	watcherName = "org.kde.StatusNotifierWatcher"
	watcherPath = "/StatusNotifierWatcher"
)

func watch(address string) (*watcher, error) {
	bus, err := dbus.Connect(address)
	if err != nil {
		return nil, err
	}
	w := &watcher{bus: bus, registered: make(chan item, 16)}
	_, err = prop.Export(bus, watcherPath, prop.Map{watcherName: {
		"IsStatusNotifierHostRegistered": {Value: true}, "ProtocolVersion": {Value: int32(0)},
		"RegisteredStatusNotifierItems": {Value: []string{}},
	}})
	if err == nil {
		err = bus.Export(w, watcherPath, watcherName)
	}
	if err == nil {
		_, err = bus.RequestName(watcherName, dbus.NameFlagDoNotQueue)
	}
	if err != nil {
		return nil, errors.Join(err, bus.Close())
	}
	return w, nil
}

// RegisterStatusNotifierItem is the method of that interface.
func (w *watcher) RegisterStatusNotifierItem(sender dbus.Sender, service string) *dbus.Error {
	i := item{owner: string(sender), path: "/StatusNotifierItem"}
	if strings.HasPrefix(service, "/") {
		i.path = service
	}
	w.registered <- i
	return nil
}

// lastLine is the menu's last line in English, ours and the bare program's.
const lastLine = "Quit"

// ready waits until a program's icon is registered and its menu has its last line.
func (w *watcher) ready(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return errors.New("no icon was registered")
	case i := <-w.registered:
		var menu dbus.Variant
		for ctx.Err() == nil {
			if menu.Value() == nil {
				_ = w.bus.Object(i.owner, dbus.ObjectPath(i.path)).CallWithContext(ctx,
					"org.freedesktop.DBus.Properties.Get", 0, "org.kde.StatusNotifierItem", "Menu").Store(&menu)
			} else if path, ok := menu.Value().(dbus.ObjectPath); ok && w.showsLastLine(ctx, i.owner, path) {
				return nil
			}
			time.Sleep(time.Millisecond)
		}
		return errors.New("the menu did not come")
	}
}

// showsLastLine asks for the menu as a panel does that is about to open it.
func (w *watcher) showsLastLine(ctx context.Context, owner string, path dbus.ObjectPath) bool {
	type node struct {
		ID         int32
		Properties map[string]dbus.Variant
		Children   []dbus.Variant
	}
	var revision uint32
	var root node
	if w.bus.Object(owner, path).CallWithContext(ctx, "com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1),
		[]string{}).Store(&revision, &root) != nil {
		return false
	}
	for _, child := range root.Children {
		var line node
		if dbus.Store([]any{child.Value()}, &line) != nil {
			continue
		}
		if label, ok := line.Properties["label"].Value().(string); ok && strings.Contains(label, lastLine) {
			return true
		}
	}
	return false
}
