package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// starts is how often each tray program is started.
const starts = 15

// settle is how long tray programs are left alone after their start: GTK's threads of
// the first moments end meanwhile, and what they used would be missing from the sum.
const settle = 20 * time.Second

// app is a build of the menu-bar app beside the bare program on the same library.
type app struct {
	name       string // for people
	ours, bare string
	stores     []string
}

// tray compares the menu-bar app with the smallest program on the same library: its
// start, its memory, and what it costs while nobody touches it.
func (b *bench) tray() error {
	stopBus, err := b.session()
	if err != nil {
		return err
	}
	defer stopBus()
	display, stopDisplay, err := b.display()
	if err != nil {
		return err
	}
	defer stopDisplay()
	w, err := watch("unix:path=" + filepath.Join(b.dir, "bus"))
	if err != nil {
		return err
	}
	defer w.bus.Close()
	b.env = append(b.env, display, "NO_AT_BRIDGE=1")
	var (
		failed error
		idlers []idler
	)
	for _, a := range []struct {
		app
		cgo bool
	}{{app{name: "GTK", stores: []string{"file", "keychain"}}, true},
		{app{name: "pure Go", stores: []string{"file"}}, false}} {
		a.ours, a.bare = filepath.Join(b.dir, "tray-"+a.name), filepath.Join(b.dir, "bare-"+a.name)
		if err := errors.Join(build(a.ours, "./cmd/keytender-tray", a.cgo),
			build(a.bare, "./internal/bench/baretray", a.cgo)); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		more, err := b.startsOf(w, a.app)
		failed = errors.Join(failed, err)
		idlers = append(idlers, more...)
	}
	defer func() {
		for _, i := range idlers {
			i.stop()
		}
	}()
	return errors.Join(failed, b.watchIdle(idlers))
}

// startsOf starts both programs in turn, and leaves one of each running.
func (b *bench) startsOf(w *watcher, a app) (left []idler, err error) {
	envs := [][]string{b.env}
	paths := []string{a.bare}
	for _, store := range a.stores {
		env, err := b.imported("tray-"+a.name+"-"+store, store)
		if err != nil {
			return nil, err
		}
		envs, paths = append(envs, env), append(paths, a.ours)
	}
	begun := make([][]time.Duration, len(paths))
	memory := make([][]int, len(paths))
	for range starts {
		for i, path := range paths {
			p, err := w.start(envs[i], path)
			if err != nil {
				return nil, err
			}
			begun[i] = append(begun[i], p.started)
			time.Sleep(300 * time.Millisecond) // what a start leaves to do
			bytes, err := p.memory()
			p.stop()
			if err != nil {
				return nil, err
			}
			memory[i] = append(memory[i], bytes)
		}
	}
	bareStart, bareMemory := median(begun[0]), median(memory[0])
	for i, store := range a.stores {
		name := fmt.Sprintf("menu-bar app (%s, %s store)", a.name, store)
		start, bytes := median(begun[i+1]), median(memory[i+1])
		b.add(name+": start to menu ready", "bare toolkit + 50 ms",
			fmt.Sprintf("%+.1f ms (%.1f ms against %.1f ms)", milliseconds(start-bareStart), milliseconds(start),
				milliseconds(bareStart)), start-bareStart <= 50*time.Millisecond)
		b.add(name+": memory (PSS)", "bare toolkit + 10 MB", fmt.Sprintf("%+.1f MB (%.1f MB against %.1f MB)",
			float64(bytes-bareMemory)/1e6, float64(bytes)/1e6, float64(bareMemory)/1e6), bytes-bareMemory <= 10e6)
	}
	for i, path := range paths {
		p, err := w.start(envs[i], path)
		if err != nil {
			return left, err
		}
		name := ""
		if i > 0 {
			name = fmt.Sprintf("menu-bar app (%s, %s store)", a.name, a.stores[i-1])
		}
		left = append(left, idler{program: p, name: name, toolkit: a.name})
	}
	return left, nil
}

// idler is a program that is watched doing nothing; without a name it is a bare one.
type idler struct {
	*program
	name, toolkit string
	used          cost
}

// watchIdle watches them all at once.
func (b *bench) watchIdle(all []idler) error {
	time.Sleep(settle)
	begin := time.Now()
	for i := range all {
		before, err := all[i].cost()
		if err != nil {
			return err
		}
		all[i].used = cost{-before.cpu, -before.wakeUps}
	}
	time.Sleep(b.idle)
	took := time.Since(begin)
	for i := range all {
		after, err := all[i].cost()
		if err != nil {
			return err
		}
		all[i].used.cpu += after.cpu
		all[i].used.wakeUps += after.wakeUps
	}
	for _, i := range all {
		if i.name == "" {
			continue
		}
		bare := all[slices.IndexFunc(all, func(other idler) bool {
			return other.name == "" &&
				other.toolkit == i.toolkit
		})]
		ten := func(c cost) float64 { return c.cpu.Seconds() * (10 * time.Minute).Seconds() / took.Seconds() }
		minute := func(c cost) float64 { return float64(c.wakeUps) / took.Minutes() }
		more := ten(i.used) - ten(bare.used)
		b.add(i.name+": CPU in 10 idle minutes", "bare toolkit + 0.0 s",
			fmt.Sprintf("%+.3f s (%.3f s against %.3f s; watched for %s)", more, ten(i.used), ten(bare.used),
				took.Round(time.Second)), more < 0.05)
		b.add(i.name+": wake-ups while idle", "under 30 a minute",
			fmt.Sprintf("%.1f a minute (bare toolkit %.1f)", minute(i.used), minute(bare.used)), minute(i.used) < 30)
	}
	return nil
}
