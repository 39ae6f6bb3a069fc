package tray

// canvas keeps a toolkit's menu equal to what Menu returned, with as few changes as
// possible: each is a message to the panel, and a menu that is rebuilt under the
// pointer closes. One goroutine at a time may use it.
type canvas struct {
	kit   toolkit
	lines [itemCount]line
	shown [itemCount]look
	icon  IconState
	tip   string
}

// look is how a line stands on the screen.
type look struct {
	visible, enabled, checked bool
	text                      string
	// touched: the person clicked a check mark, and some toolkits flip it by
	// themselves. It is set again, whatever we think it is.
	touched bool
}

// newCanvas builds every line in the order of the IDs. A line that is not in items
// is made with a blank text and hidden, but only when all are there: on Windows
// getlantern cannot put a line under one that is hidden.
func newCanvas(kit toolkit, items []Item, icon IconState, tip string) *canvas {
	c := &canvas{kit: kit, icon: icon, tip: tip}
	kit.SetIcon(icon)
	kit.SetTooltip(tip)
	want := looks(items)
	for id, s := range slots {
		if s.lineAbove {
			kit.AddSeparator()
		}
		var parent line
		if s.under != ID(id) {
			parent = c.lines[s.under]
		}
		w := want[id]
		l := kit.AddLine(parent, w.text, s.checkable)
		c.lines[id] = l
		if !w.visible {
			continue
		}
		if !w.enabled {
			l.Disable()
		}
		if w.checked {
			l.Check()
		}
		c.shown[id] = w
	}
	for id, l := range c.lines {
		if !want[id].visible {
			l.Hide()
		}
	}
	return c
}

// draw brings menu, icon and tooltip up to date.
func (c *canvas) draw(items []Item, icon IconState, tip string) {
	if icon != c.icon {
		c.kit.SetIcon(icon)
		c.icon = icon
	}
	if tip != c.tip {
		c.kit.SetTooltip(tip)
		c.tip = tip
	}
	want := looks(items)
	for id, l := range c.lines {
		c.shown[id] = change(l, c.shown[id], want[id], slots[id].checkable)
	}
}

// change turns one line from have to want and returns how it stands then. What a
// hidden line looked like is not known any more, so all of it is set anew.
func change(l line, have, want look, checkable bool) look {
	if !want.visible {
		if have.visible {
			l.Hide()
		}
		return look{}
	}
	anew := !have.visible
	if anew || have.text != want.text {
		l.SetTitle(want.text)
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

// touch notes that a click may have changed what the line looks like.
func (c *canvas) touch(id ID) { c.shown[id].touched = true }

func looks(items []Item) (all [itemCount]look) {
	for _, item := range items {
		all[item.ID] = look{visible: true, enabled: item.Enabled, checked: item.Checked, text: item.Text}
	}
	return all
}
