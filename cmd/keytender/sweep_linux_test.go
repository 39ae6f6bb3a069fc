package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
	"keytender/internal/testguard"
)

// The sweep: the built program goes through the journey, and through it again with
// every fault, and then all that the runs left behind is searched for each code,
// verifier, token and key that the server ever saw: output, log, pages, files, and
// the arguments and environment of every process, as the system shows them to all.

// builtProgram is the program as it is shipped, built once.
var builtProgram = sync.OnceValues(func() (string, error) {
	path := filepath.Join(os.Getenv("HOME"), "built", "keytender")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return path, nil
})

// rig is one installation beside one server.
type rig struct {
	*testing.T
	server  *fakeclaude.Server
	program string
	dir     string // everything is below it
	home    string
	entry   string
	env     []string

	mu     sync.Mutex
	said   map[string]string // what was printed, by what printed it
	states []string          // of the attempts: they stand in URLs, but in no file
}

func newRig(t *testing.T) *rig {
	t.Helper()
	program, err := builtProgram()
	if err != nil {
		t.Fatal(err)
	}
	startWatch()
	server, err := fakeclaude.StartWith(fakeclaude.Options{Control: (*fakeclaude.Server).Control})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	r := &rig{T: t, server: server, program: program, dir: t.TempDir(), said: map[string]string{}}
	t.Cleanup(r.awaitBrowsers) // before its folder goes
	r.home = filepath.Join(r.dir, "home")
	r.entry = filepath.Join(r.home, ".claude", ".credentials.json")
	self, err := os.Executable()
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(r.entry), 0o700), os.Mkdir(filepath.Join(r.dir, "tmp"), 0o700))
	}
	for _, name := range []string{"browser", "decline-browser", "claude", "gh", "ssh", "docker"} {
		err = errors.Join(err, os.Symlink(self, filepath.Join(r.dir, name)))
	}
	if err != nil {
		t.Fatal(err)
	}
	r.env = append(server.Env(), sweepMark, "GORACE="+testguard.RaceOptions, "PATH="+r.dir+":"+os.Getenv("PATH"),
		"HOME="+r.home, "USER=tester", "TMPDIR="+filepath.Join(r.dir, "tmp"),
		"KEYTENDER_HOME="+filepath.Join(r.home, "kt"), "KEYTENDER_STORE=file", "KEYTENDER_LOG=debug",
		"GOTRACEBACK=crash",
		"PAGE="+filepath.Join(r.dir, "page"), "ENTRY="+r.entry, "RECORD="+t.TempDir(),
		"DBUS_SESSION_BUS_ADDRESS=unix:path="+filepath.Join(r.dir, "no-bus"))
	return r
}

// awaitBrowsers waits until nothing lives that was started here. A browser outlives the
// command that opened it, and still writes the page that it was shown.
func (r *rig) awaitBrowsers() {
	mine := []byte("PAGE=" + filepath.Join(r.dir, "page") + "\x00")
	lives := func() bool {
		paths, _ := filepath.Glob("/proc/[0-9]*/environ")
		return slices.ContainsFunc(paths, func(path string) bool {
			environ, _ := os.ReadFile(path) // one that ended meanwhile, or is somebody else's, has none
			return bytes.Contains(environ, mine)
		})
	}
	for end := time.Now().Add(time.Minute); lives(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			r.Error("something that was started here does not end")
			return
		}
	}
}

// command is the program in a shell that takes nothing from files and lets cores be
// written, so that their permissions and their absence are the program's own doing.
func (r *rig) command(args ...string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"-c", `umask 0; ulimit -c unlimited; exec "$0" "$@"`, r.program},
		args...)...)
	cmd.Env, cmd.Dir = r.env, r.dir
	return cmd
}

// run runs the program to its end and keeps what it said. The stdout of `token` and
// `api-key print` is the one place where a secret belongs.
func (r *rig) run(args ...string) (exit int, stdout string) {
	r.Helper()
	return r.runOn("", args...)
}

