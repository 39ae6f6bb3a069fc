package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"keytender/cmd/internal/words"
	"keytender/internal/await"
	"keytender/internal/config"
	"keytender/internal/session"
	"keytender/internal/shown"
)

// The rules of every message, here once: results, reports among them, go to stdout and
// what accompanies them to stderr; a line reads "Name: value" with a mark before it; a URL stands
// alone behind its name, whole, on one line; an error says what happened and the
// line below it, "hint:", what to do; colour only on a terminal and never without
// a mark that says the same; nothing ever shows a secret.

// console is where a command reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer
	colour   bool
	terminal bool // a person reads stderr
	lookup   func(string) (string, bool)
	environ  func() []string
	listen   func()  // for signals, from now on
	queued   func()  // behind another process: it may take a while
	object   *object // of --json; nil: it was not asked for
	config   *config.Config
	// accountFrom is what named the account that a verb works on, when its flag did not.
	accountFrom string
	complete    bool // what was asked for is done, so that a signal changes nothing any more
}

func newConsole(in io.Reader, out, err *os.File) *console {
	c := &console{in: in, out: out, err: err, lookup: os.LookupEnv, environ: os.Environ,
		listen: func() {}, queued: func() {}}
	c.terminal = term.IsTerminal(int(err.Fd()))
	noColour, set := os.LookupEnv("NO_COLOR")
	c.colour = c.terminal && (!set || noColour == "") && os.Getenv("TERM") != "dumb" && colourful(err)
	return c
}

// mark tells at a glance, by shape first and colour second.
type mark struct{ sign, colour string }

var (
	tick   = mark{"✓", "\x1b[32m"}
	danger = mark{"⚠", "\x1b[33m"}
	cross  = mark{"✗", "\x1b[31m"}
	plain  = mark{}
)

// line writes for people: what accompanies a result.
func (c *console) line(m mark, format string, args ...any) { c.write(c.err, m, format, args...) }

// say writes a line of a report, which is a verb's result.
func (c *console) say(m mark, format string, args ...any) { c.write(c.out, m, format, args...) }

// table writes rows, a verb's result, in columns as wide as the widest cell of each.
func (c *console) table(rows [][]string) error {
	var widths [6]int
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var all strings.Builder
	for _, row := range rows {
		last := len(row) - 1
		for i, cell := range row[:last] {
			all.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		all.WriteString(row[last] + "\n")
	}
	_, err := io.WriteString(c.out, all.String())
	return err
}

func (c *console) write(to io.Writer, m mark, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	switch {
	case m.sign == "":
	case c.colour:
		line = m.colour + m.sign + "\x1b[0m " + line
	default:
		line = m.sign + " " + line
	}
	fmt.Fprintln(to, line)
}

func (c *console) problem(message, hint string) {
	c.line(cross, "%s", message)
	if hint != "" {
		c.line(plain, "hint: %s", hint)
	}
}

// result prints one JSON object on stdout.
func (c *console) result(v any) error {
	out := c.out
	if c.object != nil {
		out, c.object.printed = c.object.stdout, true
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// spoken writes a length of time as people say it: "1 day 2 hours", "5 minutes",
// "expired".
func spoken(d time.Duration) string {
	switch {
	case d <= 0:
		return "expired"
	case d < time.Minute:
		return shown.Span(d.Truncate(time.Second))
	}
	return shown.Span(d.Truncate(time.Minute))
}

// duration is spoken where there is little room: "1d 2h", "3h 4m", "5m", "expired".
func duration(d time.Duration) string {
	switch {
	case d <= 0:
		return "expired"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh %dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd %dh", int(d.Hours())/24, int(d.Hours())%24)
}

// when writes a point in time with the time that is left until it.
func when(t time.Time, now time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.Local().Format("2006-01-02 15:04:05 MST") + " (" + spoken(t.Sub(now)) + ")"
}

// pipedAnswer is how long a pipe may take to answer a question; a person may take
// any time.
const pipedAnswer = 5 * time.Second

// confirm asks whether something is to be removed.
func (c *console) confirm(cmd *cobra.Command, question string) error {
	return c.confirmThat(cmd, question, "removed", "--yes")
}

// confirmThat asks a yes-or-no question, which a terminal or a pipe may answer; silence
// means no, and so does a signal. The error is nil after a yes, and says else that nothing
// was done, and with which flags nobody is asked.
func (c *console) confirmThat(cmd *cobra.Command, question, done, flags string) error {
	ctx := cmd.Context()
	fmt.Fprint(c.err, question+" [y/N] ")
	asked := ctx
	if !isTerminal(c.in) {
		defer fmt.Fprintln(c.err) // nobody's Enter ends the line
		var cancel context.CancelFunc
		asked, cancel = context.WithTimeout(ctx, pipedAnswer)
		defer cancel()
	}
	answer, _ := reading(asked, func() (string, error) { return firstLine(c.in) })
	answer = strings.ToLower(strings.TrimSpace(answer))
	hint := "answer the question with y, or say it once more with " + flags
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case answer == "y", answer == "yes":
		return nil
	case answer == "" && !isTerminal(c.in): // nobody was there to ask
		return &usageError{"nothing was " + done + ": this needs your yes", hint}
	}
	return &words.Error{Code: "not-confirmed", Exit: session.ExitFailed,
		Message: "nothing was " + done + ": you did not say yes", Hint: hint}
}

// firstLine reads no byte beyond the line's end, and no line longer than an answer is.
func firstLine(in io.Reader) (string, error) {
	line, sign := "", make([]byte, 1)
	for range 64 {
		if _, err := io.ReadFull(in, sign); err != nil {
			return line, err
		}
		if sign[0] == '\n' {
			break
		}
		line += string(sign)
	}
	return line, nil
}

func isTerminal(in io.Reader) bool {
	file, ok := in.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// readAll reads all of stdin up to limit bytes, or ends with ctx.
func (c *console) readAll(ctx context.Context, limit int64) ([]byte, error) {
	return reading(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(c.in, limit)) })
}

// reading returns what read brings, or ctx's error as soon as that ends: a read of a
// terminal or a pipe cannot be broken off, so it is left behind.
func reading[T any](ctx context.Context, read func() (T, error)) (T, error) {
	value, err := await.Value(ctx, read)
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = errors.Join(err, ended)
	}
	return value, err
}
