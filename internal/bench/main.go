// Command bench measures whole commands side by side with programs that people use
// for the like, in turn and in one run, and writes docs/performance.md. Ratios hold
// when the machine's speed drifts; single times do not. It touches nothing real: every
// program gets a throw-away home, a private bus and a keyring of its own.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"keytender/internal/fakeclaude"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// row is a line of the table.
type row struct{ what, goal, measured, verdict string }

// bench is one run.
type bench struct {
	dir, keytender, bare string
	env                  []string
	rows                 []row
}

const (
	report = "docs/performance.md"
	rounds = 40
)

func run() error {
	dir, err := os.MkdirTemp("", "keytender-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, keytender: filepath.Join(dir, "keytender"), bare: filepath.Join(dir, "bare")}
	home := filepath.Join(dir, "home")
	b.env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "USER=tester", "XDG_RUNTIME_DIR=" + dir,
		"DBUS_SESSION_BUS_ADDRESS=unix:path=" + filepath.Join(dir, "bus"),
		"GH_CONFIG_DIR=" + filepath.Join(dir, "gh"), "HTTPS_PROXY=http://127.0.0.1:9"}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	if err := b.build(); err != nil {
		return err
	}
	for _, measure := range []func() error{b.size, b.keychain, b.file, b.redirect, b.flood, b.crowd} {
		if err := measure(); err != nil {
			b.rows = append(b.rows, row{what: "(a measurement failed)", measured: err.Error()})
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}
	return b.write()
}

const bareProgram = `package main
import "os"
func main() { data, err := os.ReadFile(os.Args[1]); if err != nil { os.Exit(1) }; os.Stdout.Write(data) }
`

func (b *bench) build() error {
	source := filepath.Join(b.dir, "bare.go")
	if err := os.WriteFile(source, []byte(bareProgram), 0o600); err != nil {
		return err
	}
	for output, pkg := range map[string]string{b.keytender: "./cmd/keytender", b.bare: source} {
		cmd := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-ldflags", "-s -w", "-o", output, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w: %s", pkg, err, out)
		}
	}
	return nil
}

func (b *bench) size() error {
	info, err := os.Stat(b.keytender)
	if err != nil {
		return err
	}
	b.add("stripped command line", "under 9 MB", fmt.Sprintf("%.1f MB", float64(info.Size())/1e6), info.Size() < 9e6)
	return nil
}

func (b *bench) add(what, goal, measured string, reached bool) {
	verdict := "missed"
	if reached {
		verdict = "reached"
	}
	b.rows = append(b.rows, row{what, goal, measured, verdict})
	fmt.Printf("%-60s %-40s %s (%s)\n", what, measured, verdict, goal)
}

const login = `{"claudeAiOauth":{"accessToken":"sk-ant-oat01-FAKE-bench","refreshToken":"sk-ant-ort01-FAKE-bench","expiresAt":99999999999999,"scopes":["user:profile","user:inference"]}}`

// imported is an environment in which keytender holds a login that does not end.
func (b *bench) imported(name, store string) ([]string, error) {
	env := append(slices.Clone(b.env), "KEYTENDER_HOME="+filepath.Join(b.dir, name), "KEYTENDER_STORE="+store)
	cmd := exec.Command(b.keytender, "import", "-")
	cmd.Env, cmd.Stdin = env, strings.NewReader(login)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("preparing the %s store: %w: %s", store, err, out)
	}
	return env, nil
}

// once runs a command and returns its wall time.
func once(env []string, name string, args ...string) (time.Duration, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = env
	begin := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return time.Since(begin), nil
}

// ratio runs two commands in turn and returns the medians and the median of the
// pairs' ratios.
func ratio(env []string, a, b []string) (ra time.Duration, rb time.Duration, r float64, err error) {
	var as, bs []time.Duration
	var ratios []float64
	for i := range rounds + 3 {
		ta, err := once(env, a[0], a[1:]...)
		if err != nil {
			return 0, 0, 0, err
		}
		tb, err := once(env, b[0], b[1:]...)
		if err != nil {
			return 0, 0, 0, err
		}
		if i < 3 {
			continue // warm-up
		}
		as, bs, ratios = append(as, ta), append(bs, tb), append(ratios, float64(ta)/float64(tb))
	}
	return median(as), median(bs), median(ratios), nil
}