// well is run for what must go well, or the sweep would see nothing.
func (r *rig) well(args ...string) {
	r.Helper()
	if exit, _ := r.run(args...); exit != 0 {
		r.Errorf("%v: exit %d\n%v", args, exit, r.said)
	}
}

func (r *rig) runOn(stdin string, args ...string) (exit int, stdout string) {
	r.Helper()
	cmd := r.command(args...)
	var out, err bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &err
	if e := cmd.Run(); e != nil && cmd.ProcessState == nil {
		r.Fatal(e)
	}
	r.keep(args, out.String(), err.String())
	return cmd.ProcessState.ExitCode(), out.String()
}

var stateInURL = regexp.MustCompile(`[?&]state=([A-Za-z0-9_-]{43})`)

func (r *rig) keep(args []string, stdout, stderr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := fmt.Sprintf("%d %s", len(r.said), strings.Join(args, " "))
	if line := strings.Join(args, " "); strings.HasPrefix(line, "token") || line == "api-key print" {
		stdout = ""
	}
	r.said[name] = stdout + stderr
	for _, found := range stateInURL.FindAllStringSubmatch(stderr, -1) {
		r.states = append(r.states, found[1])
	}
}

func (r *rig) fault(faults ...fakeclaude.Fault) {
	r.server.Set(func(b *fakeclaude.Behaviour) { b.Faults = faults })
}

func (r *rig) login(browser string, more ...string) int {
	r.Helper()
	exit, _ := r.run(append([]string{"login", "--timeout", "20s", "--browser-command", filepath.Join(r.dir, browser)},
		more...)...)
	return exit
}

// paste signs in by hand: lines that are refused first, then the code.
func (r *rig) paste() int {
	r.Helper()
	args := []string{"login", "--method", "paste", "--timeout", "20s"}
	cmd := r.command(args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		r.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		r.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.Fatal(err)
	}
	var all strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		fmt.Fprintln(&all, lines.Text())
		if url, ok := strings.CutPrefix(lines.Text(), "Paste URL: "); ok {
			location, err := r.server.Approve(r.Context(), url)
			if err != nil {
				r.Fatal(err)
			}
			text, err := faults.PasteText(location)
			if err != nil {
				r.Fatal(err)
			}
			code, _, _ := strings.Cut(text, "#")
			access, _ := r.server.Issue("pasted@example.com")
			_, _ = io.WriteString(stdin, code+"#another-state\n"+access+"\n"+text+"\n")
		}
	}
	_ = cmd.Wait()
	r.keep(args, "", all.String())
	return cmd.ProcessState.ExitCode()
}

// seed imports a pair that ends in so many seconds.
func (r *rig) seed(seconds int) {
	r.Helper()
	access, refresh := r.server.Issue("a@example.com")
	text := fmt.Sprintf(
		`{"claudeAiOauth":{"accessToken":%q,"refreshToken":%q,"expiresAt":%d,"scopes":["user:profile","user:inference"]}}`,
		access, refresh, time.Now().Add(time.Duration(seconds)*time.Second).UnixMilli())
	if exit, _ := r.runOn(text, "import", "-"); exit != 0 {
		r.Fatalf("import: exit %d: %v", exit, r.said)
	}
}

// rest is every verb that shows or carries something.
func (r *rig) rest() {
	for _, line := range []string{
		"status", "status --json", "status --check", "token", "history", "history --json", "accounts",
		"mirror --dry-run", "mirror", "mirror --undo",
		"doctor", "doctor --fix --report report.txt", "api-key print",
	} {
		r.run(strings.Fields(line)...)
	}
}

// needles are the shapes in which a secret would be found, its random part alone too.
func needles(secret string) []string {
	tail := secret[max(0, len(secret)-8):]
	return []string{
		tail, hex.EncodeToString([]byte(secret)),
		strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "="),
	}
}

