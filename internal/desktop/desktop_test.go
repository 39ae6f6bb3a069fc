//go:build linux

package desktop

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"fyne.io/systray"

	"keytender/internal/testguard"
)

func TestMain(m *testing.M) {
	if os.Getenv("KTTEST_TRAY") != "" {
		runTray()
		return
	}
	os.Exit(testguard.Run(m))
}

// runTray is a program with an icon, started by the test in its own binary. It says
// on its standard output what was clicked.
func runTray() {
	systray.Run(func() {
		// what is set while this toolkit is still putting its properties on the bus is lost
		time.Sleep(300 * time.Millisecond)
		square := image.NewRGBA(image.Rect(0, 0, 22, 22))
		draw.Draw(square, square.Bounds(), image.NewUniform(color.RGBA{200, 80, 40, 255}), image.Point{}, draw.Src)
		var icon bytes.Buffer
		_ = png.Encode(&icon, square)
		systray.SetIcon(icon.Bytes())
		systray.SetTitle("Sample")
		systray.SetTooltip("A sample")
		systray.AddMenuItem("Signed out", "").Disable()
		systray.AddSeparator()
		for _, label := range []string{"Sign in", "Some__thing else"} {
			item := systray.AddMenuItem(label, "")
			go func() {
				for range item.ClickedCh {
					fmt.Println("clicked " + label)
				}
			}()
		}
		more := systray.AddMenuItem("More", "")
		about := more.AddSubMenuItem("About", "")
		go func() {
			for range about.ClickedCh {
				fmt.Println("clicked About")
			}
		}()
	}, nil)
}

func TestDesktop(t *testing.T) {
	var d *Desktop
	testguard.Slow(t)
	t.Cleanup(func() { // runs after the desktop's own
		if left := d.processes(); len(left) > 0 {
			t.Errorf("left running: %v", left)
		}
		if _, err := os.Stat(d.dir); err == nil {
			t.Errorf("left behind: %s", d.dir)
		}
	})
	d = Start(t, Options{})
	t.Run("browser", func(t *testing.T) { browse(t, d) })
	t.Run("notification", func(t *testing.T) { notify(t, d) })
	t.Run("keyring", func(t *testing.T) { keepSecret(t, d) })
	t.Run("tray", func(t *testing.T) { clickTray(t, d) })
}

func TestPoorerDesktops(t *testing.T) {
	tests := []struct {
		name string
		o    Options
		env  map[string]bool // variables and whether they are set
		bus  map[string]bool // names and whether they are on the bus
	}{
		{"nothing at all", Options{Without: []Part{Display, Bus}},
			map[string]bool{"DISPLAY": false, "DBUS_SESSION_BUS_ADDRESS": false, "HOME": true}, nil},
		{"no display", Options{Without: []Part{Display}},
			map[string]bool{"DISPLAY": false, "DBUS_SESSION_BUS_ADDRESS": true},
			map[string]bool{secrets: true, watcher: false, "org.freedesktop.Notifications": false}},
		{"no panel, no keyring", Options{Without: []Part{Panel, Keyring}},
			map[string]bool{"DISPLAY": true},
			map[string]bool{secrets: false, watcher: false, "org.freedesktop.Notifications": true}},
		{"no notifications, no browser", Options{Without: []Part{Notify, Browser}}, nil,
			map[string]bool{secrets: true, watcher: true, "org.freedesktop.Notifications": false}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := Start(t, test.o)
			env := map[string]string{}
			for _, entry := range d.Env() {
				name, value, _ := strings.Cut(entry, "=")
				env[name] = value
			}
			for name, want := range test.env {
				if (env[name] != "") != want {
					t.Errorf("%s is %q", name, env[name])
				}
			}
			for name, want := range test.bus {
				var owned bool
				if err := d.bus.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0,
					name).Store(&owned); err != nil || owned != want {
					t.Errorf("%s on the bus: %v (%v), want %v", name, owned, err, want)
				}
			}
			if !test.o.has(Browser) {
				if _, err := d.Run("xdg-open", "http://127.0.0.1:9/"); err == nil {
					t.Error("xdg-open opened a page without a browser")
				}
			}
		})
	}
}

func TestLockedKeyring(t *testing.T) {
	d := Start(t, Options{Locked: true, Without: []Part{Display}})
	if _, err := d.feed("FAKE-s2", "secret-tool", "store", "--label=sample", "service", "kt-sample"); err == nil {
		t.Error("a locked keyring took a secret")
	}
}

