//go:build linux

package desktop

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	"keytender/internal/testguard"
)

// programs says what each part runs; all is for what every desktop needs. The first
// that exists of several, separated by blanks, counts; a path may be a pattern.
var programs = map[Part][]string{
	Display: {"Xvfb", "openbox", "xprop", "xwininfo", "xdotool", "import"},
	Bus:     {"dbus-daemon"},
	Panel:   {"xfce4-panel", xfconfd},
	Keyring: {"gnome-keyring-daemon", "secret-tool"},
	Notify:  {notifyd, atspi, "notify-send"},
	Browser: {chromium, "xdg-open"},
}

const (
	xfconfd  = "/usr/lib/*/xfce4/xfconf/xfconfd /usr/lib*/xfce4/xfconf/xfconfd"
	notifyd  = "/usr/lib/*/xfce4/notifyd/xfce4-notifyd /usr/lib*/xfce4/notifyd/xfce4-notifyd"
	atspi    = "/usr/libexec/at-spi-bus-launcher /usr/lib/at-spi-bus-launcher"
	chromium = "chromium google-chrome"
	prompter = "/usr/libexec/gcr-prompter /usr/lib/gcr-prompter /usr/lib/gcr/gcr-prompter"
)

// Missing names the programs of the whole desktop that are not installed.
func Missing() []string { return missing(Options{}) }

func missing(o Options) []string {
	var names []string
	if o.Dialog && program(prompter) == "" {
		names = append(names, "gcr-prompter")
	}
	for part, needed := range programs {
		for _, name := range needed {
			if o.has(part) && program(name) == "" {
				names = append(names, filepath.Base(name))
			}
		}
	}
	return names
}

// program finds the first of some names or path patterns; "" when there is none.
func program(names string) string {
	for name := range strings.FieldsSeq(names) {
		if !filepath.IsAbs(name) {
			if path, err := exec.LookPath(name); err == nil {
				return path
			}
		} else if found, _ := filepath.Glob(name); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

func (d *Desktop) startDisplay() {
	d.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset")
	cmd.ExtraFiles = []*os.File{w}
	d.spawn("xvfb", cmd)
	w.Close()
	_ = r.SetReadDeadline(time.Now().Add(testguard.Patience))
	number, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		d.fail("Xvfb named no display: %v", err)
	}
	d.display = ":" + strings.TrimSpace(number)
}

func (d *Desktop) busAddress() string { return "unix:path=" + d.path("run", "bus") }

// startBus starts a bus that can start nothing by itself but what is written here:
// the system's own service files would bring half a real desktop up.
func (d *Desktop) startBus() {
	d.t.Helper()
	service := func(name, program string) {
		if program != "" {
			d.write("[D-BUS Service]\nName="+name+"\nExec="+program+"\n", "services", name+".service")
		}
	}
	service("org.xfce.Xfconf", program(xfconfd))
	service("org.a11y.Bus", program(atspi))
	if d.o.Dialog {
		service("org.gnome.keyring.SystemPrompter", program(prompter))
	}
	d.write(fmt.Sprintf(`<busconfig>
  <type>session</type>
  <listen>%s</listen>
  <auth>EXTERNAL</auth>
  <servicedir>%s</servicedir>
  <policy context="default">
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
  </policy>
</busconfig>
`, d.busAddress(), d.path("services")), "bus.conf")
	d.spawn("bus", exec.Command("dbus-daemon", "--nofork", "--nopidfile", "--config-file="+d.path("bus.conf")))
	d.wait("the session bus", func() bool {
		var err error
		d.bus, err = dbus.Connect(d.busAddress())
		return err == nil
	})
}

// call makes a method call with a limit of 30 s and starts no service by it.
func (d *Desktop) call(dest, path, method string, args ...any) *dbus.Call {
	return callOn(d.bus, dest, path, method, args...)
}

func callOn(bus *dbus.Conn, dest, path, method string, args ...any) *dbus.Call {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return bus.Object(dest, dbus.ObjectPath(path)).CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
}

// property returns nil where the object or the property is not there.
func property(bus *dbus.Conn, dest, path, iface, name string) any {
	var v dbus.Variant
	if callOn(bus, dest, path, "org.freedesktop.DBus.Properties.Get", iface, name).Store(&v) != nil {
		return nil
	}
	return v.Value()
}

func (d *Desktop) waitName(name string) {
	d.t.Helper()
	d.wait(name+" on the bus", func() bool {
		var owned bool
		err := d.bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, name).Store(&owned)
		return err == nil && owned
	})
}

