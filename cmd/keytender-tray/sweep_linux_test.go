package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"keytender/internal/fakeclaude"
	"keytender/internal/fakeclaude/faults"
	"keytender/internal/testguard"
	"keytender/tray/traytest"
)

// listen writes down everything that goes over the desktop's bus.
func (d *desktop) listen() (heard *bytes.Buffer, stop func()) {
	d.Helper()
	monitor, err := exec.LookPath("dbus-monitor")
	if err != nil {
		d.Skip("dbus-monitor is not installed, so the bus cannot be listened to")
	}
	cmd := exec.Command(monitor, "--address", d.variable("DBUS_SESSION_BUS_ADDRESS"))
	heard = &bytes.Buffer{}
	cmd.Stdout = heard
	if err := cmd.Start(); err != nil {
		d.Fatal(err)
	}
	ended := false
	stop = func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	d.Cleanup(stop)
	return heard, stop
}

// variable is the value that the program was started with.
func (d *desktop) variable(name string) (value string) {
	for _, pair := range d.env {
		if n, v, _ := strings.Cut(pair, "="); n == name {
			value = v
		}
	}
	return value
}

// pid finds the running program.
func (d *desktop) pid() int {
	d.Helper()
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if exe, _ := os.Readlink(link); filepath.Dir(exe) == d.home {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			return pid
		}
	}
	d.Fatal("the program does not run")
	return 0
}

func (d *desktop) signIn() {
	d.Helper()
	d.panel.Click("  Sign in…")
	location, err := d.server.Approve(d.Context(), d.browsed())
	if err != nil {
		d.Fatal(err)
	}
	d.come(location)
}

// wait waits until the server got so many requests of a kind.
func (d *desktop) wait(kind string, count int) {
	d.Helper()
	for deadline := time.Now().Add(testguard.Patience); d.server.Count(kind) < count; time.Sleep(
		20 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.Fatalf("%d requests of kind %s, want %d", d.server.Count(kind), kind, count)
		}
	}
}

