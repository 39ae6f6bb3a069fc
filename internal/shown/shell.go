package shown

import "strings"

// Quoted is a word of a command that a person may copy into a shell, whatever it holds.
func Quoted(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
