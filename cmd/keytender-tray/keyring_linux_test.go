package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	realdesktop "keytender/internal/desktop"
	"keytender/internal/fakeclaude"
)

// TestALockedKeyring with the desktop's own keyring and its dialog: who never signed in is
// not asked; who did is asked once, the menu tells when they cancel, and *Unlock…* asks
// again.
func TestALockedKeyring(t *testing.T) {
	d := realdesktop.Start(t, realdesktop.Options{Locked: true, Dialog: true,
		Without: []realdesktop.Part{realdesktop.Browser}})
	server, err := fakeclaude.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	programs := buildBoth(t)
	notAsked := func(when string) {
		t.Helper()
		for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if d.KeyringAsks() {
				d.Screenshot("keyring-asks")
				t.Fatal("the keyring's dialog opens " + when)
			}
		}
	}
	launch(t, d, server, filepath.Join(programs, "keytender-tray"))
	d.WaitMenu("Sign in…")
	notAsked("where nobody ever signed in")
	if menu := labels(t, d); strings.Contains(menu, "⚠") || strings.Contains(menu, "Unlock") {
		t.Errorf("the menu: %s", menu)
	}
	d.ClickMenuDBus("Quit")
	waitGone(t, d)

	login := exec.Command(filepath.Join(programs, "keytender"), "login", "--browser-command", approver(t))
	login.Env = append(d.Env(), server.Env()...)
	if err := login.Start(); err != nil {
		t.Fatal(err)
	}
	d.AnswerKeyring(realdesktop.KeyringPassword)
	if err := login.Wait(); err != nil {
		t.Fatalf("signing in with the keyring's password: %v", err)
	}
	d.LockKeyring()

	launch(t, d, server, filepath.Join(programs, "keytender-tray"))
	d.AnswerKeyring("")
	d.WaitMenu("Unlock…")
	if menu := labels(t, d); strings.Count(menu, "The keychain") != 1 { // is locked, or did not answer in time
		t.Errorf("the menu: %s", menu)
	}
	d.OpenMenu()
	d.Screenshot("keyring-locked")
	d.CloseMenu()
	notAsked("a second time")
	d.ClickMenuDBus("Unlock…")
	d.AnswerKeyring(realdesktop.KeyringPassword)
	d.WaitMenu("Renew now")
	if menu := labels(t, d); strings.Contains(menu, "⚠") || !strings.Contains(menu, "a@example.com · Max") {
		t.Errorf("the menu: %s", menu)
	}
}
