//go:build linux

package desktop

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
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
	d.wait("the end of "+strings.Join(names, ", "), func() bool { return len(alive()) == 0 })
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
