package claudecode

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// What the client was seen to put before its entry, and what it was seen not to.
func TestOverrides(t *testing.T) {
	user, local := ".claude/settings.json", ".claude/settings.local.json"
	tests := map[string]struct {
		env   map[string]string
		files map[string]string // below the home; project/ and managed/ too
		want  []string
	}{
		"nothing":    {nil, nil, nil},
		"an API key": {map[string]string{"ANTHROPIC_API_KEY": "FAKE"}, nil, []string{"ANTHROPIC_API_KEY"}},
		"a token": {map[string]string{"ANTHROPIC_AUTH_TOKEN": "FAKE", "CLAUDE_CODE_OAUTH_TOKEN": "FAKE"}, nil,
			[]string{"ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"}},
		"the order": {map[string]string{"CLAUDE_CODE_OAUTH_TOKEN": "FAKE", "ANTHROPIC_API_KEY": "FAKE",
			"ANTHROPIC_AUTH_TOKEN": "FAKE", "CLAUDE_CODE_USE_VERTEX": "1"},
			map[string]string{user: `{"apiKeyHelper":"x"}`},
			[]string{"CLAUDE_CODE_USE_VERTEX", "ANTHROPIC_AUTH_TOKEN", "apiKeyHelper (settings.json)",
				"ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"}},
		"simple's order": {map[string]string{"CLAUDE_CODE_SIMPLE": "1", "ANTHROPIC_API_KEY": "FAKE",
			"ANTHROPIC_AUTH_TOKEN": "FAKE"}, map[string]string{user: `{"apiKeyHelper":"x"}`},
			[]string{"ANTHROPIC_API_KEY", "CLAUDE_CODE_SIMPLE", "ANTHROPIC_AUTH_TOKEN",
				"apiKeyHelper (settings.json)"}},
		"blanked by settings": {map[string]string{"ANTHROPIC_API_KEY": "FAKE", "CLAUDE_CODE_USE_BEDROCK": "1"},
			map[string]string{user: `{"env":{"ANTHROPIC_API_KEY":"","CLAUDE_CODE_USE_BEDROCK":"0"}}`}, nil},
		"blanked by a project": {map[string]string{"ANTHROPIC_API_KEY": "FAKE", "CLAUDE_CODE_USE_BEDROCK": "1"},
			map[string]string{"project/" + local: `{"env":{"ANTHROPIC_API_KEY":"","CLAUDE_CODE_USE_BEDROCK":"0"}}`},
			[]string{"ANTHROPIC_API_KEY"}},
		"a project's cloud": {nil, map[string]string{"project/" +
			user: `{"env":{"CLAUDE_CODE_USE_BEDROCK":"1","CLAUDE_CODE_SIMPLE":"1","ANTHROPIC_CUSTOM_HEADERS":"Authorization: FAKE"}}`},
			[]string{"env.CLAUDE_CODE_USE_BEDROCK (.claude/settings.json of the project)",
				"env.ANTHROPIC_CUSTOM_HEADERS (.claude/settings.json of the project)"}},
		"the administrator counts more": {map[string]string{"CLAUDE_CODE_USE_BEDROCK": "1"},
			map[string]string{user: `{"env":{"CLAUDE_CODE_USE_BEDROCK":"1"}}`,
				"managed/managed-settings.json":     `{"env":{"CLAUDE_CODE_USE_BEDROCK":"1"}}`,
				"managed/managed-settings.d/1.json": `{"env":{"CLAUDE_CODE_USE_BEDROCK":"0"}}`}, nil},
		"blank": {map[string]string{"CLAUDE_CODE_OAUTH_TOKEN": " ", "ANTHROPIC_API_KEY": ""}, nil, nil},
		"a cloud": {map[string]string{"CLAUDE_CODE_USE_BEDROCK": "1", "CLAUDE_CODE_USE_MANTLE": "true"},
			nil, []string{"CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_MANTLE"}},
		"a cloud, off": {map[string]string{"CLAUDE_CODE_USE_BEDROCK": "0", "CLAUDE_CODE_USE_VERTEX": "False",
			"CLAUDE_CODE_SIMPLE": ""}, nil, nil},
		"simple": {map[string]string{"CLAUDE_CODE_SIMPLE": "1"}, nil, []string{"CLAUDE_CODE_SIMPLE"}},
		"a socket": {map[string]string{"ANTHROPIC_UNIX_SOCKET": "/s"}, nil,
			[]string{"ANTHROPIC_UNIX_SOCKET"}},
		"headers": {map[string]string{"ANTHROPIC_CUSTOM_HEADERS": "X-A: b\nauthorization : Bearer FAKE"},
			nil, []string{"ANTHROPIC_CUSTOM_HEADERS"}},
		"other headers": {map[string]string{
			"ANTHROPIC_CUSTOM_HEADERS": "X-Authorization: b\nX: Authorization: c"}, nil, nil},
		"federation": {map[string]string{"ANTHROPIC_FEDERATION_RULE_ID": "r",
			"ANTHROPIC_ORGANIZATION_ID": "o", "ANTHROPIC_IDENTITY_TOKEN": "FAKE"}, nil,
			[]string{"ANTHROPIC_FEDERATION_RULE_ID"}},
		"half of it": {map[string]string{"ANTHROPIC_FEDERATION_RULE_ID": "r",
			"ANTHROPIC_IDENTITY_TOKEN": "FAKE"}, nil, nil},
		"a profile": {map[string]string{"ANTHROPIC_PROFILE": "work"},
			map[string]string{".config/anthropic/configs/work.json": "{}"}, []string{"ANTHROPIC_PROFILE"}},
		"no such profile": {map[string]string{"ANTHROPIC_PROFILE": "work"}, nil, nil},
		"a profile elsewhere": {map[string]string{"ANTHROPIC_PROFILE": "../../x"},
			map[string]string{".config/x.json": "{}"}, nil},
		"an active federation": {nil, map[string]string{".config/anthropic/active_config": "fed\n",
			".config/anthropic/configs/fed.json": `{"authentication":{"type":"oidc_federation"}}`},
			[]string{"active_config (.config/anthropic)"}},
		"an active profile": {nil, map[string]string{".config/anthropic/active_config": "default\n",
			".config/anthropic/configs/default.json": `{"authentication":{"type":"user_oauth"}}`}, nil},
		"the person's helper": {nil, map[string]string{user: `{"apiKeyHelper":"/bin/key"}`},
			[]string{"apiKeyHelper (settings.json)"}},
		"the person's env": {nil,
			map[string]string{
				user: `{"env":{"CLAUDE_CODE_OAUTH_TOKEN":"FAKE","ANTHROPIC_API_KEY":"","CLAUDE_CODE_USE_VERTEX":1,"CLAUDE_CODE_USE_FOUNDRY":false,"OTHER":"x","ANTHROPIC_BASE_URL":"y"}}`},
			[]string{"env.CLAUDE_CODE_USE_VERTEX (settings.json)", "env.CLAUDE_CODE_OAUTH_TOKEN (settings.json)"}},
		"one half in each": {map[string]string{"ANTHROPIC_ORGANIZATION_ID": "o", "ANTHROPIC_IDENTITY_TOKEN": "FAKE"},
			map[string]string{user: `{"env":{"ANTHROPIC_FEDERATION_RULE_ID":"r"}}`},
			[]string{"env.ANTHROPIC_FEDERATION_RULE_ID (settings.json)"}},
		"the person's local settings": {nil,
			map[string]string{local: `{"apiKeyHelper":"/bin/key","env":{"ANTHROPIC_API_KEY":"FAKE"}}`}, nil},
		"broken settings": {nil, map[string]string{user: `{"apiKeyHelper":7,"env":[]`}, nil},
		"a project's helper": {nil, map[string]string{"project/" + user: `{"apiKeyHelper":"/bin/key"}`,
			"project/" + local: `{"apiKeyHelper":"/bin/key"}`},
			[]string{"apiKeyHelper (.claude/settings.local.json of the project)",
				"apiKeyHelper (.claude/settings.json of the project)"}},
		"a project's env": {nil, map[string]string{"project/" + user: `{"env":{"CLAUDE_CODE_OAUTH_TOKEN":"FAKE"}}`},
			nil},
		"an administrator's": {nil, map[string]string{"managed/managed-settings.json": `{"apiKeyHelper":"/bin/key"}`,
			"managed/managed-settings.d/10.json": `{"env":{"CLAUDE_CODE_USE_BEDROCK":"1"}}`},
			[]string{"env.CLAUDE_CODE_USE_BEDROCK (managed-settings.d)", "apiKeyHelper (managed-settings.json)"}},
	}
	whole := managedDir
	defer func() { managedDir = whole }()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			managedDir = func(string) string { return filepath.Join(home, "managed") }
			for file, text := range tt.files {
				path := filepath.Join(home, filepath.FromSlash(file))
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				mustWrite(t, path, text)
			}
			c, err := Find(Config{Home: home, GOOS: "linux", LookupEnv: lookup(tt.env)})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, source := range c.Standing(filepath.Join(home, "project")).Before {
				got = append(got, source.String())
			}
			if len(got)+len(tt.want) > 0 && !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if strings.Contains(strings.Join(got, " "), "FAKE") {
				t.Errorf("a value is shown: %q", got)
			}
			if raw, err := json.Marshal(c.Overrides()); err != nil || string(raw) == "null" {
				t.Errorf("none is %s", raw)
			}
			// In the home itself the person's settings.json counts once, and what lies beside it
			// is the project's.
			inHome, own := c.Standing(home).Before, 0
			for _, source := range inHome {
				if !strings.Contains(source.String(), "settings.local.json") {
					own++
				}
			}
			if own != len(c.Overrides()) || (tt.files[local] != "") != (own != len(inHome)) {
				t.Errorf("in the home itself: %q, without a project %q", inHome, c.Overrides())
			}
		})
	}
}

