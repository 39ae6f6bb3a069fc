package tray

import "strings"

// languages holds the catalogues by language tag.
var languages = map[string]*Words{"en": &english, "de": &german, "fr": &french, "es": &spanish, "ja": &japanese, "zh": &chinese}

// wordsFor returns the catalogue that suits a list of languages, the person's first
// choice first: locale names (de_DE.UTF-8) or tags (de-DE). English suits everybody
// else.
func wordsFor(choices ...string) *Words {
	for _, choice := range choices {
		choice = strings.ToLower(strings.ReplaceAll(choice, "_", "-"))
		choice, _, _ = strings.Cut(choice, ".")
		choice, _, _ = strings.Cut(choice, "@")
		tag, rest, _ := strings.Cut(choice, "-")
		if tag == "zh" && traditional(rest) {
			continue
		}
		if w, ok := languages[tag]; ok {
			return w
		}
		if tag == "c" || tag == "posix" {
			break
		}
	}
	return &english
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

// localeOf is the language of a session by POSIX's variables: the first that is set
// counts.
func localeOf(getenv func(string) string) string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := getenv(name); value != "" {
			return value
		}
	}
	return ""
}
