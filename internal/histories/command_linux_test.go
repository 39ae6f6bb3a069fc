package histories

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"keytender/internal/fakeclaude"
)

// shell is where a command is typed: variables beside the world's, and its stdin.
type shell struct {
	w   *world
	env []string // NAME=value; NAME alone takes a variable away
	in  string
	cwd string
}

func (w *world) shell(env ...string) shell { return shell{w: w, env: env} }

func (w *world) run(args ...string) result { w.Helper(); return w.shell().run(args...) }

// result is what became of a command.
type result struct {
	w        *world
	args     []string
	code     int // -1: it was killed
	out, err string
	took     time.Duration
}

// contracted are the exit codes that there are.
var contracted = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 129, 130, 131, 143}

// commandLimit is more than any command may take.
const commandLimit = 110 * time.Second

// process is a command that runs.
type process struct {
	w       *world
	args    []string
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	mu      sync.Mutex
	out     bytes.Buffer
	err     bytes.Buffer
	started time.Time
	ended   chan struct{}
	limit   *time.Timer
}

// side collects one of a process's outputs.
type side struct {
	p *process
	b *bytes.Buffer
}

func (s side) Write(text []byte) (int, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	return s.b.Write(text)
}

// start begins a command; its stdin stays open where a test means to type.
func (s shell) start(args ...string) *process {
	s.w.Helper()
	p := &process{w: s.w, args: args, cmd: exec.Command(s.w.program, args...), ended: make(chan struct{})}
	environ := map[string]string{}
	for name, value := range s.w.environ {
		environ[name] = value
	}
	for _, pair := range s.env {
		name, value, set := strings.Cut(pair, "=")
		if environ[name] = value; !set {
			delete(environ, name)
		}
	}
	for name, value := range environ {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Dir = s.w.home
	if s.cwd != "" {
		p.cmd.Dir = s.cwd
	}
	p.cmd.Stdout, p.cmd.Stderr = side{p, &p.out}, side{p, &p.err}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: credential()}
	var err error
	p.stdin, err = p.cmd.StdinPipe()
	s.w.must(err)
	p.started = time.Now()
	s.w.must(p.cmd.Start())
	p.limit = time.AfterFunc(commandLimit, func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) })
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
		p.limit.Stop()
	}()
	return p
}

// run is a command from its start to its end.
func (s shell) run(args ...string) result {
	s.w.Helper()
	p := s.start(args...)
	go func() { // it may end without having read all
		_, _ = io.WriteString(p.stdin, s.in)
		_ = p.stdin.Close()
	}()
	return p.wait()
}

func (p *process) text() (out, err string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String(), p.err.String()
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// wait waits for the end and holds what is true of every command.
func (p *process) wait() result {
	w := p.w
	w.Helper()
	<-p.ended
	r := result{w: w, args: p.args, code: p.cmd.ProcessState.ExitCode(), took: time.Since(p.started)}
	r.out, r.err = p.text()
	w.dumpKeyring()
	w.Logf("  keytender %s → %d in %v", strings.Join(r.args, " "), r.code, r.took.Round(time.Millisecond))
	if os.Getenv("KTTEST_LOUD") != "" {
		w.Logf("  %s", strings.ReplaceAll(r.String(), "\n", "\n      | "))
	}
	if r.code == -1 {
		w.lostResponses()
	} else if !slices.Contains(contracted, r.code) {
		w.Errorf("keytender %s → %d, which is none of the exit codes", strings.Join(r.args, " "), r.code)
	}
	if strings.Contains(r.err, "sk-ant-") || strings.Contains(r.out, "sk-ant-") && p.args[0] != "token" {
		w.Errorf("%v shows a token", r)
	}
	if log, err := os.ReadFile(filepath.Join(w.kt, "keytender.log")); err == nil &&
		bytes.Contains(log, []byte("sk-ant-")) {
		w.Errorf("%v left a token in the log", r)
	}
	if strings.Contains(r.err, "goroutine ") {
		w.Logf("%s", r.err)
		w.Errorf("keytender %s left a trace of its stack", strings.Join(r.args, " "))
	}
	w.judge()
	for _, c := range w.clients() {
		c.othersStay()
	}
	return r
}

// String shows a command without the token that it printed.
func (r result) String() string {
	text := "keytender " + strings.Join(r.args, " ") + " → " + itoa(r.code)
	if r.args[0] != "token" {
		text += "\n" + r.out
	}
	return text + "\n" + r.err
}

// want fails unless the exit code is one of these.
func (r result) want(codes ...int) result {
	r.w.Helper()
	if !slices.Contains(codes, r.code) {
		r.w.Fatalf("want exit %v: %v", codes, r)
	}
	return r
}

// says fails unless one of the texts stands in what was said, in whatever case.
func (r result) says(texts ...string) result {
	r.w.Helper()
	said := strings.ToLower(r.out + r.err)
	for _, text := range texts {
		if strings.Contains(said, strings.ToLower(text)) {
			return r
		}
	}
	r.w.Errorf("none of %q is said: %v", texts, r)
	return r
}

// login signs a person in: the link is opened, allowed, and the redirect followed.
func (s shell) login(who person, args ...string) result {
	s.w.Helper()
	p := s.beginLogin(who, args...)
	s.w.comeBack(p)
	return p.wait()
}

// beginLogin starts a sign-in and waits until it waits for the browser.
func (s shell) beginLogin(who person, args ...string) *process {
	s.w.Helper()
	s.w.set(func(b *fakeclaude.Behaviour) { b.Account = who.email() })
	p := s.start(append([]string{"login", "--no-browser", "--timeout", "100s"}, args...)...)
	within(commandLimit, func() bool {
		_, err := p.text()
		return strings.Contains(err, "Waiting") || p.hasEnded()
	})
	return p
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// link is the URL that a sign-in names.
func (p *process) link() string {
	_, err := p.text()
	_, after, _ := strings.Cut(err, "Sign in: ")
	url, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(url)
}

// redirect is where the browser is sent after a click on Allow.
func (w *world) redirect(p *process) string {
	w.Helper()
	if p.link() == "" { // it ended before
		return ""
	}
	location, err := w.server.Approve(context.Background(), p.link())
	w.must(err)
	return location
}

// comeBack is the browser: it allows, and follows the redirect.
func (w *world) comeBack(p *process) {
	w.Helper()
	if location := w.redirect(p); location != "" {
		w.follow(location)
	}
}

// follow is the browser on its way back, which may find nobody there.
func (w *world) follow(location string) {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", location, nil)
	if err != nil {
		w.Errorf("%v", err)
		return
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("the browser got no response")
		}
		return
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
}

func (w *world) login(who person, args ...string) result {
	w.Helper()
	return w.shell().login(who, args...)
}
