package oauth

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"keytender/internal/secret"
)

func TestTokensAreCleaned(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"plain", "Refresh token not found", "Refresh token not found"},
		{"lines", " a\r\n\tb\u2028c ", "a b c"},
		{"control", "\x1b[31mred\x07\x00", "[31mred"},
		{"right-to-left override and zero width", "a\u202eb\u200bc", "abc"},
		{"not UTF-8", "a\xff\xfeb", "a\uFFFDb"},
		{"token", "got sk-ant-oat01-FAKE_a-1, sorry", "got sk-ant-…, sorry"},
		{"token in capitals", "SK-ANT-OAT01-FAKE", "sk-ant-…"},
		{"token hidden by a zero width blank", "sk-\u200bant-oat01-FAKE", "sk-ant-…"},
		{"what was sent", "code FAKE/1 is old", "code … is old"},
		{"what was sent, escaped", "code=FAKE%2F1&x", "code=…&x"},
		{"long", strings.Repeat("ä", 400), strings.Repeat("ä", 299) + "…"},
		{"just short enough", strings.Repeat("ä", 300), strings.Repeat("ä", 300)},
		{"token at the cut", strings.Repeat("a", 290) + "sk-ant-oat01-FAKE-and-more",
			strings.Repeat("a", 290) + "sk-ant-…"},
	}
	for _, test := range tests {
		if got := clean(test.text, secret.New("FAKE/1"), secret.String{}); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestCleanCode(t *testing.T) {
	for text, want := range map[string]string{
		"invalid_grant": "invalid_grant", "a.b-C_1": "a.b-C_1", "": "", "two words": "", "<b>": "",
		"sk-ant-oat01-FAKE": "",
		"FAKE-sent":         "", "x-FAKE-sent-x": "", strings.Repeat("a", 65): "", "a\n": "",
	} {
		if got := cleanCode(text, secret.New("FAKE-sent")); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// checkCleaned fails when text is not fit for a terminal.
func checkCleaned(t *testing.T, text string, most int) {
	t.Helper()
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > most {
		t.Errorf("not UTF-8 or too long: %q", text)
	}
	for _, r := range text {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			t.Errorf("control character in %q", text)
		}
	}
}
