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

		"the login of another account (d587914e…); more": "the login of another account; more",
		"it is that of the account d587914e…":            "it is that of the account",
		"the login of b@example.com (organization 12…)":  "the login of EMAIL",
		"the login of b@example.com (Acme & Co.), kept":  "the login of EMAIL, kept",
	} {
		if got := withoutNames(text, "default", "anna", `CORP\jdoe`, "io", ""); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
