package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// program is a tray program that runs.
type program struct {
	cmd     *exec.Cmd
	started time.Duration // until its menu was ready
}

// start runs a tray program and waits for its menu. GTK's indicator now and then loses
// the race for its own bus connection and shows nothing, the bare program's too; such
// a start is counted out.
func (w *watcher) start(env []string, path string) (p *program, err error) {
	for range 3 {
		if p, err = w.startOnce(env, path); err == nil {
			return p, nil
		}
		fmt.Fprintln(os.Stderr, "bench: started again:", err)
	}
	return nil, err
}

func (w *watcher) startOnce(env []string, path string) (*program, error) {
	for len(w.registered) > 0 {
		<-w.registered // the one before registered twice
	}
	cmd := exec.Command(path)
	cmd.Env, cmd.Stderr = env, os.Stderr
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &program{cmd: cmd}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.ready(ctx); err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	p.started = time.Since(begin)
	return p, nil
}

func (p *program) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// memory is the program's share of all memory (PSS) in bytes.
func (p *program) memory() (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "Pss:"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no Pss in smaps_rollup")
}

// cost is what a process has used so far, all of its threads together. A wake-up is a
// voluntary context switch: a thread that waited got something to do and waits again.
// One event can wake several threads, and then counts several times.
type cost struct {
	cpu     time.Duration
	wakeUps int
}

func (p *program) cost() (c cost, err error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", p.cmd.Process.Pid))
	if err == nil && len(tasks) == 0 {
		err = fmt.Errorf("%s has ended", filepath.Base(p.cmd.Path))
	}
	for _, task := range tasks {
		text, _ := os.ReadFile(filepath.Join(task, "schedstat"))
		if fields := strings.Fields(string(text)); len(fields) > 0 {
			ns, _ := strconv.ParseInt(fields[0], 10, 64)
			c.cpu += time.Duration(ns)
		}
		text, _ = os.ReadFile(filepath.Join(task, "status"))
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "voluntary_ctxt_switches:"); ok {
				n, _ := strconv.Atoi(strings.TrimSpace(value))
				c.wakeUps += n
			}
		}
	}
	return c, err
}
