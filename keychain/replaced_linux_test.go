package keychain

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"keytender/internal/secret"
	"keytender/internal/testbus"
	"keytender/internal/testguard"
)

// upgraded is a long-lived program whose file is replaced while it runs.
func upgraded() {
	if os.Getenv("KTTEST_UPGRADED") == "" || len(os.Args) > 1 {
		return
	}
	self, err := os.Executable()
	if err == nil {
		err = os.Remove(self)
	}
	if err == nil {
		err = os.WriteFile(self, []byte("#!/bin/sh\nexit 99\n"), 0o700)
	}
	if err == nil { // a write is always the child's
		err = (&OSKeychain{Service: "keytender-test"}).Save(context.Background(), "default", secret.New("FAKE-new"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// TestChildIsFoundAfterAnUpgrade: the menu-bar app goes on saving.
func TestChildIsFoundAfterAnUpgrade(t *testing.T) {
	service := testbus.Serve(t, testbus.Start(t))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "app")
	testguard.Program(t, path, program)
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), "KTTEST_UPGRADED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if record, _ := service.Record("default"); record != "FAKE-new" {
		t.Errorf("the keychain holds %q", record)
	}
}
