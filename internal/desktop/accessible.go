//go:build linux

package desktop

import (
	"errors"
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

// accessibility connects to the bus of assistive technology.
func (d *Desktop) accessibility() (*dbus.Conn, error) {
	var address string
	if err := d.bus.Object("org.a11y.Bus", "/org/a11y/bus").Call("org.a11y.Bus.GetAddress",
		0).Store(&address); err != nil {
		return nil, err
	}
	if address == "" {
		return nil, errors.New("there is none")
	}
	return dbus.Connect(address)
}

// findAccessible finds a thing on the screen by program, role and name, in the tree
// that assistive technology reads. Tray menus are not in it.
func (d *Desktop) findAccessible(app, role, name string) (box, bool) {
	bus, err := d.accessibility()
	if err != nil {
		return box{}, false
	}
	defer bus.Close()
	for _, found := range descendants(bus, application(bus, app), 30, role, name) {
		var at struct{ X, Y, W, H int32 }
		err := callOn(bus, found.Name, string(found.Path), "org.a11y.atspi.Component.GetExtents",
			screenCoords).Store(&at)
		if err == nil && at.W > 1 && at.H > 1 {
			return box{int(at.X), int(at.Y), int(at.W), int(at.H)}, true
		}
	}
	return box{}, false
}

// application finds the root of a program's tree.
func application(bus *dbus.Conn, app string) accessible {
	for _, program := range childrenOf(bus, accessible{"org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root"}) {
		if _, name := describe(bus, program); strings.HasPrefix(name, app) {
			return program
		}
	}
	return accessible{}
}

func describe(bus *dbus.Conn, a accessible) (role, name string) {
	_ = callOn(bus, a.Name, string(a.Path), accessibleIface+".GetRoleName").Store(&role)
	name, _ = property(bus, a.Name, string(a.Path), accessibleIface, "Name").(string)
	return role, name
}

func childrenOf(bus *dbus.Conn, a accessible) (children []accessible) {
	if a.Path == "" {
		return nil
	}
	_ = callOn(bus, a.Name, string(a.Path), accessibleIface+".GetChildren").Store(&children)
	return children
}

// descendants finds what has a role and a name below a, however deep down to depth.
func descendants(bus *dbus.Conn, a accessible, depth int, role, name string) (found []accessible) {
	if depth == 0 {
		return nil
	}
	for _, child := range childrenOf(bus, a) {
		if itsRole, itsName := describe(bus, child); itsRole == role && itsName == name {
			found = append(found, child)
		}
		found = append(found, descendants(bus, child, depth-1, role, name)...)
	}
	return found
}
