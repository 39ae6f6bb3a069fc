package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestSignalsWhileKeychainIsSilent: the verbs that only read listen for signals late, but soon
// enough for whoever waits for a keychain that is silent.
func TestSignalsWhileKeychainIsSilent(t *testing.T) {
	dir, err := os.MkdirTemp("", "kt") // short: it holds a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	silent, err := net.Listen("unix", filepath.Join(dir, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, verb := range []string{"token", "status"} {
		for signal, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
			cmd := exec.Command(programPath("keytender"), verb)
			cmd.Env = append(os.Environ(), "KEYTENDER_HOME="+filepath.Join(dir, "home"), "KEYTENDER_STORE=keychain", "DBUS_SESSION_BUS_ADDRESS=unix:path="+silent.Addr().String())
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			asked, err := silent.Accept() // it waits from now on
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * briefly)
			begin := time.Now()
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			exit := &exec.ExitError{}
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != want || time.Since(begin) > 2*time.Second {
				t.Errorf("%s after %v: %v after %v, want exit code %d", verb, signal, err, time.Since(begin), want)
			}
			asked.Close()
		}
	}
}