func median[T float64 | time.Duration](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

func (b *bench) compare(what string, limit float64, env []string, ours, peer []string, peerName string) error {
	if _, err := exec.LookPath(peer[0]); err != nil {
		b.rows = append(b.rows, row{what, fmt.Sprintf("at most %.1f × %s", limit, peerName), "not measured: " + peer[0] + " is not installed", ""})
		return nil
	}
	ta, tb, r, err := ratio(env, ours, peer)
	if err != nil {
		return err
	}
	b.add(what, fmt.Sprintf("at most %.1f × %s", limit, peerName),
		fmt.Sprintf("%.2f × (%.1f ms against %.1f ms)", r, milliseconds(ta), milliseconds(tb)), r <= limit)
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (b *bench) keychain() error {
	stop, err := b.session()
	if err != nil {
		return err
	}
	defer stop()
	env, err := b.imported("keychain", "keychain")
	if err != nil {
		return err
	}
	token := []string{b.keytender, "token"}
	return errors.Join(
		b.compare("`keytender token`, OS keychain", 0.5, env, token, []string{"secret-tool", "lookup", "service", "keytender", "username", "default"}, "`secret-tool lookup`"),
		b.compare("`keytender status`, OS keychain", 1.5, env, []string{b.keytender, "status"}, token, "`keytender token`"))
}

// session starts a private bus with an unlocked keyring.
func (b *bench) session() (stop func(), err error) {
	config := fmt.Sprintf(`<busconfig><type>session</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`, b.dir)
	file := filepath.Join(b.dir, "bus.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	bus := exec.Command("dbus-daemon", "--nofork", "--nopidfile", "--config-file="+file)
	keyring := exec.Command("gnome-keyring-daemon", "--foreground", "--components=secrets", "--control-directory="+filepath.Join(b.dir, "control"), "--unlock")
	keyring.Env, keyring.Stdin = b.env, strings.NewReader("bench")
	if err := bus.Start(); err != nil {
		return nil, err
	}
	time.Sleep(300 * time.Millisecond)
	if err := keyring.Start(); err != nil {
		_ = bus.Process.Kill()
		return nil, err
	}
	time.Sleep(700 * time.Millisecond)
	return func() {
		for _, p := range []*exec.Cmd{keyring, bus} {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	}, nil
}

func (b *bench) file() error {
	env, err := b.imported("file", "file")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(b.dir, "gh"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.dir, "gh", "hosts.yml"), []byte("github.com:\n    oauth_token: FAKE\n    user: tester\n"), 0o600); err != nil {
		return err
	}
	token := []string{b.keytender, "token"}
	return errors.Join(
		b.compare("`keytender token`, file store", 0.1, env, token, []string{"gh", "auth", "token"}, "`gh auth token`"),
		b.compare("`keytender token`, file store", 2, env, token, []string{b.bare, filepath.Join(b.dir, "file", "credentials.json")}, "a bare Go program that reads the file"),
		b.compare("`keytender status`, file store", 1.5, env, []string{b.keytender, "status"}, token, "`keytender token`"))
}

// signIn starts `keytender login` and returns where its answer is awaited.
func (b *bench) signIn(server *fakeclaude.Server, name string) (cmd *exec.Cmd, location string, err error) {
	cmd = exec.Command(b.keytender, "login", "--no-browser")
	cmd.Env = append(append(slices.Clone(b.env), "KEYTENDER_HOME="+filepath.Join(b.dir, name), "KEYTENDER_STORE=file", "KEYTENDER_PORT=28765"), server.Env()...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	link := make(chan string, 1)
	go func() {
		var said bytes.Buffer
		buffer := make([]byte, 4096)
		for sent := false; ; {
			n, err := stderr.Read(buffer)
			said.Write(buffer[:n])
			if found := regexp.MustCompile(`Sign in: (\S+)\n`).FindSubmatch(said.Bytes()); found != nil && !sent {
				link <- string(found[1])
				sent = true
			}
			if err != nil {
				return
			}
		}
	}()
	select {
	case url := <-link:
		location, err = fakeclaude.Approve(context.Background(), url)
		return cmd, location, err
	case <-time.After(10 * time.Second):
		return nil, "", errors.New("keytender login printed no link")
	}
}

// answer sends the redirect and returns how long the 303 took, which comes when all
// is stored and mirrored.
func answer(location string) (time.Duration, error) {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: 20 * time.Second}
	begin := time.Now()
	r, err := client.Get(location)
	if err != nil {
		return 0, err
	}
	took := time.Since(begin)
	r.Body.Close()
	if r.StatusCode != http.StatusSeeOther {
		return 0, fmt.Errorf("the redirect was answered with %d", r.StatusCode)
	}
	done, err := client.Get("http://" + r.Request.URL.Host + r.Header.Get("Location"))
	if err == nil {
		_, _ = io.Copy(io.Discard, done.Body)
		done.Body.Close()
	}
	return took, err
}

func (b *bench) redirect() error {
	server, err := fakeclaude.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	const delay = 100 * time.Millisecond
	server.Set(func(s *fakeclaude.Behaviour) {
		s.Faults = []fakeclaude.Fault{(fakeclaude.Fault{Delay: delay}).For("exchange").Repeat(fakeclaude.Forever)}
	})
	var times []time.Duration
	for i := range 7 {
		cmd, location, err := b.signIn(server, "redirect"+strconv.Itoa(i))
		if err != nil {
			return err
		}
		took, err := answer(location)
		if err = errors.Join(err, cmd.Wait()); err != nil {
			return err
		}
		times = append(times, took-delay)
	}
	took := median(times)
	b.add("redirect received → stored and mirrored", "token endpoint's time + 30 ms", fmt.Sprintf("+ %.1f ms", milliseconds(took)), took <= 30*time.Millisecond)
	return nil
}

func (b *bench) flood() error {
	server, err := fakeclaude.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	cmd, location, err := b.signIn(server, "flood")
	if err != nil {
		return err
	}
	wrong, _, _ := strings.Cut(location, "?")
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	work := make(chan struct{}, 10_000)
	for range cap(work) {
		work <- struct{}{}
	}
	close(work)
	var wg sync.WaitGroup
	started := make(chan struct{})
	var once sync.Once
	for range 32 {
		wg.Go(func() {
			for range work {
				if r, err := client.Get(wrong + "?code=FAKE&state=wrong"); err == nil {
					r.Body.Close()
				}
				if len(work) < 9_000 {
					once.Do(func() { close(started) })
				}
			}
		})
	}
	<-started
	took, err := answer(location)
	left := len(work)
	for range work { // the rest need not be sent
	}
	wg.Wait()
	if err = errors.Join(err, cmd.Wait()); err != nil {
		return err
	}
	b.add("right redirect during a 10,000-request flood", "under 100 ms", fmt.Sprintf("%.1f ms (%d requests still to come)", milliseconds(took), left), took < 100*time.Millisecond)
	return nil
}

func (b *bench) crowd() error {
	const askers = 1000
	server, err := fakeclaude.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	access, refresh := server.Issue("a@example.com")
	env := append(append(slices.Clone(b.env), "KEYTENDER_HOME="+filepath.Join(b.dir, "crowd"), "KEYTENDER_STORE=file"), server.Env()...)
	cmd := exec.Command(b.keytender, "import", "-")
	cmd.Env = env
	cmd.Stdin = strings.NewReader(fmt.Sprintf(`{"claudeAiOauth":{"accessToken":%q,"refreshToken":%q,"expiresAt":1,"scopes":["user:profile","user:inference"]}}`, access, refresh))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed error
		tokens = map[string]bool{}
	)
	begin := time.Now()
	for range askers {
		wg.Go(func() {
			cmd := exec.Command(b.keytender, "token")
			cmd.Env = env
			out, err := cmd.Output()
			mu.Lock()
			defer mu.Unlock()
			tokens[string(out)] = true
			if err != nil {
				failed = err
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	// The same crowd with nothing to renew: start-up alone.
	begin = time.Now()
	for range askers {
		wg.Go(func() {
			cmd := exec.Command(b.keytender, "token")
			cmd.Env = env
			_ = cmd.Run()
		})
	}
	wg.Wait()
	startup := time.Since(begin)
	posts := server.Count("renew")
	b.add("1,000 `token` at once while expired", "one POST, in the time of one plus start-up",
		fmt.Sprintf("%d POST, %d different answers, %.1f s; start-up alone %.1f s", posts, len(tokens), took.Seconds(), startup.Seconds()),
		failed == nil && posts == 1 && len(tokens) == 1 && took < 2*startup+time.Second)
	return failed
}

// write replaces the table, with the former one's figures beside the new.
func (b *bench) write() error {
	var out strings.Builder
	fmt.Fprintf(&out, "# Performance\n\nWritten by `make bench`, which measures whole commands in turn with their peers, %d times each,\non a throw-away home with a private bus and keyring. The figures are medians; a ratio is the\nmedian of the pairs' ratios. Machine of this run: %d cores, %s/%s.\n\n", rounds, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	out.WriteString("| what | goal | measured | |\n| --- | --- | --- | --- |\n")
	for _, r := range b.rows {
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", r.what, r.goal, r.measured, r.verdict)
	}
	if former, err := os.ReadFile(report); err == nil {
		// What stands below the table was written by hand and stays.
		if _, rest, found := strings.Cut(string(former), "\n## "); found {
			out.WriteString("\n## " + rest)
		}
	}
	return os.WriteFile(report, []byte(out.String()), 0o644)
}
