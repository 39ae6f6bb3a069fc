package tray

import "keytender/internal/language"

// languages holds the catalogues by language tag.
var languages = map[string]*Words{"en": &english, "de": &german, "fr": &french, "es": &spanish, "ja": &japanese, "zh": &chinese}

// wordsFor returns the catalogue that suits a list of languages, the person's first
// choice first.
func wordsFor(choices ...string) *Words { return languages[language.Choose(choices...)] }

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
