//go:build linux

package desktop

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
)

// RestartPanel ends the panel, as a crash or an upgrade does, and starts it anew.
func (d *Desktop) RestartPanel() {
	d.t.Helper()
	d.endPrograms("xfce4-panel", plugin)
	d.startPanel()
}

// EndBus ends the session bus. Nothing of the desktop that needs it works until
// RestartBus.
func (d *Desktop) EndBus() {
	d.t.Helper()
	d.endPrograms("dbus-daemon")
}

// RestartBus starts the bus that ended anew, at the same address, and what needs it.
func (d *Desktop) RestartBus() {
	d.t.Helper()
	d.endPrograms("xfce4-panel", plugin, "xfconfd", "gnome-keyring-daemon", "xfce4-notifyd")
	d.startBus()
	d.watch()
	if d.o.has(Keyring) {
		d.startKeyring()
	}
	if d.o.has(Panel) {
		d.startPanel()
	}
	if d.o.has(Notify) {
		d.startNotifications()
	}
}

// endPrograms ends this desktop's processes of these programs.
func (d *Desktop) endPrograms(names ...string) {
	d.t.Helper()
	alive := func() (found []int) {
		for _, pid := range d.processes() {
			exe, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
			for _, name := range names {
				if filepath.Base(exe) == name {
					found = append(found, pid)
				}
			}
		}
		return found
	}
	for _, pid := range alive() {
		_ = syscall.Kill(pid, syscall.SIGTERM)
	}
	d.wait("the end of "+strings.Join(names, ", "), 10*time.Second, func() bool { return len(alive()) == 0 })
}

// Keys presses keys one after the other, by their X names.
func (d *Desktop) Keys(names ...string) {
	d.t.Helper()
	for _, name := range names {
		if _, err := d.Run("xdotool", "key", name, "sleep", "0.05"); err != nil {
			d.fail("%v", err)
		}
	}
}

// AccessibleTree lists what assistive technology is told of, "role: name" each, in the
// programs whose names start with one of these.
func (d *Desktop) AccessibleTree(apps ...string) (all []string) {
	d.t.Helper()
	var address string
	if d.call("org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus.GetAddress").Store(&address) != nil {
		return nil
	}
	bus, err := dbus.Connect(address)
	if err != nil {
		return nil
	}
	defer bus.Close()
	var walk func(a accessible, depth int)
	walk = func(a accessible, depth int) {
		var role string
		_ = callOn(bus, a.Name, string(a.Path), accessibleIface+".GetRoleName").Store(&role)
		name, _ := property(bus, a.Name, string(a.Path), accessibleIface, "Name").(string)
		all = append(all, role+": "+name)
		for _, child := range childrenOf(bus, a) {
			if depth > 0 {
				walk(child, depth-1)
			}
		}
	}
	for _, program := range childrenOf(bus, accessible{"org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root"}) {
		name, _ := property(bus, program.Name, string(program.Path), accessibleIface, "Name").(string)
		for _, app := range apps {
			if strings.HasPrefix(name, app) {
				walk(program, 20)
			}
		}
	}
	return all
}
