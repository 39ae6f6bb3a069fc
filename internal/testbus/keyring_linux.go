package testbus

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"keytender/internal/testguard"
)

// Keyring is gnome-keyring with an unlocked login keyring.
type Keyring struct {
	conn *dbus.Conn
}

// StartKeyring runs gnome-keyring on the bus until the test ends. One that ends before, as a
// question of ours could make it do, fails the test.
func StartKeyring(t testing.TB, address string) *Keyring {
	t.Helper()
	need(t, "gnome-keyring-daemon")
	dir, k := testguard.ShortDir(t), &Keyring{connect(t, address)}
	cmd := exec.Command("gnome-keyring-daemon", "--foreground", "--components=secrets", "--control-directory="+dir,
		"--unlock")
	cmd.Stdin = strings.NewReader("desktop")
	cmd.Env = []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_RUNTIME_DIR=" + dir,
		"PATH=" + os.Getenv("PATH"), "DBUS_SESSION_BUS_ADDRESS=" + address}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		select {
		case err := <-ended:
			t.Errorf("gnome-keyring ended itself: %v", err)
		default:
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	wait(t, "the login keyring", k.unlocked)
	return k
}

func (k *Keyring) unlocked() bool {
	// First what it answers to somebody whom it does not know yet, too: see the keychain's wire.
	_ = k.conn.Object(serviceName, servicePath).Call(serviceInterface+".ReadAlias", 0, "default")
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