// sweep searches everything that r's runs left behind.
func (r *rig) sweep() {
	r.Helper()
	places := maps.Clone(r.said)
	ours := map[string]bool{} // files and pages of ours, which must not hold a state either
	if page, err := os.ReadFile(filepath.Join(r.dir, "page")); err == nil {
		_, body, _ := strings.Cut(string(page), "\n") // the line above is the browser's own address
		places["page"], ours["page"] = body, true
	}
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == r.dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, r.dir)
		if mode := info.Mode(); strings.HasPrefix(path, r.home+"/") && mode.Perm()&0o077 != 0 {
			r.Errorf("%s has the permissions %v", name, mode)
		}
		if !info.Mode().IsRegular() || name == "/page" || mayHoldTokens(name) {
			return nil
		}
		data, err := os.ReadFile(path)
		places[name], ours[name] = string(data), true
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	secrets := r.server.Secrets()
	if len(secrets) < 2 {
		r.Fatalf("there were only %d secrets to look for", len(secrets))
	}
	watch.mu.Lock()
	processes := slices.Collect(maps.Keys(watch.seen))
	watch.mu.Unlock()
	for _, secret := range secrets {
		for _, needle := range needles(secret) {
			for place, text := range places {
				if i := strings.Index(text, needle); i >= 0 {
					r.Errorf("%s holds %s:\n…%s…", place, secret, text[max(0, i-200):min(len(text), i+100)])
				}
			}
			for _, text := range processes {
				if strings.Contains(text, needle) {
					r.Errorf("a process showed %s:\n%q", secret, text)
				}
			}
		}
	}
	for place := range ours {
		for _, state := range r.states {
			if strings.Contains(places[place], state) {
				r.Errorf("%s holds the state of an attempt", place)
			}
		}
	}
}

// mayHoldTokens are the files in which tokens are kept: the file store, Claude Code's
// entry, and what a renewal could not bring there yet.
func mayHoldTokens(name string) bool {
	base := filepath.Base(name)
	return name == "/home/kt/credentials.json" || name == "/home/.claude/.credentials.json" ||
		strings.HasPrefix(name, "/home/.claude/.credentials.json.aside-") || // a damaged one, as doctor --fix leaves it
		filepath.Dir(name) == "/home/kt/state" &&
			(strings.HasPrefix(base, "spill-") || strings.HasPrefix(base, "reserve-"))
}

// sweptFaults are what the token endpoint can do to a call.
var sweptFaults = map[string]fakeclaude.Fault{
	"none":           {},
	"down":           faults.Unavailable(""),
	"throttled":      faults.Throttle("1"),
	"reset":          {Reset: true},
	"lost":           faults.Lost(),
	"refused":        faults.Refusal(400, "invalid_grant", "no"),
	"wrong client":   faults.Refusal(401, "invalid_client", "no"),
	"token in error": faults.Refusal(400, "invalid_request", "bad token sk-ant-ort01-FAKE-planted-in-the-error"),
	"token in code":  faults.Refusal(400, "sk-ant-ort01-FAKE-planted-in-the-error", "no"),
	"token in a page": {Status: 502, Header: map[string]string{"Content-Type": "text/html"},
		Body: "<h1>sk-ant-ort01-FAKE-planted-in-the-error</h1>"},
	"portal":          faults.HTMLPage(200),
	"forbidden":       faults.HTMLPage(403),
	"elsewhere":       faults.Redirect("http://127.0.0.1:9/"),
	"cut":             {CutAfter: 90},
	"cut late":        {CutAfter: 300},
	"other type":      faults.With("token_type", `"mac"`),
	"odd lifetime":    faults.With("expires_in", `"soon"`),
	"short lifetime":  faults.With("expires_in", `1`),
	"no access token": faults.Without("access_token"),
	"odd token":       faults.With("access_token", `"sk-ant-oat01-FAKE planted-in-the-error"`),
	"odd refresh":     faults.With("refresh_token", `["sk-ant-ort01-FAKE-planted-in-the-error"]`),
	"odd account":     faults.With("account", `{"email_address":"sk-ant-ort01-FAKE-planted-in-the-error"}`),
}

const planted = "planted-in-the-error"

