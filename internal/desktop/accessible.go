//go:build linux

package desktop

import (
	"strings"

	"github.com/godbus/dbus/v5"
)

// accessible is one object of the accessibility tree, which has a bus of its own.
type accessible struct {
	Name string
	Path dbus.ObjectPath
}

const (
	accessibleIface = "org.a11y.atspi.Accessible"
	screenCoords    = uint32(0)
)

// findAccessible finds a thing on the screen by program, role and name, in the tree
// that assistive technology reads. Tray menus are not in it.
func (d *Desktop) findAccessible(app, role, name string) (box, bool) {
	var address string
	if d.bus.Object("org.a11y.Bus", "/org/a11y/bus").Call("org.a11y.Bus.GetAddress", 0).Store(&address) != nil {
		return box{}, false
	}
	bus, err := dbus.Connect(address)
	if err != nil {
		return box{}, false
	}
	defer bus.Close()
	for _, program := range childrenOf(bus, accessible{"org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root"}) {
		if text, _ := property(bus, program.Name, string(program.Path), accessibleIface, "Name").(string); strings.HasPrefix(text, app) {
			if at, found := search(bus, program, role, name, 30); found {
				return at, true
			}
		}
	}
	return box{}, false
}

func childrenOf(bus *dbus.Conn, a accessible) (children []accessible) {
	_ = callOn(bus, a.Name, string(a.Path), accessibleIface+".GetChildren").Store(&children)
	return children
}

func search(bus *dbus.Conn, a accessible, role, name string, depth int) (box, bool) {
	var itsRole string
	_ = callOn(bus, a.Name, string(a.Path), accessibleIface+".GetRoleName").Store(&itsRole)
	if itsRole == role && property(bus, a.Name, string(a.Path), accessibleIface, "Name") == name {
		var at struct{ X, Y, W, H int32 }
		err := callOn(bus, a.Name, string(a.Path), "org.a11y.atspi.Component.GetExtents", screenCoords).Store(&at)
		if err == nil && at.W > 1 && at.H > 1 {
			return box{int(at.X), int(at.Y), int(at.W), int(at.H)}, true
		}
	}
	if depth > 0 {
		for _, child := range childrenOf(bus, a) {
			if at, found := search(bus, child, role, name, depth-1); found {
				return at, true
			}
		}
	}
	return box{}, false
}
