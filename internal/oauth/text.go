package oauth

import (
	"net/url"
	"strings"

	"keytender/internal/pattern"
	"keytender/internal/secret"
	"keytender/internal/shown"
)

// maxCleaned is the most that is shown of a text from outside, in characters.
const maxCleaned = 300

// clean makes text from outside fit to be shown: one line with nothing in it that looks
// like a token or is one of the secrets, at most 300 characters.
func clean(text string, secrets ...secret.String) string {
	text = shown.Line(text)
	for _, s := range secrets {
		if !s.IsZero() {
			text = strings.ReplaceAll(text, s.Reveal(), "…")
			text = strings.ReplaceAll(text, url.QueryEscape(s.Reveal()), "…")
		}
	}
	return shown.Cut(secret.Tokens().ReplaceAllString(text, "sk-ant-…"), maxCleaned)
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
