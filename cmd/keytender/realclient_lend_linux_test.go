package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"keytender/internal/secret"
	"keytender/internal/testguard"
)

// lentHome is a place where the real client lives on a login that was lent to it.
type lentHome struct {
	lend  []string // arguments of `lend`
	back  string
	entry string
	run   []string // what stands before the client's own command
	// asks: nothing there says whose login it is. The client asks the server, for a time that is
	// too short on a busy machine, and says null then.
	asks bool
}

// lentHomes are those that docs/places.md has recipes for. Mounts are made where they may be.
func (r *realClaude) lentHomes() map[string]lentHome {
	at := func(parts ...string) string { return filepath.Join(append([]string{r.home}, parts...)...) }
	alone := func(home string, more ...string) []string { // nothing of the owner's but the PATH
		return append([]string{"env", "-u", "CLAUDE_CONFIG_DIR", "-u", "KEYTENDER_HOME", "HOME=" + home,
			"TMPDIR=" + home}, more...)
	}
	for _, dir := range []string{at("elsewhere", "build", "home"), at("elsewhere", "dev", "home"), at("ro", "home"),
		at("ro", "mount"), at("box", "home"), at("box", "mount")} {
		r.must(os.MkdirAll(dir, 0o700))
	}
	homes := map[string]lentHome{
		"a second directory": {lend: []string{at("second")}, back: at("second"),
			entry: at("second", ".credentials.json"), run: []string{"env", "CLAUDE_CONFIG_DIR=" + at("second")}},
		"a host over ssh": {lend: []string{"--ssh", "build"}, back: "ssh:build",
			entry: at("elsewhere", "build", "home", ".claude", ".credentials.json"),
			run:   alone(at("elsewhere", "build", "home"))},
		"a container": {lend: []string{"--container", "dev"}, back: "container:dev",
			entry: at("elsewhere", "dev", "home", ".claude", ".credentials.json"),
			run:   alone(at("elsewhere", "dev", "home"))},
	}
	// Each start of the client is in namespaces of its own for mounts and processes, with the
	// lent directory mounted there.
	mounted := func(options, from, to string) []string {
		return []string{"unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c",
			`mount --bind "$1" "$2" && if [ "$3" = ro ]; then mount -o remount,bind,ro "$2"; fi && shift 3 && exec "$@"`,
			"sh", from, to, options}
	}
	homes["mounted read-only"] = lentHome{lend: []string{at("ro", "lent")}, back: at("ro", "lent"),
		entry: at("ro", "lent", ".credentials.json"), asks: true,
		run: append(mounted("ro", at("ro", "lent"), at("ro", "mount")),
			alone(at("ro", "home"), "CLAUDE_SECURESTORAGE_CONFIG_DIR="+at("ro", "mount"))...)}
	homes["mounted into a container"] = lentHome{lend: []string{at("box", "lent")}, back: at("box", "lent"),
		entry: at("box", "lent", ".credentials.json"),
		run: append(mounted("rw", at("box", "lent"), at("box", "mount")),
			alone(at("box", "home"), "CLAUDE_CONFIG_DIR="+at("box", "mount"))...)}
	if out, said, err := r.run(nil, "unshare", "--mount", "--pid", "--fork", "mount", "--bind", at("ro"),
		at("ro")); err != nil {
		r.t.Logf("nothing can be mounted here: %v\n%s%s", err, out, said)
		delete(homes, "mounted read-only")
		delete(homes, "mounted into a container")
	}
	return homes
}

// in runs the client there.
func (r *realClaude) in(h lentHome, args ...string) (stdout, stderr string, err error) {
	command := slices.Concat(h.run, []string{r.path}, args)
	return r.run([]string{"ANTHROPIC_BASE_URL=" + r.server.URL()}, command[0], command[1:]...)
}

// known wants the client to know whose login it has there.
func (r *realClaude) known(name string, h lentHome) {
	out, said, err := r.in(h, "auth", "status", "--json")
	knows := strings.Contains(out, `"email": "a@example.com"`) || h.asks && strings.Contains(out, `"email": null`)
	if err != nil || !strings.Contains(out, `"loggedIn": true`) || !knows {
		r.t.Errorf("%s: claude auth status: %v\n%s%s", name, err, out, said)
	}
}

