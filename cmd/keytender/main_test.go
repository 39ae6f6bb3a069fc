package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
	"keytender/internal/oauth"
	"keytender/internal/secret"
	"keytender/internal/testguard"
	"keytender/keychain"
)

func TestMain(m *testing.M) {
	keychain.RunChild()
	testscript.Main(guarded{m}, map[string]func(){
		"keytender":       func() { shortenLimits(); main() },
		"browser":         func() { os.Exit(browse(fakeclaude.Approve, os.Args[1:])) },
		"decline-browser": func() { os.Exit(browse(fakeclaude.Decline, os.Args[1:])) },
		"forger-browser":  func() { os.Exit(forgeThenApprove(os.Args[1:])) },
		"claude":          func() { os.Exit(fakeClaude(os.Args[1:])) },
		"hosted-browser":  func() { os.Exit(visitHosted(os.Args[1:])) },
		"paste-page":      func() { os.Exit(pastePage(os.Stdin, os.Args[1:])) },
		"gh":              func() { os.Exit(fakeGH(os.Args[1:])) },
		"ssh":             func() { os.Exit(fakeSSH(os.Args[1:])) },
		"docker":          fakeContainers("docker"),
		"podman":          fakeContainers("podman"),
	})
}

type guarded struct{ m *testing.M }

func (g guarded) Run() int { return testguard.Run(g.m) }

// browse is a browser that clicks at once and follows the redirect to its last page,
// which it writes to the file in $PAGE.
func browse(click func(context.Context, string) (string, error), args []string) int {
	ctx, cancel := context.WithTimeout(context.Background(), testguard.Patience)
	defer cancel()
	location, err := click(ctx, args[len(args)-1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return fetch(location)
}

// pastePage clicks Allow behind the link on its stdin and prints what the page then shows,
// CODE#STATE; decline: clicks the other button and prints the page's URL.
func pastePage(link io.Reader, args []string) int {
	ctx, cancel := context.WithTimeout(context.Background(), testguard.Patience)
	defer cancel()
	text, err := io.ReadAll(link)
	click := fakeclaude.Approve
	if len(args) > 0 {
		click = fakeclaude.Decline
	}
	location := ""
	if err == nil {
		location, err = click(ctx, strings.TrimSpace(string(text)))
	}
	if err == nil && len(args) == 0 {
		location, err = faults.PasteText(location)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(location)
	return 0
}

// goesOn is how a page that comes before the last one, on a slow machine, sends a browser on.
var goesOn = regexp.MustCompile(`<meta http-equiv="refresh" content="\d+;url=([^"]+)">`)

func fetch(url string) int {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: testguard.Patience}
	response, err := client.Get(url)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		return 1
	}
	if next := goesOn.FindSubmatch(page); next != nil {
		if to, err := response.Request.URL.Parse(string(next[1])); err == nil {
			time.Sleep(100 * time.Millisecond)
			return fetch(to.String())
		}
	}
	if file := os.Getenv("PAGE"); file != "" {
		text := fmt.Sprintf("%d %s\n%s", response.StatusCode, response.Request.URL, page)
		if os.WriteFile(file, []byte(text), 0o600) != nil {
			return 1
		}
	}
	return 0
}

// forgeThenApprove sends what a stranger would send first, and the right redirect after.
func forgeThenApprove(args []string) int {
	ctx, cancel := context.WithTimeout(context.Background(), testguard.Patience)
	defer cancel()
	location, err := fakeclaude.Approve(ctx, args[len(args)-1])
	if err != nil {
		return 1
	}
	base, _, _ := strings.Cut(location, "?")
	for _, query := range []string{"?code=FAKE&state=wrong", "?error=access_denied&state=wrong", "", "?code=FAKE"} {
		fetch(base + query)
	}
	return fetch(location)
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: false,
		Setup: func(env *testscript.Env) error {
			server, err := fakeclaude.StartWith(fakeclaude.Options{Control: (*fakeclaude.Server).Control})
			if err != nil {
				return err
			}
			env.Defer(func() {
				_ = server.Close()
				if found := leaks(server, filepath.Join(env.WorkDir, "kt")); found != "" {
					env.T().Fatal(found)
				}
			})
			env.Values["server"] = server
			if err := scriptsStart(env.WorkDir); err != nil {
				return err
			}
			home := filepath.Join(env.WorkDir, "home")
			if err := os.MkdirAll(filepath.Join(home, ".claude"), 0o700); err != nil {
				return err
			}
			env.Vars = append(env.Vars, server.Env()...)
			env.Vars = append(env.Vars,
				"HOME="+home, "USERPROFILE="+home, "USER=tester",
				"KEYTENDER_HOME="+filepath.Join(env.WorkDir, "kt"), "KEYTENDER_STORE=file",
				"ENTRY="+filepath.Join(home, ".claude", ".credentials.json"),
				"PAGE="+filepath.Join(env.WorkDir, "page.html"),
				"HTTPS_PROXY=http://127.0.0.1:9", "HTTP_PROXY=http://127.0.0.1:9",
				"DBUS_SESSION_BUS_ADDRESS=unix:path="+filepath.Join(env.WorkDir, "no-bus"),
				"PORT="+testguard.FreePort(t), "GORACE="+testguard.RaceOptions, "RECORD="+filepath.Join(env.WorkDir,
					"record"), "BIN="+programPath("keytender"), "ELSEWHERE="+filepath.Join(env.WorkDir, "elsewhere"),
				"CONTROL=a\x1b[31mb",
			)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":      exitsWith,
			"fault":     setFault,
			"count":     countIs,
			"mode":      modeIs,
			"old":       makeOld,
			"hold":      holdPort,
			"useragent": userAgentIs,
			"seed":      seed,
			"ending":    seedEnding,
			"noleaks":   noLeaks,
			"page":      pageShows,
			"soon":      retryNow,

			"organization": organization,
		},
	})
}

