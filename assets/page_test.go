package assets

import (
	"html"
	"os"
	"strings"
	"testing"

	"keytender/internal/testguard"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

func TestFill(t *testing.T) {
	parts := map[string]HTML{
		"who": Escaped(`<b> & "x" 'y'`), "raw": "<i>\nlines</i>", "place": Escaped("{{who}}"), "empty": "",
	}
	for _, tc := range []struct{ page, want string }{
		{"", ""},
		{"no place\n", "no place\n"},
		{"<p title=\"{{who}}\">{{who}}</p>",
			"<p title=\"&lt;b&gt; &amp; &#34;x&#34; &#39;y&#39;\">&lt;b&gt; &amp; &#34;x&#34; &#39;y&#39;</p>"},
		{"{{raw}}\n", "<i>\nlines</i>\n"},
		{"{{place}}", "{{who}}"},
		{"a\n{{empty}} b\nc\n", "a\nc\n"},
		{"a\n{{missing}} {{raw}}\nc", "a\nc"},
		{"{{unended", ""},
	} {
		if got := Fill(HTML(tc.page), parts); string(got) != tc.want {
			t.Errorf("%q became %q, want %q", tc.page, got, tc.want)
		}
	}
}

// Whatever the text, it opens no element, ends no attribute and fills no place.
func FuzzText(f *testing.F) {
	for _, text := range []string{"", "a", `<script>"'&`, "{{b}}", "}}{{", "\x00\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		part := Escaped(text)
		if want := html.EscapeString(text); string(part) != want {
			t.Errorf("%q became %q, want %q", text, part, want)
		}
		if strings.ContainsAny(string(part), `<>"'`) {
			t.Fatalf("%q is %q", text, part)
		}
		got := Fill("<p>{{a}}{{b}}</p>", map[string]HTML{"a": part, "b": "B"})
		want := "<p>" + part + "B</p>"
		if text == "" {
			want = ""
		}
		if got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}
