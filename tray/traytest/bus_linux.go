package traytest

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"

	"keytender/internal/testguard"
)

const (
	// WatcherName is the list of icons.
	WatcherName = "org.kde.StatusNotifierWatcher"
	watcherPath = "/StatusNotifierWatcher"
	notifyName  = "org.freedesktop.Notifications"
	notifyPath  = "/org/freedesktop/Notifications"
)

// StartBus starts a session bus of the test's own, on which nothing can be activated,
// and returns its address.
func StartBus(t *testing.T) string {
	t.Helper()
	return StartMortalBus(t).Address
}

// MortalBus is a bus that can be ended early, and started anew at the same address.
type MortalBus struct {
	Address string
	t       *testing.T
	config  string
	kill    func()
}

// StartMortalBus is StartBus for one that is to die.
func StartMortalBus(t *testing.T) *MortalBus {
	t.Helper()
	dir := testguard.ShortDir(t)
	config := filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(config, []byte(`<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=`+dir+`/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`), 0o600); err != nil {
		t.Fatal(err)
	}
	b := &MortalBus{Address: "unix:path=" + filepath.Join(dir, "bus"), t: t, config: config}
	b.Start()
	return b
}

// Start starts it, after a Kill anew.
func (b *MortalBus) Start() {
	b.t.Helper()
	daemon, err := exec.LookPath("dbus-daemon")
	if err != nil {
		b.t.Skip("dbus-daemon is not installed")
	}
	cmd := exec.Command(daemon, "--config-file="+b.config, "--nofork", "--print-address=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.kill = sync.OnceFunc(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	b.t.Cleanup(b.kill)
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		b.t.Fatalf("the bus did not start: %v", err)
	}
}

// Kill ends it at once, as a crash does.
func (b *MortalBus) Kill() { b.kill() }

// Connect opens a connection that ends with the test.
func Connect(t *testing.T, address string) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Receive waits for a value, not for ever.
func Receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(testguard.Patience):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

// Watcher is the list of tray icons, and a panel that claims to draw them.
type Watcher struct {
	Items chan string // bus name + object path of each that registers
}

func (w *Watcher) RegisterStatusNotifierItem(service string, sender dbus.Sender) *dbus.Error {
	w.Items <- string(sender) + service
	return nil
}