// scriptsStart sees to it that the shell scripts which a script brings can be started.
func scriptsStart(dir string) error {
	files, err := os.ReadDir(dir)
	var scripts []string
	for _, file := range files {
		path := filepath.Join(dir, file.Name())
		if text, _ := os.ReadFile(path); bytes.HasPrefix(text, []byte("#!")) {
			scripts = append(scripts, path)
		}
	}
	return errors.Join(err, testguard.Startable(scripts...))
}

// organization sets $ORG to the id of the organization that the server signs in to.
func organization(ts *testscript.TestScript, _ bool, _ []string) {
	access, _ := serverOf(ts).Issue("a@example.com")
	client := oauth.Client{APIURL: serverOf(ts).URL(), UserAgent: "keytender/test"}
	profile, err := client.Profile(context.Background(), secret.New(access))
	ts.Check(err)
	ts.Setenv("ORG", profile.OrganizationID)
}

// programPath is where a command of TestMain lies, for scripts that change PATH.
func programPath(name string) string {
	path, _ := exec.LookPath(name)
	return path
}

// exitsWith runs a command and wants this exit code: code 5 keytender token.
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command [arg...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := interface{ ExitCode() int }(nil); err != nil {
		var ok bool
		if exit, ok = err.(interface{ ExitCode() int }); !ok {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func serverOf(ts *testscript.TestScript) *fakeclaude.Server {
	return ts.Value("server").(*fakeclaude.Server)
}

// faultsByName, for scripts.
var faultsByName = map[string]func(*fakeclaude.Behaviour){
	"down": func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{faults.Unavailable("").Repeat(fakeclaude.Forever)}
	},
	"throttled": func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{faults.Throttle("120").Repeat(fakeclaude.Forever)}
	},
	"throttled-once": func(b *fakeclaude.Behaviour) { b.Faults = []fakeclaude.Fault{faults.Throttle("1")} },
	"portal":         func(b *fakeclaude.Behaviour) { b.Faults = []fakeclaude.Fault{faults.HTMLPage(200)} },
	"refused": func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{faults.Refusal(400, "invalid_grant", "FAKE gone")}
	},
	"wrong-client": func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{faults.Refusal(401, "invalid_client", "no")}
	},
	"reset":         func(b *fakeclaude.Behaviour) { b.Faults = []fakeclaude.Fault{{Reset: true}} },
	"lost":          func(b *fakeclaude.Behaviour) { b.Faults = []fakeclaude.Fault{faults.Lost()} },
	"short":         func(b *fakeclaude.Behaviour) { b.AccessLife = 30 * time.Second },
	"other-account": func(b *fakeclaude.Behaviour) { b.Account = "b@example.com" },
	"first-account": func(b *fakeclaude.Behaviour) { b.Account = "a@example.com" },
	"server-error":  func(b *fakeclaude.Behaviour) { b.AllowError = "server_error" },
	"bad-type": func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{faults.With("token_type",
			`"mac"`)}
	},
	"odd-expiry": func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{faults.With("expires_in",
			`"soon"`)}
	},
	"no-access": func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{faults.Without("access_token")}
	},
	"no-profile":     func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"profile": 403} },
	"models-refused": func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"models": 403} },
	"models-forbidden": func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{{On: "models", Status: 403, Times: 2}}
	},
	"models-claude-code-only": func(b *fakeclaude.Behaviour) {
		body := `{"type":"error","error":{"type":"permission_error","message":"This credential is only authorized for use with Claude Code and cannot be used for other API requests."}}`
		b.Faults, b.Refuse = []fakeclaude.Fault{{On: "models", Status: 403, Body: body}}, nil
	},
	"models-down": func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{{On: "models", Status: 500, Times: fakeclaude.Forever}}
	},
	"models-unauthorized-once": func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{{On: "models", Status: 401}}
	},
	"models-unauthorized": func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{{On: "models", Status: 401, Times: fakeclaude.Forever}}
	},
	"no-refresh": func(b *fakeclaude.Behaviour) {
		b.Faults = []fakeclaude.Fault{faults.Without("refresh_token")}
	},
	"cap":           func(b *fakeclaude.Behaviour) { b.LongLifeCap = 240 * time.Hour },
	"cap-off":       func(b *fakeclaude.Behaviour) { b.LongLifeCap = 0 },
	"short-profile": func(b *fakeclaude.Behaviour) { b.LongLifeScopes = nil },
	"long-profile":  func(b *fakeclaude.Behaviour) { b.LongLifeScopes = []string{"user:profile"} },
	"no-key":        func(b *fakeclaude.Behaviour) { b.Refuse = map[string]int{"create_api_key": 403} },
	"well":          func(b *fakeclaude.Behaviour) { b.Faults, b.Refuse = nil, nil },
}