const (
	secrets = "org.freedesktop.secrets"
	login   = "/org/freedesktop/secrets/collection/login"
)

// startKeyring creates and unlocks the login keyring by a password on stdin, as a
// login does, so no dialog ever shows.
func (d *Desktop) startKeyring() {
	d.t.Helper()
	cmd := exec.Command("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets",
		"--control-directory="+d.path("run"))
	cmd.Stdin = strings.NewReader(KeyringPassword)
	d.spawn("keyring", cmd)
	d.waitName(secrets)
	// First what it answers to somebody whom it does not know yet, too: see the keychain's wire.
	_ = d.call(secrets, "/org/freedesktop/secrets", "org.freedesktop.Secret.Service.ReadAlias", "default")
	d.wait("the login keyring", func() bool { return d.isLocked() == false })
	if d.o.Locked {
		d.LockKeyring()
	}
}

// isLocked is nil where there is no keyring.
func (d *Desktop) isLocked() any {
	return property(d.bus, secrets, login, "org.freedesktop.Secret.Collection", "Locked")
}

// LockKeyring locks the login keyring, as the desktop's own settings can.
func (d *Desktop) LockKeyring() {
	d.t.Helper()
	call := d.call(secrets, "/org/freedesktop/secrets", "org.freedesktop.Secret.Service.Lock", []dbus.ObjectPath{login})
	if call.Err != nil {
		d.fail("locking the keyring: %v", call.Err)
	}
	d.wait("the locked keyring", func() bool { return d.isLocked() == true })
}

// KeyringAsks reports whether the keyring's dialog is on the screen.
func (d *Desktop) KeyringAsks() bool {
	for window := range d.windows("gcr-prompter") {
		if d.viewable(window) {
			return true
		}
	}
	return false
}

// AnswerKeyring waits for the dialog and answers it; an empty password cancels.
func (d *Desktop) AnswerKeyring(password string) {
	d.t.Helper()
	d.wait("the keyring's dialog", d.KeyringAsks)
	time.Sleep(500 * time.Millisecond) // it takes the keyboard after it is shown
	answer := "Escape"
	if password != "" {
		answer = "Return"
		if _, err := d.Run("xdotool", "type", password); err != nil {
			d.fail("%v", err)
		}
	}
	d.Keys(answer)
	d.wait("the end of the dialog", func() bool { return !d.KeyringAsks() })
}

// KeyringPassword unlocks the login keyring.
const KeyringPassword = "desktop"

// Secret looks a secret up with secret-tool, a client that is not ours. The
// arguments are attribute and value, in turn; no such secret is "".
func (d *Desktop) Secret(attributes ...string) string {
	text, _ := d.Run("secret-tool", append([]string{"lookup"}, attributes...)...)
	return text
}

func (d *Desktop) startWindowManager() {
	d.t.Helper()
	d.spawn("wm", exec.Command("openbox", "--sm-disable"))
	d.wait("the window manager", func() bool {
		text, err := d.Run("xprop", "-root", "_NET_SUPPORTING_WM_CHECK")
		return err == nil && strings.Contains(text, "0x")
	})
	if _, err := d.Run("xdotool", "mousemove", "640", "600"); err != nil { // away from the panel
		d.fail("%v", err)
	}
}

const (
	watcher     = "org.kde.StatusNotifierWatcher"
	watcherPath = "/StatusNotifierWatcher"
)

func (d *Desktop) startPanel() {
	d.t.Helper()
	d.forget()
	d.write(panelSettings, "home", ".config", "xfce4", "xfconf", "xfce-perchannel-xml", "xfce4-panel.xml")
	d.spawn("panel", exec.Command("xfce4-panel", "--disable-wm-check"))
	d.wait("the panel's tray", func() bool {
		return property(d.bus, watcher, watcherPath, watcher, "IsStatusNotifierHostRegistered") == true
	})
}

// panelSettings: one panel along the top edge, the tray at its right end.
const panelSettings = `<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="32"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/>
        <value type="int" value="2"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="separator">
      <property name="expand" type="bool" value="true"/>
      <property name="style" type="uint" value="0"/>
    </property>
    <property name="plugin-2" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
      <property name="hide-new-items" type="bool" value="false"/>
    </property>
  </property>
</channel>
`
