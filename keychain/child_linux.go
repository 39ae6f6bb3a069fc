package keychain

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
)

// thisProgram is found also when an update has replaced its file.
func thisProgram() (string, error) { return "/proc/self/exe", nil }

// platformReady refuses where there is no session bus that lets us in: the bus library
// would start a stray one with dbus-launch. The connection is the one that go-keyring uses.
func platformReady() error {
	if err := findBus(); err != nil {
		return err
	}
	_, err := dbus.SessionBus()
	for ; errors.Is(err, syscall.EAGAIN); _, err = dbus.SessionBus() { // until the limit, as any bus that stands still
		time.Sleep(fullPause)
	}
	if noBus := (*net.OpError)(nil); errors.As(err, &noBus) && noBus.Op == "dial" {
		return errors.New("the session bus cannot be reached")
	}
	if err != nil {
		return errors.New("the session bus refuses this program")
	}
	return nil
}

// fullPause is what a socket that has no room for one more is given.
const fullPause = 20 * time.Millisecond

func findBus() error {
	address := busAddress()
	if address == os.Getenv(busVariable) {
		if len(sockets(address)) == 0 { // disabled: in some containers, or a transport that nobody here speaks
			return errors.New("the address of the session bus leads nowhere")
		}
		return nil
	}
	if _, err := os.Stat(strings.TrimPrefix(address, "unix:path=")); err != nil {
		return errors.New("there is no session bus here")
	}
	return os.Setenv(busVariable, address)
}

// itemsOf counts the items that answer to a record's name. Another program's with more
// attributes does, too, and go-keyring takes the first of them: it would read that one, write
// over it, or delete it. A service that does not say is left to the call itself; the error is
// that of one that ended while it was asked. It is also the question that comes before the session
// of go-keyring, and a harmless one comes before it, as loadDirect has it.
func itemsOf(service, name string) (int, error) {
	bus, err := dbus.SessionBus()
	if err != nil {
		return 0, err
	}
	secrets := bus.Object("org.freedesktop.secrets", "/org/freedesktop/secrets")
	_ = secrets.Call("org.freedesktop.Secret.Service.ReadAlias", 0, "default").Err
	for _, path := range collections {
		var items []dbus.ObjectPath
		err := bus.Object("org.freedesktop.secrets", path).Call("org.freedesktop.Secret.Collection.SearchItems", 0,
			map[string]string{"service": service, "username": name}).Store(&items)
		if ended, _ := err.(dbus.Error); err == nil || ended.Name == "org.freedesktop.DBus.Error.NoReply" {
			return len(items), err
		}
	}
	return 0, nil
}

// collections are those that go-keyring takes: the first that is there.
var collections = []dbus.ObjectPath{"/org/freedesktop/secrets/collection/login",
	"/org/freedesktop/secrets/aliases/default"}

// sockets are those that an address names, in its order (D-Bus Specification, Server Addresses). The command line
// is built without TCP.
func sockets(address string) (names []string) {
	for _, key := range strings.FieldsFunc(address, func(r rune) bool { return r == ';' || r == ',' }) {
		key, value, _ := strings.Cut(strings.TrimPrefix(key, "unix:"), "=")
		value, _ = dbus.UnescapeBusAddressValue(value)
		switch key {
		case "path":
			names = append(names, value)
		case "abstract":
			names = append(names, "@"+value)
		}
	}
	return names
}

func platformRefusal(err error) reply {
	var (
		busError dbus.Error
		noBus    *net.OpError
		noLaunch *exec.Error
	)
	switch {
	case errors.As(err, &noBus) && noBus.Op == "dial", errors.As(err, &noLaunch):
		return reply{Error: "unavailable", Detail: "the session bus cannot be reached"}
	case errors.As(err, &busError) && (busError.Name == "org.freedesktop.DBus.Error.ServiceUnknown" ||
		busError.Name == "org.freedesktop.DBus.Error.NameHasNoOwner" ||
		strings.HasPrefix(busError.Name, "org.freedesktop.DBus.Error.Spawn")):
		return reply{Error: "unavailable", Detail: "no Secret Service runs in this session"}
	case errors.As(err, &busError) && busError.Name == "org.freedesktop.Secret.Error.IsLocked",
		strings.Contains(err.Error(), "failed to unlock"):
		// go-keyring says the same for a locked collection, a dismissed dialog and a
		// service that has no collection at all.
		if !collectionExists() {
			return reply{Error: "unavailable", Detail: "the Secret Service has no keyring yet"}
		}
		return reply{Error: "locked", Detail: "the keyring is locked and was not unlocked"}
	case errors.As(err, &busError) && busError.Name == "org.freedesktop.DBus.Error.AccessDenied":
		return reply{Error: "denied"}
	}
	if errors.As(err, &busError) && slices.Contains(noCollection, busError.Name) && !collectionExists() {
		return reply{Error: "unavailable", Detail: "the Secret Service has no keyring yet"}
	}
	return reply{Error: "failed", Detail: "the Secret Service failed"}
}

// noCollection is what services say of a collection that is not there: KWallet before the first
// wallet is made, and others.
var noCollection = []string{"org.freedesktop.DBus.Error.InvalidArgs", "org.freedesktop.DBus.Error.UnknownObject",
	"org.freedesktop.DBus.Error.UnknownMethod", "org.freedesktop.Secret.Error.NoSuchObject"}

// collectionExists reports whether the Secret Service has a default collection.
func collectionExists() bool {
	bus, err := dbus.ConnectSessionBus()
	if err != nil {
		return false
	}
	defer bus.Close()
	service := bus.Object("org.freedesktop.secrets", "/org/freedesktop/secrets")
	var path dbus.ObjectPath
	if err := service.Call("org.freedesktop.Secret.Service.ReadAlias", 0, "default").Store(&path); err == nil &&
		path != "/" {
		return true
	}
	login := bus.Object("org.freedesktop.secrets", "/org/freedesktop/secrets/collection/login")
	_, err = login.GetProperty("org.freedesktop.Secret.Collection.Label")
	return err == nil
}

const busVariable = "DBUS_SESSION_BUS_ADDRESS"

// busAddress is where the session bus listens. It is never asked to be started, as autolaunch: would.
func busAddress() string {
	if address := os.Getenv(busVariable); address != "" && address != "autolaunch:" {
		return address
	}
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		dir = filepath.Join("/run/user", strconv.Itoa(os.Getuid()))
	}
	return "unix:path=" + filepath.Join(dir, "bus")
}
