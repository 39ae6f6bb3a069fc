//go:build linux

package desktop

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"keytender/internal/testguard"
)

// mark is the variable that every process on a desktop inherits; its value is the
// desktop's directory. Whatever carries it is ended with the desktop.
const mark = "KTTEST_DESKTOP_DIR"

// place is how the directory of every desktop of this user starts. It is short because
// sockets lie in it.
func place() string {
	return filepath.Join(testguard.ShortTemp(), fmt.Sprintf("kt-desktop-%d-", os.Getuid()))
}

// spawn starts a part in a session of its own, its output in log/NAME.
func (d *Desktop) spawn(name string, cmd *exec.Cmd) {
	d.t.Helper()
	log, err := os.Create(d.path("log", name))
	if err != nil {
		d.t.Fatal(err)
	}
	defer log.Close()
	cmd.Env = d.Env()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		d.fail("starting %s: %v", name, err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	d.children = append(d.children, done)
}

// Run runs a program on this desktop, not for ever, and returns its trimmed
// standard output. The error holds what it wrote to standard error.
func (d *Desktop) Run(name string, args ...string) (string, error) { return d.feed("", name, args...) }

func (d *Desktop) feed(stdin, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), testguard.Patience)
	defer cancel()
	// Env's PATH, not ours, decides what is run
	cmd := exec.CommandContext(ctx, "env", append([]string{name}, args...)...)
	cmd.Env = d.Env()
	cmd.Stdin = strings.NewReader(stdin)
	cmd.WaitDelay = time.Second // a browser that was opened may keep the pipes
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	text := strings.TrimSpace(out.String())
	if err != nil {
		return text, fmt.Errorf("running %s: %w: %s", name, err, strings.TrimSpace(errs.String()))
	}
	return text, nil
}

// stop ends every process of this desktop, by its id, and removes its directory.
func (d *Desktop) stop() {
	if d.t.Failed() {
		d.t.Log(d.logs())
	}
	if d.bus != nil {
		d.bus.Close()
	}
	if left := end(d.processes); len(left) > 0 {
		d.t.Errorf("desktop: still running: %v", left)
	}
	for _, c := range d.children {
		<-c
	}
	if err := os.RemoveAll(d.dir); err != nil {
		d.t.Errorf("desktop: %v", err)
	}
}

// sweep ends what a test that was killed left of its desktop. It runs in our turn,
// when no other desktop lives.
func sweep() {
	end(func() []int {
		return processes(func(env, args []byte) bool {
			return bytes.Contains(env, []byte("\x00"+mark+"="+place())) ||
				bytes.Contains(args, []byte("--user-data-dir="+place()))
		})
	})
	dirs, _ := filepath.Glob(place() + "*")
	for _, dir := range dirs {
		_ = os.RemoveAll(dir)
	}
}

// processes lists the ids of what runs on this desktop. Chromium's own children wipe
// their environment, so they are known by the profile they name.
func (d *Desktop) processes() []int {
	marked, profile := []byte("\x00"+mark+"="+d.dir+"\x00"), []byte(d.profile())
	return processes(func(env, args []byte) bool {
		return bytes.Contains(env, marked) || bytes.Contains(args, profile)
	})
}

// end asks processes to end, then makes them, and returns what is left.
func end(list func() []int) []int {
	pids := list()
	for _, stage := range []struct {
		signal syscall.Signal
		limit  time.Duration
	}{{syscall.SIGTERM, 2 * time.Second}, {syscall.SIGKILL, testguard.Patience}} {
		for _, pid := range pids {
			_ = syscall.Kill(pid, stage.signal)
		}
		for limit := time.Now().Add(stage.limit); len(pids) > 0 && time.Now().Before(limit); pids = list() {
			time.Sleep(20 * time.Millisecond)
		}
	}
	return pids
}

// processes lists the ids whose environment and arguments are ours. Both are lists of
// texts with a zero byte before and behind each.
func processes(ours func(env, args []byte) bool) (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == os.Getpid() {
			continue
		}
		env, _ := os.ReadFile(filepath.Join(dir, "environ"))
		args, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		if ours(append([]byte{0}, env...), append([]byte{0}, args...)) {
			pids = append(pids, pid)
		}
	}
	return pids
}