func (r *rig) sweepPlanted() {
	for place, text := range r.said {
		if strings.Contains(text, planted) {
			r.Errorf("%s repeats a token out of a response:\n%s", place, text)
		}
	}
	for _, name := range []string{"page", "home/kt/keytender.log", "home/kt/state/ledger.json",
		"home/kt/state/history.jsonl"} {
		if text, err := os.ReadFile(filepath.Join(r.dir, name)); err == nil && strings.Contains(string(text), planted) {
			r.Errorf("%s repeats a token out of a response:\n%s", name, text)
		}
	}
}

func TestSweepExchange(t *testing.T) {
	testguard.Slow(t)
	for name, fault := range sweptFaults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.fault(fault.For("exchange"))
			r.login("browser")
			r.run("status", "--json")
			r.fault(fault.For("exchange"))
			r.paste()
			r.rest()
			r.run("logout", "--yes", "--revoke")
			r.sweep()
			r.sweepPlanted()
			if got := r.server.Count("exchange"); got < 2 {
				t.Errorf("%d exchanges: the fault was not met", got)
			}
		})
	}
}

func TestSweepRenewal(t *testing.T) {
	testguard.Slow(t)
	for name, fault := range sweptFaults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.seed(-5)
			r.fault(fault.For("renew"))
			r.run("token")
			r.rest()
			r.run("refresh", "--force")
			r.run("logout", "--yes")
			r.sweep()
			r.sweepPlanted()
			if got := r.server.Count("renew"); got < 1 {
				t.Errorf("%d renewals: the fault was not met", got)
			}
		})
	}
}

