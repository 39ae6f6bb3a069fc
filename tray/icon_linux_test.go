package tray

import (
	"bytes"
	"image/color"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"keytender/assets"
	"keytender/tray/menu"
	"keytender/tray/traytest"
)

// item reads properties of the icon that registered as NAME/PATH.
func item(t *testing.T, conn *dbus.Conn, registered, property string, into any) {
	t.Helper()
	name, path, _ := strings.Cut(registered, "/")
	v, err := conn.Object(name, dbus.ObjectPath("/"+path)).GetProperty("org.kde.StatusNotifierItem." + property)
	if err == nil {
		err = v.Store(into)
	}
	if err != nil {
		t.Fatalf("%s: %v", property, err)
	}
}

// TestIconPixelsOnTheBus reads back what a panel gets to draw: the colours of the picture,
// not multiplied by alpha, at the half-transparent edges too. And the icon's name.
func TestIconPixelsOnTheBus(t *testing.T) {
	address := traytest.StartBus(t)
	conn := traytest.Connect(t, address)
	watcher := traytest.ServeWatcher(t, conn, true)
	c := startChild(t, t.TempDir(), "DBUS_SESSION_BUS_ADDRESS="+address)
	registered := traytest.Receive(t, watcher.Items, "the icon")
	traytest.OpenPanel(t, conn, registered).Want("# Signed out")

	var id, title string
	item(t, conn, registered, "Id", &id)
	item(t, conn, registered, "Title", &title)
	if id != "keytender" || title != "Keytender" {
		t.Errorf("the icon is %q, called %q", id, title)
	}
	c.send(`{"state":"signed-out","account":"default"}`)
	for _, state := range []struct {
		tell string
		icon menu.IconState
	}{
		{`{"state":"signed-out","account":"default"}`, menu.IconSignedOut},
		{`{"state":"signed-in","account":"default"}`, menu.IconFine},
		{`{"state":"sign-in-again","account":"default"}`, menu.IconTrouble},
	} {
		c.send(state.tell)
		var want []byte
		edges := 0
		img, err := png.Decode(bytes.NewReader(assets.Icon(string(state.icon) + "-44.png")))
		if err != nil {
			t.Fatal(err)
		}
		for y := range 44 {
			for x := range 44 {
				p := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
				want = append(want, p.A, p.R, p.G, p.B)
				if p.A > 0 && p.A < 255 {
					edges++
				}
			}
		}
		if edges < 20 {
			t.Errorf("%s has only %d pixels that could go wrong", state.icon, edges)
		}
		var pictures []struct {
			W, H int32
			Pix  []byte
		}
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			item(t, conn, registered, "IconPixmap", &pictures)
			if len(pictures) == 1 && pictures[0].W == 44 && pictures[0].H == 44 && bytes.Equal(pictures[0].Pix, want) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d pictures, and none as it was drawn", state.icon, len(pictures))
			}
		}
	}
}

// TestPanelRestartsAfterAnotherSignal: a panel that restarts gets the icon back, although
// somebody sent the program a signal of another kind, which ends the library's own care.
func TestPanelRestartsAfterAnotherSignal(t *testing.T) {
	address := traytest.StartBus(t)
	conn := traytest.Connect(t, address)
	panel := traytest.Connect(t, address)
	watcher := traytest.ServeWatcher(t, panel, true)
	startChild(t, t.TempDir(), "DBUS_SESSION_BUS_ADDRESS="+address)
	registered := traytest.Receive(t, watcher.Items, "the icon")
	traytest.OpenPanel(t, conn, registered).Want("# Signed out")
	name, _, _ := strings.Cut(registered, "/")
	for round := range 3 {
		for _, body := range [][]any{{}, {"x"}, {"a", "b", "c"}, {traytest.WatcherName, "", ":1.99"}} {
			signal := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
				dbus.FieldPath:      dbus.MakeVariant(dbus.ObjectPath("/x")),
				dbus.FieldInterface: dbus.MakeVariant("org.example.Strange"),
				dbus.FieldMember:    dbus.MakeVariant("Strange"), dbus.FieldDestination: dbus.MakeVariant(name),
			}, Body: body}
			if len(body) > 0 {
				signal.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
			}
			conn.Send(signal, nil)
		}
		panel.Close()
		panel = traytest.Connect(t, address)
		watcher = traytest.ServeWatcher(t, panel, true)
		again := traytest.Receive(t, watcher.Items, "the icon after the restart")
		if again != registered {
			t.Errorf("round %d: the icon is %s now, and was %s", round, again, registered)
		}
		traytest.OpenPanel(t, conn, again).Want("# Signed out")
	}
}
