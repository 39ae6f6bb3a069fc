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
	if err := d.call(icon.dest, icon.path, "org.freedesktop.DBus.Properties.GetAll", notifierItem).Store(&props); err != nil {
		return Icon{}, fmt.Errorf("asking the icon: %w", err)
	}
	text := func(name string) string { s, _ := props[name].Value().(string); return s }
	icon.Title, icon.Status, icon.IconName, icon.Label = text("Title"), text("Status"), text("IconName"), text("XAyatanaLabel")
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
	call := d.call(icon.dest, icon.menu, dbusmenu+".Event", item.ID, "clicked", dbus.MakeVariant(int32(0)), uint32(0))
	if call.Err != nil {
		d.fail("clicking %q: %v", label, call.Err)
	}
}

// ClickMenu clicks the icon on the panel and then the item, with the pointer. The
// label is whole, or ends in * for any ending; "Submenu/Item" goes through a submenu.
//
// A menu that changes while it is open may swallow a click, as it does a person's,
// who then clicks again: so does this, until the panel reports the click.
func (d *Desktop) ClickMenu(label string) {
	d.t.Helper()
	for range 4 {
		levels, picks := d.waitMenu(label, 10*time.Second)
		last := len(levels) - 1
		target, before := levels[last][picks[last]].ID, d.clicks()
		if at, shown := d.pointTo(levels, picks); shown {
			d.click(at.centre())
			for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				if d.clickedSince(before, target) {
					return
				}
			}
		}
	}
	d.fail("the panel reported no click on %q", label)
}

// pointTo opens the menus that lead to an item and says where it shows.
func (d *Desktop) pointTo(levels [][]MenuItem, picks []int) (at box, shown bool) {
	d.t.Helper()
	popup := d.OpenMenu()
	for i, items := range levels {
		if i > 0 {
			before := d.popups()
			d.click(at.centre())
			if popup, shown = d.newPopup(before); !shown {
				return box{}, false
			}
		}
		if at, shown = row(popup, items, picks[i]); !shown {
			return box{}, false
		}
	}
	return at, true
}

// OpenMenu opens the icon's menu with the pointer and leaves it open.
func (d *Desktop) OpenMenu() (popup box) {
	d.t.Helper()
	// A panel that has just come back may not have put the icon in its place yet.
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		d.CloseMenu()
		d.click(d.trayIconBox().centre())
		if popup, shown := d.newPopup(nil); shown {
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

// newPopup waits for a menu that was not there before and keeps still.
func (d *Desktop) newPopup(before map[string]box) (popup box, shown bool) {
	d.t.Helper()
	var last box
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		now := box{}
		for id, w := range d.popups() {
			if _, old := before[id]; !old {
				now = w
			}
		}
		if now == last && now.w > 0 {
			return now, true
		}
		last = now
	}
	return box{}, false
}

// row is where an item shows in a popup. Menus are not in the accessibility tree, so
// it is computed from Adwaita's measures: 4 pixels around, a separator of 1, and the
// items share the rest. A popup that they do not fit is refused, not guessed at.
func row(popup box, items []MenuItem, pick int) (at box, fits bool) {
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
		return box{}, false
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
	return box{popup.x, top, min(120, popup.w), height}, true
}
