package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// row is a line of the first table. The first number in measured is its figure; of
// every figure less is better.
type row struct{ what, goal, measured, verdict string }

// document is docs/performance.md as far as the tool writes and reads it.
type document struct {
	about      string // how it was measured, in words
	rows       []row
	benchmarks []benchmark
	hand       string // what stands below the mark
}

const (
	rowsHead       = "| what | goal | measured | | against last time |"
	benchmarksHead = "| benchmark | ns/op | B/op | allocs/op | against last time |"
	// mark divides what is written anew each time from what is kept.
	mark = "<!-- `make bench` writes what stands above; below it is written by hand and kept. -->"
)

// markdown is the whole file, each figure with its ratio to the one in before.
func (d document) markdown(before document) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# Performance\n\n%s\n\n%s\n| --- | --- | --- | --- | --- |\n", d.about, rowsHead)
	for _, r := range d.rows {
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s |\n", r.what, r.goal, r.measured, r.verdict, r.against(before.rows))
	}
	if len(d.benchmarks) > 0 {
		fmt.Fprintf(&out,
			"\n## Go benchmarks\n\nThe best of %d runs. The last column has time, bytes and allocations.\n\n%s\n| --- | --- | --- | --- | --- |\n",
			benchmarkRuns, benchmarksHead)
		for _, b := range d.benchmarks {
			fmt.Fprintf(&out, "| %s | %d | %d | %d | %s |\n", b.name, b.nanoseconds, b.bytes, b.allocations,
				b.against(before.benchmarks))
		}
	}
	out.WriteString(growth(d.benchmarks))
	fmt.Fprintf(&out, "\n%s\n%s", mark, d.hand)
	return out.String()
}

// readDocument reads what markdown wrote, and the older form of the table.
func readDocument(text string) document {
	var d document
	own, hand, marked := strings.Cut(text, mark+"\n")
	if !marked {
		var found bool
		if own, hand, found = strings.Cut(text, "\n## "); found {
			hand = "\n## " + hand
		}
	}
	d.hand = hand
	head := ""
	for line := range strings.Lines(own) {
		line = strings.TrimSpace(line)
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case !strings.HasPrefix(line, "|"):
			head = ""
		case head == "":
			head = cells[0]
		case strings.HasPrefix(line, "| ---"):
		case head == "what" && len(cells) >= 4:
			d.rows = append(d.rows, row{cells[0], cells[1], cells[2], cells[3]})
		case head == "benchmark" && len(cells) == 5:
			var numbers [3]int
			var err error
			for i := range numbers {
				if numbers[i], err = strconv.Atoi(cells[1+i]); err != nil {
					break
				}
			}
			if err == nil {
				d.benchmarks = append(d.benchmarks, benchmark{cells[0], numbers[0], numbers[1], numbers[2]})
			}
		}
	}
	return d
}

var number = regexp.MustCompile(`[-+]? ?\d+(\.\d+)?`)

// figure is the first number of a text.
func figure(text string) (float64, bool) {
	found := strings.ReplaceAll(number.FindString(text), " ", "")
	value, err := strconv.ParseFloat(found, 64)
	return value, err == nil
}

// against tells how the row's figure stands to that of the same row before.
func (r row) against(before []row) string {
	now, ok := figure(r.measured)
	if !ok {
		return ""
	}
	for _, b := range before {
		if b.what != r.what || b.goal != r.goal {
			continue
		}
		if then, ok := figure(b.measured); ok {
			return ratioOf(now, then)
		}
	}
	return "new"
}

// worse is the ratio above which a figure is marked: what a noisy machine does not
// explain.
const worse = 1.3

// ratioOf writes a ratio, in bold when it is a step back.
func ratioOf(now, then float64) string {
	switch {
	case now == then:
		return "× 1.00"
	case then <= 0 || now < 0: // a difference that may be nothing has no ratio
		return "was " + strconv.FormatFloat(then, 'g', 4, 64)
	case now/then > worse:
		return fmt.Sprintf("**× %.2f**", now/then)
	}
	return fmt.Sprintf("× %.2f", now/then)
}
