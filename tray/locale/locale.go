// Package locale finds out which languages the person chose for the session.
package locale

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
