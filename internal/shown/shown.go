// Package shown makes text from outside fit to be shown to a person. It knows no
// secrets: who does takes them out between Line and Cut, since what Line removes may
// stand within one and Cut may leave half of one.
package shown

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line makes one line of text, valid UTF-8 without control or invisible characters: a
// terminal obeys the first, and a reader is deceived by the second.
func Line(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r): // line ends, and U+2028 and U+2029 among them
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.Join(strings.Fields(text), " ")
}

// Cut leaves at most so many characters of text, the last one an ellipsis when it was
// longer.
func Cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// Plan is the name of a plan as people write it: the server calls Max "max".
func Plan(plan string) string {
	first, size := utf8.DecodeRuneInString(plan)
	if first == utf8.RuneError {
		return plan
	}
	return string(unicode.ToUpper(first)) + strings.ReplaceAll(plan[size:], "_", " ")
}
