package notify

import (
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"keytender/internal/testguard"
	"keytender/tray/bus"
	"keytender/tray/traytest"
)

func TestNotifierOnTheBus(t *testing.T) {
	address := traytest.StartBus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
	conn := traytest.Connect(t, address)
	pressed := make(chan struct{}, 8)
	n := New(func(Deed) { pressed <- struct{}{} })
	defer n.Close()

	// Without a service: an error, soon.
	begin := testguard.Start()
	if err := n.Notify(t.Context(), Notice{Title: "x"}); err == nil {
		t.Fatal("shown by nobody")
	}
	begin.Within(t, bus.Wait, "it")

	service := traytest.ServeNotifications(t, conn, "body", "body-markup", "actions")
	if err := n.Notify(t.Context(), Notice{Title: "A & B", Body: "<b>a & b</b>", Action: "Sign in…",
		Urgent: true}); err != nil {
		t.Fatal(err)
	}
	got := traytest.Receive(t, service.Notes, "the notification")
	if got.App != "Keytender" || got.Title != "A & B" || got.Body != "&lt;b&gt;a &amp; b&lt;/b&gt;" ||
		!slices.Equal(got.Actions, []string{"sign-in", "Sign in…", "default", ""}) {
		t.Errorf("got %+v", got)
	}
	if v := got.Hints["desktop-entry"].Value(); v != "keytender" {
		t.Errorf("desktop-entry %v", v)
	}
	if v := got.Hints["urgency"].Value(); v != byte(2) {
		t.Errorf("urgency %v", v)
	}

	// Other programs' buttons, other buttons, nonsense, and a stranger's signal do
	// nothing; ours does, once.
	service.Press(t, got.ID+40, "sign-in")
	for _, nonsense := range [][]any{{}, {"x"}, {got.ID + 41}, {got.ID + 41, uint32(1)}} {
		if err := conn.Emit(notifyPath, notifyName+".ActionInvoked", nonsense...); err != nil {
			t.Fatal(err)
		}
	}
	if err := traytest.Connect(t, address).Emit(notifyPath, notifyName+".ActionInvoked", got.ID,
		"sign-in"); err != nil {
		t.Fatal(err)
	}
	// Sent straight to us, past what we asked the bus for.
	straight := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldDestination: dbus.MakeVariant(n.(*busNotifier).conn.Names()[0]),
		dbus.FieldPath:        dbus.MakeVariant(dbus.ObjectPath(notifyPath)),
		dbus.FieldInterface:   dbus.MakeVariant(notifyName), dbus.FieldMember: dbus.MakeVariant("ActionInvoked"),
		dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(got.ID, "sign-in"))}, Body: []any{got.ID, "sign-in"}}
	if call := traytest.Connect(t, address).Send(straight, nil); call.Err != nil {
		t.Fatal(call.Err)
	}
	select {
	case <-pressed:
		t.Fatal("a stranger pressed our button")
	case <-time.After(100 * time.Millisecond):
	}
	service.Press(t, got.ID, "sign-in")
	service.Press(t, got.ID, "sign-in")
	traytest.Receive(t, pressed, "the button")
	if err := n.Notify(t.Context(), Notice{Title: "Signed in"}); err != nil {
		t.Fatal(err)
	}
	if next := traytest.Receive(t, service.Notes, "the next notification"); next.Replaces != got.ID {
		t.Errorf("the answer replaces %d, not %d, which asked", next.Replaces, got.ID)
	}
	select {
	case <-pressed:
		t.Error("one press counted twice")
	case <-time.After(100 * time.Millisecond):
	}
}

// Our notifications do not pile up, and a click on the text does what the button does, as
// long as it is the newest that was clicked and it asks for something.
func TestOneNotificationAtATime(t *testing.T) {
	address := traytest.StartBus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
	conn := traytest.Connect(t, address)
	service := traytest.ServeNotifications(t, conn, "body", "actions")
	pressed := make(chan struct{}, 8)
	n := New(func(Deed) { pressed <- struct{}{} })
	defer n.Close()
	tell := func(what Notice, replaces uint32) traytest.Note {
		t.Helper()
		if err := n.Notify(t.Context(), what); err != nil {
			t.Fatal(err)
		}
		got := traytest.Receive(t, service.Notes, what.Title)
		if got.Replaces != replaces {
			t.Errorf("%s replaces %d, want %d", what.Title, got.Replaces, replaces)
		}
		return got
	}
	first := tell(Notice{Title: "one"}, 0)
	for _, title := range []string{"two", "three", "four"} {
		tell(Notice{Title: title}, first.ID)
	}
	service.Press(t, first.ID, "default") // it asks for nothing
	tell(Notice{Title: "asks", Action: "Sign in…"}, first.ID)
	service.Press(t, first.ID, "default")
	traytest.Receive(t, pressed, "the click on the text")
	service.Press(t, first.ID, "default")
	tell(Notice{Title: "asks again", Action: "Sign in…"}, first.ID)
	if err := conn.Emit(notifyPath, notifyName+".NotificationClosed", first.ID, uint32(2)); err != nil {
		t.Fatal(err)
	}
	service.Press(t, first.ID, "default") // what is closed cannot be clicked
	select {
	case <-pressed:
		t.Error("a click counted that asks for nothing")
	case <-time.After(200 * time.Millisecond):
	}
	// Another service has numbers of its own: none of its notifications is replaced.
	conn.Close()
	service = traytest.ServeNotifications(t, traytest.Connect(t, address), "body", "actions")
	forgotten := func() bool {
		b := n.(*busNotifier)
		b.ids.Lock()
		defer b.ids.Unlock()
		return b.last == 0
	}
	for deadline := time.Now().Add(10 * time.Second); !forgotten() && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	tell(Notice{Title: "to another service"}, 0)
}

func TestNotifierWithoutMarkupOrActions(t *testing.T) {
	address := traytest.StartBus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
	service := traytest.ServeNotifications(t, traytest.Connect(t, address), "body")
	n := New(func(Deed) {})
	defer n.Close()
	if err := n.Notify(t.Context(), Notice{Title: "x", Body: "a < b", Action: "Sign in…"}); err != nil {
		t.Fatal(err)
	}
	if got := traytest.Receive(t, service.Notes, "the notification"); got.Body != "a < b" || len(got.Actions) != 0 {
		t.Errorf("got %+v", got)
	}
}

// TestSilentBus: something accepts and never answers.
func TestSilentBus(t *testing.T) {
	path := filepath.Join(testguard.ShortDir(t), "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
	n := New(func(Deed) {})
	begin := testguard.Start()
	if n.Notify(t.Context(), Notice{Title: "x"}) == nil {
		t.Error("shown by nobody")
	}
	n.Close()
	begin.Within(t, bus.Wait+time.Second, "it")
}