// What else counts in a directory: where requests go, who may sign in, and what cannot be
// read.
func TestStanding(t *testing.T) {
	whole := managedDir
	defer func() { managedDir = whole }()
	home := t.TempDir()
	managedDir = func(string) string { return filepath.Join(home, "managed") }
	put := func(name, text string) {
		path := filepath.Join(home, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		mustWrite(t, path, text)
	}
	env := map[string]string{"ANTHROPIC_BASE_URL": "https://one.example"}
	c, err := Find(Config{Home: home, GOOS: "linux", LookupEnv: lookup(env)})
	if err != nil {
		t.Fatal(err)
	}
	project := filepath.Join(home, "project")
	if st := c.Standing(project); st.BaseURL != "https://one.example" || st.Base.File != "" ||
		len(st.Unusable)+len(st.ForcedOrganizations) > 0 {
		t.Errorf("%+v", st)
	}
	put("project/.claude/settings.json", `{"env":{"ANTHROPIC_BASE_URL":"https://two.example"}}`)
	put("project/.claude/settings.local.json", `{"env":`)
	put(".claude/settings.json", `[]`)
	put("managed/managed-settings.json", `{"forceLoginOrgUUID":["a","b"]}`)
	st := c.Standing(project)
	if st.BaseURL != "https://two.example" || st.Base.File != filepath.Join(project, ".claude", "settings.json") {
		t.Errorf("requests go to %s as %+v says", st.BaseURL, st.Base)
	}
	if want := []string{filepath.Join(home, ".claude", "settings.json"),
		filepath.Join(project, ".claude", "settings.local.json")}; !reflect.DeepEqual(st.Unusable, want) {
		t.Errorf("unusable: %q", st.Unusable)
	}
	if want := []string{"a", "b"}; !reflect.DeepEqual(st.ForcedOrganizations, want) {
		t.Errorf("organizations: %q", st.ForcedOrganizations)
	}
	if elsewhere := c.Standing(filepath.Join(home, "other")); elsewhere.BaseURL != "https://one.example" {
		t.Errorf("another directory: %+v", elsewhere)
	}
}
