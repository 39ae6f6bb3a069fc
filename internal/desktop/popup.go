//go:build linux

package desktop

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ClickMenu clicks the icon on the panel and then the item, with the pointer, until the
// panel reports the click. The label is whole, or ends in * for any ending;
// "Submenu/Item" goes through a submenu.
//
// A menu that changes while it is open may close or swallow a click, as it does a
// person's, who then clicks again. So does this, where that is what happened; a click
// that is lost for no reason fails the test.
func (d *Desktop) ClickMenu(label string) {
	d.t.Helper()
	for range 5 {
		d.WaitMenu(label)
		d.OpenMenu()
		changes := d.layoutChanges()
		target, at, visible := d.pointTo(label)
		if visible {
			before := len(d.clicks())
			d.click(at.centre())
			clicked := d.nextClick(before)
			if clicked == target {
				return
			}
			if clicked != 0 {
				d.fail("the click on %q at %+v was one on item %d, not %d", label, at, clicked, target)
			}
		}
		if d.layoutChanges() == changes {
			break
		}
		d.t.Logf("desktop: the menu changed while %q was clicked; once more\n%s", label, d.explain())
	}
	d.fail("the panel reported no click on %q", label)
}

// nextClick is the item that the panel reports as clicked next, or 0.
func (d *Desktop) nextClick(before int) int32 {
	d.t.Helper()
	for end := time.Now().Add(lookInto); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if clicks := d.clicks(); len(clicks) > before {
			return clicks[before]
		}
	}
	return 0
}

// lookInto is when something that did not happen is looked into.
const lookInto = 30 * time.Second

// pointTo goes through the open menu and its submenus and says where the item shows, and
// its number.
func (d *Desktop) pointTo(label string) (target int32, at box, visible bool) {
	d.t.Helper()
	before := map[string]box{}
	for level := range strings.Count(label, "/") + 1 {
		if level > 0 {
			before = d.popups()
			d.click(at.centre())
		}
		if target, at, visible = d.rowOf(label, level, before); !visible {
			return 0, box{}, false
		}
	}
	return target, at, true
}

// rowOf waits until a popup that was not there before keeps still and fits what the icon
// says is in it.
func (d *Desktop) rowOf(label string, level int, before map[string]box) (id int32, at box, visible bool) {
	d.t.Helper()
	var last box
	for end := time.Now().Add(lookInto); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		items, err := d.TrayMenu()
		levels, picks := find(items, label)
		popup := newest(d.popups(), before)
		if err != nil || levels == nil || popup == (box{}) {
			last = box{}
			continue
		}
		at, fits := row(popup, levels[level], picks[level])
		if fits && at == last {
			return levels[level][picks[level]].ID, at, true
		}
		last = at
	}
	return 0, box{}, false
}

func newest(popups, before map[string]box) (found box) {
	for id, w := range popups {
		if _, old := before[id]; !old {
			found = w
		}
	}
	return found
}

// OpenMenu opens the icon's menu with one click of the pointer and leaves it open.
func (d *Desktop) OpenMenu() (popup box) {
	d.t.Helper()
	d.CloseMenu()
	d.waitRead()
	icon := d.trayIconBox()
	// After a panel's end the indicator library shows an icon of the old kind, and at times the new panel keeps
	// it beside the one that it was told of. Its menu is a window of the program's own, which is not the one that
	// is wanted, and takes the next click.
	icons := max(1, icon.w/max(1, icon.h))
	for i := range icons {
		if i > 0 {
			_, _ = d.Run("xdotool", "key", "Escape", "sleep", "0.1")
		}
		at := box{icon.x + i*icon.w/icons, icon.y, icon.w / icons, icon.h}
		d.click(at.centre())
		var last box
		end := time.Now().Add(lookInto / time.Duration(icons))
		for ; time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if popup = newest(d.popups(), nil); popup != (box{}) && popup == last {
				return popup
			}
			last = popup
		}
	}
	d.fail("a click on the icon at %+v opened no menu", icon)
	return popup
}

