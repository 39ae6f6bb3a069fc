package claudecode

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"keytender/internal/dirlock"
	"keytender/internal/testguard"
)

// These tests meet the real other side. They run when it is installed and named:
// KTTEST_CLAUDE is the program of Claude Code.

// realClient prepares a run of Claude Code in a home of its own whose every
// connection ends at proxy.
func realClient(t *testing.T, home, proxy string, args ...string) *exec.Cmd {
	t.Helper()
	program := os.Getenv("KTTEST_CLAUDE")
	if program == "" {
		t.Skip("KTTEST_CLAUDE names no Claude Code")
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = home
	cmd.Env = []string{
		"HOME=" + home, "USER=tester", "PATH=" + os.Getenv("PATH"), "DISABLE_AUTOUPDATER=1",
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
		"HTTPS_PROXY=http://" + proxy, "HTTP_PROXY=http://" + proxy, "https_proxy=http://" + proxy,
		"http_proxy=http://" + proxy,
	}
	return cmd
}

const deadProxy = "127.0.0.1:9"

func TestRealClientTakesWhatWeWrite(t *testing.T) {
	c, home := homeEntry(t)
	_ = os.Mkdir(home+"/.claude", 0o700)
	path := home + "/.claude/.credentials.json"
	mustWrite(t, path,
		`{"mcpOAuth":{"srv":{"n":12345678901234567890,"é":"ü"}},"claudeAiOauth":{"accessToken":"","refreshToken":"","expiresAt":0},"future":[1.0]}`)
	l := fakeLogin("n")
	l.AccessEnds, l.LoginEnds = time.Now().Add(8*time.Hour), time.Now().Add(20*24*time.Hour)
	status := func() map[string]any {
		t.Helper()
		out, err := realClient(t, home, deadProxy, "auth", "status", "--json").Output()
		var reply map[string]any
		if jsonErr := json.Unmarshal(out, &reply); jsonErr != nil {
			t.Fatalf("%v %v: %s", err, jsonErr, out)
		}
		return reply
	}
	if got := status(); got["loggedIn"] != false {
		t.Fatalf("before: %v", got)
	}
	if _, err := c.Update(t.Context(), write(l, true)); err != nil {
		t.Fatal(err)
	}
	if got := status(); got["loggedIn"] != true || got["authMethod"] != "claude.ai" ||
		got["subscriptionType"] != "max" || got["loginExpiresAt"] == nil {
		t.Errorf("after: %v", got)
	}
	after := mustRead(t, path)
	if !strings.HasPrefix(after, `{"mcpOAuth":{"srv":{"n":12345678901234567890,"\u00e9":"\u00fc"}},`) ||
		!strings.Contains(after, `"future":[1.0]`) {
		t.Errorf("siblings: %s", after)
	}
	if _, err := c.Update(t.Context(), func(Entry) (Change, error) { return Change{SignOut: true}, nil }); err != nil {
		t.Fatal(err)
	}
	if got := status(); got["loggedIn"] != false || !strings.Contains(mustRead(t, path), "mcpOAuth") {
		t.Errorf("signed out: %v", got)
	}
}

// expired makes the client renew at its start.
func expired(t *testing.T, c *Directory) {
	t.Helper()
	l := fakeLogin("n")
	l.AccessEnds = time.UnixMilli(1000)
	if _, err := c.Update(t.Context(), write(l, true)); err != nil {
		t.Fatal(err)
	}
}

// holeProxy accepts and never answers. It tells of each connection to the host of the
// token endpoint.
func holeProxy(t *testing.T) (addr string, renewals chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	renewals = make(chan struct{}, 100)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				lines := bufio.NewReader(conn)
				if first, _ := lines.ReadString('\n'); strings.Contains(first, "platform.claude.com") {
					renewals <- struct{}{}
				}
				_, _ = io.Copy(io.Discard, lines) // until the client goes
			})
		}
	})
	t.Cleanup(func() { _ = listener.Close(); all.Wait() })
	return listener.Addr().String(), renewals
}

func TestRealClientKilledWhileRenewing(t *testing.T) {
	c, home := homeEntry(t)
	addr, renewals := holeProxy(t)
	cmd := realClient(t, home, addr, "auth", "status", "--json")
	expired(t, c)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	select {
	case <-renewals:
	case <-time.After(testguard.Patience):
		t.Fatal("the client asked for nothing")
	}
	for !exists(home + "/.claude/.oauth_refresh.lock.owner") {
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := c.LockRenewal(t.Context(), 0); !errors.Is(err, dirlock.ErrBusy) {
		t.Fatalf("while it lives: %v", err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if !exists(home + "/.claude/.oauth_refresh.lock") {
		t.Fatal("its lock is gone by itself")
	}
	lock, err := c.LockRenewal(t.Context(), time.Second)
	if err != nil {
		t.Fatalf("after it was killed: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Error(err)
	}
}

func TestRealClientRespectsUsAndKnowsOurDead(t *testing.T) {
	if os.Getenv("KTTEST_CLAUDE") == "" {
		t.Skip("KTTEST_CLAUDE names no Claude Code")
	}
	crowd(t)
	c, home := homeEntry(t)
	addr, renewals := holeProxy(t)
	run := func(limit time.Duration) (renewed bool, after time.Duration) {
		t.Helper()
		cmd := realClient(t, home, addr, "-p", "hi") // unlike `auth status` it waits for the locks
		start := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
		select {
		case <-renewals:
			return true, time.Since(start)
		case <-time.After(limit):
			return false, limit
		}
	}
	expired(t, c)
	kill := holdingChild(t, home)
	if renewed, after := run(15 * time.Second); renewed {
		t.Fatalf("the client renewed beside us after %v", after)
	}
	kill()
	renewed, after := run(40 * time.Second)
	if !renewed {
		t.Fatal("the client does not recognise that we are dead")
	}
	t.Logf("the client got through %v after our death", after.Round(time.Second))
}

// crowd keeps a few processes running: the client believes what it sees in /proc only
// where there are at least 16 processes, which a container may not have.
func crowd(t *testing.T) {
	t.Helper()
	for range 20 {
		cmd := exec.Command("sleep", "300")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	}
}
