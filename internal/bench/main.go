// Command bench measures whole commands side by side with programs that people use
// for the like, in turn and in one run, then the Go benchmarks, and writes
// docs/performance.md with the ratio of each figure to the one of the run before.
// Ratios hold when the machine's speed drifts; single times do not. It touches nothing
// real: every program gets a throw-away home, a private bus, a display and a keyring of
// its own.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const report = "docs/performance.md"

// bench is one run.
type bench struct {
	dir             string
	keytender, bare string // programs
	childOnly       string // the command line with go-keyring in a child of it for every read
	env             []string
	idle            time.Duration
	revision        string // of the former build; empty: none
	rows            []row
}

func main() {
	idle := flag.Duration("idle", time.Minute, "how long the menu-bar app is watched doing nothing")
	only := flag.String("only", "", "names of measurements, with commas; then nothing is written")
	revision := flag.String("former", "", "a commit whose build is compared with this one")
	flag.Parse()
	if err := run(*idle, *only, *revision); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(idle time.Duration, only, revision string) error {
	dir, err := os.MkdirTemp("", "kt-bench-") // short: it holds sockets
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, bare: filepath.Join(dir, "bareread"), idle: idle, revision: revision}
	if b.keytender, err = filepath.Abs("bin/keytender"); err != nil {
		return err
	}
	if b.childOnly, err = filepath.Abs("build/childonly"); err != nil {
		return err
	}
	home := filepath.Join(dir, "home")
	b.env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "USER=tester", "LANG=C.UTF-8",
		"XDG_RUNTIME_DIR=" + dir,
		"DBUS_SESSION_BUS_ADDRESS=unix:path=" + filepath.Join(dir, "bus"),
		"GH_CONFIG_DIR=" + filepath.Join(dir, "gh"), "HTTPS_PROXY=http://127.0.0.1:9"}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	for _, measure := range []struct {
		name string
		do   func() error
	}{{"size", b.size}, {"keychain", b.keychain}, {"file", b.file}, {"former", b.former}, {"redirect", b.redirect},
		{"flood", b.flood}, {"crowd", b.crowd}, {"carry", b.carry}, {"tray", b.tray}} {
		if only != "" && !strings.Contains(","+only+",", ","+measure.name+",") {
			continue
		}
		if err := measure.do(); err != nil {
			b.rows = append(b.rows, row{what: "(measuring: " + measure.name + ")",
				measured: "failed: " + strings.ReplaceAll(err.Error(), "\n", " ")})
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}
	if only != "" {
		return nil
	}
	now := document{rows: b.rows, about: fmt.Sprintf(
		"Written by `make bench`: whole commands in turn with their peers, %d times each, with a throw-away home,\n"+
			"a private bus, display and keyring. Times are medians, and a ratio is the median of the pairs' ratios. The last\n"+
			"column is the first number's ratio to the run before; over %.1f it is bold. Machine of this run: %d cores, %s/%s, %s.",
		rounds, worse, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())}
	if now.benchmarks, err = runBenchmarks(".", benchmarked...); err != nil {
		return err
	}
	former, err := os.ReadFile(report)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	before := readDocument(string(former))
	now.hand = before.hand
	markdown := now.markdown(before)
	fmt.Print(markdown)
	return os.WriteFile(report, []byte(markdown), 0o644)
}

func (b *bench) add(what, goal, measured string, reached bool) {
	verdict := "missed"
	if reached {
		verdict = "reached"
	}
	b.rows = append(b.rows, row{what, goal, measured, verdict})
	fmt.Fprintf(os.Stderr, "%-60s %-40s %s (%s)\n", what, measured, verdict, goal)
}
