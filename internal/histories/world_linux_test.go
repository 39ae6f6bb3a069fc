package histories

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/secret"
)

// reporter is what testing.T and rapid.T have in common.
type reporter interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// person is the local part of an e-mail, and the name of the account that tests give.
type person string

// ann and bob are the user's own accounts; xia and yan sign in to Claude Code themselves.
const (
	ann person = "ann"
	bob person = "bob"
	cat person = "cat"
	xia person = "xia"
	yan person = "yan"
)

func (p person) email() string { return string(p) + "@example.com" }

// world is one machine: a home, an installation, the server, and Claude Code in two
// configuration directories.
type world struct {
	reporter
	server  *fakeclaude.Server
	root    string
	home    string
	kt      string            // KEYTENDER_HOME
	environ map[string]string // of every command
	cc      *client           // in ~/.claude
	work    *client           // in ~/work, which CLAUDE_CONFIG_DIR names
	program string
	keyring *keyring // nil: the file store

	mu      sync.Mutex
	judged  int             // requests that were looked at
	unheard map[string]bool // fingerprints of refresh tokens whose response was lost
	excused map[int]string  // logins that are lost through no fault of keytender's, and why
}

// somebody is who the program runs as where tests run as root, which no file's permissions stop.
const somebody = 21077

func newWorld(t reporter) *world {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatalf("%v", err)
	}
	dir, err := scratch()
	if err != nil {
		t.Fatalf("%v", err)
	}
	root, err := os.MkdirTemp(dir, "")
	if err != nil {
		t.Fatalf("%v", err)
	}
	w := &world{reporter: t, root: root, home: filepath.Join(root, "home"), kt: filepath.Join(root, "kt"),
		program: path, unheard: map[string]bool{}, excused: map[int]string{}}
	for _, dir := range []string{w.home, filepath.Join(root, "tmp"), filepath.Join(root, "run"),
		filepath.Join(root, "bin")} {
		w.must(os.Mkdir(dir, 0o700))
		w.own(dir)
	}
	w.own(root)
	w.server, err = fakeclaude.Start()
	w.must(err)
	w.environ = map[string]string{
		"PATH": filepath.Join(root, "bin") + ":/usr/bin:/bin", "HOME": w.home, "USER": "tester", "LANG": "C.UTF-8",
		"TZ":     "UTC",
		"TMPDIR": filepath.Join(root, "tmp"), "XDG_RUNTIME_DIR": filepath.Join(root, "run"),
		"DBUS_SESSION_BUS_ADDRESS": "unix:path=" + filepath.Join(root, "no-bus"),
		"KEYTENDER_HOME":           w.kt, "KEYTENDER_STORE": "file", "KEYTENDER_LOG": "debug",
		"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9",
	}
	for _, pair := range w.server.Env() {
		name, value, _ := strings.Cut(pair, "=")
		w.environ[name] = value
	}
	w.cc = w.client(filepath.Join(w.home, ".claude"), filepath.Join(w.home, ".claude.json"))
	work := filepath.Join(w.home, "work")
	w.work = w.client(work, filepath.Join(work, ".claude.json"))
	w.work.env = []string{"CLAUDE_CONFIG_DIR=" + work}
	return w
}

// chance is what differs from run to run: a failure that is shrunk must not.
var chance = regexp.MustCompile(`[0-9]{4,}|[0-9a-f]{16}|[0-9.]+m?s\b`)

func (w *world) Errorf(format string, args ...any) {
	w.Helper()
	w.reporter.Errorf("%s", w.constant(format, args))
}

func (w *world) Fatalf(format string, args ...any) {
	w.Helper()
	w.reporter.Fatalf("%s", w.constant(format, args))
}

func (w *world) constant(format string, args []any) string {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), w.root, "")
	return chance.ReplaceAllString(text, "N")
}

// end takes the world away; it must have been left so that it can be.
func (w *world) end() {
	_ = w.server.Close()
	w.unmountAll()
	_ = os.RemoveAll(w.root)
}

func (w *world) must(err error) {
	if err != nil {
		w.Helper()
		w.Fatalf("%v", err)
	}
}

