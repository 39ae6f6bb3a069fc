//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	realdesktop "keytender/internal/desktop"
	"keytender/internal/fakeclaude"
	"keytender/internal/testguard"
)

// launch starts a program of ours on the desktop: the menu-bar app, built as it is
// shipped, or the command line.
func launch(t *testing.T, d *realdesktop.Desktop, server *fakeclaude.Server, program string, args ...string) *exec.Cmd {
	t.Helper()
	return launchIn("C.UTF-8", t, d, server, program, args...)
}

func launchIn(locale string, t *testing.T, d *realdesktop.Desktop, server *fakeclaude.Server, program string,
	args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(d.Env(), server.Env()...)
	cmd.Env = append(cmd.Env, "GORACE=halt_on_error=1 "+testguard.RaceOptions, "LC_ALL="+locale)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		asked := testguard.Start()
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
			asked.Within(t, 5*time.Second, "the end after SIGTERM")
		case <-time.After(testguard.Patience):
			t.Errorf("%s did not end after SIGTERM", filepath.Base(program))
			_ = cmd.Process.Kill()
			<-ended
		}
		said, _ := os.ReadFile(log.Name())
		if strings.Contains(string(said), "DATA RACE") || t.Failed() {
			t.Errorf("%s wrote: %s", filepath.Base(program), said)
		}
	})
	return cmd
}

// buildBoth makes both programs as the Makefile does: the app with the toolkit that this
// test itself was built for.
func buildBoth(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"keytender", "keytender-tray"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), "keytender/cmd/"+name)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", name, err, out)
		}
	}
	return dir
}

const siblings = `{"mcpOAuth":{"linear|1":{"serverName":"linear","expiresAt":12345678901234567890}},"next":[1,2.50,null]}`

// TestOneClickIn is the main job for real: a pointer's click on Sign in… in the
// menu, another on Allow in the browser's page, and then everything that must be so.
func TestOneClickIn(t *testing.T) {
	d := realdesktop.Start(t, realdesktop.Options{})
	server, err := fakeclaude.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	entry := filepath.Join(d.Home(), ".claude", ".credentials.json")
	if err := os.MkdirAll(filepath.Dir(entry), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(entry, []byte(siblings), 0o644); err != nil {
		t.Fatal(err)
	}
	programs := buildBoth(t)
	launch(t, d, server, filepath.Join(programs, "keytender-tray"))

	d.WaitMenu("Sign in…")
	d.OpenMenu()
	d.Screenshot("menu-signed-out")
	d.CloseMenu()
	d.ClickMenu("Sign in…")
	page := d.WaitPage(server.AuthorizeURL())
	page.WaitText("Allow")
	d.WaitMenu("Cancel sign-in")
	d.Screenshot("browser-allow")
	page.Click("Allow")
	page.WaitText("a@example.com")
	d.Screenshot("browser-signed-in")
	if url := page.URL(); strings.Contains(url, "code=") || strings.Contains(url, "?") {
		t.Errorf("the code is still in the address bar: %s", url)
	}

	note := d.WaitNotification("a@example.com")
	if strings.Contains(note.Summary+note.Body, "sk-ant") {
		t.Errorf("the notification holds a token: %+v", note)
	}
	d.WaitMenu("Renew now")
	d.OpenMenu()
	d.Screenshot("menu-signed-in")
	d.CloseMenu()
	if menu := labels(t, d); !strings.Contains(menu, "a@example.com") {
		t.Errorf("the menu does not name the account: %s", menu)
	}

	stored := d.Secret("service", "keytender", "username", "a")
	if !strings.Contains(stored, `"access":"sk-ant-oat01-FAKE`) {
		t.Errorf("secret-tool finds %q", stored)
	}
	checkEntry(t, entry)
	responses := 0
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		// Who comes too late is told how it ended, and nothing else.
		address := fmt.Sprintf("%s:%d", host, d.Port())
		response, err := http.Get("http://" + address + "/callback?code=FAKE&state=FAKE")
		if err != nil {
			continue // a machine with one stack
		}
		responses++
		page, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if !strings.Contains(string(page), "<h1>Signed in</h1>") || strings.Contains(string(page), "a@example.com") {
			t.Errorf("%s answers after the sign-in:\n%s", address, page)
		}
	}
	if responses == 0 {
		t.Errorf("nobody answers on port %d after the sign-in", d.Port())
	}
	if n := server.Count("exchange"); n != 1 {
		t.Errorf("%d exchanges, want 1", n)
	}

	// What the command line does is on the menu within 5 s, and the other way round.
	out, err := d.Run(filepath.Join(programs, "keytender"), "status", "--json")
	if err != nil || !strings.Contains(out, `"state":"signed-in"`) ||
		!strings.Contains(out, `"tray":{"running":true}`) {
		t.Errorf("keytender status: %v\n%s", err, out)
	}
	if _, err := d.Run(filepath.Join(programs, "keytender"), "logout", "--yes"); err != nil {
		t.Fatal(err)
	}
	d.WaitMenu("Sign in…")
	if stored := d.Secret("service", "keytender", "username", "a"); stored != "" {
		t.Error("secret-tool still finds the login after logout")
	}
}

// checkEntry wants Claude Code's entry as the client takes it, with what was in it.
func checkEntry(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the entry has mode %o", info.Mode().Perm())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var entry struct {
		Login struct {
			AccessToken string   `json:"accessToken"`
			ExpiresAt   int64    `json:"expiresAt"`
			Scopes      []string `json:"scopes"`
		} `json:"claudeAiOauth"`
	}
	if err := json.Unmarshal(data, &entry); err != nil {
		t.Fatalf("the entry: %v", err)
	}
	if !strings.HasPrefix(entry.Login.AccessToken, "sk-ant-oat01-FAKE") {
		t.Error("the entry holds no token of this sign-in")
	}
	if left := time.Until(time.UnixMilli(entry.Login.ExpiresAt)); left < 7*time.Hour || left > 9*time.Hour {
		t.Errorf("expiresAt is %v away: not milliseconds?", left)
	}
	if !strings.Contains(strings.Join(entry.Login.Scopes, " "), "user:inference") {
		t.Errorf("scopes: %v", entry.Login.Scopes)
	}
	if !strings.Contains(string(data), strings.Trim(siblings, "{}")) {
		t.Errorf("what others keep in the entry is not as it was: %s", data)
	}
}

func labels(t *testing.T, d *realdesktop.Desktop) string {
	t.Helper()
	menu, err := d.TrayMenu()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, item := range menu {
		if item.Visible && !item.Separator {
			all = append(all, item.Label)
		}
	}
	return strings.Join(all, " | ")
}
