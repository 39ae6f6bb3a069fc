//go:build linux

package desktop

import (
	"os/exec"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	"keytender/internal/testguard"
)

// Notification is what a program asked to be shown.
type Notification struct {
	App, Summary, Body string
	Actions            map[string]string // label by key
	Urgency            byte              // 0 low, 1 normal, 2 critical; 1 when not said
}

func (d *Desktop) startNotifications() {
	d.t.Helper()
	// Nothing fades or slides, so that a button is where it was seen.
	d.write(`<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-notifyd" version="1.0">
  <property name="notify-location" type="uint" value="3"/>
  <property name="initial-opacity" type="double" value="1.0"/>
  <property name="do-fadeout" type="bool" value="false"/>
  <property name="do-slideout" type="bool" value="false"/>
  <property name="expire-timeout" type="int" value="60"/>
</channel>
`, "home", ".config", "xfce4", "xfconf", "xfce-perchannel-xml", "xfce4-notifyd.xml")
	d.spawn("notifyd", exec.Command(program(notifyd)))
	d.waitName("org.freedesktop.Notifications")
}

// parseNotify reads the call's arguments: app, replaced id, icon, summary, body,
// actions as key and label in turn, hints, time to live.
func parseNotify(m *dbus.Message) (n Notification, ok bool) {
	if len(m.Body) < 7 {
		return n, false
	}
	n.App, _ = m.Body[0].(string)
	n.Summary, _ = m.Body[3].(string)
	n.Body, _ = m.Body[4].(string)
	n.Actions = map[string]string{}
	pairs, _ := m.Body[5].([]string)
	for i := 0; i+1 < len(pairs); i += 2 {
		n.Actions[pairs[i]] = pairs[i+1]
	}
	n.Urgency = 1
	hints, _ := m.Body[6].(map[string]dbus.Variant)
	if urgency, ok := hints["urgency"].Value().(byte); ok {
		n.Urgency = urgency
	}
	return n, true
}

// Notifications are all that were asked for so far, oldest first.
func (d *Desktop) Notifications() []Notification {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Notification(nil), d.notified...)
}

// WaitNotification waits for one whose summary or body contains text.
func (d *Desktop) WaitNotification(text string) (found Notification) {
	d.t.Helper()
	d.wait("a notification with "+text, func() bool {
		for _, n := range d.Notifications() {
			if strings.Contains(n.Summary, text) || strings.Contains(n.Body, text) {
				found = n
				return true
			}
		}
		return false
	})
	return found
}

// ClickNotificationAction clicks, with the pointer, the button of that label on a
// notification that shows, and waits until the daemon says that it was pressed.
func (d *Desktop) ClickNotificationAction(label string) {
	d.t.Helper()
	var at box
	d.wait("the notification's button "+label, func() bool {
		first, found := d.findAccessible("xfce4-notifyd", "push button", label)
		if !found {
			return false
		}
		time.Sleep(150 * time.Millisecond) // it may still be on its way to its place
		at, found = d.findAccessible("xfce4-notifyd", "push button", label)
		return found && at == first
	})
	before := d.presses()
	d.click(at.centre())
	for end := time.Now().Add(testguard.Patience); d.presses() == before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			d.fail("the click at %+v on the notification's button %q pressed nothing", at, label)
		}
	}
}
