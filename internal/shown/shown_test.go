package shown

import (
	"os"
	"strings"
	"testing"

	"keytender/internal/testguard"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "",
		"  a \t\r\n b  ":                       "a b",
		"a\x00b\x1b[31mc\u0085d":               "ab[31mc d",
		"a\u2028b\u2029c\u202ed\ufeffe\u200bf": "a b cdef",
		"grün 日本 ✓":                            "grün 日本 ✓",
		"bad\xff\xfeutf8":                      "bad\uFFFDutf8",
	} {
		if got := Line(text); got != want {
			t.Errorf("Line(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{strings.Repeat("ä", 300), strings.Repeat("ä", 300)},
		{strings.Repeat("ä", 301), strings.Repeat("ä", 299) + "…"},
		{"", ""},
	} {
		if got := Cut(c.text, 300); got != c.want {
			t.Errorf("%d characters became %q", len([]rune(c.text)), got)
		}
	}
}

func TestPlan(t *testing.T) {
	for plan, want := range map[string]string{
		"": "", "max": "Max", "pro": "Pro", "team": "Team", "enterprise": "Enterprise", "max_5x": "Max 5x",
		"\xff": "\xff",
	} {
		if got := Plan(plan); got != want {
			t.Errorf("Plan(%q) = %q, want %q", plan, got, want)
		}
	}
}
