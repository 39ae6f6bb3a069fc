package claudecode

import "testing"

func TestMadeKey(t *testing.T) {
	const key = "sk-ant-api03-FAKE"
	for name, c := range map[string]struct {
		state, item, want string // "" is absent
	}{
		"none":                    {"", "", ""},
		"in the state file":       {`{"a":1,"primaryApiKey":"` + key + `"}`, "", key},
		"in an item of its own":   {`{}`, key, key},
		"the item is the newer":   {`{"primaryApiKey":"sk-ant-api03-FAKE-old"}`, key, key},
		"no text":                 {`{"primaryApiKey":{"a":1}}`, "", ""},
		"twice":                   {`{"primaryApiKey":"` + key + `","primaryApiKey":"b"}`, "", ""},
		"a state file of no JSON": {`{"primaryApiKey":`, "", ""},
	} {
		f := newFakeSecurity()
		d, file := macEntry(t, f)
		if c.state != "" {
			mustWrite(t, file[:len(file)-len("/.claude/.credentials.json")]+"/.claude.json", c.state)
		}
		if c.item != "" {
			f.items["tester\x00Claude Code"] = c.item
		}
		if got := d.MadeKey(t.Context()).Reveal(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