// The rest of what can go wrong in a journey: the API, the browser's redirect, the
// stores, the flags.
func TestSweepOtherTrouble(t *testing.T) {
	testguard.Slow(t)
	for name, journey := range map[string]func(*rig){
		"declined": func(r *rig) { r.login("decline-browser") },
		"refused scope": func(r *rig) {
			r.server.Set(func(b *fakeclaude.Behaviour) { b.AllowError = "invalid_scope" })
			r.login("browser")
		},
		"lent elsewhere": func(r *rig) {
			elsewhere := r.elsewhere()
			r.login("browser")
			r.well("lend", "--ssh", "host")
			r.well("lend", "--container", "box:lent")
			r.well("refresh", "--force")
			r.put(filepath.Join(elsewhere, "box", "home", "lent", ".credentials.json"),
				`{"claudeAiOauth":{"accessToken":"`+r.issue())
			r.put(filepath.Join(elsewhere, "host", "down"), "")
			r.well("refresh", "--force")
			r.run("lend", "--all")
			r.run("places")
			r.noRefreshTokenIn(elsewhere)
		},
		"no browser": func(r *rig) { r.login("no-such-browser", "--timeout", "300ms") },
		"profile refused": func(r *rig) {
			r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"profile": 403} })
			r.login("browser")
		},
		"profile elsewhere": func(r *rig) {
			r.fault(faults.Redirect("http://127.0.0.1:9/").For("profile"))
			r.login("browser")
		},
		"models refused": func(r *rig) {
			r.login("browser")
			r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"models": 401} })
		},
		"revoke fails": func(r *rig) {
			r.login("browser")
			r.fault(faults.Unavailable("").For("revoke"))
			r.run("logout", "--yes", "--revoke")
		},
		"another account expected": func(r *rig) { r.login("browser", "--expect", "b@example.com") },
		"one year":                 func(r *rig) { r.login("browser", "--long-lived") },
		"damaged entry": func(r *rig) {
			r.put(r.entry, `{"claudeAiOauth":{"accessToken":"`+r.issue())
			r.login("browser")
			r.run("import", "claude-code")
			r.run("refresh", "--force")
		},
		"damaged store": func(r *rig) {
			r.login("browser")
			r.put(filepath.Join(r.home, "kt", "credentials.json"), `{"accounts":{"default":{"access":"`+r.issue())
			r.login("browser")
		},
		"damaged import": func(r *rig) {
			r.runOn(`{"claudeAiOauth":{"accessToken":"`+r.issue(), "import", "-")
			r.runOn(r.issue(), "import", "-")
			r.runOn(`{"claudeAiOauth":{"accessToken":"`+r.issue()+`","expiresAt":"never","scopes":1}}`, "import", "-")
		},
		"token as argument": func(r *rig) {
			// The person's own doing shows in their process list; we at least repeat it nowhere.
			for _, args := range [][]string{{"token", planted}, {"import", planted}, {planted},
				{"login", "--account", planted + "!"}, {"login", "--method", planted}} {
				r.run(args...)
			}
			for name, text := range r.said {
				_, printed, _ := strings.Cut(text, "\n")
				if strings.Contains(printed, planted) {
					r.Errorf("%s: the argument is repeated:\n%s", name, text)
				}
			}
			r.login("browser")
		},
		"no keychain": func(r *rig) {
			r.env = append(r.env, "KEYTENDER_STORE=auto")
			r.login("browser")
			r.run("refresh", "--force")
		},
		"keychain demanded, none there": func(r *rig) {
			r.env = append(r.env, "KEYTENDER_STORE=keychain")
			r.login("browser")
		},
		"password in the proxy's URL": func(r *rig) {
			r.env = append(r.env, "HTTPS_PROXY=http://me:"+planted+"@127.0.0.1:9",
				"ANTHROPIC_TOKEN_URL=https://example.invalid/token")
			r.login("browser")
			r.sweepPlanted()
			r.env = slices.DeleteFunc(r.env, func(v string) bool {
				return strings.HasPrefix(v,
					"ANTHROPIC_TOKEN_URL=https")
			})
			r.login("browser")
		},
		"password in a setting's URL": func(r *rig) {
			r.env = append(r.env, "ANTHROPIC_TOKEN_URL=https://me:"+planted+"@example.invalid/token")
			r.login("browser")
			r.run("status")
			r.sweepPlanted()
			r.env = slices.DeleteFunc(r.env, func(v string) bool {
				return strings.HasPrefix(v,
					"ANTHROPIC_TOKEN_URL=https")
			})
			r.login("browser")
		},
		"key set and exported": func(r *rig) {
			key := "sk-ant-api03-FAKE-" + planted
			r.runOn(key, "api-key", "set")
			for _, how := range []string{"", "echo", "forbidden"} {
				r.env = append(r.env, "FAKE_GH="+how)
				r.run("export", "github", "--repo", "o/n", "--api-key")
			}
			r.sweepPlanted()
			r.run("api-key", "remove", "--yes")
		},
		"key made": func(r *rig) {
			r.well("api-key", "create", "--browser-command", filepath.Join(r.dir, "browser"))
			r.server.Set(func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"create_api_key": 403} })
			r.run("api-key", "create", "--browser-command", filepath.Join(r.dir, "browser"))
			r.fault(fakeclaude.Fault{CutAfter: 30}.For("create_api_key"))
			r.run("api-key", "create", "--browser-command", filepath.Join(r.dir, "browser"))
		},
		"token exported": func(r *rig) {
			r.login("browser", "--long-lived", "--account", "ci", "--no-mirror")
			r.well("export", "github", "--repo", "o/n")
			r.env = append(r.env, "FAKE_GH=echo")
			r.run("export", "github", "--repo", "o/n")
		},
		"official client": func(r *rig) {
			for _, how := range []string{"fail", "lie", "write-and-fail"} {
				r.env = append(r.env, "FAKE_CLAUDE="+how)
				r.run("login", "--method", "claude-code")
			}
			r.env = append(r.env, "FAKE_CLAUDE=")
			r.well("login", "--method", "claude-code")
		},
		"renewal by the official client": func(r *rig) {
			r.env = append(r.env, "KEYTENDER_REFRESH_WITH=claude")
			r.well("login", "--method", "claude-code")
			for _, how := range []string{"refuse", "write-and-fail", "", "blank"} {
				r.env = append(r.env, "FAKE_CLAUDE="+how)
				r.run("refresh", "--force")
			}
		},
		"demo": func(r *rig) { r.well("demo", "--headless"); r.login("browser") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			journey(r)
			r.rest()
			r.run("logout", "--yes")
			r.issue() // so that there is always something to look for
			r.sweep()
		})
	}
}