// waitRead waits until the panel has read the icon's menu: before, a click opens none.
func (d *Desktop) waitRead() {
	d.t.Helper()
	d.wait("the panel to read the icon's menu", func() bool {
		icon, err := d.TrayIcon()
		if err != nil {
			return false
		}
		var owner string
		_ = d.bus.BusObject().Call("org.freedesktop.DBus.GetNameOwner", 0, icon.dest).Store(&owner)
		// our own question is answered behind the panel's
		return d.wasRead(icon.dest, owner) && d.hasMenu(icon)
	})
}

func (d *Desktop) hasMenu(icon Icon) bool {
	items, err := d.layout(icon)
	return err == nil && len(items) > 0
}

// CloseMenu closes the menus that are open with the Escape key.
func (d *Desktop) CloseMenu() {
	d.t.Helper()
	d.wait("the menu to close", func() bool {
		if len(d.popups()) == 0 {
			return true
		}
		_, _ = d.Run("xdotool", "key", "Escape", "sleep", "0.1")
		return false
	})
}

// The tray lives in a process of the panel that gives its windows this class.
const plugin = "wrapper-2.0"

// trayIconBox finds the icon, once it stays where it is: the tray is a row of squares on
// the top edge, and with one icon in it, it is one square.
func (d *Desktop) trayIconBox() (found box) {
	d.t.Helper()
	var last box
	d.wait("an icon on the panel", func() bool {
		last, found = found, box{}
		for _, w := range d.windows(plugin) {
			if w.y == 0 && w.h > 20 && w.w >= w.h-2 {
				found = w
			}
		}
		return found != (box{}) && found == last
	})
	return found
}

// popups are the menus on the screen, by window id. The icon's tooltip, which shows where
// the pointer rests on it for a moment, is a window of the same kind by all but its type.
func (d *Desktop) popups() map[string]box {
	found := map[string]box{}
	for id, w := range d.windows(plugin) {
		if w.w > 40 && w.h > 20 && d.viewable(id) {
			if kind, _ := d.Run("xprop", "-id", id, "_NET_WM_WINDOW_TYPE"); strings.Contains(kind, "_MENU") {
				found[id] = w
			}
		}
	}
	return found
}

func (d *Desktop) viewable(window string) bool {
	text, _ := d.Run("xwininfo", "-id", window)
	return strings.Contains(text, "IsViewable")
}

// explain is what panel, icon and screen say when something did not come as it should.
func (d *Desktop) explain() string {
	var b strings.Builder
	icon, err := d.TrayIcon()
	fmt.Fprintf(&b, "the icon: %s %s, menu %s, status %q (%v)\n", icon.dest, icon.path, icon.menu, icon.Status, err)
	items, err := d.TrayMenu()
	fmt.Fprintf(&b, "its menu: %v (%v)\n", labels(items), err)
	pointer, err := d.Run("xdotool", "getmouselocation")
	fmt.Fprintf(&b, "the pointer: %s (%v)\n", pointer, err)
	windows := d.windows(plugin)
	var ids []string
	for id := range windows {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		kind, _ := d.Run("xprop", "-id", id, "_NET_WM_WINDOW_TYPE")
		fmt.Fprintf(&b, "the panel's window %s: %+v, viewable %v, %s\n", id, windows[id], d.viewable(id), kind)
	}
	picture := filepath.Join(artefacts(d.t), "failed-"+strings.ReplaceAll(d.t.Name(), "/", "-")+".png")
	_ = os.MkdirAll(filepath.Dir(picture), 0o755)
	_, err = d.Run("import", "-window", "root", picture)
	fmt.Fprintf(&b, "a picture: %s (%v)\n", picture, err)
	fmt.Fprintf(&b, "panel and icon, lately:\n%s\n", d.conversation())
	return b.String()
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
