//go:build linux

package desktop

import "github.com/godbus/dbus/v5"

const dbusmenu = "com.canonical.dbusmenu"

// watch records what goes over the bus: the notifications that programs ask for, and
// the menu items that the panel reports as clicked. A connection that became a
// monitor can do nothing else, hence its own.
func (d *Desktop) watch() {
	d.t.Helper()
	bus, err := dbus.Connect(d.busAddress())
	if err != nil {
		d.fail("connecting the monitor: %v", err)
	}
	rules := []string{
		"type='method_call',interface='org.freedesktop.Notifications',member='Notify'",
		"type='method_call',interface='" + dbusmenu + "'",
	}
	if err := bus.BusObject().Call("org.freedesktop.DBus.Monitoring.BecomeMonitor", 0, rules, uint32(0)).Err; err != nil {
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
				if m.Type == dbus.TypeMethodCall {
					d.record(m)
				}
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
	switch member, _ := m.Headers[dbus.FieldMember].Value().(string); member {
	case "Notify":
		if n, ok := parseNotify(m); ok {
			d.notified = append(d.notified, n)
		}
	case "Event":
		d.recordEvent(m.Body)
	case "EventGroup":
		if len(m.Body) > 0 {
			events, _ := m.Body[0].([][]any)
			for _, event := range events {
				d.recordEvent(event)
			}
		}
	}
}

// recordEvent reads one event of dbusmenu: item, kind, data, time.
func (d *Desktop) recordEvent(event []any) {
	if len(event) == 4 && event[1] == "clicked" {
		if id, ok := event[0].(int32); ok {
			d.clicked = append(d.clicked, id)
		}
	}
}

// clickedSince reports whether the item was clicked after the first n clicks.
func (d *Desktop) clickedSince(n int, id int32) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, clicked := range d.clicked[n:] {
		if clicked == id {
			return true
		}
	}
	return false
}

func (d *Desktop) clicks() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.clicked)
}
