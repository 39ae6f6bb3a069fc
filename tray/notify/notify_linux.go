package notify

import (
	"bytes"
	"context"
	"html"
	"image"
	"image/draw"
	"image/png"
	"slices"
	"sync"

	"github.com/esiqveland/notify"
	"github.com/godbus/dbus/v5"

	"keytender/assets"
	"keytender/internal/await"
	"keytender/tray/bus"
	"keytender/tray/menu"
)

const (
	notifyName = "org.freedesktop.Notifications"
	notifyPath = "/org/freedesktop/Notifications"
	busName    = "org.freedesktop.DBus"

	// defaultKey is the click on the notification itself (Desktop Notifications
	// Specification, "Actions").
	defaultKey = "default"
)

// busNotifier shows notifications through the desktop's service, on a connection of
// its own that is made when it is first needed and again after it broke. It listens
// to the signals itself: the library's own listener trusts what any program on the
// bus sends.
type busNotifier struct {
	onAction func(Deed)

	mu     sync.Mutex // one call at a time; guards the next two
	conn   *dbus.Conn
	closed bool

	ids   sync.Mutex
	owner string // the service that showed it, by the name that the bus gave it
	last  uint32 // our newest one, which the next one replaces
	asked bool   // it asks for deed, and nobody has answered
	deed  Deed
}

func New(onAction func(Deed)) Notifier {
	return &busNotifier{onAction: onAction}
}

// Notify shows n. The service is started by the bus where the system has one.
func (b *busNotifier) Notify(ctx context.Context, n Notice) error {
	ctx, cancel := context.WithTimeout(ctx, bus.Wait)
	defer cancel()
	return await.End(ctx, func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.notify(ctx, n)
	})
}

func (b *busNotifier) notify(ctx context.Context, n Notice) error {
	conn, err := b.connect(ctx)
	if err != nil {
		return err
	}
	// The library's calls know no context. When time is up the connection goes, which
	// ends them; the next notification makes a new one.
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	capabilities, err := notify.GetCapabilities(conn)
	if err != nil {
		return err
	}
	var owner string
	if err := conn.BusObject().CallWithContext(ctx, busName+".GetNameOwner", 0, notifyName).Store(&owner); err != nil {
		return err
	}
	if slices.Contains(capabilities, "body-markup") {
		n.Body = html.EscapeString(n.Body)
	}
	note := notify.Notification{
		AppName: menu.AppName, Summary: n.Title, Body: n.Body,
		ExpireTimeout: notify.ExpireTimeoutSetByNotificationServer,
		Hints:         map[string]dbus.Variant{"desktop-entry": dbus.MakeVariant("keytender")},
	}
	note.AddHint(notify.HintImageDataRGBA(picture()))
	urgency := notify.UrgencyNormal
	if n.Urgent {
		urgency = notify.UrgencyCritical
	}
	note.SetUrgency(urgency)
	if n.Action != "" && slices.Contains(capabilities, "actions") {
		// A click on the text does the same. It has no words, since xfce4-notifyd draws a button
		// for whatever has, and stands last, since it goes no further at what has none.
		note.Actions = []notify.Action{{Key: actionKey, Label: n.Action}, {Key: defaultKey}}
	}
	// The signal of a very quick person must find the number noted.
	b.ids.Lock()
	defer b.ids.Unlock()
	// What comes next answers the one before, or makes it out of date: they do not pile up.
	note.ReplacesID = b.last
	id, err := notify.SendNotification(conn, note)
	if err != nil {
		return err
	}
	b.owner, b.last, b.asked, b.deed = owner, id, note.Actions != nil, n.Deed
	return nil
}

// picture is sent along, because the icon theme may not know our name.
var picture = sync.OnceValue(func() *image.RGBA {
	img, err := png.Decode(bytes.NewReader(assets.Icon("keytender-48.png")))
	if err != nil {
		panic(err) // the program carries it in itself
	}
	// The service wants colours that are not multiplied by alpha, whatever the type
	// in the library's signature says.
	plain := image.NewNRGBA(img.Bounds())
	draw.Draw(plain, plain.Rect, img, img.Bounds().Min, draw.Src)
	return &image.RGBA{Pix: plain.Pix, Stride: plain.Stride, Rect: plain.Rect}
})

// connect returns the living connection or makes a new one.
func (b *busNotifier) connect(ctx context.Context) (*dbus.Conn, error) {
	if b.closed {
		return nil, dbus.ErrClosed
	}
	if b.conn != nil && b.conn.Connected() {
		return b.conn, nil
	}
	conn, err := bus.Dial(ctx)
	if err != nil {
		return nil, err
	}
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	// Only what the service itself sends counts, and that it has gone.
	err = conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(notifyName), dbus.WithMatchInterface(notifyName))
	if err == nil {
		err = conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(busName), dbus.WithMatchMember("NameOwnerChanged"),
			dbus.WithMatchArg(0, notifyName))
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	b.forget()
	go func() {
		for s := range signals {
			b.hear(s)
		}
	}()
	b.conn = conn
	return conn, nil
}

// forget leaves our newest notification alone: another service may give its number to
// somebody else's.
func (b *busNotifier) forget() {
	b.ids.Lock()
	defer b.ids.Unlock()
	b.owner, b.last, b.asked = "", 0, false
}

// hear acts on a click on our newest notification; the service reports everybody's.
func (b *busNotifier) hear(s *dbus.Signal) {
	switch {
	case s == nil || len(s.Body) < 2:
	case s.Sender == busName && s.Name == busName+".NameOwnerChanged":
		if before, _ := s.Body[1].(string); before != "" {
			b.forget()
		}
	case !b.fromService(s.Sender): // a signal can be sent straight to us, past every match
	case s.Path == notifyPath && s.Name == notifyName+".ActionInvoked":
		id, _ := s.Body[0].(uint32)
		key, _ := s.Body[1].(string)
		if key != actionKey && key != defaultKey {
			return
		}
		if deed, ours := b.answered(id); ours {
			b.onAction(deed)
		}
	case s.Path == notifyPath && s.Name == notifyName+".NotificationClosed":
		if id, ok := s.Body[0].(uint32); ok {
			b.answered(id)
		}
	}
}

func (b *busNotifier) fromService(sender string) bool {
	b.ids.Lock()
	defer b.ids.Unlock()
	return sender != "" && sender == b.owner
}

// answered is what notification id asks for, and whether it is ours; it asks no more.
func (b *busNotifier) answered(id uint32) (Deed, bool) {
	b.ids.Lock()
	defer b.ids.Unlock()
	asked := b.asked && id == b.last
	if asked {
		b.asked = false
	}
	return b.deed, asked
}

// Close takes nothing off the screen: a notification outlives who sent it.
func (b *busNotifier) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.conn == nil {
		return nil
	}
	return b.conn.Close()
}
