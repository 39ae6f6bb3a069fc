package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// TestSharedChain: the menu-bar app, command lines of two environments and the real Claude
// Code client in two directories live on two accounts with 60-second tokens, one of which
// switches to and fro. Nobody is logged out, and no refresh token is sent twice. TestSoak
// does the same for as long as KTTEST_SOAK says.
func TestSharedChain(t *testing.T) { share(t, 15*time.Second) }

func TestSoak(t *testing.T) {
	span, err := time.ParseDuration(os.Getenv("KTTEST_SOAK"))
	if err != nil {
		t.Skip("KTTEST_SOAK says no length of time: `make soak` does")
	}
	share(t, span)
}

const first, second = "a", "b" // accounts, named after their people

// shared is a machine on which everything lives at once.
type shared struct {
	t         *testing.T
	server    *fakeclaude.Server
	home      string
	keytender string
	env       []string // of the app and of a plain shell
	work      []string // of a shell with a directory of its own
	plain     *officialtest.Client
	other     *officialtest.Client // in that directory
	notes     <-chan traytest.Note

	clients                                 sync.RWMutex // held for writing while one account is in both directories
	tokens, forced, switches, prompts, busy atomic.Int64
}

func newShared(t *testing.T) *shared {
	server, err := fakeclaude.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	server.Set(func(b *fakeclaude.Behaviour) { b.AccessLife = time.Minute })
	s := &shared{t: t, server: server, home: t.TempDir()}
	directory := "CLAUDE_CONFIG_DIR=" + filepath.Join(s.home, "work")
	for _, dir := range []string{".claude", "work"} {
		if err := os.Mkdir(filepath.Join(s.home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.plain = officialtest.New(t, s.home, server.URL())
	s.other = officialtest.New(t, s.home, server.URL(), directory)

	programs := t.TempDir()
	s.keytender = filepath.Join(programs, "keytender")
	if out, err := exec.Command("go", "build", "-o", s.keytender,
		"keytender/cmd/keytender").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	address := traytest.StartBus(t)
	conn := traytest.Connect(t, address)
	traytest.ServeWatcher(t, conn, true)
	s.notes = traytest.ServeNotifications(t, conn, "body", "actions").Notes
	s.env = append([]string{"HOME=" + s.home, "USER=tester", "PATH=" + os.Getenv("PATH"), "KEYTENDER_STORE=file",
		"KEYTENDER_HOME=" + filepath.Join(s.home, "kt"), "DBUS_SESSION_BUS_ADDRESS=" + address, "KEYTENDER_LOG=debug",
		"HTTPS_PROXY=http://127.0.0.1:9"}, server.Env()...)
	s.work = append(slices.Clip(s.env), directory)

	s.signIn(s.env, first)
	s.signIn(s.work, second)
	app := exec.Command(program(t, programs))
	app.Env = s.env
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = app.Process.Signal(syscall.SIGTERM)
		_ = app.Wait()
	})
	return s
}

func personOf(account string) string { return account + "@example.com" }

func (s *shared) signIn(env []string, account string) {
	s.t.Helper()
	s.server.Set(func(b *fakeclaude.Behaviour) { b.Account = personOf(account) })
	login := exec.Command(s.keytender, "login", "--account", account, "--port", testguard.FreePort(s.t),
		"--browser-command", approver(s.t))
	login.Env = env
	if out, err := login.CombinedOutput(); err != nil {
		s.t.Fatalf("keytender login: %v\n%s", err, out)
	}
}

func (s *shared) run(ctx context.Context, env []string, args ...string) (string, string, int) {
	cmd := exec.CommandContext(ctx, s.keytender, args...)
	cmd.Env = env
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	_ = cmd.Run()
	return strings.TrimSpace(out.String()), said.String(), cmd.ProcessState.ExitCode()
}

// anyone is one of the two accounts and one of the two environments.
func (s *shared) anyone() (env []string, account string) {
	return [][]string{s.env, s.work}[rand.N(2)], []string{first, second}[rand.N(2)]
}

func (s *shared) token(ctx context.Context) {
	env, account := s.anyone()
	token, said, code := s.run(ctx, env, "token", "--account", account, "--min-valid", "45s")
	switch {
	case code != 0:
		s.t.Errorf("keytender token: exit %d: %s", code, said)
	case s.server.Owner(token) != personOf(account):
		s.t.Errorf("the token of %s is of %q", account, s.server.Owner(token))
	case !s.server.Alive(token) && s.server.FamilyRevoked(token): // renewed by somebody at this very moment is no fault
		s.t.Error("keytender token: the login is revoked")
	}
	s.tokens.Add(1)
}

func (s *shared) force(ctx context.Context) {
	env, account := s.anyone()
	s.may(ctx, env, "refresh", "--force", "--account", account)
	s.forced.Add(1)
}

// switchOver has one account in both directories for a while, and then two again. While it
// is in both, the clients work in turn: each renews by itself under its own directory's lock
// alone, so two at once would spend one refresh token, whoever tends it.
func (s *shared) switchOver(ctx context.Context) {
	s.clients.Lock()
	defer s.clients.Unlock()
	for _, account := range []string{second, first} {
		s.surely(ctx, "switch", account)
		s.prompt(ctx, s.plain)
		s.surely(ctx, "refresh", "--account", account)
		s.prompt(ctx, s.other)
		s.surely(ctx, "refresh", "--account", account)
	}
	s.switches.Add(2)
}

// surely runs a command until it is not busy.
func (s *shared) surely(ctx context.Context, args ...string) {
	for !s.may(ctx, s.env, args...) && ctx.Err() == nil {
	}
}

// may runs a command that is busy (6) where another holds what it needs for long, and
// reports whether it was not.
func (s *shared) may(ctx context.Context, env []string, args ...string) bool {
	_, said, code := s.run(ctx, env, args...)
	if code == 6 {
		s.busy.Add(1)
		return false
	}
	if code != 0 {
		s.t.Errorf("keytender %s: exit %d: %s", strings.Join(args, " "), code, said)
	}
	return true
}

func (s *shared) prompt(ctx context.Context, client *officialtest.Client) {
	if out, err := client.Run(ctx, "-p", "hi"); err != nil {
		s.t.Errorf("claude -p hi: %v\n%s", err, out)
	}
	s.prompts.Add(1)
}

// atTheEnd wants both accounts, and the client in both directories, signed in and working.
func (s *shared) atTheEnd() {
	ctx := context.Background()
	counts := s.server.Counts()
	if counts["renew-reused"] != 0 || counts["renew"] == 0 {
		s.t.Errorf("requests at the server: %v", counts)
	}
	for _, account := range []string{first, second} {
		out, _, code := s.run(ctx, s.env, "status", "--account", account, "--json")
		if code != 0 || !strings.Contains(out, `"state":"signed-in"`) {
			s.t.Errorf("status of %s at the end: exit %d: %s", account, code, out)
		}
		if token, said, code := s.run(ctx, s.env, "token", "--account", account); code != 0 || !s.server.Alive(token) {
			s.t.Errorf("token of %s at the end: exit %d: %s", account, code, said)
		}
	}
	for _, client := range []*officialtest.Client{s.plain, s.other} {
		s.prompt(ctx, client)
		if out, err := client.Run(ctx, "auth", "status", "--json"); err != nil ||
			!strings.Contains(out, `"loggedIn": true`) {
			s.t.Errorf("claude auth status at the end: %v\n%s", err, out)
		}
	}
	if counts := s.server.Counts(); counts["renew-reused"] != 0 {
		s.t.Errorf("after the end: %v", counts)
	}
	select {
	case n := <-s.notes:
		s.t.Errorf("the person was told %q: %q", n.Title, n.Body)
	default:
	}
}

func share(t *testing.T, span time.Duration) {
	s := newShared(t)
	var wg sync.WaitGroup
	end := time.Now().Add(span)
	each := func(pause time.Duration, do func(context.Context)) {
		wg.Go(func() {
			for time.Now().Before(end) && !t.Failed() {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
				do(ctx)
				cancel()
				time.Sleep(rand.N(pause))
			}
		})
	}
	for range 3 {
		each(2*time.Second, s.token)
	}
	each(20*time.Second, s.force)
	each(20*time.Second, s.switchOver)
	for _, client := range []*officialtest.Client{s.plain, s.other} {
		each(3*time.Second, func(ctx context.Context) {
			s.clients.RLock()
			defer s.clients.RUnlock()
			s.prompt(ctx, client)
		})
	}
	wg.Wait()

	counts := s.server.Counts()
	t.Logf(
		"in %v: %d tokens printed, %d forced renewals and %d switches (%d busy), %d prompts of the real client; %d renewals at the server, %d refresh tokens sent twice",
		span, s.tokens.Load(), s.forced.Load(), s.switches.Load(), s.busy.Load(), s.prompts.Load(), counts["renew"],
		counts["renew-reused"])
	s.atTheEnd()
	if t.Failed() {
		log, _ := os.ReadFile(filepath.Join(s.home, "kt", "keytender.log"))
		history, _ := os.ReadFile(filepath.Join(s.home, "kt", "state", "history.jsonl"))
		t.Logf("log:\n%s\nhistory:\n%s", log, history)
	}
}

// TestSoakHeldLock: another program holds the entry's lock for writing for 80 seconds while
// the app renews. Once it lets go, the entry is brought up within 90 seconds.
func TestSoakHeldLock(t *testing.T) {
	if os.Getenv("KTTEST_SOAK") == "" {
		t.Skip("it takes three minutes: `make soak` runs it")
	}
	s := newShared(t)
	lock := filepath.Join(s.home, ".claude", ".storage-write.lock")
	if err := os.Mkdir(lock, 0o700); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(80 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Second) {
		if err := os.Chtimes(lock, time.Time{}, time.Now()); err != nil { // its holder is alive
			t.Fatal(err)
		}
	}
	t.Logf("behind while it was held: %v, %d renewals at the server", !s.inStep(), s.server.Count("renew"))
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	let := time.Now()
	for !s.inStep() && time.Since(let) < 90*time.Second {
		time.Sleep(time.Second)
	}
	t.Logf("in step %v after it was let go", time.Since(let).Round(time.Second))
	for len(s.notes) > 0 {
		n := <-s.notes
		t.Logf("the person was told %q: %q", n.Title, n.Body)
	}
	s.atTheEnd()
}

// inStep reports whether the entry holds a refresh token that the server still takes.
func (s *shared) inStep() bool {
	data, err := os.ReadFile(filepath.Join(s.home, ".claude", ".credentials.json"))
	var entry struct {
		Login struct {
			Refresh string `json:"refreshToken"`
		} `json:"claudeAiOauth"`
	}
	return err == nil && json.Unmarshal(data, &entry) == nil && s.server.Alive(entry.Login.Refresh)
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
		var response *http.Response
		if response, err = http.Get(location); err == nil {
			response.Body.Close()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
