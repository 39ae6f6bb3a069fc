package main

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"keytender/internal/secret"
)

// Another program's words are shown on one line, cut, without control characters, and
// without the value that it was given or anything that looks like a token.
func FuzzCleanWords(f *testing.F) {
	const value = "sk-ant-api03-FAKE-value"
	for _, seed := range []string{"", "HTTP 403: Resource not accessible", "\x1b[31mVALUE\x1b[0m", "VAL\x1b[0mUE",
		"\x1b[VALUE", "\x1b[0;1VALUE", "a\x00VALUE\u202e", "sk-\x07ant-oat01-FAKE", "sk-\x1b[1mant-oat01-FAKE",
		"\xff\xfeVALUE", strings.Repeat("VALUE ", 99), "other\r\nFAKE-key-of-another-shape",
		"FAKE-key-of\u200b-another-shape"} {
		f.Add(seed)
	}
	other := secret.New("FAKE-key-of-another-shape")
	f.Fuzz(func(t *testing.T, said string) {
		got := cleanWords(strings.ReplaceAll(said, "VALUE", value), secret.New(value), other)
		if utf8.RuneCountInString(got) > 300 || !utf8.ValidString(got) {
			t.Fatalf("%d characters: %q", utf8.RuneCountInString(got), got)
		}
		if strings.ContainsFunc(got, func(r rune) bool {
			return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r != ' ' && unicode.IsSpace(r)
		}) {
			t.Fatalf("unclean: %q", got)
		}
		for _, hidden := range []string{"FAKE-value", other.Reveal(), value[:14]} {
			if strings.Contains(got, hidden) && (hidden != "FAKE-value" || !strings.Contains(said, hidden)) {
				t.Fatalf("shown: %q", got)
			}
		}
	})
}
