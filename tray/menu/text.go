package menu

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// columns is how much room a text takes on the screen: Chinese and Japanese signs
// are twice as wide as Latin ones.
func columns(text string) (n int) {
	for _, r := range text {
		n += columnsOf(r)
	}
	return n
}

func columnsOf(r rune) int {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// shorten cuts text to at most n columns and shows that it did.
func shorten(text string, n int) string {
	if columns(text) <= n {
		return text
	}
	room := n - 1
	for i, r := range text {
		if room -= columnsOf(r); room < 0 {
			return text[:i] + "…"
		}
	}
	return text
}

// wrap breaks text into at most n lines; what does not fit is cut, visibly.
func wrap(text string, width, n int) (lines []string) {
	words := pieces(text, width)
	for len(words) > 0 && len(lines) < n {
		taken, line := 1, words[0].text
		for taken < len(words) && columns(line)+columns(words[taken].before+words[taken].text) <= width {
			line += words[taken].before + words[taken].text
			taken++
		}
		words = words[taken:]
		lines = append(lines, line)
	}
	if len(words) > 0 {
		lines[n-1] += " …"
	}
	return lines
}

// piece is what stays on one line, with what stands before it when it is not the
// first there.
type piece struct{ before, text string }

// pieces takes text apart where a line may end: at blanks, and where a line of signs
// without blanks grows too wide. A sign that closes never begins a line.
func pieces(text string, width int) (all []piece) {
	for _, word := range strings.Fields(Valid(text)) {
		before := " "
		for columns(word) > width {
			cut, room := 0, width
			for i, r := range word {
				if room -= columnsOf(r); room < 0 {
					break
				}
				if next, _ := utf8.DecodeRuneInString(word[i+utf8.RuneLen(r):]); columnsOf(r) == 2 &&
					!unicode.IsPunct(next) {
					cut = i + utf8.RuneLen(r)
				}
			}
			if cut == 0 {
				break // one long Latin word: it is cut when it is shown
			}
			all = append(all, piece{before, word[:cut]})
			word, before = word[cut:], ""
		}
		all = append(all, piece{before, word})
	}
	return all
}

// OneLine keeps a line a line, whatever stands in a name or message.
func OneLine(text string) string { return strings.Join(strings.Fields(Valid(text)), " ") }

// Valid is text as every desktop takes it: the name of a file need not be UTF-8, and a bus
// refuses what is not.
func Valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// Sentences joins parts into one line of sentences.
func Sentences(parts ...string) string {
	var out strings.Builder
	for _, part := range parts {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		last, _ := utf8.DecodeLastRuneInString(part)
		wide := columnsOf(last) == 2
		switch {
		case strings.ContainsRune(".`!?。！？", last):
		case wide:
			part += "。"
		default:
			part += "."
		}
		if out.Len() > 0 && !strings.HasSuffix(out.String(), "。") {
			out.WriteByte(' ')
		}
		out.WriteString(capital(part))
	}
	return out.String()
}

// capital begins a sentence; an address or a path is no word.
func capital(text string) string {
	if first, _, _ := strings.Cut(text, " "); strings.ContainsAny(first, "@/\\") {
		return text
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
