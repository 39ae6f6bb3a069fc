package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// benchmark is what a Go benchmark said: its best time and what it allocated.
type benchmark struct {
	name                            string // package and name, as in "keychain Merge/keys/4KiB"
	nanoseconds, bytes, allocations int
}

// benchmarked are the packages whose benchmarks stand in the table: gate, paste parser
// and token response, merge, and the engine's answer to `keytender token`.
var benchmarked = []string{"./callback", "./internal/oauth", "./keychain/claudecode", "./internal/session"}

const benchmarkRuns = 3

func runBenchmarks(names string, packages ...string) ([]benchmark, error) {
	args := []string{"test", "-run", "^$", "-bench", names, "-benchmem", "-benchtime", "300ms", "-count",
		strconv.Itoa(benchmarkRuns), "-p", "1"}
	cmd := exec.Command("go", append(args, packages...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("running the Go benchmarks: %w: %s", err, out)
	}
	for _, pkg := range packages {
		if !strings.Contains(string(out), "pkg: keytender/"+strings.TrimPrefix(pkg, "./")+"\n") {
			return nil, fmt.Errorf("%s has no benchmarks any more", pkg)
		}
	}
	return readBenchmarks(string(out)), nil
}

// carry wants a renewal to be in all of twenty lent places at once.
func (b *bench) carry() error {
	all, err := runBenchmarks("^BenchmarkCarryToTwenty$", "./internal/session")
	if err != nil {
		return err
	}
	if len(all) != 1 {
		return fmt.Errorf("%d benchmarks of carrying, want 1", len(all))
	}
	took := time.Duration(all[0].nanoseconds)
	b.add("carrying a renewal to 20 lent directories", "under 50 ms", fmt.Sprintf("%.1f ms", milliseconds(took)),
		took < 50*time.Millisecond)
	return nil
}

var (
	packageLine   = regexp.MustCompile(`^pkg: keytender/(?:internal/)?([^/\s]+)\S*$`)
	benchmarkLine = regexp.MustCompile(
		`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op(?:.*?\s(\d+) B/op\s+(\d+) allocs/op)?`)
)

// readBenchmarks reads what go test prints. Of several runs the best counts.
func readBenchmarks(text string) []benchmark {
	var all []benchmark
	pkg := ""
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if found := packageLine.FindStringSubmatch(lines.Text()); found != nil {
			pkg = found[1]
			continue
		}
		found := benchmarkLine.FindStringSubmatch(lines.Text())
		if found == nil {
			continue
		}
		nanoseconds, _ := strconv.ParseFloat(found[2], 64)
		b := benchmark{name: pkg + " " + found[1], nanoseconds: int(nanoseconds + 0.5)}
		b.bytes, _ = strconv.Atoi(found[3])
		b.allocations, _ = strconv.Atoi(found[4])
		at := slices.IndexFunc(all, func(other benchmark) bool { return other.name == b.name })
		if at < 0 {
			all = append(all, b)
			continue
		}
		best := &all[at]
		best.nanoseconds, best.bytes, best.allocations = min(best.nanoseconds, b.nanoseconds), min(best.bytes,
			b.bytes), min(best.allocations, b.allocations)
	}
	return all
}

func (b benchmark) against(before []benchmark) string {
	for _, old := range before {
		if old.name == b.name {
			return strings.Join([]string{ratioOf(float64(b.nanoseconds), float64(old.nanoseconds)),
				ratioOf(float64(b.bytes), float64(old.bytes)),
				ratioOf(float64(b.allocations), float64(old.allocations))}, ", ")
		}
	}
	return "new"
}

var mergeName = regexp.MustCompile(`^keychain Merge/(\w+)/(\d+)KiB$`)

// growth shows from the merge's benchmarks what each KiB of an entry costs.
func growth(all []benchmark) string {
	var (
		shapes []string
		sizes  []int
		cells  = map[string]string{}
	)
	for _, b := range all {
		found := mergeName.FindStringSubmatch(b.name)
		if found == nil {
			continue
		}
		size, _ := strconv.Atoi(found[2])
		if !slices.Contains(shapes, found[1]) {
			shapes = append(shapes, found[1])
		}
		if !slices.Contains(sizes, size) {
			sizes = append(sizes, size)
		}
		cells[found[1]+found[2]] = fmt.Sprintf("%.1f µs, %.0f KiB", float64(b.nanoseconds)/1e3/float64(size),
			float64(b.bytes)/1024/float64(size))
	}
	if len(shapes) == 0 {
		return ""
	}
	var out strings.Builder
	out.WriteString(
		"\n## How the merge grows\n\nTime and allocated memory for each KiB of Claude Code's entry, by what it is big with: `logins` of MCP\nservers, other `keys` beside the login, keys `inner` to it, or `text` outside ASCII.\n\n| entry |")
	for _, shape := range shapes {
		out.WriteString(" " + shape + " |")
	}
	out.WriteString("\n| --- |" + strings.Repeat(" --- |", len(shapes)) + "\n")
	for _, size := range sizes {
		fmt.Fprintf(&out, "| %d KiB |", size)
		for _, shape := range shapes {
			fmt.Fprintf(&out, " %s |", cells[shape+strconv.Itoa(size)])
		}
		out.WriteString("\n")
	}
	return out.String()
}