// renewNow clicks until the server was asked so often. While a renewal is underway a click does
// nothing, and a menu that is slow shows that late.
func (d *desktop) renewNow(count int) {
	d.Helper()
	for deadline := time.Now().Add(testguard.Patience); d.server.Count("renew") < count; {
		if time.Now().After(deadline) {
			d.Fatalf("%d renewals, want %d", d.server.Count("renew"), count)
		}
		d.panel.Click("  Renew now")
		for soon := time.Now().Add(2 * time.Second); d.server.Count("renew") < count && time.Now().Before(soon); {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// executions writes down every program that the app starts, with its arguments and its
// whole environment, until it ends.
func (d *desktop) executions() (read func() string) {
	d.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		d.Skip("strace is not installed, so there is no trace of the executions to look at")
	}
	trace := filepath.Join(d.TempDir(), "trace")
	cmd := exec.Command(strace, "-f", "-v", "-s", "1000000", "-e", "trace=execve,execveat", "-o", trace, "-p",
		strconv.Itoa(d.pid()))
	said, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { _ = cmd.Process.Kill() })
	if line, _ := bufio.NewReader(said).ReadString('\n'); !strings.Contains(line, "attached") {
		d.Skipf("strace may not look at a running program here: %s", line)
	}
	go func() { _, _ = io.Copy(io.Discard, said) }()
	return func() string {
		_ = cmd.Wait() // it ends with the app
		text, err := os.ReadFile(trace)
		if err != nil {
			d.Fatal(err)
		}
		return string(text)
	}
}

// After a journey with a fault at the exchange and another at the renewal nothing that was
// heard on the bus, written to a file, printed, or shown of a process holds a code, a
// verifier or a token.
func TestSweepDesktop(t *testing.T) {
	page := fakeclaude.Fault{Status: 502, Header: map[string]string{"Content-Type": "text/html"},
		Body: "<h1>sk-ant-ort01-FAKE-planted</h1>"}
	for name, fault := range map[string]fakeclaude.Fault{
		"refused":         faults.Refusal(400, "invalid_grant", "bad token sk-ant-oat01-FAKE-planted"),
		"token as a code": faults.Refusal(400, "sk-ant-ort01-FAKE-planted", "no"),
		"token in a page": page,
		"cut":             {CutAfter: 120},
		"odd account":     faults.With("account", `{"email_address":"sk-ant-ort01-FAKE-planted"}`),
	} {
		t.Run(name, func(t *testing.T) { sweepDesktop(t, fault) })
	}
}

func sweepDesktop(t *testing.T, fault fakeclaude.Fault) {
	t.Setenv("KEYTENDER_LOG", "debug")
	d := start(t)
	heard, stop := d.listen()
	executions := d.executions()
	d.panel.Want("# Signed out")
	faults := func(kind string) {
		d.server.Set(func(b *fakeclaude.Behaviour) { b.Faults = []fakeclaude.Fault{fault.For(kind)} })
	}

	faults("exchange")
	d.signIn()
	d.wait("exchange", 1)
	if fault.Status != 0 || fault.CutAfter != 0 { // it ends the attempt
		d.panel.Want("  Sign in…")
		d.signIn()
	}
	d.panel.Want("# Claude Code: in step")
	d.renewNow(1)
	faults("renew")
	d.renewNow(2)

	pid := d.pid()
	places := map[string]string{}
	for _, name := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if err != nil {
			t.Fatal(err)
		}
		places["the process's "+name] = string(text)
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil || !regexp.MustCompile(`(?m)^Max core file size +0 `).Match(limits) {
		t.Errorf("cores can be written: %v\n%s", err, limits)
	}
	time.Sleep(300 * time.Millisecond) // the menu and a notification about it
	if program, err := os.FindProcess(pid); err != nil || program.Signal(syscall.SIGTERM) != nil {
		t.Error("the program is gone already")
	}
	traytest.Receive(t, d.ended, "the end")
	stop()
	places["the bus"], places["stderr"], places["an execution"] = heard.String(), d.stderr.String(), executions()
	if !strings.Contains(places["an execution"], "xdg-open") {
		t.Errorf("no execution was seen:\n%s", places["an execution"])
	}
	if !strings.Contains(heard.String(), "Signed in as") {
		t.Fatalf("the bus was not heard: %d bytes", heard.Len())
	}
	err = filepath.WalkDir(d.home, func(path string, f fs.DirEntry, err error) error {
		if err != nil || f.IsDir() || filepath.Base(path) == "program" ||
			path == filepath.Join(d.home, "kt", "credentials.json") ||
			path == filepath.Join(d.home, ".claude", ".credentials.json") {
			return err
		}
		if info, err := f.Info(); err == nil && strings.HasPrefix(path, filepath.Join(d.home, "kt")) &&
			info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the permissions %v", path, info.Mode())
		}
		text, err := os.ReadFile(path)
		places[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, logged := places[filepath.Join(d.home, "kt", "keytender.log")]; !logged {
		t.Error("there is no log to search")
	}
	for _, secret := range append(d.server.Secrets(), "FAKE-planted") {
		tail := secret[max(0, len(secret)-8):]
		for place, text := range places {
			if i := strings.Index(text, tail); i >= 0 {
				t.Errorf("%s holds %s:\n…%s…", place, secret, text[max(0, i-200):min(len(text), i+100)])
			}
		}
	}
}

// The idle menu-bar app of a login that is valid opens no connection to anybody.
func TestIdleOpensNoConnection(t *testing.T) {
	testguard.Slow(t)
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed, so there is no trace of the connections to look at")
	}
	d := start(t)
	d.signIn()
	d.panel.Want("# Claude Code: in step")
	// Started anew: for two minutes the callback's port tells late browsers how it ended.
	if err := d.process.Kill(); err != nil {
		t.Fatal(err)
	}
	traytest.Receive(t, d.ended, "the end")
	d.launch()
	d.panel.Want("# Claude Code: in step")
	pid := d.pid()
	settle(t, pid)
	before := d.server.Counts()

	trace := filepath.Join(t.TempDir(), "trace")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, strace, "-f", "-qq", "-e", "trace=socket,connect,sendto,read,futex", "-o", trace,
		"-p", strconv.Itoa(pid))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, _ := cmd.CombinedOutput()
	text, err := os.ReadFile(trace)
	if err != nil || len(text) == 0 {
		t.Skipf("strace may not look at a running program here: %s", out)
	}
	if found := regexp.MustCompile(`.*(?:AF_INET6?|sin6?_port).*`).Find(text); found != nil {
		t.Errorf("the idle app: %s", found)
	}
	if after := d.server.Counts(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the idle app asked the server: %v, before %v", after, before)
	}
	for _, table := range sockets(t, pid) {
		t.Errorf("the idle app holds a %s socket", table)
	}
}

// sockets are the kinds of network sockets that a process holds.
func sockets(t *testing.T, pid int) (kinds []string) {
	t.Helper()
	var held []string
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, link := range links {
		to, _ := os.Readlink(link)
		held = append(held, to)
	}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		for _, inode := range inodes(t, table) {
			if slices.Contains(held, "socket:["+inode+"]") {
				kinds = append(kinds, table)
			}
		}
	}
	return kinds
}

// inodes are those of a table of sockets of this machine.
func inodes(t *testing.T, table string) (all []string) {
	t.Helper()
	text, err := os.ReadFile("/proc/net/" + table)
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 9 {
			all = append(all, fields[9])
		}
	}
	return all
}
