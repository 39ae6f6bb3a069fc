//go:build linux

package desktop

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"keytender/internal/testguard"
)

// Part is a piece of the desktop that can be left out.
type Part string

// The parts. Without the bus there is no panel, keyring or notification daemon;
// without the display no panel, notification daemon or browser.
const (
	Display Part = "display"
	Bus     Part = "bus"
	Panel   Part = "panel"
	Keyring Part = "keyring"
	Notify  Part = "notify"
	Browser Part = "browser"
)

// needs says which parts a part cannot be without.
var needs = map[Part][]Part{
	Panel:   {Display, Bus},
	Keyring: {Bus},
	Notify:  {Display, Bus},
	Browser: {Display},
}

// Options choose a poorer desktop. The zero value is the whole of it.
type Options struct {
	Without []Part
	Locked  bool // the login keyring exists and is locked
	Dialog  bool // the keyring can ask for its password; else it never shows anything
}

func (o Options) has(part Part) bool {
	for _, left := range o.Without {
		if left == part {
			return false
		}
	}
	for _, other := range needs[part] {
		if !o.has(other) {
			return false
		}
	}
	return true
}

// Desktop is a running desktop. Its methods fail the test themselves, so they
// belong in the test's own goroutine, unless they return an error.
type Desktop struct {
	t       testing.TB
	o       Options
	dir     string
	display string
	port    int // of the callback

	children []<-chan struct{} // closed when one has ended
	bus      *dbus.Conn

	mu       sync.Mutex
	notified []Notification
	clicked  []int32         // ids of menu items
	pressed  int             // buttons of notifications
	own      string          // our own name on the bus
	read     map[string]bool // icons whose menu the panel has read, by bus name
	relaid   int             // times that a menu changed its lines
	traffic  []string        // the last that went over the bus between panel and icon
}

// Start brings the desktop up and takes it down when the test ends. Where programs
// are missing it skips the test, or fails it when KTTEST_DESKTOP is "required".
//
// One desktop of a person runs at a time, across test binaries too: two panels and two
// browsers beside each other are slow enough to be no desktop that anybody has.
func Start(t testing.TB, o Options) *Desktop {
	t.Helper()
	testguard.Slow(t)
	os.Getenv("KTTEST_RUN") // see the Makefile: keeps go test from reusing the result
	if missing := missing(o); len(missing) > 0 {
		skipOrFail(t, "the desktop needs what is not installed: "+strings.Join(missing, ", "))
	}
	takeTurn(t)
	sweep()

	dir, err := os.MkdirTemp(filepath.Dir(place()), filepath.Base(place()))
	if err != nil {
		t.Fatal(err)
	}
	d := &Desktop{t: t, o: o, dir: dir, port: callbackPort(t)}
	t.Cleanup(d.stop)
	for _, sub := range []string{"run", "home", "tmp", "bin", "log", "services"} {
		if err := os.Mkdir(d.path(sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}

	if o.has(Display) {
		d.startDisplay()
	}
	if o.has(Bus) {
		d.startBus()
		d.watch()
	}
	if o.has(Browser) {
		d.installBrowser()
	} else {
		d.refuseBrowser()
	}
	if o.has(Keyring) {
		d.startKeyring()
	}
	if o.has(Display) {
		d.startWindowManager()
	}
	if o.has(Panel) {
		d.startPanel()
	}
	if o.has(Notify) {
		d.startNotifications()
	}
	return d
}

func skipOrFail(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("KTTEST_DESKTOP") == "required" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Env is the environment of a program on this desktop, for exec.Cmd. It holds no
// variable of keytender's own, but for the port where its own is taken.
func (d *Desktop) Env() []string {
	home := d.path("home")
	set := map[string]string{
		mark:                d.dir,
		"HOME":              home,
		"TMPDIR":            d.path("tmp"),
		"XDG_CONFIG_HOME":   filepath.Join(home, ".config"),
		"XDG_CACHE_HOME":    filepath.Join(home, ".cache"),
		"XDG_DATA_HOME":     filepath.Join(home, ".local", "share"),
		"XDG_STATE_HOME":    filepath.Join(home, ".local", "state"),
		"XDG_RUNTIME_DIR":   d.path("run"),
		"XDG_SESSION_TYPE":  "x11",
		"GSETTINGS_BACKEND": "memory",
		"GTK_THEME":         "Adwaita", // ClickMenu knows its measures
		// With a known desktop xdg-open returns at once; without, when the browser ends.
		"XDG_CURRENT_DESKTOP": "XFCE",
		"PATH":                d.path("bin") + ":" + os.Getenv("PATH"),
	}
	if d.display != "" {
		set["DISPLAY"] = d.display
	}
	if d.o.has(Bus) {
		set["DBUS_SESSION_BUS_ADDRESS"] = d.busAddress()
	}
	if d.port != usualPort {
		set["KEYTENDER_PORT"] = strconv.Itoa(d.port)
	}
	var env []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if _, replaced := set[name]; !replaced && !foreign(name) {
			env = append(env, entry)
		}
	}
	for name, value := range set {
		env = append(env, name+"="+value)
	}
	return env
}

// foreign reports whether a variable belongs to the desktop, if any, on which the
// tests were started, or would tell keytender where its things are.
func foreign(name string) bool {
	switch name {
	case "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "BROWSER", "SSH_AUTH_SOCK":
		return true
	}
	return strings.HasPrefix(name, "KEYTENDER_") || strings.HasPrefix(name, "SSH_") ||
		strings.HasPrefix(name, "GNOME_KEYRING_")
}

// Home is the home directory of the person on this desktop.
func (d *Desktop) Home() string { return d.path("home") }

// Port is where a sign-in on this desktop listens when it is told nothing else.
func (d *Desktop) Port() int { return d.port }

func (d *Desktop) path(elem ...string) string {
	return filepath.Join(append([]string{d.dir}, elem...)...)
}

func (d *Desktop) write(text string, elem ...string) {
	d.t.Helper()
	path := d.path(elem...)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *Desktop) script(text string, elem ...string) {
	d.t.Helper()
	testguard.Script(d.t, d.path(elem...), text)
}

// wait polls until done, or fails the test with the desktop's logs.
func (d *Desktop) wait(what string, done func() bool) {
	d.t.Helper()
	for end := time.Now().Add(testguard.Patience); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			d.fail("%s: not within %s", what, testguard.Patience)
		}
	}
}

func (d *Desktop) fail(format string, args ...any) {
	d.t.Helper()
	seen := ""
	if d.o.has(Panel) && d.own != "" {
		seen = d.explain()
	}
	d.t.Fatalf("desktop: %s\n%s%s", fmt.Sprintf(format, args...), seen, d.logs())
}

// logs are the last lines that each part wrote.
func (d *Desktop) logs() string {
	var all strings.Builder
	files, _ := filepath.Glob(d.path("log", "*"))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		if len(text) > 1000 {
			text = text[len(text)-1000:]
		}
		if len(text) > 0 {
			fmt.Fprintf(&all, "--- %s\n%s\n", filepath.Base(file), text)
		}
	}
	return all.String()
}