// setFault turns a switch of the server: fault throttled.
func setFault(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		change, ok := faultsByName[name]
		if code, allow := strings.CutPrefix(name, "allow-"); allow {
			change, ok = func(b *fakeclaude.Behaviour) { b.AllowError = code }, true
		}
		if plan, kind := strings.CutPrefix(name, "plan-"); kind {
			change, ok = func(b *fakeclaude.Behaviour) { b.Plan = plan }, true
		}
		if life, long := strings.CutPrefix(name, "life-"); long {
			d, err := time.ParseDuration(life)
			ts.Check(err)
			change, ok = func(b *fakeclaude.Behaviour) { b.AccessLife = d }, true
		}
		if !ok {
			ts.Fatalf("there is no fault %q", name)
		}
		serverOf(ts).Set(change)
	}
}

// countIs wants so many requests of a kind: count renew 1.
func countIs(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got := serverOf(ts).Count(args[0]); (got == want) == neg {
		ts.Fatalf("%d requests of kind %s, want %d", got, args[0], want)
	}
}

// modeIs wants a file's permission bits: mode 600 FILE.
func modeIs(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if runtime.GOOS == "windows" { // the profile's own permissions guard our files there
		return
	}
	if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// makeOld dates a file so far from now: old FILE -10m; later with a positive length.
func makeOld(ts *testscript.TestScript, _ bool, args []string) {
	age, err := time.ParseDuration(args[1])
	ts.Check(err)
	at := time.Now().Add(age)
	ts.Check(os.Chtimes(ts.MkAbs(args[0]), at, at))
}

// holdPort takes a port until the script's end: hold PORT.
func holdPort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
}