// ServeWatcher puts a list of icons on the bus; host says whether a panel draws them.
func ServeWatcher(t *testing.T, conn *dbus.Conn, host bool) *Watcher {
	t.Helper()
	w := &Watcher{Items: make(chan string, 8)}
	_, err := prop.Export(conn, watcherPath, prop.Map{WatcherName: {
		"IsStatusNotifierHostRegistered": {Value: host, Emit: prop.EmitTrue},
	}})
	if err == nil {
		err = conn.Export(w, watcherPath, WatcherName)
	}
	if err == nil {
		_, err = conn.RequestName(WatcherName, dbus.NameFlagDoNotQueue)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Notifications is the desktop's notifications.
type Notifications struct {
	conn         *dbus.Conn
	capabilities []string
	Notes        chan Note
	last         uint32
}

// Note is one notification as it was sent.
type Note struct {
	ID          uint32
	Replaces    uint32
	App         string
	Title, Body string
	Actions     []string
	Hints       map[string]dbus.Variant
}

func (s *Notifications) GetCapabilities() ([]string, *dbus.Error) { return s.capabilities, nil }

func (s *Notifications) Notify(app string, replaces uint32, _, title, body string, actions []string,
	hints map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	id := replaces
	if id == 0 {
		s.last++
		id = s.last
	}
	s.Notes <- Note{id, replaces, app, title, body, actions, hints}
	return id, nil
}

// Press tells everybody that a button was pressed.
func (s *Notifications) Press(t *testing.T, id uint32, key string) {
	t.Helper()
	if err := s.conn.Emit(notifyPath, notifyName+".ActionInvoked", id, key); err != nil {
		t.Fatal(err)
	}
}

// ServeNotifications puts a service with the given capabilities on the bus.
func ServeNotifications(t *testing.T, conn *dbus.Conn, capabilities ...string) *Notifications {
	t.Helper()
	s := &Notifications{conn: conn, capabilities: capabilities, Notes: make(chan Note, 16)}
	err := conn.Export(s, notifyPath, notifyName)
	if err == nil {
		_, err = conn.RequestName(notifyName, dbus.NameFlagDoNotQueue)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Panel reads and clicks a tray icon's menu as a panel does.
type Panel struct {
	*testing.T
	Menu dbus.BusObject
	conn *dbus.Conn
}

// Alive reports whether the icon's program is still on the bus.
func (p *Panel) Alive() bool {
	var owned bool
	err := p.conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, p.Menu.Destination()).Store(&owned)
	return err == nil && owned
}

type layout struct {
	ID         int32
	Properties map[string]dbus.Variant
	Children   []dbus.Variant
}

// Rows returns the visible lines with their numbers: "# " before one that
// cannot be clicked, "[x] " before one with a check mark.
func (p *Panel) Rows() (rows string, ids map[string]int32) {
	p.Helper()
	var revision uint32
	var root layout
	if err := p.Menu.Call("com.canonical.dbusmenu.GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision,
		&root); err != nil {
		p.Fatal(err)
	}
	ids = map[string]int32{}
	var b strings.Builder
	var walk func(layout)
	walk = func(l layout) {
		for _, v := range l.Children {
			var child layout
			if err := dbus.Store([]any{v.Value()}, &child); err != nil {
				p.Fatal(err)
			}
			get := func(name string) any { return child.Properties[name].Value() }
			if get("visible") == false {
				continue
			}
			if get("type") == "separator" {
				b.WriteString("----\n")
				continue
			}
			label, _ := get("label").(string)
			enabled := get("enabled") != false
			checked := get("toggle-state") == int32(1)
			// What a panel makes of underscores.
			label = strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(label, "__", "\x00"), "_", ""), "\x00",
				"_")
			row := Row(label, enabled, checked)
			b.WriteString(row + "\n")
			if _, above := ids[row]; !above { // submenus may list the same accounts
				ids[row] = child.ID
			}
			walk(child)
		}
	}
	walk(root)
	return b.String(), ids
}

// Want waits for a row and returns its number.
func (p *Panel) Want(row string) int32 {
	p.Helper()
	var rows string
	for deadline := time.Now().Add(testguard.Patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var ids map[string]int32
		rows, ids = p.Rows()
		if id, ok := ids[row]; ok {
			return id
		}
	}
	p.Fatalf("the menu lacks %q:\n%s", row, rows)
	return 0
}

// Click does what a panel does when a row is clicked.
func (p *Panel) Click(row string) {
	p.Helper()
	if err := p.click(row); err != nil {
		p.Fatal(err)
	}
}

func (p *Panel) click(row string) error {
	p.Helper()
	id := p.Want(row)
	return p.Menu.Call("com.canonical.dbusmenu.Event", 0, id, "clicked", dbus.MakeVariant(int32(0)), uint32(0)).Err
}

// Quit clicks on a program's last row. The program may be gone before it has answered the click,
// and no panel minds.
func (p *Panel) Quit() {
	p.Helper()
	var gone dbus.Error
	err := p.click("  Quit")
	if err != nil && !(errors.As(err, &gone) && gone.Name == "org.freedesktop.DBus.Error.NoReply") {
		p.Fatal(err)
	}
}

// OpenPanel finds the menu of the icon that registered as item, NAME/PATH.
func OpenPanel(t *testing.T, conn *dbus.Conn, item string) *Panel {
	t.Helper()
	name, path, _ := strings.Cut(item, "/")
	icon := conn.Object(name, dbus.ObjectPath("/"+path))
	var menu dbus.ObjectPath
	v, err := icon.GetProperty("org.kde.StatusNotifierItem.Menu")
	if err == nil {
		err = v.Store(&menu)
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &Panel{t, conn.Object(name, menu), conn}
	p.Rows() // the library answers the first question with the top level alone
	return p
}

// Build compiles a package without cgo, so with the tray library in pure Go and
// without the race detector, which that library does not pass. args are those of
// the go command, such as "build" or "test -c".
func Build(t *testing.T, dir string, args ...string) string {
	t.Helper()
	path := filepath.Join(dir, "program")
	cmd := exec.Command("go", append(args, "-buildvcs=false", "-o", path, ".")...) // its version is that of the test
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building: %v: %s", err, out)
	}
	return path
}
