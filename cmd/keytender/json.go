package main

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keytender/cmd/internal/words"
	"keytender/internal/config"
	"keytender/internal/session"
)

// The rule of --json, here once: it prints one object on stdout and nothing else there,
// whichever verb it is and however that ends. A verb prints an object of its own
// (console.result), or notes what it did (console.fact). What a verb would print besides
// becomes the lines of "report". A verb that fails prints {"schemaVersion":1,"error":…}.

// wantsJSON looks for --json itself: also a command line that cannot be used gets its
// object. What stands behind -- belongs to another program.
func wantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
}

// object is what --json prints for the command that runs.
type object struct {
	stdout  io.Writer
	printed bool // the verb has printed its own
	report  *bytes.Buffer
	facts   map[string]any
}

// reportInJSON keeps what the verb prints from stdout until its end.
func (c *console) reportInJSON() {
	c.object = &object{stdout: c.out, report: &bytes.Buffer{}, facts: map[string]any{"schemaVersion": 1}}
	c.out = c.object.report
}

// fact notes what a verb did.
func (c *console) fact(name string, value any) {
	if c.object != nil {
		c.object.facts[name] = value
	}
}

// closeJSON prints the object that the verb has not printed.
func (c *console) closeJSON(err error) error {
	if c.object == nil || c.object.printed {
		return nil
	}
	if p := problemOf(err); p != nil {
		return c.result(map[string]any{"schemaVersion": 1, "error": p})
	}
	if report := strings.TrimRight(c.object.report.String(), "\n"); report != "" {
		c.fact("report", strings.Split(report, "\n"))
	}
	return c.result(c.object.facts)
}

// problemOf is an error as --json tells it; nil: all was said.
func problemOf(err error) *session.Problem {
	var (
		code    exitError
		usage   *usageError
		setting *config.Error
	)
	switch {
	case err == nil, errors.As(err, &code):
		return nil
	case errors.As(err, &usage):
		return &session.Problem{Code: "usage", Message: usage.message, Hint: usage.hint}
	case errors.As(err, &setting):
		return &session.Problem{Code: "usage", Message: setting.Error(), Hint: setting.Hint}
	}
	if known := words.Known(err); known != nil {
		return &session.Problem{Code: known.Code, Message: known.Message, Hint: known.Hint}
	}
	return &session.Problem{Code: "failed", Message: err.Error(), Hint: "`keytender doctor` looks for what is wrong"}
}

// giveJSON gives --json to each verb that does not have it yet.
func giveJSON(verb *cobra.Command) {
	if verb.Flags().Lookup("json") == nil {
		verb.Flags().Bool("json", false, "print one JSON object on stdout")
	}
	for _, below := range verb.Commands() {
		giveJSON(below)
	}
}

// timeOrNull is a time as --json tells it: null where nobody knows.
func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}
