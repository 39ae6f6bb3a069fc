package autostart

import (
	"path/filepath"
	"strings"
)

// desktopFile is the entry of the desktops that follow freedesktop.org's Autostart
// specification.
func desktopFile(folder string) file {
	return file{filepath.Join(folder, "autostart", "keytender.desktop"), renderDesktop, parseDesktop}
}

func renderDesktop(program string) string {
	return "[Desktop Entry]\nType=Application\nName=Keytender\nComment=Sign in to your own Claude account and stay signed in\nExec=" +
		quoteExec(program) + "\nIcon=keytender\nTerminal=false\nStartupNotify=false\nX-GNOME-Autostart-enabled=true\n"
}

// quoteExec writes a program's path as an Exec value: a quoted argument, in which
// four signs are escaped and % is doubled, and that as a string, in which a backslash
// is.
func quoteExec(path string) string {
	argument := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`, `%`, `%%`).Replace(path) + `"`
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(argument)
}

// parseDesktop reads what a session would: the first group's keys. The person's
// desktop turns an entry off by a key rather than by removing it.
func parseDesktop(text string) (program string, on bool) {
	on = true
	inGroup := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			if inGroup {
				break
			}
			inGroup = line == "[Desktop Entry]"
			continue
		}
		name, value, found := strings.Cut(line, "=")
		if !inGroup || !found || strings.HasPrefix(line, "#") {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(name) {
		case "Exec":
			program = unquoteExec(value)
		case "Hidden":
			on = on && value != "true"
		case "X-GNOME-Autostart-enabled":
			on = on && value != "false"
		}
	}
	return program, on && program != ""
}

// unquoteExec returns the first word of an Exec value.
func unquoteExec(value string) string {
	var plain strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] != '\\' || i+1 == len(value) {
			plain.WriteByte(value[i])
			continue
		}
		i++
		switch value[i] {
		case 's':
			plain.WriteByte(' ')
		case 'n':
			plain.WriteByte('\n')
		case 't':
			plain.WriteByte('\t')
		case 'r':
			plain.WriteByte('\r')
		case '\\':
			plain.WriteByte('\\')
		default:
			plain.WriteString(value[i-1 : i+1])
		}
	}
	word, quoted := plain.String(), false
	var out strings.Builder
	for i := 0; i < len(word); i++ {
		switch c := word[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted && i+1 < len(word):
			i++
			out.WriteByte(word[i])
		case c == '%' && i+1 < len(word) && word[i+1] == '%':
			i++
			out.WriteByte('%')
		case (c == ' ' || c == '\t') && !quoted:
			return out.String()
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}
