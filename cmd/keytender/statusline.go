package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"keytender/internal/session"
	"keytender/internal/shown"
)

func newStatusline(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "statusline",
		Short: "Print one line for Claude Code's status line",
		Long: "Prints one line: whose login Claude Code uses here, the plan, what is left of the limits, and the login's end\n" +
			"when it is near. Claude Code runs it as its statusLine command and hands it a JSON object on stdin, from which\n" +
			"the limits come. Nothing is asked over the network, no token is read, and no lock is taken.",
		Example: `{"statusLine":{"type":"command","command":"keytender statusline"}}`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			environ := c.environ()
			engine, err := c.open()
			if err != nil {
				return err
			}
			g, err := engine.Glance(environ)
			if err != nil {
				return err
			}
			limits := readLimits(c.handedOver(cmd.Context()))
			c.say(plain, "%s", statusLine(g, limits, time.Now()))
			return nil
		},
	}
	return cmd
}

// What Claude Code hands over is a few KB, and comes at once.
const (
	maxHandedOver = 256 << 10
	handOverTime  = time.Second
)

// handedOver is what stands on stdin; nothing where a person sits there.
func (c *console) handedOver(ctx context.Context) []byte {
	if isTerminal(c.in) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, handOverTime)
	defer cancel()
	data, err := c.readAll(ctx, maxHandedOver)
	if err != nil {
		return nil
	}
	return data
}

// limit is one of the plan's limits as Claude Code tells it.
type limit struct {
	name   string
	left   int       // percent
	resets time.Time // zero: unknown
}

// readLimits reads the limits out of what Claude Code hands over. What is not understood is
// left out: a line is no place for errors of another program.
func readLimits(data []byte) (limits []limit) {
	type window struct {
		Used   *float64 `json:"used_percentage"`
		Resets float64  `json:"resets_at"` // seconds since 1970
	}
	var handed struct {
		Limits map[string]json.RawMessage `json:"rate_limits"`
	}
	_ = json.Unmarshal(data, &handed)
	for _, known := range []struct{ key, name string }{{"five_hour", "5h"}, {"seven_day", "7d"},
		{"spend_limit", "spend"}} {
		var w window
		if json.Unmarshal(handed.Limits[known.key], &w) != nil || w.Used == nil || *w.Used < 0 || *w.Used > 1000 {
			continue
		}
		l := limit{name: known.name, left: max(0, 100-int(math.Ceil(*w.Used)))}
		if w.Resets > 0 && w.Resets < 1<<33 {
			l.resets = time.Unix(int64(w.Resets), 0)
		}
		limits = append(limits, l)
	}
	return limits
}

const (
	// lineSoon is how long before a login's end the line begins to say so: with the menu's icon.
	lineSoon = 7 * 24 * time.Hour
	// littleLeft is from when on a line says when a limit begins anew.
	littleLeft = 20
)

// statusLine makes the line.
func statusLine(g session.Glance, limits []limit, now time.Time) string {
	var parts []string
	switch {
	case g.Instead != "":
		parts = append(parts, danger.sign+" "+g.Instead)
	case g.Other:
		parts = append(parts, "a login that keytender does not tend")
	case g.State == session.SignedOut:
		parts = append(parts, "not signed in")
	default:
		name := shown.Cut(shown.Line(g.Email), 80)
		if name == "" {
			name = g.Account
		} else if g.Twin {
			name += " " + g.Account
		}
		if plan := shown.Cut(shown.Line(g.Plan), 30); plan != "" {
			name += " (" + plan + ")"
		}
		parts = append(parts, name)
	}
	for _, l := range limits {
		part := fmt.Sprintf("%s %d%% left", l.name, l.left)
		if left := l.resets.Sub(now); l.left < littleLeft && !l.resets.IsZero() && left > 0 {
			part = danger.sign + " " + part + " for " + duration(left)
		}
		parts = append(parts, part)
	}
	if end := lineEnd(g, now); end != "" {
		parts = append(parts, end)
	}
	return strings.Join(parts, " · ")
}

// lineEnd is what the line says about the login's end.
func lineEnd(g session.Glance, now time.Time) string {
	switch left := g.LoginEnds.Sub(now); {
	case g.Instead != "", g.Other, g.State == session.SignedOut:
		return ""
	case g.State == session.SignInAgain:
		return cross.sign + " sign in again"
	case !g.LoginEnds.IsZero() && left <= lineSoon:
		return danger.sign + " sign in again within " + duration(max(left, time.Second))
	}
	return ""
}
