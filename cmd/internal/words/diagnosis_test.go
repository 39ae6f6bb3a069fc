package words

import "testing"

func TestWithoutNames(t *testing.T) {
	for text, want := range map[string]string{
		"anna":                            "NAME",
		"anna,anna anna/anna":             "NAME,NAME NAME/NAME",
		"hanna, annabel and anna_b":       "hanna, annabel and anna_b",
		`CORP\jdoe runs C:\Users\jdoe\x`:  `NAME runs C:\Users\NAME\x`,
		"jdoe jdoe":                       "NAME NAME",
		"default io x":                    "default io x",
		"a.b@example.com in anna/secrets": "EMAIL in OWNER/NAME",
	} {
		if got := withoutNames(text, "default", "anna", `CORP\jdoe`, "io", ""); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
