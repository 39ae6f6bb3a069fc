package toolkit

import "keytender/tray/menu"

// Canvas keeps a toolkit's menu equal to what Menu returned, with as few changes as
// possible: each is a message to the panel, and a menu that is rebuilt under the
// pointer closes. One goroutine at a time may use it.
type Canvas struct {
	kit   Kit
	Lines [menu.Count]Line
	drawn [menu.Count]appearance
	icon  menu.IconState
	tip   string
}

// appearance is how a line stands on the screen.
type appearance struct {
	visible, enabled, checked bool
	label                     string
	// touched: the person clicked a check mark, and some toolkits flip it by
	// themselves. It is set again, whatever we think it is.
	touched bool
}

// NewCanvas builds every line in the order of the IDs. A line that is not in items
// is made with a blank text and hidden, but only when all are there: on Windows
// getlantern cannot put a line under one that is hidden.
func NewCanvas(kit Kit, items []menu.Item, icon menu.IconState, tip string) *Canvas {
	c := &Canvas{kit: kit, icon: icon, tip: tip}
	kit.SetIcon(icon)
	kit.SetTooltip(tip)
	want := appearances(items)
	for id, s := range menu.Slots {
		if s.LineAbove {
			kit.AddSeparator()
		}
		var parent Line
		if s.Under != menu.ID(id) {
			parent = c.Lines[s.Under]
		}
		w := want[id]
		l := kit.AddLine(parent, w.label, s.Checkable)
		c.Lines[id] = l
		if !w.visible {
			continue
		}
		if !w.enabled {
			l.Disable()
		}
		if w.checked {
			l.Check()
		}
		c.drawn[id] = w
	}
	for id, l := range c.Lines {
		if !want[id].visible {
			l.Hide()
		}
	}
	return c
}

// Draw brings menu, icon and tooltip up to date.
func (c *Canvas) Draw(items []menu.Item, icon menu.IconState, tip string) {
	if icon != c.icon {
		c.kit.SetIcon(icon)
		c.icon = icon
	}
	if tip != c.tip {
		c.kit.SetTooltip(tip)
		c.tip = tip
	}
	want := appearances(items)
	for id, l := range c.Lines {
		c.drawn[id] = change(l, c.drawn[id], want[id], menu.Slots[id].Checkable)
	}
}

// change turns one line from have to want and returns how it stands then. What a
// hidden line looked like is not known any more, so all of it is set anew.
func change(l Line, have, want appearance, checkable bool) appearance {
	if !want.visible {
		if have.visible {
			l.Hide()
		}
		return appearance{}
	}
	anew := !have.visible
	if anew || have.label != want.label {
		l.SetTitle(want.label)
	}
	if anew || have.enabled != want.enabled {
		if want.enabled {
			l.Enable()
		} else {
			l.Disable()
		}
	}
	if checkable && (anew || have.touched || have.checked != want.checked) {
		if want.checked {
			l.Check()
		} else {
			l.Uncheck()
		}
	}
	if anew {
		l.Show()
	}
	return want
}

// Touch notes that a click may have changed what the line looks like.
func (c *Canvas) Touch(id menu.ID) { c.drawn[id].touched = true }

func appearances(items []menu.Item) (all [menu.Count]appearance) {
	for _, item := range items {
		all[item.ID] = appearance{visible: true, enabled: item.Enabled, checked: item.Checked, label: item.Label}
	}
	return all
}