// own gives a file to who the program runs as.
func (w *world) own(path string) {
	if os.Geteuid() == 0 && os.Getenv("KTTEST_KEYCHAIN") == "" { // a bus lets its own user in
		w.must(os.Lchown(path, somebody, somebody))
	}
}

// write makes or replaces a file of the person's.
func (w *world) write(path string, data []byte, mode os.FileMode) {
	w.Helper()
	w.must(os.WriteFile(path+".new", data, mode))
	w.must(os.Chmod(path+".new", mode))
	w.own(path + ".new")
	w.must(os.Rename(path+".new", path))
}

// credential is who the program runs as.
func credential() *syscall.Credential {
	if os.Geteuid() != 0 || os.Getenv("KTTEST_KEYCHAIN") != "" {
		return nil
	}
	return &syscall.Credential{Uid: somebody, Gid: somebody, NoSetGroups: true}
}

// set changes the server's switches.
func (w *world) set(change func(*fakeclaude.Behaviour)) { w.server.Set(change) }

// faults makes the next calls go wrong in turn.
func (w *world) faults(faults ...fakeclaude.Fault) {
	w.set(func(b *fakeclaude.Behaviour) { b.Faults = faults })
}

// profile makes the profile answer with a status; 0 is the profile itself.
func (w *world) profile(status int) {
	w.set(func(b *fakeclaude.Behaviour) {
		b.Refuse = map[string]int{}
		if status != 0 {
			b.Refuse["profile"] = status
		}
	})
}

// kept lists the files of ours, and entries of Claude Code, that hold a text.
func (w *world) kept(text string) (files []string) {
	_ = filepath.WalkDir(w.root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, "keytender.log") {
			return nil
		}
		if data, err := os.ReadFile(path); err == nil && strings.Contains(string(data), text) {
			files = append(files, strings.TrimPrefix(path, w.root))
		}
		return nil
	})
	return files
}

// livingTokens lists the refresh tokens in the person's files that still work.
func (w *world) livingTokens() (found []string) {
	for _, token := range w.server.Secrets() {
		if strings.HasPrefix(token, "sk-ant-ort01-") && w.server.Alive(token) && len(w.kept(token)) > 0 {
			found = append(found, token)
		}
	}
	slices.Sort(found)
	return found
}

// renewals counts the token calls with a refresh token that keytender made.
func (w *world) renewals() (n int) {
	for _, r := range w.server.Requests() {
		if r.Kind == "renew" && ours(r) {
			n++
		}
	}
	return n
}

func ours(r fakeclaude.Record) bool { return strings.HasPrefix(r.UserAgent, "keytender/") }

func fingerprint(token string) string { return secret.New(token).Fingerprint() }

// judge fails when keytender sent a refresh token that was spent. Its own token, whose
// response was lost, it may send once more: nobody could know what had become of it.
func (w *world) judge() {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.server.Requests()
	for _, r := range all[min(w.judged, len(all)):] {
		if sent := r.Body["refresh_token"]; r.Kind == "renew" && ours(r) && r.Spent && !w.unheard[sent] &&
			w.excused[w.loginOf(sent)] == "" {
			w.Errorf("keytender sent a refresh token that was spent")
		}
	}
	w.judged = len(all)
}

// loginOf is the number of the login that a fingerprinted token belongs to.
func (w *world) loginOf(sent string) int {
	for _, token := range w.server.Secrets() {
		if fingerprint(token) == sent {
			return w.server.Login(token)
		}
	}
	return 0
}

// lostResponses says that the responses to what keytender sent since the last judgement never came.
func (w *world) lostResponses() {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.server.Requests()
	for _, r := range all[min(w.judged, len(all)):] {
		if r.Kind == "renew" && ours(r) && !r.Spent {
			w.unheard[r.Body["refresh_token"]] = true
		}
	}
}

// within waits until something is true.
func within(d time.Duration, is func() bool) bool {
	for deadline := time.Now().Add(d); ; time.Sleep(time.Millisecond) {
		if is() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// holds plays a history in a world of its own.
func holds(t *testing.T, history func(w *world)) {
	t.Helper()
	t.Parallel()
	w := newWorld(t)
	defer w.end()
	history(w)
}
