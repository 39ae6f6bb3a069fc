//go:build !windows

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"keytender/internal/session"
	"keytender/internal/testguard"
)

// TestUntendedIsSaidToAPerson: where neither the app nor the agent runs, `token` says so to a
// person at a terminal, and to nobody else.
func TestUntendedIsSaidToAPerson(t *testing.T) {
	server, home := startServer(t), t.TempDir()
	browser, err := exec.LookPath("browser")
	if err != nil {
		t.Fatal(err)
	}
	if s := inTerminal(t, server, home, nil, "login", "--browser-command", browser, "--port",
		testguard.FreePort(t)); s.end() != 0 {
		t.Fatal(s.text())
	}
	says := func(args ...string) bool {
		t.Helper()
		s := inTerminal(t, server, home, nil, args...)
		if s.end() != 0 || !strings.Contains(s.text(), "sk-ant-oat01-FAKE") {
			t.Fatalf("%v: %s", args, s.text())
		}
		return strings.Contains(s.text(), "Menu bar: not running, nor `keytender agent`")
	}
	if !says("token") {
		t.Error("nothing is said on a terminal")
	}
	if says("token", "--json") {
		t.Error("it is said beside a JSON object")
	}
	s := programInTerminal(t, server, home, nil, "/bin/sh", "-c", "keytender token | cat")
	if s.end() != 0 || !strings.Contains(s.text(), "sk-ant-oat01-FAKE") || strings.Contains(s.text(), "Menu bar") {
		t.Errorf("in a pipe: %s", s.text())
	}
	release, err := session.HoldAlone(filepath.Join(home, "kt", "state"))
	if err != nil || release == nil {
		t.Fatal(err)
	}
	defer release()
	if says("token") {
		t.Error("it is said while the agent runs")
	}
}
