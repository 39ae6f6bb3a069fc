package testbus

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"keytender/internal/testguard"
)

// Keyring is gnome-keyring with an unlocked login keyring. About once in a thousand
// calls gnome-keyring 42 ends itself with a GLib error while it opens a session,
// whoever calls. It is started anew then, with the same keyring, and what was under
// test meanwhile counts for nothing: see Try.
type Keyring struct {
	dir, address string
	conn         *dbus.Conn

	mu     sync.Mutex
	cmd    *exec.Cmd
	deaths int
	closed bool
	gone   chan struct{} // closed when the last daemon has ended
}

// StartKeyring runs gnome-keyring on the bus until the test ends.
func StartKeyring(t testing.TB, address string) *Keyring {
	t.Helper()
	need(t, "gnome-keyring-daemon")
	k := &Keyring{dir: testguard.ShortDir(t), address: address, conn: connect(t, address), gone: make(chan struct{})}
	if err := k.start(); err != nil {
		t.Fatal(err)
	}
	go k.supervise()
	t.Cleanup(func() {
		k.mu.Lock()
		k.closed = true
		_ = k.cmd.Process.Kill()
		k.mu.Unlock()
		<-k.gone
	})
	wait(t, "the login keyring", k.unlocked)
	return k
}

func (k *Keyring) start() error {
	k.cmd = exec.Command("gnome-keyring-daemon", "--foreground", "--components=secrets", "--control-directory="+k.dir,
		"--unlock")
	k.cmd.Stdin = strings.NewReader("desktop")
	k.cmd.Env = []string{"HOME=" + k.dir, "XDG_DATA_HOME=" + k.dir, "XDG_RUNTIME_DIR=" + k.dir,
		"PATH=" + os.Getenv("PATH"), "DBUS_SESSION_BUS_ADDRESS=" + k.address}
	return k.cmd.Start()
}

func (k *Keyring) supervise() {
	defer close(k.gone)
	for {
		_ = k.cmd.Wait()
		k.mu.Lock()
		k.deaths++
		if k.closed || k.start() != nil {
			k.mu.Unlock()
			return
		}
		k.mu.Unlock()
	}
}

func (k *Keyring) died() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.deaths
}

func (k *Keyring) unlocked() bool {
	locked, err := k.conn.Object(serviceName, collectionPath).GetProperty(collectionInterface + ".Locked")
	return err == nil && locked.Value() == false
}

// Put makes an item of another program's. What it returns takes the item away again, and returns
// what it held.
func (k *Keyring) Put(t testing.TB, attributes map[string]string, text string) (remove func() string) {
	t.Helper()
	check := func(err error) {
		if t.Helper(); err != nil {
			t.Fatal(err)
		}
	}
	var ignored dbus.Variant
	var session, at, prompt dbus.ObjectPath
	check(k.conn.Object(serviceName, servicePath).Call(serviceInterface+".OpenSession", 0, "plain",
		dbus.MakeVariant("")).Store(&ignored, &session))
	properties := map[string]dbus.Variant{itemInterface + ".Attributes": dbus.MakeVariant(attributes)}
	check(k.conn.Object(serviceName, collectionPath).Call(collectionInterface+".CreateItem", 0, properties,
		secret{session, []byte{}, []byte(text), "text/plain"}, false).Store(&at, &prompt))
	return func() string {
		var held secret
		item := k.conn.Object(serviceName, at)
		check(item.Call(itemInterface+".GetSecret", 0, session).Store(&held))
		check(item.Call(itemInterface+".Delete", 0).Store(&prompt))
		return string(held.Value)
	}
}

// Try runs a test, and runs it again when the daemon died in it.
func (k *Keyring) Try(t testing.TB, test func(t testing.TB)) {
	t.Helper()
	for {
		wait(t, "the login keyring", k.unlocked)
		before := k.died()
		trial := &Trial{TB: t}
		trial.Run(test)
		if trial.Failed() {
			time.Sleep(50 * time.Millisecond) // its death may not be known yet
		}
		if k.died() == before {
			trial.Report()
			return
		}
		t.Log("gnome-keyring ended in the middle of it; once more")
	}
}