// elsewhere makes a host and a container for the stand-ins of ssh and docker.
func (r *rig) elsewhere() string {
	r.Helper()
	dir := r.TempDir()
	for _, name := range []string{"host", "box"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "home"), 0o700); err != nil {
			r.Fatal(err)
		}
	}
	r.env = append(r.env, "ELSEWHERE="+dir)
	return dir
}

// noRefreshTokenIn: what renews a login was never brought there.
func (r *rig) noRefreshTokenIn(dir string) {
	r.Helper()
	found := 0
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		found += strings.Count(string(text), "sk-ant-oat")
		if strings.Contains(string(text), "sk-ant-ort") || strings.Contains(string(text), "refreshToken") {
			r.Errorf("%s holds a refresh token", path)
		}
		return err
	})
	if found == 0 {
		r.Error("no access token was there either")
	}
}

func (r *rig) put(path, text string) {
	r.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) issue() string {
	access, _ := r.server.Issue("a@example.com")
	return access
}

// A process that is ended in the middle of a token call prints no secret, stores none
// outside its place, and leaves no core; SIGABRT makes Go print every
// stack, as a panic does.
func TestSweepEnded(t *testing.T) {
	testguard.Slow(t)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT,
		syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGKILL} {
		for _, call := range []string{"exchange", "renew"} {
			t.Run(fmt.Sprint(call, " ", signal), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				args := []string{"login", "--browser-command", filepath.Join(r.dir, "browser")}
				if call == "renew" {
					r.seed(-5)
					args = []string{"refresh", "--force"}
				}
				r.fault(fakeclaude.Fault{Silent: true}.For(call))
				cmd := r.command(args...)
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				for deadline := time.Now().Add(testguard.Patience); r.server.Held() == 0; time.Sleep(
					5 * time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatal("no call came")
					}
				}
				limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", cmd.Process.Pid))
				if err != nil || !regexp.MustCompile(`(?m)^Max core file size +0 `).Match(limits) {
					t.Errorf("cores can be written: %v\n%s", err, limits)
				}
				_ = cmd.Process.Signal(signal)
				if endingSignals[signal] > 0 {
					time.Sleep(50 * time.Millisecond) // a renewal that was sent is waited for
					r.server.Release()
				}
				_ = cmd.Wait()
				r.server.Release()
				r.keep(args, "", stderr.String())
				stacks := signal == syscall.SIGABRT || signal == syscall.SIGSEGV
				if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.CoreDump() ||
					stacks != strings.Contains(stderr.String(), "goroutine ") {
					t.Errorf("ended with %v:\n%s", cmd.ProcessState, &stderr)
				}
				r.rest()
				r.sweep()
			})
		}
	}
}

// logFileSize is at which a part of the log ends.
const logFileSize = 1 << 20

// The log never takes more than 5 MiB, however often it is opened, and every part of
// it is 0600.
func TestLogIsBounded(t *testing.T) {
	r := newRig(t)
	r.seed(3600)
	log := filepath.Join(r.home, "kt", "keytender.log")
	var most int64
	for i := range 12 {
		// As a long life at level debug would leave it: just under a file's size.
		f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		info, _ := f.Stat()
		_, _ = f.Write(bytes.Repeat([]byte("x"), int(max(0, logFileSize-10-info.Size()))))
		f.Close()
		r.run("refresh", "--force")
		if i%2 == 0 {
			time.Sleep(10 * time.Millisecond) // names of old parts differ by the millisecond
		}
		parts, _ := filepath.Glob(filepath.Join(r.home, "kt", "keytender*.log*"))
		all := int64(0)
		for _, part := range parts {
			info, err := os.Stat(part)
			if err != nil {
				continue
			}
			all += info.Size()
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has the permissions %v", filepath.Base(part), info.Mode())
			}
		}
		most = max(most, all)
	}
	if most > 5<<20 {
		t.Errorf("the log took %d bytes", most)
	}
	if most < logFileSize {
		t.Errorf("the log took %d bytes: nothing was tried", most)
	}
}

