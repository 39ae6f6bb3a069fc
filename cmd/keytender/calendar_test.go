package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"keytender/internal/session"
)

// contentLines reads a calendar as RFC 5545 section 3.1 has it, and fails on what is none:
// the properties, unfolded, in order.
func contentLines(text string) (lines []string, err error) {
	if !utf8.ValidString(text) || !strings.HasSuffix(text, "\r\n") {
		return nil, fmt.Errorf("it is no UTF-8 text that ends with a line: %q", text)
	}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		switch {
		case len(line) > 75:
			return nil, fmt.Errorf("%d octets: %q", len(line), line)
		case !utf8.ValidString(line):
			return nil, fmt.Errorf("cut within a character: %q", line)
		case strings.ContainsFunc(line, unicode.IsControl):
			return nil, fmt.Errorf("a control character: %q", line)
		case strings.HasPrefix(line, " ") && len(lines) > 0:
			lines[len(lines)-1] += line[1:]
		default:
			lines = append(lines, line)
		}
	}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
			return nil, fmt.Errorf("no property: %q", line)
		}
		if name != "SUMMARY" && name != "DESCRIPTION" {
			continue
		}
		for i := 0; i < len(value); i++ {
			if value[i] == '\\' {
				if i++; i == len(value) || !strings.ContainsRune(`\;,nN`, rune(value[i])) {
					return nil, fmt.Errorf("a backslash that escapes nothing: %q", line)
				}
			} else if value[i] == ';' || value[i] == ',' {
				return nil, fmt.Errorf("not escaped: %q", line)
			}
		}
	}
	return lines, nil
}

func calendarOf(t testing.TB, ends []session.End, now time.Time) []string {
	t.Helper()
	var out bytes.Buffer
	if err := calendar(&out, ends, now, "/state"); err != nil {
		t.Fatal(err)
	}
	lines, err := contentLines(out.String())
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestCalendar(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.FixedZone("", 3600))
	login := session.End{Account: "work", Email: "anna@example.com",
		EndsAt: time.Date(2026, 12, 20, 13, 0, 0, 0, time.FixedZone("", 3600))}
	export := session.End{Account: "ci", Repo: "o/n", Secret: "CLAUDE_CODE_OAUTH_TOKEN", EndsAt: now.AddDate(1, 0, 0)}
	lines := calendarOf(t, []session.End{login, export}, now)
	for _, want := range []string{"BEGIN:VCALENDAR", "VERSION:2.0", "DTSTART:20261220T120000Z",
		"DTSTAMP:20261120T110000Z", `SUMMARY:Claude: sign in again\, anna@example.com`,
		"TRIGGER:-P3D", "TRIGGER:-P21D", "SUMMARY:Claude: CLAUDE_CODE_OAUTH_TOKEN in o/n ends",
		"DTSTART:20271120T110000Z", "ACTION:DISPLAY"} {
		if !slices.Contains(lines, want) {
			t.Errorf("there is no %s in\n%s", want, strings.Join(lines, "\n"))
		}
	}
	if lines[0] != "BEGIN:VCALENDAR" || lines[len(lines)-1] != "END:VCALENDAR" {
		t.Errorf("%q", lines)
	}
	var open []string
	for _, line := range lines {
		if part, ok := strings.CutPrefix(line, "BEGIN:"); ok {
			open = append(open, part)
		} else if part, ok := strings.CutPrefix(line, "END:"); ok {
			if len(open) == 0 || open[len(open)-1] != part {
				t.Fatalf("%s closes %q", line, open)
			}
			open = open[:len(open)-1]
		}
	}
	login.Twin = true
	if twin := calendarOf(t, []session.End{login}, now); !slices.Contains(twin,
		`SUMMARY:Claude: sign in again\, anna@example.com (account work)`) {
		t.Errorf("of two accounts with one e-mail: %q", twin)
	}
	ids := func(lines []string) (ids []string) {
		for _, line := range lines {
			if strings.HasPrefix(line, "UID:") {
				ids = append(ids, line)
			}
		}
		return ids
	}
	before := ids(lines)
	if len(before) != 2 || before[0] == before[1] {
		t.Errorf("%q", before)
	}
	login.EndsAt, login.Email = login.EndsAt.Add(time.Hour), "other@example.com"
	if after := ids(calendarOf(t, []session.End{login, export}, now.Add(time.Hour))); !slices.Equal(before, after) {
		t.Errorf("the same account is another event: %q, %q", before, after)
	}
}

// FuzzCalendar: whatever an account and a server are called, the calendar is one.
func FuzzCalendar(f *testing.F) {
	f.Add("work", "a@example.com", "o/n")
	f.Add("a;b,c\\", "ü\r\nEND:VCALENDAR", strings.Repeat("長", 80))
	f.Add("\x00\xff", "\u2028", "")
	f.Fuzz(func(t *testing.T, account, email, repo string) {
		end := session.End{Account: account, Email: email, Repo: repo, EndsAt: time.Unix(1_800_000_000, 0)}
		lines := calendarOf(t, []session.End{end}, time.Unix(1_790_000_000, 0))
		if n := len(lines); n != 23 {
			t.Fatalf("%d lines: %q", n, lines)
		}
		if want := calendarText("x " + repo + " --new-token"); repo != "" && !strings.HasSuffix(lines[9], want[1:]) {
			t.Fatalf("%q does not end with %q", lines[9], want)
		}
	})
}

func TestLength(t *testing.T) {
	for text, want := range map[string]time.Duration{"72h": 72 * time.Hour, "3d": 72 * time.Hour,
		"2w": 14 * 24 * time.Hour, "90m": 90 * time.Minute, "0s": 0, "0d": 0} {
		f := &lengthFlag{}
		if err := f.Set(text); err != nil || f.length != want || !f.given {
			t.Errorf("%s: %v, %v", text, f, err)
		}
	}
	for _, text := range []string{"", "3", "d", "-3d", "-1h", "1.5d", "3 d", "99999d", "99999999w", "1y", "3D", "+3d",
		"９d"} {
		if f := (&lengthFlag{}); f.Set(text) == nil {
			t.Errorf("%q is %v", text, f.length)
		}
	}
}
