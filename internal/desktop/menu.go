//go:build linux

package desktop

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	"keytender/internal/testguard"
)

// MenuItem is an entry of the tray icon's menu as the panel is told of it.
type MenuItem struct {
	ID        int32
	Label     string
	Separator bool
	Visible   bool
	Enabled   bool
	Checked   bool
	Items     []MenuItem // of a submenu
}

// Icon is what the panel is told of a tray icon.
type Icon struct {
	Title, Status, Tooltip string
	Label                  string // text beside the icon
	IconName               string // a theme's name or a file's path; "" when there are pixels
	Pixels                 []byte // ARGB of the first size
	dest, path, menu       string
}

const notifierItem = "org.kde.StatusNotifierItem"

// TrayIcon describes the one icon in the tray; none, or several, is an error.
func (d *Desktop) TrayIcon() (Icon, error) {
	registered, _ := property(d.bus, watcher, watcherPath, watcher, "RegisteredStatusNotifierItems").([]string)
	if len(registered) != 1 {
		return Icon{}, fmt.Errorf("%d icons in the tray: %v", len(registered), registered)
	}
	dest, path, hasPath := strings.Cut(registered[0], "/")
	if !hasPath {
		path = "StatusNotifierItem"
	}
	icon := Icon{dest: dest, path: "/" + path}
	var props map[string]dbus.Variant
	if err := d.call(icon.dest, icon.path, "org.freedesktop.DBus.Properties.GetAll",
		notifierItem).Store(&props); err != nil {
		return Icon{}, fmt.Errorf("asking the icon: %w", err)
	}
	text := func(name string) string { s, _ := props[name].Value().(string); return s }
	icon.Title, icon.Status, icon.IconName, icon.Label = text("Title"), text("Status"), text("IconName"), text(
		"XAyatanaLabel")
	var tip struct {
		Name  string
		Sizes []struct {
			W, H int32
			Data []byte
		}
		Title, Text string
	}
	if v, has := props["ToolTip"]; has && v.Store(&tip) == nil {
		icon.Tooltip = tip.Title
	}
	sizes := tip.Sizes[:0]
	if v, has := props["IconPixmap"]; has && v.Store(&sizes) == nil && len(sizes) > 0 {
		icon.Pixels = sizes[0].Data
	}
	menu, ok := props["Menu"].Value().(dbus.ObjectPath)
	if !ok {
		return Icon{}, errors.New("the icon has no menu")
	}
	icon.menu = string(menu)
	return icon, nil
}

// TrayMenu reads the icon's menu. It asks twice because a toolkit may cut its first
// answer short.
func (d *Desktop) TrayMenu() ([]MenuItem, error) {
	icon, err := d.TrayIcon()
	if err != nil {
		return nil, err
	}
	return d.layout(icon)
}

// node is dbusmenu's (ia{sv}av).
type node struct {
	ID       int32
	Props    map[string]dbus.Variant
	Children []dbus.Variant
}

func (d *Desktop) layout(icon Icon) ([]MenuItem, error) {
	var revision uint32
	var root node
	for range 2 {
		call := d.call(icon.dest, icon.menu, dbusmenu+".GetLayout", int32(0), int32(-1), []string{})
		if err := call.Store(&revision, &root); err != nil {
			return nil, fmt.Errorf("reading the menu: %w", err)
		}
	}
	return itemsOf(root)
}

func itemsOf(n node) ([]MenuItem, error) {
	var items []MenuItem
	for _, child := range n.Children {
		var c node
		if err := child.Store(&c); err != nil {
			return nil, fmt.Errorf("reading a menu item: %w", err)
		}
		label, _ := c.Props["label"].Value().(string)
		item := MenuItem{
			ID: c.ID, Label: plain(label), Separator: c.Props["type"].Value() == "separator",
			Visible: c.Props["visible"].Value() != false, Enabled: c.Props["enabled"].Value() != false,
			Checked: c.Props["toggle-state"].Value() == int32(1),
		}
		var err error
		if item.Items, err = itemsOf(c); err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// plain takes the access-key marks out of a label: one underscore is a mark, two are
// one underscore.
func plain(label string) string {
	return strings.NewReplacer("__", "_", "_", "").Replace(label)
}

// find goes down the menu along "Label" or "Submenu/Label" to an item that can be
// clicked; a label may end in * for any ending. It returns, level by level, the items
// and which of them it is.
func find(items []MenuItem, label string) (levels [][]MenuItem, picks []int) {
	for want := range strings.SplitSeq(label, "/") {
		pick := -1
		for i, item := range items {
			prefix, open := strings.CutSuffix(want, "*")
			if item.Visible && !item.Separator && (item.Label == want || open &&
				strings.HasPrefix(item.Label, prefix)) {
				pick = i
				break
			}
		}
		if pick < 0 || !items[pick].Enabled {
			return nil, nil
		}
		levels, picks = append(levels, items), append(picks, pick)
		items = items[pick].Items
	}
	return levels, picks
}

// WaitMenu waits until the tray's menu has an item of that label (see ClickMenu)
// that can be clicked.
func (d *Desktop) WaitMenu(label string) MenuItem {
	d.t.Helper()
	var seen string
	for end := time.Now().Add(testguard.Patience); ; time.Sleep(50 * time.Millisecond) {
		items, err := d.TrayMenu()
		if levels, picks := find(items, label); levels != nil {
			return levels[len(levels)-1][picks[len(picks)-1]]
		}
		if seen = fmt.Sprint(labels(items)); err != nil {
			seen = err.Error()
		}
		if time.Now().After(end) {
			d.fail("no %q to click in the tray's menu within %s: %s", label, testguard.Patience, seen)
		}
	}
}

func labels(items []MenuItem) (all []string) {
	for _, item := range items {
		switch {
		case !item.Visible:
		case item.Separator:
			all = append(all, "----")
		case !item.Enabled:
			all = append(all, item.Label+" (disabled)")
		default:
			all = append(all, item.Label)
		}
	}
	return all
}

// ClickMenuDBus clicks an item by the message that a panel sends, without pixels.
func (d *Desktop) ClickMenuDBus(label string) {
	d.t.Helper()
	item := d.WaitMenu(label)
	icon, err := d.TrayIcon()
	if err != nil {
		d.fail("%v", err)
	}
	call := d.call(icon.dest, icon.menu, dbusmenu+".Event", item.ID, "clicked", dbus.MakeVariant(int32(0)), uint32(0))
	if call.Err != nil {
		d.fail("clicking %q: %v", label, call.Err)
	}
}
