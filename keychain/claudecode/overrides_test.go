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
		"nothing":              {nil, nil, nil},
		"an API key":           {map[string]string{"ANTHROPIC_API_KEY": "FAKE"}, nil, []string{"ANTHROPIC_API_KEY"}},
		"a token":              {map[string]string{"ANTHROPIC_AUTH_TOKEN": "FAKE", "CLAUDE_CODE_OAUTH_TOKEN": "FAKE"}, nil, []string{"ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"}},
		"blank":                {map[string]string{"CLAUDE_CODE_OAUTH_TOKEN": " ", "ANTHROPIC_API_KEY": ""}, nil, nil},
		"a cloud":              {map[string]string{"CLAUDE_CODE_USE_BEDROCK": "1", "CLAUDE_CODE_USE_MANTLE": "true"}, nil, []string{"CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_MANTLE"}},
		"a cloud, off":         {map[string]string{"CLAUDE_CODE_USE_BEDROCK": "0", "CLAUDE_CODE_USE_VERTEX": "False", "CLAUDE_CODE_SIMPLE": ""}, nil, nil},
		"simple":               {map[string]string{"CLAUDE_CODE_SIMPLE": "1"}, nil, []string{"CLAUDE_CODE_SIMPLE"}},
		"a socket":             {map[string]string{"ANTHROPIC_UNIX_SOCKET": "/s"}, nil, []string{"ANTHROPIC_UNIX_SOCKET"}},
		"headers":              {map[string]string{"ANTHROPIC_CUSTOM_HEADERS": "X-A: b\nauthorization : Bearer FAKE"}, nil, []string{"ANTHROPIC_CUSTOM_HEADERS"}},
		"other headers":        {map[string]string{"ANTHROPIC_CUSTOM_HEADERS": "X-Authorization: b\nX: Authorization: c"}, nil, nil},
		"federation":           {map[string]string{"ANTHROPIC_FEDERATION_RULE_ID": "r", "ANTHROPIC_ORGANIZATION_ID": "o", "ANTHROPIC_IDENTITY_TOKEN": "FAKE"}, nil, []string{"ANTHROPIC_FEDERATION_RULE_ID"}},
		"half of it":           {map[string]string{"ANTHROPIC_FEDERATION_RULE_ID": "r", "ANTHROPIC_ORGANIZATION_ID": "o"}, nil, nil},
		"a profile":            {map[string]string{"ANTHROPIC_PROFILE": "work"}, map[string]string{".config/anthropic/configs/work.json": "{}"}, []string{"ANTHROPIC_PROFILE"}},
		"no such profile":      {map[string]string{"ANTHROPIC_PROFILE": "work"}, nil, nil},
		"a profile elsewhere":  {map[string]string{"ANTHROPIC_PROFILE": "../../x"}, map[string]string{".config/x.json": "{}"}, nil},
		"an active federation": {nil, map[string]string{".config/anthropic/active_config": "fed\n", ".config/anthropic/configs/fed.json": `{"authentication":{"type":"oidc_federation"}}`}, []string{"active_config (.config/anthropic)"}},
		"an active profile":    {nil, map[string]string{".config/anthropic/active_config": "default\n", ".config/anthropic/configs/default.json": `{"authentication":{"type":"user_oauth"}}`}, nil},
		"the person's helper":  {nil, map[string]string{user: `{"apiKeyHelper":"/bin/key"}`}, []string{"apiKeyHelper (settings.json)"}},
		"the person's env": {nil, map[string]string{user: `{"env":{"CLAUDE_CODE_OAUTH_TOKEN":"FAKE","ANTHROPIC_API_KEY":"","CLAUDE_CODE_USE_VERTEX":1,"CLAUDE_CODE_USE_FOUNDRY":false,"OTHER":"x","ANTHROPIC_BASE_URL":"y"}}`},
			[]string{"env.CLAUDE_CODE_OAUTH_TOKEN (settings.json)", "env.CLAUDE_CODE_USE_VERTEX (settings.json)"}},
		"one half in each": {map[string]string{"ANTHROPIC_ORGANIZATION_ID": "o", "ANTHROPIC_IDENTITY_TOKEN": "FAKE"}, map[string]string{user: `{"env":{"ANTHROPIC_FEDERATION_RULE_ID":"r"}}`},
			[]string{"env.ANTHROPIC_FEDERATION_RULE_ID (settings.json)"}},
		"the person's local settings": {nil, map[string]string{local: `{"apiKeyHelper":"/bin/key","env":{"ANTHROPIC_API_KEY":"FAKE"}}`}, nil},
		"broken settings":             {nil, map[string]string{user: `{"apiKeyHelper":7,"env":[]`}, nil},
		"a project's helper": {nil, map[string]string{"project/" + user: `{"apiKeyHelper":"/bin/key"}`, "project/" + local: `{"apiKeyHelper":"/bin/key"}`},
			[]string{"apiKeyHelper (.claude/settings.json of the project)", "apiKeyHelper (.claude/settings.local.json of the project)"}},
		"a project's env": {nil, map[string]string{"project/" + user: `{"env":{"CLAUDE_CODE_OAUTH_TOKEN":"FAKE"}}`}, nil},
		"an administrator's": {nil, map[string]string{"managed/managed-settings.json": `{"apiKeyHelper":"/bin/key"}`, "managed/managed-settings.d/10.json": `{"env":{"CLAUDE_CODE_USE_BEDROCK":"1"}}`},
			[]string{"apiKeyHelper (managed-settings.json)", "env.CLAUDE_CODE_USE_BEDROCK (managed-settings.d)"}},
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
			got := c.OverridesIn(filepath.Join(home, "project"))
			if len(got)+len(tt.want) > 0 && !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if strings.Contains(strings.Join(got, " "), "FAKE") {
				t.Errorf("a value is shown: %q", got)
			}
			if raw, err := json.Marshal(c.Overrides()); err != nil || string(raw) == "null" {
				t.Errorf("none is %s", raw)
			}
			if in := c.OverridesIn(home); !reflect.DeepEqual(in, c.Overrides()) {
				t.Errorf("in the home itself: %q", in)
			}
		})
	}
}
