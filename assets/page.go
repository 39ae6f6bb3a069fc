package assets

import "strings"

// HTML is text that a page may hold as it is. Text from outside becomes HTML by
// Escaped alone.
type HTML string

// Escaped escapes text for the inside of elements and of quoted attributes.
func Escaped(text string) HTML { return HTML(escape.Replace(text)) }

// escape is what html.EscapeString does; a test holds that. Its package names all of HTML's
// signs when a program starts, and makes the command line 45 KB larger.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")

// Fill puts parts into a page's places, which read {{name}}. A line with a place
// whose part is empty or missing is left out whole. Parts are not looked through
// again, so that none can name a place.
//
// html/template is not used: it calls methods by name, so that with it the linker
// must keep every exported method of every package, a fifth of the program.
func Fill(page HTML, parts map[string]HTML) HTML {
	var all, line strings.Builder
	for rest := range strings.Lines(string(page)) {
		line.Reset()
		empty := false
		for {
			before, behind, found := strings.Cut(rest, "{{")
			line.WriteString(before)
			if !found {
				break
			}
			name, after, _ := strings.Cut(behind, "}}")
			part := parts[name]
			empty = empty || part == ""
			line.WriteString(string(part))
			rest = after
		}
		if !empty {
			all.WriteString(line.String())
		}
	}
	return HTML(all.String())
}
