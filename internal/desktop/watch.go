//go:build linux

package desktop

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

const dbusmenu = "com.canonical.dbusmenu"

// watch records what goes over the bus: the notifications that programs ask for, the
// buttons pressed on them, the menu items that the panel reports as clicked, and all
// else that panel and icon say to each other. A connection that became a monitor can
// do nothing else, hence its own.
func (d *Desktop) watch() {
	d.t.Helper()
	d.forget()
	bus, err := dbus.Connect(d.busAddress())
	if err != nil {
		d.fail("connecting the monitor: %v", err)
	}
	rules := []string{
		"interface='org.freedesktop.Notifications'",
		"interface='" + dbusmenu + "'",
		"interface='" + notifierItem + "'",
		"interface='" + watcher + "'",
	}
	if err := bus.BusObject().Call("org.freedesktop.DBus.Monitoring.BecomeMonitor", 0, rules,
		uint32(0)).Err; err != nil {
		d.fail("watching the bus: %v", err)
	}
	messages := make(chan *dbus.Message, 100)
	bus.Eavesdrop(messages)
	enough, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case m, ok := <-messages:
				if !ok { // the connection broke
					return
				}
				d.record(m)
			case <-enough:
				return
			}
		}
	}()
	d.t.Cleanup(func() {
		// Close alone closes the channel, to which the library may be just sending.
		bus.Eavesdrop(nil)
		close(enough)
		<-done
		bus.Close()
	})
}

func (d *Desktop) record(m *dbus.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	iface, _ := m.Headers[dbus.FieldInterface].Value().(string)
	member, _ := m.Headers[dbus.FieldMember].Value().(string)
	switch iface + "." + member {
	case "org.freedesktop.Notifications.Notify":
		if n, ok := parseNotify(m); ok {
			d.notified = append(d.notified, n)
		}
	case "org.freedesktop.Notifications.ActionInvoked":
		d.pressed++
	case dbusmenu + ".GetLayout":
		if sender, _ := m.Headers[dbus.FieldSender].Value().(string); sender != d.own {
			to, _ := m.Headers[dbus.FieldDestination].Value().(string)
			d.read[to] = true
		}
	case dbusmenu + ".LayoutUpdated":
		d.relaid++
	case dbusmenu + ".Event":
		d.recordEvent(m.Body)
	case dbusmenu + ".EventGroup":
		if len(m.Body) > 0 {
			events, _ := m.Body[0].([][]any)
			for _, event := range events {
				d.recordEvent(event)
			}
		}
	}
	if sender, _ := m.Headers[dbus.FieldSender].Value().(string); iface != "" &&
		!strings.HasPrefix(iface, "org.freedesktop.") && sender != d.own {
		d.traffic = append(d.traffic, line(m, iface, member))
		d.traffic = d.traffic[max(0, len(d.traffic)-maxTraffic):]
	}
}

// maxTraffic is how many lines are kept of what panel and icon say to each other.
const maxTraffic = 40

// line is a message as people read it, cut short.
func line(m *dbus.Message, iface, member string) string {
	sender, _ := m.Headers[dbus.FieldSender].Value().(string)
	to, _ := m.Headers[dbus.FieldDestination].Value().(string)
	body := fmt.Sprint(m.Body)
	if len(body) > 100 {
		body = body[:100] + "…"
	}
	return fmt.Sprintf("%s %s -> %s %s.%s %s", time.Now().Format("05.000"), sender, to, iface, member, body)
}

// recordEvent reads one event of dbusmenu: item, kind, data, time.
func (d *Desktop) recordEvent(event []any) {
	if len(event) == 4 && event[1] == "clicked" {
		if id, ok := event[0].(int32); ok {
			d.clicked = append(d.clicked, id)
		}
	}
}

// clicks are the menu items that were clicked so far, by their numbers.
func (d *Desktop) clicks() []int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]int32(nil), d.clicked...)
}

// wasRead reports whether the panel has asked for the menu of an icon by one of its names.
func (d *Desktop) wasRead(names ...string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(names, func(name string) bool { return d.read[name] })
}

// layoutChanges is how often the icon said that its menu is another now.
func (d *Desktop) layoutChanges() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.relaid
}

// forget makes panels that start from now on read all menus themselves.
func (d *Desktop) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.own, d.read = d.bus.Names()[0], map[string]bool{}
}

// presses is how many buttons of notifications were pressed so far.
func (d *Desktop) presses() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pressed
}

// conversation is the last that panel and icon said to each other.
func (d *Desktop) conversation() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.traffic, "\n")
}
