//go:build linux

package desktop

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
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
	if err := d.call(icon.dest, icon.path, "org.freedesktop.DBus.Properties.GetAll", notifierItem).Store(&props); err != nil {
		return Icon{}, fmt.Errorf("asking the icon: %w", err)
	}
	text := func(name string) string { s, _ := props[name].Value().(string); return s }
	icon.Title, icon.Status, icon.IconName = text("Title"), text("Status"), text("IconName")
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
		call := d.call(icon.dest, icon.menu, "com.canonical.dbusmenu.GetLayout", int32(0), int32(-1), []string{})
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
			if item.Visible && !item.Separator && (item.Label == want || open && strings.HasPrefix(item.Label, prefix)) {
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
func (d *Desktop) WaitMenu(label string, limit time.Duration) MenuItem {
	d.t.Helper()
	levels, picks := d.waitMenu(label, limit)
	return levels[len(levels)-1][picks[len(picks)-1]]
}

func (d *Desktop) waitMenu(label string, limit time.Duration) (levels [][]MenuItem, picks []int) {
	d.t.Helper()
	var shown string
	for end := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		items, err := d.TrayMenu()
		if levels, picks = find(items, label); levels != nil {
			return levels, picks
		}
		if shown = fmt.Sprint(labels(items)); err != nil {
			shown = err.Error()
		}
		if time.Now().After(end) {
			d.fail("no %q to click in the tray's menu within %s: %s", label, limit, shown)
		}
	}
}

func labels(items []MenuItem) (texts []string) {
	for _, item := range items {
		switch {
		case !item.Visible:
		case item.Separator:
			texts = append(texts, "----")
		case !item.Enabled:
			texts = append(texts, item.Label+" (disabled)")
		default:
			texts = append(texts, item.Label)
		}
	}
	return texts
}

// ClickMenuDBus clicks an item by the message that a panel sends, without pixels.
func (d *Desktop) ClickMenuDBus(label string) {
	d.t.Helper()
	item := d.WaitMenu(label, 10*time.Second)
	icon, err := d.TrayIcon()
	if err != nil {
		d.fail("%v", err)
	}
	call := d.call(icon.dest, icon.menu, "com.canonical.dbusmenu.Event", item.ID, "clicked", dbus.MakeVariant(int32(0)), uint32(0))
	if call.Err != nil {
		d.fail("clicking %q: %v", label, call.Err)
	}
}

// ClickMenu clicks the icon on the panel and then the item, with the pointer. The
// label is whole, or ends in * for any ending; "Submenu/Item" goes through a submenu.
func (d *Desktop) ClickMenu(label string) {
	d.t.Helper()
	levels, picks := d.waitMenu(label, 10*time.Second)
	popup := d.OpenMenu()
	for i, items := range levels {
		at := d.row(popup, items, picks[i])
		before := d.popups()
		d.click(at.centre())
		if i < len(levels)-1 {
			var shown bool
			if popup, shown = d.newPopup(before, 10*time.Second); !shown {
				d.fail("the submenu %q did not show", items[picks[i]].Label)
			}
		}
	}
}

// OpenMenu opens the icon's menu with the pointer and leaves it open. The panel may
// lose a click while it is busy with a menu that changes, so it gets three.
func (d *Desktop) OpenMenu() (popup box) {
	d.t.Helper()
	for range 3 {
		d.CloseMenu()
		d.click(d.trayIconBox().centre())
		if popup, shown := d.newPopup(nil, 3*time.Second); shown {
			return popup
		}
	}
	d.fail("a click on the icon opened no menu")
	return popup
}

// CloseMenu closes the menus that are open with the Escape key.
func (d *Desktop) CloseMenu() {
	d.t.Helper()
	d.wait("the menu to close", 10*time.Second, func() bool {
		if len(d.popups()) == 0 {
			return true
		}
		_, _ = d.Run("xdotool", "key", "Escape", "sleep", "0.1")
		return false
	})
}

// The tray lives in a process of the panel that gives its windows this class.
const plugin = "wrapper-2.0"

// trayIconBox finds the icon: the tray is a row of squares on the top edge, and with
// one icon in it, it is one square.
func (d *Desktop) trayIconBox() (found box) {
	d.t.Helper()
	d.wait("an icon on the panel", 10*time.Second, func() bool {
		for _, w := range d.windows(plugin) {
			if w.y == 0 && w.h > 20 && w.w >= w.h-2 {
				found = w
				return true
			}
		}
		return false
	})
	return found
}

// popups are the menus on the screen, by window id.
func (d *Desktop) popups() map[string]box {
	found := map[string]box{}
	for id, w := range d.windows(plugin) {
		if w.w > 40 && w.h > 20 {
			if text, _ := d.Run("xwininfo", "-id", id); strings.Contains(text, "IsViewable") &&
				strings.Contains(text, "Override Redirect State: yes") {
				found[id] = w
			}
		}
	}
	return found
}

// newPopup waits for a menu that was not there before.
func (d *Desktop) newPopup(before map[string]box, limit time.Duration) (popup box, shown bool) {
	d.t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for id := range d.popups() {
			if _, old := before[id]; !old {
				return d.settle(plugin, id), true
			}
		}
	}
	return box{}, false
}

// row is where an item shows in a popup. Menus are not in the accessibility tree, so
// it is computed from Adwaita's measures: 4 pixels around, a separator of 1, and the
// items share the rest. A popup that they do not fit is refused, not guessed at.
func (d *Desktop) row(popup box, items []MenuItem, pick int) box {
	d.t.Helper()
	const around, line = 4, 1
	rows, lines := 0, 0
	for _, item := range items {
		switch {
		case !item.Visible:
		case item.Separator:
			lines++
		default:
			rows++
		}
	}
	space := popup.h - 2*around - lines*line
	height := space / max(rows, 1)
	if rows == 0 || space%rows != 0 || height < 18 || height > 48 {
		d.fail("a menu of %d pixels does not fit %d items and %d separators: %v", popup.h, rows, lines, labels(items))
	}
	top := popup.y + around
	for _, item := range items[:pick] {
		switch {
		case !item.Visible:
		case item.Separator:
			top += line
		default:
			top += height
		}
	}
	return box{popup.x, top, min(120, popup.w), height}
}