// TestRealClientLivesOnWhatIsLent: the real client follows over three renewals wherever it was
// lent to, the token endpoint sees the owner alone, and taking back signs it out there and
// leaves its MCP logins.
func TestRealClientLivesOnWhatIsLent(t *testing.T) {
	testguard.Slow(t)
	r := newRealClaude(t)
	r.env = append(r.env, "ELSEWHERE="+filepath.Join(r.home, "elsewhere"))
	r.signIn()
	homes := r.lentHomes()
	for name, h := range homes {
		r.keytender(nil, append([]string{"lend"}, h.lend...)...)
		r.known(name, h)
	}
	for round := range 3 {
		r.keytender(nil, "refresh", "--force")
		ours := secret.New(r.keytender(nil, "token")).Fingerprint()
		before := len(r.bearers("messages"))
		var all sync.WaitGroup
		for name, h := range homes {
			all.Go(func() {
				if out, said, err := r.in(h, "-p", "hi", "--model", "claude-haiku-4-5"); err != nil ||
					!strings.Contains(out, "hi") {
					t.Errorf("%s, renewal %d: claude -p hi: %v\n%s%s", name, round+1, err, out, said)
				}
			})
		}
		all.Wait()
		calls := r.bearers("messages")[before:]
		if len(calls) < len(homes) || slices.ContainsFunc(calls, func(bearer string) bool { return bearer != ours }) {
			t.Errorf("renewal %d: the clients sent %v, ours is %s", round+1, calls, ours)
		}
	}
	for _, request := range r.server.Requests() {
		if request.Kind == "renew" && !strings.HasPrefix(request.UserAgent, "keytender/") {
			t.Errorf("a renewal came from %s", request.UserAgent)
		}
	}
	if n := r.server.Count("renew"); n != 3 {
		t.Errorf("the token endpoint saw %d renewals, want 3", n)
	}

	const mcp = `{"server":{"big":12345678901234567890}}`
	for name, h := range homes {
		text, err := os.ReadFile(h.entry)
		r.must(err)
		if bytes.Contains(text, []byte("sk-ant-ort")) || bytes.Contains(text, []byte("refreshToken")) {
			t.Errorf("%s holds a refresh token", name)
		}
		r.must(os.WriteFile(h.entry, append([]byte(`{"mcpOAuth":`+mcp+`,`), text[1:]...), 0o600))
		r.keytender(nil, "lend", "--back", h.back)
		if out, _, err := r.in(h, "auth", "status", "--json"); err == nil ||
			!strings.Contains(out, `"loggedIn": false`) {
			t.Errorf("%s, after taking it back: %v\n%s", name, err, out)
		}
		var left map[string]json.RawMessage
		text, err = os.ReadFile(h.entry)
		r.must(err)
		r.must(json.Unmarshal(text, &left))
		if len(left) != 1 || string(left["mcpOAuth"]) != mcp {
			t.Errorf("%s, after taking it back the entry holds %d keys", name, len(left))
		}
	}
	if r.authStatus(); r.server.Count("renew") != 3 {
		t.Error("the owner's client renewed")
	}
}

// TestRealClientInATerminalWhereItWasLent: started by a person, the client asks for no theme and
// for no sign-in, but at once whether it may work in the folder.
func TestRealClientInATerminalWhereItWasLent(t *testing.T) {
	testguard.Slow(t)
	r := newRealClaude(t)
	r.signIn()
	dir := filepath.Join(r.home, "lent")
	r.keytender(nil, "lend", dir)
	cmd := exec.Command(r.path)
	cmd.Dir = t.TempDir()
	cmd.Env = append(slices.Clone(r.env), "CLAUDE_CONFIG_DIR="+dir, "ANTHROPIC_BASE_URL="+r.server.URL(),
		"TERM=xterm-256color")
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 120})
	r.must(err)
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = terminal.Close()
	}()
	stop := time.AfterFunc(testguard.Patience, func() { _ = cmd.Process.Kill() })
	defer stop.Stop()
	var screen []byte
	for buffer := make([]byte, 4096); ; {
		n, err := terminal.Read(buffer)
		screen = append(screen, buffer[:n]...)
		switch text := regexp.MustCompile(`\x1b\[[0-9;?]*[a-zA-Z]|\s`).ReplaceAllString(string(screen), ""); {
		case strings.Contains(text, "trustthisfolder"):
			return
		case strings.Contains(text, "textstyle"), strings.Contains(text, "loginmethod"):
			t.Fatalf("the client asks as if it were new:\n%s", screen)
		case err != nil:
			t.Fatalf("%v:\n%s", err, screen)
		}
	}
}
