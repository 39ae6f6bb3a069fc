//go:build linux

package desktop

import (
	_ "embed"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

//go:embed testdata/menuhost.c
var menuHost string

// SpokenItem is a line of the menu as assistive technology is told of it.
type SpokenItem struct {
	Role, Name       string
	Enabled, Checked bool
	Items            []SpokenItem // of a submenu
}

// SpokenMenu reads the icon's menu from the accessibility tree, and lists the lines at
// which the arrow keys stop, those of submenus too, as "Submenu/Item". Panels keep
// their tray menus out of that tree, so a window of our own draws it, by the library
// by which they do.
func (d *Desktop) SpokenMenu() (items []SpokenItem, reached []string) {
	d.t.Helper()
	icon, err := d.TrayIcon()
	if err != nil {
		d.fail("%v", err)
	}
	bus, err := d.accessibility()
	if err != nil {
		d.fail("the accessibility bus: %v", err)
	}
	defer bus.Close()
	d.spawn("menuhost", exec.Command(d.menuHost(), icon.dest, icon.menu))
	defer d.endPrograms("menuhost")
	var menu accessible
	d.wait("the menu in the accessibility tree", func() bool {
		found := descendants(bus, application(bus, "menuhost"), 4, "menu", "Keytender")
		if len(found) == 0 {
			return false
		}
		menu = found[0]
		items = spoken(bus, menu)
		return len(items) > 4 && settled(items)
	})
	return items, d.walk(bus, menu)
}

// menuHost compiles the window; what it needs is what the GTK tray is built with.
func (d *Desktop) menuHost() string {
	d.t.Helper()
	path := d.path("bin", "menuhost")
	d.write(menuHost, "menuhost.c")
	flags, err := d.Run("pkg-config", "--cflags", "--libs", "gtk+-3.0")
	if err == nil {
		args := append([]string{"-o", path, d.path("menuhost.c")}, strings.Fields(flags)...)
		_, err = d.Run("gcc", append(args, "-l:libdbusmenu-gtk3.so.4")...)
	}
	if err != nil {
		skipOrFail(d.t, "a window for the menu cannot be built: "+err.Error())
	}
	return path
}

// settled: a submenu comes after the line that opens it.
func settled(items []SpokenItem) bool {
	for _, item := range items {
		if item.Role == "menu" && len(item.Items) == 0 || !settled(item.Items) {
			return false
		}
	}
	return true
}

// The states of AT-SPI that matter here, by their numbers (AtspiStateType).
const (
	stateChecked   = 4
	stateFocused   = 12
	stateSelected  = 23
	stateSensitive = 24
	stateVisible   = 30
)

func hasState(bus *dbus.Conn, a accessible, state int) bool {
	var bits []uint32
	_ = callOn(bus, a.Name, string(a.Path), accessibleIface+".GetState").Store(&bits)
	return len(bits) > state/32 && bits[state/32]>>(state%32)&1 == 1
}

func spoken(bus *dbus.Conn, menu accessible) (items []SpokenItem) {
	for _, child := range childrenOf(bus, menu) {
		if !hasState(bus, child, stateVisible) {
			continue
		}
		role, name := describe(bus, child)
		items = append(items, SpokenItem{role, name, hasState(bus, child, stateSensitive),
			hasState(bus, child, stateChecked), spoken(bus, child)})
	}
	return items
}

// walk goes down the whole menu with the arrow keys, and into each submenu.
func (d *Desktop) walk(bus *dbus.Conn, menu accessible) (reached []string) {
	d.t.Helper()
	d.wait("the menu's window to have the keyboard", func() bool {
		for id := range d.windows("menuhost") {
			if _, err := d.Run("xdotool", "windowactivate", "--sync", id); err == nil {
				return true
			}
		}
		return false
	})
	at := func() (path string, opens bool) {
		names, opens := selected(bus, menu)
		return strings.Join(names, "/"), opens
	}
	var down func()
	down = func() {
		for here, opens := at(); here != "" && !slices.Contains(reached, here); here, opens = at() {
			reached = append(reached, here)
			if opens {
				d.press("Right")
				down()
				d.press("Left")
			}
			d.press("Down")
		}
	}
	d.press("F10", "Down")
	down()
	d.press("Escape")
	return reached
}

// press presses keys and waits until the window has acted on each.
func (d *Desktop) press(keys ...string) {
	d.t.Helper()
	acted := func() int {
		text, _ := os.ReadFile(d.path("log", "menuhost"))
		return strings.Count(string(text), "key\n")
	}
	for _, key := range keys {
		before := acted()
		d.Keys(key)
		d.wait("the menu to act on the key "+key, func() bool { return acted() > before })
	}
}

// selected names the line at which the keyboard stands, after those that lead to it,
// and tells whether it opens a submenu.
func selected(bus *dbus.Conn, menu accessible) (names []string, opens bool) {
	for _, child := range childrenOf(bus, menu) {
		if hasState(bus, child, stateSelected) || hasState(bus, child, stateFocused) {
			role, name := describe(bus, child)
			below, opens := selected(bus, child)
			return append([]string{name}, below...), opens || role == "menu" && below == nil
		}
	}
	return nil, false
}