// sweepMark is in the environment of every process that is watched.
const sweepMark = "KTTEST_SWEPT=1"

// watch reads the arguments and the environment of every marked process about a
// thousand times a second, as any program of the same user could.
var watch struct {
	mu    sync.Mutex
	seen  map[string]bool // distinct arguments and environments
	looks int
}

var startWatch = sync.OnceFunc(func() {
	watch.seen = map[string]bool{}
	before := map[string]bool{}
	for _, pid := range pids() {
		before[pid] = true
	}
	go func() {
		for {
			for _, pid := range pids() {
				if before[pid] {
					continue
				}
				environ, err := os.ReadFile("/proc/" + pid + "/environ")
				if err != nil || !bytes.Contains(environ, []byte(sweepMark)) {
					continue
				}
				arguments, _ := os.ReadFile("/proc/" + pid + "/cmdline")
				watch.mu.Lock()
				watch.seen[string(arguments)] = true
				watch.seen[string(environ)] = true
				watch.mu.Unlock()
			}
			watch.mu.Lock()
			watch.looks++
			watch.mu.Unlock()
			time.Sleep(200 * time.Microsecond)
		}
	}()
})

func pids() []string {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	return slices.DeleteFunc(names, func(name string) bool { return name[0] < '0' || name[0] > '9' })
}

// TestSweepSees holds that the sweep is not blind: it finds what is there to be found.
func TestSweepSees(t *testing.T) {
	r := newRig(t)
	begun := time.Now()
	watch.mu.Lock()
	looksBefore := watch.looks
	watch.mu.Unlock()
	if exit := r.login("browser"); exit != 0 {
		t.Fatalf("login: exit %d\n%v", exit, r.said)
	}
	if exit := r.paste(); exit != 0 {
		t.Fatalf("paste: exit %d\n%v", exit, r.said)
	}
	kinds := map[string]bool{}
	for _, secret := range r.server.Secrets() {
		switch {
		case strings.HasPrefix(secret, "FAKE-code-"):
			kinds["code"] = true
		case strings.HasPrefix(secret, "sk-ant-oat01-FAKE-"):
			kinds["access"] = true
		case strings.HasPrefix(secret, "sk-ant-ort01-FAKE-"):
			kinds["refresh"] = true
		case len(secret) == 43:
			kinds["verifier"] = true
		}
	}
	if len(kinds) != 4 || len(r.states) < 2 {
		t.Errorf("known: %v and %d states", kinds, len(r.states))
	}
	stored, err := os.ReadFile(filepath.Join(r.home, "kt", "credentials.json"))
	if err != nil || !slices.ContainsFunc(r.server.Secrets(),
		func(s string) bool { return bytes.Contains(stored, []byte(needles(s)[0])) }) {
		t.Errorf("not even the store holds a secret: %v", err)
	}
	watch.mu.Lock()
	defer watch.mu.Unlock()
	ours, browsers, withState := 0, 0, 0
	for text := range watch.seen {
		if strings.HasPrefix(text, r.program+"\x00login") {
			ours++
		}
		if strings.HasPrefix(text, filepath.Join(r.dir, "browser")+"\x00") {
			browsers++
			if strings.Contains(text, "state="+r.states[0]) && strings.Contains(text, "code_challenge=") {
				withState++
			}
		}
	}
	if ours < 2 || browsers == 0 || withState == 0 {
		t.Errorf("seen: %d of our processes, %d browsers, %d with state and challenge in the address", ours, browsers,
			withState)
	}
	t.Logf("%.0f looks a second", float64(watch.looks-looksBefore)/time.Since(begun).Seconds())
}
