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
	"keytender/tray/bus"
	"keytender/tray/menu"
)

const (
	notifyName = "org.freedesktop.Notifications"
	notifyPath = "/org/freedesktop/Notifications"
)

// busNotifier shows notifications through the desktop's service, on a connection of
// its own that is made when it is first needed and again after it broke. It listens
// to the signals itself: the library's own listener trusts what any program on the
// bus sends.
type busNotifier struct {
	onAction func()

	mu     sync.Mutex // one call at a time; guards the next three
	conn   *dbus.Conn
	asking uint32 // the last one that asked for a sign-in
	closed bool

	ids   sync.Mutex
	shown map[uint32]bool // ours, with a button, still on the screen
}

func New(onAction func()) Notifier {
	return &busNotifier{onAction: onAction, shown: map[uint32]bool{}}
}

// Notify shows n. The service is started by the bus where the system has one.
func (b *busNotifier) Notify(ctx context.Context, n Notice) error {
	ctx, cancel := context.WithTimeout(ctx, bus.Wait)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		done <- b.notify(ctx, n)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
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
	if slices.Contains(capabilities, "body-markup") {
		n.Body = html.EscapeString(n.Body)
	}
	note := notify.Notification{
		// Whatever comes next answers it or makes it out of date.
		AppName: menu.AppName, ReplacesID: b.asking, Summary: n.Title, Body: n.Body,
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
		note.Actions = []notify.Action{{Key: actionKey, Label: n.Action}}
	}
	// The signal of a very quick person must find the number noted.
	b.ids.Lock()
	defer b.ids.Unlock()
	id, err := notify.SendNotification(conn, note)
	if err != nil {
		return err
	}
	delete(b.shown, b.asking)
	b.asking = 0
	if n.Action != "" {
		b.asking = id
	}
	if note.Actions != nil {
		b.shown[id] = true
	}
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
	// Only what the service itself sends counts.
	if err := conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(notifyName), dbus.WithMatchInterface(notifyName)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	go func() {
		for s := range signals {
			b.hear(s)
		}
	}()
	b.conn = conn
	return conn, nil
}

// hear acts on a button of one of our notifications; the service reports everybody's.
func (b *busNotifier) hear(s *dbus.Signal) {
	if s == nil || len(s.Body) < 1 || s.Path != notifyPath {
		return
	}
	id, ok := s.Body[0].(uint32)
	if !ok {
		return
	}
	b.ids.Lock()
	ours := b.shown[id]
	delete(b.shown, id)
	b.ids.Unlock()
	if !ours || s.Name != notifyName+".ActionInvoked" || len(s.Body) < 2 {
		return
	}
	if key, ok := s.Body[1].(string); ok && key == actionKey {
		b.onAction()
	}
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
