package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/officialtest"
	"keytender/internal/testguard"
	"keytender/tray/traytest"
)

// TestSharedChain: the menu-bar app, several command lines and the real Claude Code
// client live on one chain of 60-second tokens. Nobody is logged out, and no refresh
// token is sent twice. TestSoak does the same for as long as KTTEST_SOAK says.
func TestSharedChain(t *testing.T) { share(t, 15*time.Second) }

func TestSoak(t *testing.T) {
	span, err := time.ParseDuration(os.Getenv("KTTEST_SOAK"))
	if err != nil {
		t.Skip("KTTEST_SOAK says no length of time: `make soak` does")
	}
	share(t, span)
}

func share(t *testing.T, span time.Duration) {
	server, err := fakeclaude.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.Set(func(b *fakeclaude.Behaviour) { b.AccessLife = time.Minute })
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".claude"), 0o700); err != nil {
		t.Fatal(err)
	}
	official := officialtest.New(t, home, server.URL())

	programs := t.TempDir()
	keytender := filepath.Join(programs, "keytender")
	if out, err := exec.Command("go", "build", "-o", keytender, "keytender/cmd/keytender").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	address := traytest.StartBus(t)
	conn := traytest.Connect(t, address)
	traytest.ServeWatcher(t, conn, true)
	notes := traytest.ServeNotifications(t, conn, "body", "actions")
	env := append([]string{"HOME=" + home, "USER=tester", "PATH=" + os.Getenv("PATH"), "KEYTENDER_STORE=file", "KEYTENDER_HOME=" + filepath.Join(home, "kt"),
		"DBUS_SESSION_BUS_ADDRESS=" + address, "KEYTENDER_LOG=debug", "HTTPS_PROXY=http://127.0.0.1:9"}, server.Env()...)

	login := exec.Command(keytender, "login", "--port", testguard.FreePort(t), "--browser-command", approver(t))
	login.Env = env
	if out, err := login.CombinedOutput(); err != nil {
		t.Fatalf("keytender login: %v\n%s", err, out)
	}
	app := exec.Command(program(t, programs))
	app.Env = env
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = app.Process.Signal(syscall.SIGTERM)
		_ = app.Wait()
	}()

	var tokens, forced, prompts, busy atomic.Int64
	var wg sync.WaitGroup
	end := time.Now().Add(span)
	each := func(pause time.Duration, do func(context.Context)) {
		wg.Go(func() {
			for time.Now().Before(end) && !t.Failed() {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
				do(ctx)
				cancel()
				time.Sleep(rand.N(pause))
			}
		})
	}
	run := func(ctx context.Context, args ...string) (string, string, int) {
		cmd := exec.CommandContext(ctx, keytender, args...)
		cmd.Env = env
		var out, said strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &said
		_ = cmd.Run()
		return strings.TrimSpace(out.String()), said.String(), cmd.ProcessState.ExitCode()
	}
	for range 3 {
		each(2*time.Second, func(ctx context.Context) {
			token, said, code := run(ctx, "token", "--min-valid", "45s")
			switch {
			case code != 0:
				t.Errorf("keytender token: exit %d: %s", code, said)
			case !server.Alive(token):
				// Renewed by somebody at this very moment is no fault; revoked is.
				if server.FamilyRevoked(token) {
					t.Error("keytender token: the login is revoked")
				}
			}
			tokens.Add(1)
		})
	}
	each(20*time.Second, func(ctx context.Context) {
		if _, said, code := run(ctx, "refresh", "--force"); code == 6 {
			busy.Add(1)
		} else if code != 0 {
			t.Errorf("keytender refresh --force: exit %d: %s", code, said)
		}
		forced.Add(1)
	})
	for range 2 {
		each(3*time.Second, func(ctx context.Context) {
			if out, err := official.Run(ctx, "-p", "hi"); err != nil {
				t.Errorf("claude -p hi: %v\n%s", err, out)
			}
			prompts.Add(1)
		})
	}
	wg.Wait()

	counts := server.Counts()
	t.Logf("in %v: %d tokens printed, %d forced renewals (%d busy), %d prompts of the real client; %d renewals at the server, %d refresh tokens sent twice",
		span, tokens.Load(), forced.Load(), busy.Load(), prompts.Load(), counts["renew"], counts["renew-reused"])
	if counts["renew-reused"] != 0 || counts["renew"] == 0 {
		t.Errorf("requests at the server: %v", counts)
	}
	if out, _, code := run(context.Background(), "status", "--json"); code != 0 || !strings.Contains(out, `"state":"signed-in"`) {
		t.Errorf("status at the end: exit %d: %s", code, out)
	}
	if out, err := official.Run(context.Background(), "auth", "status", "--json"); err != nil || !strings.Contains(out, `"loggedIn": true`) {
		t.Errorf("claude auth status at the end: %v\n%s", err, out)
	}
	select {
	case n := <-notes.Notes:
		t.Errorf("the person was told %q: %q", n.Title, n.Body)
	default:
	}
	if t.Failed() {
		log, _ := os.ReadFile(filepath.Join(home, "kt", "keytender.log"))
		history, _ := os.ReadFile(filepath.Join(home, "kt", "state", "history.jsonl"))
		t.Logf("log:\n%s\nhistory:\n%s", log, history)
	}
}

// approver is a browser that clicks Allow at once: this test binary, called so.
func approver(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "approver")
	testguard.Script(t, script, fmt.Sprintf("KTTEST_APPROVE=\"$1\" exec %q", self))
	return script
}

func init() {
	page := os.Getenv("KTTEST_APPROVE")
	if page == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), testguard.Patience)
	defer cancel()
	location, err := fakeclaude.Approve(ctx, page)
	if err == nil {
		var answer *http.Response
		if answer, err = http.Get(location); err == nil {
			answer.Body.Close()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
