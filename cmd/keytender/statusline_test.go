package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"keytender/internal/session"
)

func TestStatusLine(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	anna := session.Glance{State: session.SignedIn, Account: "work", Email: "anna@example.com", Plan: "max",
		LoginEnds: now.Add(20 * 24 * time.Hour)}
	with := func(change func(*session.Glance)) session.Glance {
		g := anna
		change(&g)
		return g
	}
	handed := func(limits string) string { return `{"model":{"id":"x"},"rate_limits":` + limits + `}` }
	for _, tt := range []struct {
		g    session.Glance
		data string
		want string
	}{
		{anna, "", "anna@example.com (max)"},
		{anna, "{}", "anna@example.com (max)"},
		{anna, "no JSON", "anna@example.com (max)"},
		{anna,
			handed(
				`{"five_hour":{"used_percentage":23.4,"resets_at":1800003600},"seven_day":{"used_percentage":41,"resets_at":1800003600}}`),
			"anna@example.com (max) · 5h 76% left · 7d 59% left"},
		{anna, handed(`{"five_hour":{"used_percentage":95,"resets_at":1800003660}}`),
			"anna@example.com (max) · ⚠ 5h 5% left for 1h 1m"},
		{anna, handed(`{"five_hour":{"used_percentage":130,"resets_at":1}}`), "anna@example.com (max) · 5h 0% left"},
		{anna, handed(`{"spend_limit":{"used_percentage":50}}`), "anna@example.com (max) · spend 50% left"},
		{anna,
			handed(
				`{"five_hour":{"used_percentage":"a lot"},"seven_day":{"used_percentage":1e300},"spend_limit":{"resets_at":1}}`),
			"anna@example.com (max)"},
		{anna, handed(`{"five_hour":null,"seven_day":{"used_percentage":10}}`), "anna@example.com (max) · 7d 90% left"},
		{anna, handed(`[1]`), "anna@example.com (max)"},
		{with(func(g *session.Glance) { g.LoginEnds = now.Add(50 * time.Hour) }), "",
			"anna@example.com (max) · ⚠ sign in again within 2d 2h"},
		{with(func(g *session.Glance) { g.LoginEnds, g.State = now.Add(-time.Hour), session.SignInAgain }), "",
			"anna@example.com (max) · ✗ sign in again"},
		{with(func(g *session.Glance) { g.LoginEnds = time.Time{} }), "", "anna@example.com (max)"},
		{with(func(g *session.Glance) { g.Email, g.Plan = "", "" }), "", "work"},
		{with(func(g *session.Glance) { g.Twin = true }), "", "anna@example.com work (max)"},
		{with(func(g *session.Glance) { g.Email = "a\x1b[31m\n\u202e@x" }), "", "a[31m @x (max)"},
		{with(func(g *session.Glance) { g.Instead = "ANTHROPIC_API_KEY" }), "", "⚠ ANTHROPIC_API_KEY"},
		{with(func(g *session.Glance) { g.Other = true }), handed(`{"seven_day":{"used_percentage":10}}`),
			"a login that keytender does not tend · 7d 90% left"},
		{session.Glance{State: session.SignedOut}, "", "not signed in"},
	} {
		if got := statusLine(tt.g, readLimits([]byte(tt.data)), now); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.data, got, tt.want)
		}
	}
}

// FuzzStatusLine: whatever is handed over, there is one short line without anything that a
// terminal obeys, and limits between nothing and all.
func FuzzStatusLine(f *testing.F) {
	for _, seed := range []string{"", "{}", "null",
		`{"rate_limits":{"five_hour":{"used_percentage":23.4,"resets_at":1800003600}}}`,
		`{"rate_limits":{"five_hour":{"used_percentage":-1e9,"resets_at":1e300}}}`,
		`{"rate_limits":{"FIVE_HOUR":{"used_percentage":0}}}`, strings.Repeat("[", 20000),
		`{"rate_limits":{"seven_day":{"used_percentage":99.999}}}`, "\x00\xff"} {
		f.Add([]byte(seed), "a@example.com", "max")
	}
	now := time.Unix(1_800_000_000, 0)
	f.Fuzz(func(t *testing.T, data []byte, email, plan string) {
		limits := readLimits(data)
		for _, l := range limits {
			if l.left < 0 || l.left > 100 || !json.Valid(data) {
				t.Fatalf("%+v out of %q", l, data)
			}
		}
		line := statusLine(session.Glance{State: session.SignedIn, Email: email, Plan: plan, Account: "a"}, limits, now)
		if !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) ||
			utf8.RuneCountInString(line) > 250 {
			t.Fatalf("%q", line)
		}
	})
}