func browse(t *testing.T, d *Desktop) {
	var clicks []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; form-action 'self'")
		switch r.URL.Path {
		case "/":
			fmt.Fprint(w,
				`<title>Consent</title><p>May it?</p><form action="/allowed" method="post"><button>Allow</button></form>`)
		case "/allowed":
			clicks = append(clicks, r.Method)
			fmt.Fprint(w, `<title>Done</title><p>It may.</p>`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	if _, err := d.Run("xdg-open", server.URL+"/?q=1"); err != nil {
		t.Fatal(err)
	}
	page := d.WaitPage(server.URL)
	page.WaitText("May it?")
	d.Screenshot("desktop-page")
	page.Click("Allow")
	page.WaitText("It may.")
	if !reflect.DeepEqual(clicks, []string{"POST"}) {
		t.Errorf("the server saw %v, want one POST", clicks)
	}
	if got := page.URL(); got != server.URL+"/allowed" {
		t.Errorf("the page is at %s", got)
	}
	if got, want := d.BrowserURLs(), []string{server.URL + "/?q=1"}; !reflect.DeepEqual(got, want) {
		t.Errorf("opened %v, want %v", got, want)
	}
}

func notify(t *testing.T, d *Desktop) {
	// notify-send waits and prints the key of the button that was clicked
	cmd := exec.Command("notify-send", "--app-name=Sample", "--urgency=critical", "--action=again=Sign in again",
		"--wait", "Soon over", "Two days left")
	cmd.Env = d.Env()
	out := startReading(t, cmd)
	n := d.WaitNotification("Soon over")
	want := Notification{App: "Sample", Summary: "Soon over", Body: "Two days left",
		Actions: map[string]string{"again": "Sign in again"}, Urgency: 2}
	if !reflect.DeepEqual(n, want) {
		t.Errorf("recorded %+v, want %+v", n, want)
	}
	d.ClickNotificationAction("Sign in again")
	waitFor(t, out, "again")
}

func keepSecret(t *testing.T, d *Desktop) {
	if got := d.Secret("service", "kt-sample", "username", "a"); got != "" {
		t.Fatalf("a new keyring holds %q", got)
	}
	if _, err := d.feed("FAKE-s1", "secret-tool", "store", "--label=sample", "service", "kt-sample", "username",
		"a"); err != nil {
		t.Fatal(err)
	}
	if got := d.Secret("service", "kt-sample", "username", "a"); got != "FAKE-s1" {
		t.Errorf("the keyring holds %q", got)
	}
}

func clickTray(t *testing.T, d *Desktop) {
	if _, err := d.TrayIcon(); err == nil {
		t.Error("an icon before any program showed one")
	}
	out := startSample(t, d)
	d.WaitMenu("Sign in")
	icon, err := d.TrayIcon()
	if err != nil {
		t.Fatal(err)
	}
	if icon.Title != "Sample" || icon.Tooltip != "A sample" || len(icon.Pixels) != 22*22*4 {
		t.Errorf("the icon is %q, %q, with %d bytes of pixels", icon.Title, icon.Tooltip, len(icon.Pixels))
	}
	items, err := d.TrayMenu()
	if err != nil {
		t.Fatal(err)
	}
	want := "[Signed out (disabled) ---- Sign in Some_thing else More]"
	if got := fmt.Sprint(labels(items)); got != want {
		t.Errorf("the menu is %s, want %s", got, want)
	}

	d.OpenMenu()
	d.Screenshot("desktop-menu")
	d.CloseMenu()
	d.ClickMenuDBus("Some*")
	waitFor(t, out, "clicked Some__thing else")
	d.ClickMenu("Sign in")
	waitFor(t, out, "clicked Sign in")
	// Not with the pointer: the first layout that this toolkit sends is cut short, and the
	// panel at times keeps the submenu empty for it.
	d.ClickMenuDBus("More/About")
	waitFor(t, out, "clicked About")
}

// startSample starts the program with an icon.
func startSample(t *testing.T, d *Desktop) (output string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(d.Env(), "KTTEST_TRAY=1")
	return startReading(t, cmd)
}

// startReading starts a program whose output goes into the file it returns.
func startReading(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "output")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = file, file
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	file.Close()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return name
}

func waitFor(t *testing.T, file, line string) {
	t.Helper()
	for end := time.Now().Add(testguard.Patience); ; time.Sleep(50 * time.Millisecond) {
		text, _ := os.ReadFile(file)
		if strings.Contains("\n"+string(text), "\n"+line+"\n") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no line %q within %v in:\n%s", line, testguard.Patience, text)
		}
	}
}
