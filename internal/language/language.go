// Package language chooses the language in which a person is spoken to. It knows which
// languages there are and none of their texts.
package language

import (
	"slices"
	"sort"
	"strconv"
	"strings"
)

// The languages of the menu, the notifications and the pages.
const (
	English  = "en"
	German   = "de"
	French   = "fr"
	Spanish  = "es"
	Japanese = "ja"
	Chinese  = "zh"
)

// All is every one of them.
var All = []string{English, German, French, Spanish, Japanese, Chinese}

// Choose returns the one that suits a person whose first choice stands first: locale
// names (de_DE.UTF-8) or tags (de-DE). English suits everybody else.
func Choose(choices ...string) string {
	for _, choice := range choices {
		choice = strings.ToLower(strings.ReplaceAll(choice, "_", "-"))
		choice, _, _ = strings.Cut(choice, ".")
		choice, _, _ = strings.Cut(choice, "@")
		tag, rest, _ := strings.Cut(choice, "-")
		if tag == Chinese && traditional(rest) {
			continue
		}
		if slices.Contains(All, tag) {
			return tag
		}
		if tag == "c" || tag == "posix" {
			break
		}
	}
	return English
}

// traditional: whoever reads the traditional signs is not given the simplified ones.
func traditional(rest string) bool {
	for part := range strings.SplitSeq(rest, "-") {
		switch part {
		case "hans":
			return false
		case "hant", "tw", "hk", "mo":
			return true
		}
	}
	return false
}

// mostAccepted is more than any browser sends.
const mostAccepted = 32

// Accepted lists what a browser's Accept-Language asks for, the best first (RFC 9110
// §12.5.4). golang.org/x/text/language does it too, with the tables of all languages:
// 600 KB for the choice among six.
func Accepted(field string) []string {
	type wish struct {
		tag    string
		weight float64
	}
	var wishes []wish
	for part := range strings.SplitSeq(field, ",") {
		tag, parameter, _ := strings.Cut(part, ";")
		w := wish{strings.TrimSpace(tag), 1}
		if q, found := strings.CutPrefix(strings.ReplaceAll(parameter, " ", ""), "q="); found {
			w.weight, _ = strconv.ParseFloat(q, 64)
		}
		if w.tag != "" && w.weight > 0 && len(wishes) < mostAccepted {
			wishes = append(wishes, w)
		}
	}
	sort.SliceStable(wishes, func(i, j int) bool { return wishes[i].weight > wishes[j].weight })
	tags := make([]string, len(wishes))
	for i, w := range wishes {
		tags[i] = w.tag
	}
	return tags
}
