package oauth

import (
	"net/url"
	"strings"
	"unicode"

	"keytender/internal/pattern"
	"keytender/internal/secret"
)

// maxShown is the most that is shown of a text from outside, in characters.
const maxShown = 300

var tokenShape = pattern.New(`(?i)sk-ant-[a-z0-9_-]*`)

// clean makes text from outside fit to be shown: one line, no control or invisible
// characters (a terminal obeys the first, a reader is deceived by the second),
// nothing that looks like a token or is one of the secrets, at most 300 characters.
func clean(text string, secrets ...secret.String) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), r == '\u2028', r == '\u2029':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.Join(strings.Fields(text), " ")
	for _, s := range secrets {
		if !s.IsZero() {
			text = strings.ReplaceAll(text, s.Reveal(), "…")
			text = strings.ReplaceAll(text, url.QueryEscape(s.Reveal()), "…")
		}
	}
	text = tokenShape().ReplaceAllString(text, "sk-ant-…")
	if runes := []rune(text); len(runes) > maxShown {
		text = string(runes[:maxShown-1]) + "…"
	}
	return text
}

var codeShape = pattern.New(`^[A-Za-z0-9_.-]{1,64}$`)

// cleanCode returns an OAuth error code, or "" when the text cannot be one.
func cleanCode(text string, secrets ...secret.String) string {
	if !codeShape().MatchString(text) || clean(text, secrets...) != text {
		return ""
	}
	return text
}

// isToken reports whether text can stand in an Authorization header or a form:
// printable ASCII without blanks.
func isToken(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return text != ""
}
