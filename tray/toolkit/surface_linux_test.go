package toolkit

import (
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"keytender/internal/testguard"
	"keytender/tray/bus"
	"keytender/tray/traytest"
)

// TestSilentBus: something accepts and never answers.
func TestSilentBus(t *testing.T) {
	path := filepath.Join(testguard.ShortDir(t), "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
	begin := testguard.Start()
	if Detect(t.Context()) != NoSession {
		t.Error("a bus that does not answer is a session")
	}
	begin.Within(t, bus.Wait+time.Second, "it")
}

func TestLookForPlace(t *testing.T) {
	if got := Detect(t.Context()); got != NoSession {
		t.Errorf("without anything: %v", got)
	}
	address := traytest.StartBus(t)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
	if got := Detect(t.Context()); got != NoSurface {
		t.Errorf("with a bus alone: %v", got)
	}
	x := filepath.Join(testguard.ShortDir(t), "wayland")
	l, err := net.Listen("unix", x)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("WAYLAND_DISPLAY", x)
	appears := Appears(t.Context())
	conn := traytest.Connect(t, address)
	traytest.ServeWatcher(t, conn, false)
	if got := Detect(t.Context()); got != NoSurface {
		t.Errorf("with a watcher that has no host: %v", got)
	}
	select {
	case <-appears:
		t.Fatal("a place appeared that is none")
	case <-time.After(100 * time.Millisecond):
	}
	if _, err := conn.ReleaseName(watcherName); err != nil {
		t.Fatal(err)
	}
	traytest.ServeWatcher(t, traytest.Connect(t, address), true)
	traytest.Receive(t, appears, "the place")
	if got := Detect(t.Context()); got != MenuBar {
		t.Errorf("with a host: %v", got)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
	if got := Detect(t.Context()); got != NoSurface {
		t.Errorf("with a display alone: %v", got)
	}
}

func TestDisplays(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want []address
	}{
		{nil, nil},
		{map[string]string{"DISPLAY": ":1"}, []address{{"unix", "@/tmp/.X11-unix/X1", "1"},
			{"unix", "/tmp/.X11-unix/X1", "1"}}},
		{map[string]string{"DISPLAY": "unix:10.0"},
			[]address{{"unix", "@/tmp/.X11-unix/X10", "10"}, {"unix", "/tmp/.X11-unix/X10", "10"}}},
		{map[string]string{"DISPLAY": "localhost:10.0"}, []address{{"tcp", "localhost:6010", "10"}}},
		{map[string]string{"DISPLAY": "[::1]:0"}, []address{{"tcp", "[::1]:6000", "0"}}},
		{map[string]string{"DISPLAY": "nonsense"}, nil},
		{map[string]string{"DISPLAY": ":x"}, nil},
		{map[string]string{"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": "/run/user/1"},
			[]address{{"unix", "/run/user/1/wayland-0", ""}}},
	} {
		got := displays(func(name string) string { return c.env[name] })
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.env, got, c.want)
		}
	}
}
