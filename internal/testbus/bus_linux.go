package testbus

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"keytender/internal/testguard"
)

const configuration = `<busconfig>
  <type>session</type>
  <listen>unix:path=%s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
`

// Start runs a bus until the test ends, points DBUS_SESSION_BUS_ADDRESS at it, and
// returns its address. Nothing on it can be started by a call. Where dbus-daemon is
// missing the test is skipped, or fails when KTTEST_DESKTOP is "required".
func Start(t testing.TB) (address string) {
	t.Helper()
	need(t, "dbus-daemon")
	dir := testguard.ShortDir(t)
	path := filepath.Join(dir, "bus")
	address = "unix:path=" + path
	file := filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(file, []byte(fmt.Sprintf(configuration, path)), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, exec.Command("dbus-daemon", "--nofork", "--nopidfile", "--config-file="+file))
	wait(t, "the bus", func() bool {
		conn, err := net.Dial("unix", path)
		return err == nil && conn.Close() == nil
	})
	setenv(t, "DBUS_SESSION_BUS_ADDRESS", address)
	return address
}

func connect(t testing.TB, address string) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("KTTEST_DESKTOP") == "required" {
		t.Fatalf("%s is not installed", program)
	}
	t.Skipf("%s is not installed", program)
}

// run starts a daemon and ends it when the test ends.
func run(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

func wait(t testing.TB, what string, there func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testguard.Patience); !there(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come up", what)
		}
	}
}

// setenv is t.Setenv, which benchmarks and parallel tests' parents may use too.
func setenv(t testing.TB, name, value string) {
	before, was := os.LookupEnv(name)
	if err := os.Setenv(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if was {
			_ = os.Setenv(name, before)
		} else {
			_ = os.Unsetenv(name)
		}
	})
}