// userAgentIs wants every request to have come with a User-Agent that begins so, but
// for those of the browser that stands in: useragent 'keytender/'.
func userAgentIs(ts *testscript.TestScript, _ bool, args []string) {
	for _, r := range serverOf(ts).Requests() {
		switch r.Kind {
		case "exchange", "renew", "revoke", "profile", "models", "create_api_key":
			if !strings.HasPrefix(r.UserAgent, args[0]) {
				ts.Fatalf("a %s came from %q", r.Kind, r.UserAgent)
			}
		}
	}
}

// leaks searches what a script's programs left behind for every code, verifier, token and
// key that the server ever saw, in files other than the stores.
func leaks(server *fakeclaude.Server, root string) (found string) {
	_ = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		name := filepath.Base(path)
		if err != nil || !d.Type().IsRegular() || name == "credentials.json" || strings.HasPrefix(name, "spill-") ||
			strings.HasPrefix(name, "reserve-") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil // a script may have made it unreadable
		}
		for _, secret := range server.Secrets() {
			if strings.Contains(string(text), secret[max(0, len(secret)-12):]) {
				found = fmt.Sprintf("%s holds %s", path, secret)
			}
		}
		return nil
	})
	return found
}

// seed writes a pair that the server knows in the shape of Claude Code's entry:
// seed FILE SECONDS [email] makes one whose access token ends in SECONDS.
func seed(ts *testscript.TestScript, _ bool, args []string) {
	seconds, err := strconv.Atoi(args[1])
	ts.Check(err)
	email := "a@example.com"
	if len(args) > 2 {
		email = args[2]
	}
	access, refresh := serverOf(ts).Issue(email)
	ends := time.Now().Add(time.Duration(seconds) * time.Second).UnixMilli()
	text := fmt.Sprintf(
		`{"mcpOAuth":{"server":{"big":12345678901234567890}},"claudeAiOauth":{"accessToken":%q,"refreshToken":%q,"expiresAt":%d,"scopes":["user:profile","user:inference"],"subscriptionType":"max","somethingNew":{"a":1}}}`,
		access, refresh, ends)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// seedEnding writes a pair as seed does, of a login that ends by itself: ending FILE LENGTH
// EMAIL, negative for one that is over.
func seedEnding(ts *testscript.TestScript, _ bool, args []string) {
	left, err := time.ParseDuration(args[1])
	ts.Check(err)
	access, refresh := serverOf(ts).Issue(args[2])
	now := time.Now()
	text := fmt.Sprintf(
		`{"claudeAiOauth":{"accessToken":%q,"refreshToken":%q,"expiresAt":%d,"refreshTokenExpiresAt":%d,"scopes":["user:profile","user:inference"],"subscriptionType":"max"}}`,
		access, refresh, now.Add(8*time.Hour).UnixMilli(), now.Add(left).UnixMilli())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// noLeaks wants no token in any of the files: noleaks FILE...; directories are walked.
func noLeaks(ts *testscript.TestScript, _ bool, args []string) {
	for _, root := range args {
		ts.Check(filepath.WalkDir(ts.MkAbs(root), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if err == nil && strings.Contains(string(data), "sk-ant-o") {
				ts.Fatalf("%s holds a token", path)
			}
			return err
		}))
	}
}

// pageShows waits for the browser's last page and wants a text on it, or not:
// page 'Signed in as'.
func pageShows(ts *testscript.TestScript, neg bool, args []string) {
	var page []byte
	for deadline := time.Now().Add(testguard.Patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if page, _ = os.ReadFile(ts.Getenv("PAGE")); len(page) > 0 {
			break
		}
	}
	if len(page) == 0 {
		ts.Fatalf("the browser wrote no page")
	}
	if strings.Contains(string(page), args[0]) == neg {
		ts.Fatalf("the page: %s", page)
	}
}
